"""The use case `verify`: whether the leads are now what a run made them."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio.to_thread
import polars as pl

from batch.api.sendkit import Access, SendKit
from batch.errors import SettingsError
from batch.escape import escape_text
from batch.jobs.frontend import Frontend
from batch.jobs.gate import daily_quota, make_client
from batch.jobs.known_pace import known_pace, meeting_of
from batch.jobs.paging import Paging
from batch.jobs.past_run import PastRun, check_several
from batch.jobs.plan import check_no_plan
from batch.jobs.preflight import ask_server
from batch.jobs.recorded import APPLIED, AppliedRows, applied_rows, plan_of_run, recorded_journal
from batch.jobs.reopening import check_workspace
from batch.jobs.request import Request
from batch.jobs.snapshotting import take_snapshot, to_read_again
from batch.jobs.workspaces import find_targets, target_of
from batch.judging.leads import LEAD
from batch.judging.live import DIFFERENT, find_differences, with_expected_status
from batch.judging.plan import Plan
from batch.model import Reason
from batch.recording.atomic_file import AtomicFile
from batch.recording.parts import read_part
from batch.recording.runfile import PARTS, RunRecord
from batch.recording.snapshot import SCHEMA, Snapshot
from batch.wording.progress import ReadingProgress

VERIFY_NAME = "verify.csv"
HEADER = ("line", "campaignId", "campaignLeadId", "column", "wanted", "found")
_HELD = (*APPLIED, Reason.ALREADY_SO)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of a verification.

    rows: of the run that ended success, or were already so, and were looked at.
    different: a row for each value that is not there, as `live.DIFFERENT`; path: the list of them.
    requests: what it took to read.
    """

    rows: int
    different: pl.DataFrame
    requests: int
    path: Path

    @property
    def holding(self) -> int:
        """Rows all of whose values are there."""
        return self.rows - self.different["line"].n_unique()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A run's rows that the server confirmed, or that were already so."""

    folder: Path
    record: RunRecord
    request: Request
    plan: Plan
    held: AppliedRows
    rows: int

    @property
    def access(self) -> Access:
        """Where they are read again, and with which key."""
        session = self.request.session
        access = session.practice.access if session.practice else session.access
        if access is None:
            raise ValueError("practice whose sandbox is gone can't be verified")
        return access

    def requests(self) -> Iterator[pl.DataFrame]:
        """What their leads are expected to be, in frames as `Leads.requests`."""
        for frame in self.plan.requests_of(self.held.lines):
            yield with_expected_status(frame, self.held.answered)

    def campaign_ids(self) -> list[str]:
        """The campaigns that they are about, in the order of their coming."""
        found: dict[str, None] = {}
        for frame in self.requests():
            found.update(dict.fromkeys(frame["campaign_id"].unique(maintain_order=True)))
        return list(found)


def verify(past: PastRun, frontend: Frontend) -> Verified:
    """See whether the leads are now what an earlier run made them; nothing is sent."""
    folder, record = past.folder, past.record()
    check_no_plan(folder, record, so="nothing can be verified", options=past.key_options)
    if record.is_of_several:
        return _verify_several(past, frontend)
    with open_applied(folder, record, past.request()) as applied:
        workspace = record.workspace.name if record.workspace else None
        frontend.show_target(applied.access, workspace)
        with frontend.reading() as show:
            return frontend.run(lambda: compare_leads(applied, on_reading=show))


def _verify_several(past: PastRun, frontend: Frontend) -> Verified:
    """The same of a run of several workspaces: of each, with one list of what is different."""
    folder, record = past.folder, past.record()
    check_several(past, record, "verify")
    request, own = past.request(), past.load_own()
    targets = frontend.run(partial(find_targets, request))
    found = []
    for part in record.parts:
        path, of_part = folder / PARTS / part.folder, read_part(folder, record, part)
        asked = past.part_request(path, of_part, own)
        session = replace(asked.session, access=target_of(part, targets).key)
        with open_applied(path, of_part, replace(asked, session=session)) as applied:
            frontend.show_target(applied.access, part.workspace.name)
            with frontend.reading() as show:
                look = partial(compare_leads, applied, on_reading=show)
                found.append(frontend.run(look))
    none = pl.DataFrame(schema=DIFFERENT)
    different = pl.concat([none, *(each.different for each in found)]).sort("line")
    _write(different, folder / VERIFY_NAME)
    return Verified(
        rows=sum(each.rows for each in found),
        different=different,
        requests=sum(each.requests for each in found),
        path=folder / VERIFY_NAME,
    )


