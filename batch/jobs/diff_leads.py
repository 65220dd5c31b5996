"""Reading what the leads of a plan are now, so that only what is needed is sent.

The pages keep to the same pace as the changes that follow them, and by the same pacer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf

import anyio
import anyio.to_thread
import polars as pl

from batch.errors import QuotaUsedError, UsageError
from batch.jobs.known_pace import meeting_to_read, spread_s
from batch.jobs.opening import OpenRun
from batch.jobs.paging import Beside, ListNotReadError
from batch.jobs.ready import JudgedRun
from batch.jobs.snapshotting import take_snapshot, to_read_again
from batch.jobs.work import LeadsDiff
from batch.judging.diff import Known, Verdict, judge_live
from batch.judging.leads import LEAD
from batch.judging.plan import Plan
from batch.judging.preview import Preview, no_verdicts
from batch.judging.worth import Worth
from batch.model import Reason
from batch.recording.snapshot import LEADS_NOW, SCHEMA, Snapshot
from batch.settings.model import Settings
from batch.settings.values import FinalStates, SkipUnchanged
from batch.wording.progress import ReadingProgress


class LeadsNotReadError(UsageError):
    """What the leads are now could not be read; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How leads are to be looked at.

    pays: a campaign is read only as long as that costs less than sending.
    absent: a lead that is not there is an error, and not sent to.
    skip_age_s: what was read longer ago is no ground to leave out what is already so; None for no
    limit. 0: nothing is left out for that.
    through_age_s: the same for leaving out the status of a lead that is through.
    baseline: what leads are expected to be, as `judge_live` takes it; None to expect nothing.
    drifted: the reason of those that are something else.
    """

    pays: bool = False
    absent: bool = True
    skip_age_s: float | None = None
    through_age_s: float | None = None
    baseline: pl.DataFrame | None = None
    drifted: Reason = Reason.DRIFTED


def _since_ms(age_s: float | None) -> int:
    """What was read before then (Unix ms) is older than that; None for no limit."""
    if age_s is None:
        return 0
    return int((time.time() - age_s) * 1000) + (age_s == 0)


def look_of(opened: OpenRun) -> Look | None:
    """How a run looks at its leads; None when it does not.

    Practice makes its leads up, so what they are is no ground to leave a row out. Whether a lead
    that was not found is there is for the server to say: pages shift while they are read.
    """
    request, run = opened.request, opened.request.settings.run
    whole = whole_look(request.settings)
    if opened.baseline is not None and not request.guardrails.force:
        drifted = Reason.CHANGED_SINCE if opened.undo_of else Reason.DRIFTED
        return replace(whole, baseline=opened.baseline, drifted=drifted)
    if request.is_planned or opened.undo_of:
        return whole
    is_never = run.skip_unchanged is SkipUnchanged.NEVER
    reads_all = run.keep_before or run.skip_unchanged is SkipUnchanged.ALWAYS
    if not reads_all and (is_never or request.session.sandbox):
        return None
    return Look(
        pays=not reads_all,
        absent=False,
        skip_age_s=0 if is_never else run.snapshot_age.seconds,
        through_age_s=0 if whole.through_age_s == 0 else run.snapshot_age.seconds,
    )


def whole_look(settings: Settings) -> Look:
    """How all leads are looked at, however long that takes."""
    return Look(through_age_s=0 if settings.run.final_states is FinalStates.SEND else None)


async def look_as_wanted(
    judged: JudgedRun,
    *,
    on_reading: Callable[[ReadingProgress], None],
    beside: Beside | None = None,
) -> tuple[LeadsDiff | None, str]:
    """Read the leads of a judged run as its settings want it, as `look` does; and what to say.

    Where reading was only to spare requests, a failure is said, and no more.
    """
    how = look_of(judged.opened)
    if how is None or not judged.plan.requests:
        return None, ""
    try:
        return await look(judged, how, on_reading=on_reading, beside=beside), ""
    except LeadsNotReadError as error:
        if not how.pays:
            raise
        return None, f"{error} So no row is left out as already set."


async def look(
    judged: JudgedRun,
    how: Look,
    *,
    on_reading: Callable[[ReadingProgress], None],
    beside: Beside | None = None,
) -> LeadsDiff | None:
    """Read the leads of a judged run; None when there is nothing worth reading.

    What was read of them before, to look them up by their addresses, is not read again.
    on_reading: called after each page. beside: as `Paging` takes it.
    Raises LeadsNotReadError, and RunError when the disk fails.
    """
    settings = judged.opened.request.settings
    worth = None
    if how.pays:
        worth = await anyio.to_thread.run_sync(Worth, judged.plan.all_requests())
    snapshot = Snapshot(judged.opened.folder.path / LEADS_NOW)
    read = snapshot.campaign_ids()  # where leads were looked up by their addresses
    wanted = worth.campaign_ids() if worth else await _campaigns_of(judged.plan)
    to_read = [campaign_id for campaign_id in wanted if campaign_id not in read]
    if worth and not (to_read or read):
        return None
    async with judged.opened.client(connections=settings.pace.concurrency) as api:
        paging = judged.paging(api, beside=beside)
        # No more is read than sending would cost, and a page of each campaign.
        is_bounded = how.pays and not judged.shares_pacer
        most = 2 * judged.plan.requests + len(to_read) if is_bounded else inf
        paging.pacer.expect(lambda: most, spread_s=spread_s(settings))
        take = partial(
            take_snapshot, paging, at_once=settings.pace.concurrency, on_reading=on_reading
        )
        try:
            async with paging.at_one_pace(
                meeting_to_read(judged.opened, judged.preflight),
                name=judged.opened.folder.path.name,
            ):
                taken = await take(to_read, into=snapshot, goes_on=worth.goes_on if worth else None)
                leads = await anyio.to_thread.run_sync(_leads, snapshot)
                preview = await _compare(judged, how, leads, taken.unknown)
                if again := _to_read_again(preview, leads):
                    await take(again, into=snapshot)
                    late = await anyio.to_thread.run_sync(_leads, snapshot)
                    leads = pl.concat([leads, late]).unique(LEAD, keep="last")
                    preview = await _compare(judged, how, leads, taken.unknown)
        except (ListNotReadError, QuotaUsedError) as error:
            raise LeadsNotReadError(str(error)) from error
        to_send = inf if judged.shares_pacer else preview.effect().requests
        paging.pacer.expect(lambda: to_send, spread_s=spread_s(settings))
        pace = paging.pace()
    return LeadsDiff(
        preview=preview,
        pacer=paging.pacer,
        pace_estimate=pace.estimate,
        requests=pace.attempts,
        at=time.monotonic(),
    )


# What is compared of a lead; for the rest there is no room with a million of them.
_COMPARED = ("campaign_id", "campaign_lead_id", "lead_id", "status", "ai_tag", "read_at_ms")


async def _campaigns_of(plan: Plan) -> list[str]:
    """The campaigns that a plan's requests are about, in the order of their coming."""

    def find() -> list[str]:
        found: dict[str, None] = {}
        for requests in plan.all_requests():
            found.update(dict.fromkeys(requests["campaign_id"].unique(maintain_order=True)))
        return list(found)

    return await anyio.to_thread.run_sync(find)