@contextmanager
def open_applied(folder: Path, record: RunRecord, request: Request) -> Iterator[Applied]:
    """What an earlier run applied, from its own folder.

    Raises SettingsError for a practice run, whose server is gone, InputError when the copy is
    damaged, and LockedError while another process is at work on it.
    """
    if record.sandbox and request.session.practice is None:
        raise SettingsError(
            f"{folder}: was practice, and its sandbox is gone. Only runs against a server that is "
            "still there can be verified."
        )
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        held = applied_rows(journal, reasons=_HELD)
        yield Applied(
            folder=folder,
            record=record,
            request=request,
            plan=plan,
            held=held,
            rows=len(held.lines),
        )


async def compare_leads(
    applied: Applied, *, on_reading: Callable[[ReadingProgress], None]
) -> Verified:
    """Read the campaigns of a run again, and compare.

    Raises KeyRefusedError, SettingsError when the key is of another workspace, ListNotReadError
    when the server does not answer, and RunError when the disk fails.
    """
    settings = applied.request.settings
    concurrency = settings.pace.concurrency
    async with make_client(
        applied.access,
        settings,
        connections=concurrency,
        quota=daily_quota(applied.access, settings, applied.request.session.state_dir),
    ) as api:
        return await _verify(applied, api, on_reading)


async def _verify(
    applied: Applied, api: SendKit, on_reading: Callable[[ReadingProgress], None]
) -> Verified:
    workspace_id = applied.access.workspace_id
    preflight = await ask_server(api, workspace_id=workspace_id, tag_check=False)
    check_workspace(applied.record, preflight)
    settings = applied.request.settings
    paging = Paging(api, settings, good_per_s=known_pace(applied.request, preflight).good_per_s)
    campaign_ids = await anyio.to_thread.run_sync(applied.campaign_ids)
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        snapshot = Snapshot(Path(scratch))
        take = partial(
            take_snapshot,
            paging,
            into=snapshot,
            at_once=settings.pace.concurrency,
            on_reading=on_reading,
        )
        owner_id = preflight.workspace.id if preflight.workspace else None
        meeting = meeting_of(applied.request, applied.access, owner_id)
        async with paging.at_one_pace(meeting, name=applied.folder.name):
            await take(campaign_ids)
            leads = await anyio.to_thread.run_sync(_leads, snapshot, campaign_ids)
            found = await anyio.to_thread.run_sync(_compare, applied, leads)
            lacking = found.filter(pl.col("column") == "")["campaign_id"]
            if again := to_read_again(lacking, leads):
                await take(again)
                late = await anyio.to_thread.run_sync(_leads, snapshot, again)
                leads = pl.concat([leads, late]).unique(LEAD, keep="last")
                found = await anyio.to_thread.run_sync(_compare, applied, leads)
    path = applied.folder / VERIFY_NAME
    await anyio.to_thread.run_sync(_write, found, path)
    return Verified(rows=applied.rows, different=found, requests=paging.pace().attempts, path=path)


def _leads(snapshot: Snapshot, campaign_ids: list[str]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=SCHEMA), *snapshot.leads_of(campaign_ids)])


def _compare(applied: Applied, leads: pl.DataFrame) -> pl.DataFrame:
    clear_word = applied.request.settings.input.clear_word
    parts = [find_differences(frame, leads, clear_word=clear_word) for frame in applied.requests()]
    return pl.concat([pl.DataFrame(schema=DIFFERENT), *parts])


def _write(found: pl.DataFrame, path: Path) -> None:
    with AtomicFile(path) as draft:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        for row in found.iter_rows():
            writer.writerow([escape_text(str(cell)) for cell in row])
        draft.write(_BOM + text.getvalue().encode())
        draft.publish()