def _leads(snapshot: Snapshot) -> pl.DataFrame:
    """What is compared of the leads that were read."""
    none = pl.DataFrame(schema=SCHEMA).select(_COMPARED)
    leads = snapshot.leads_of(snapshot.campaign_ids())
    return pl.concat([none, *(frame.select(_COMPARED) for frame in leads)])


def _to_read_again(preview: Preview, leads: pl.DataFrame) -> list[str]:
    missing = preview.verdicts.filter(pl.col("verdict") == Verdict.UNKNOWN_LEAD.value)
    return to_read_again(missing["campaign_id"].cast(pl.String), leads)


async def _compare(
    judged: JudgedRun, how: Look, leads: pl.DataFrame, unknown: tuple[str, ...]
) -> Preview:
    return await anyio.to_thread.run_sync(_preview, judged, how, leads, unknown)


def _preview(
    judged: JudgedRun, how: Look, leads: pl.DataFrame, unknown: tuple[str, ...]
) -> Preview:
    known = Known(
        leads=leads,
        unknown=unknown if how.absent else (),
        whole=how.absent,
        oldest_ms=_since_ms(how.skip_age_s),
        through_since_ms=_since_ms(how.through_age_s),
    )
    verdicts = [
        judge_live(requests, known, baseline=how.baseline)
        for requests in judged.plan.all_requests()
    ]
    return Preview(
        verdicts=pl.concat([no_verdicts(), *verdicts]),
        clear_word=judged.opened.request.settings.input.clear_word,
        drifted=how.drifted,
    )
