"""The question before sending: all that matters about a run, in one sentence. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from batch.advice import Advice, Fix, Remedy
from batch.judging.plan import Plan
from batch.judging.totals import Effect
from batch.model import Reason, Tally, Webhooks
from batch.recording.daily_quota import QuotaLeft
from batch.wording.amounts import count_of, duration, join_words
from batch.wording.reasons import rows_left_out

_NAMED_WEBHOOKS = 3  # in the question


class Basis(StrEnum):
    """What a forecast rests on, before anything is sent."""

    HEADERS = "at what the server allows"
    MEMORY = "at the pace of the last run here"
    READING = "at the pace of reading"
    SETTING = "at the rate that is set"
    WORKERS = "at what the workers reach here"  # latency bounds it
    GUESS = "at a first guess of 5/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is asked before the first request.

    text: what is going to happen. typed_number: the number that must be typed instead of a yes,
    where a slip would be costly; None for a plain yes or no. why: what makes it costly.
    warnings: those sentences of the text that hold of a plan too, which asks nothing.
    """

    text: str
    typed_number: int | None = None
    why: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LongWindow:
    """A long window of the server's whose rest does not cover a job.

    limit: requests that it admits. window_s: its seconds; None if unknown. left: requests that are
    left in it, without the headroom. ends_in_s: seconds to its end. takes_s: that the whole job
    takes.
    """

    limit: int
    window_s: float | None
    left: int
    ends_in_s: float
    takes_s: float


def ask_about(  # noqa: PLR0913 - all that a yes means
    effect: Effect,
    *,
    workspace: str | None,
    base_url: str,
    forecast_s: float,
    basis: Basis | None = None,
    left_out: Tally | None = None,
    warnings: tuple[str, ...] = (),
    guardrails: tuple[Advice, ...] = (),
    typed_number: int | None = None,
) -> Question:
    """The question about what would be sent. workspace: its name, None if it could not be read.

    basis: what the forecast rests on.
    left_out: rows that are not sent because of what their leads are now, by reason.
    warnings: what else a yes means, in sentences. guardrails: why a number must be typed.
    """
    where = place_words(workspace, base_url)
    left = _left_out(left_out or Tally())
    if not effect.requests:
        sentences = [f"Nothing to change in {where}.", *left, *warnings]
        return Question(text=Advice(*sentences), warnings=warnings)
    sentences = [
        f"Change {count_of(effect.requests, 'lead')} in {where}: {what_changes(effect)}.",
        *([_in_part(effect.rows_in_part)] if effect.rows_in_part else []),
        *left,
        *(["Tag changes can start or stop e-mails."] if effect.tag_changes else []),
        _about_time(forecast_s, basis),
        *warnings,
    ]
    return Question(
        text=Advice(*sentences),
        typed_number=typed_number,
        why=Advice(*guardrails),
        warnings=warnings,
    )


def about_webhooks(webhooks: Webhooks) -> tuple[str, ...]:
    """As "2 active webhooks hear of changed tags: CRM (crm.example) and Zap (hooks.example)."."""
    if not webhooks.active:
        return ()
    named = [f"{each.name or 'unnamed'} ({each.host or 'no address'})" for each in webhooks.active]
    more = len(named) - _NAMED_WEBHOOKS
    shown = [*named[:_NAMED_WEBHOOKS], *([f"{more:,} more"] if more > 0 else [])]
    hear = "hears" if len(named) == 1 else "hear"
    at_least = "At least " if webhooks.has_more else ""
    counted = count_of(len(named), "active webhook")
    return (f"{at_least}{counted} {hear} of changed tags: {join_words(shown)}.",)


def about_window(window: LongWindow | None, *, waits: bool) -> tuple[str, ...]:
    """What a long window means for a job; nothing where there is none.

    waits: whether its end is waited for in any case.
    """
    if window is None:
        return ()
    allows = f"{window.limit:,} requests" + (
        f" in {duration(window.window_s)}" if window.window_s else ""
    )
    told = (
        f"The server allows {allows}, of which {window.left:,} are left for "
        f"{duration(window.ends_in_s)}."
    )
    if waits:
        return (told,)
    unasked = f"A yes means waiting for more. A run that asks nobody stops after {window.left:,}."
    return (Advice(told, unasked, Remedy(Fix.WAIT)),)


def _about_time(forecast_s: float, basis: Basis | None) -> str:
    """As "About 14 min at the pace of the last run here."; what a second rests on is not said."""
    said = f" {basis}" if basis and forecast_s > 1 else ""
    return f"About {duration(forecast_s)}{said}."


def about_wrong_rows(plan: Plan) -> tuple[str, ...]:
    """As "10 of 300 rows are wrong and will not be sent."; nothing where none is."""
    wrong = plan.tally.error
    are = "is" if wrong == 1 else "are"
    told = f"{wrong:,} of {count_of(plan.rows, 'row')} {are} wrong and will not be sent."
    return (told,) if wrong else ()


def _in_part(rows: int) -> str:
    if rows == 1:
        return "1 row sets the tag alone: its lead is through, so its status is left out."
    return f"{rows:,} rows set the tag alone: their leads are through, so their status is left out."


def _left_out(tally: Tally) -> list[str]:
    """As "98,000 rows are already set.", a sentence for each reason."""
    return [
        f"{count_of(rows, 'row')} {rows_left_out(reason, rows)}"
        for reason in Reason
        if (rows := tally[reason])
    ]


def what_changes(effect: Effect) -> str:
    """The changes by kind: "3,900 tags set, 41 tags cleared, 220 paused"."""
    parts = [
        count_of(effect.tags_set, "tag") + " set" if effect.tags_set else "",
        count_of(effect.tags_cleared, "tag") + " cleared" if effect.tags_cleared else "",
        f"{effect.to_paused:,} paused" if effect.to_paused else "",
        f"{effect.to_active:,} set active" if effect.to_active else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing"


def ask_to_go_on(  # noqa: PLR0913 - all that a yes means
    plan: Plan,
    *,
    left: int,
    run: str,
    workspace: str | None,
    base_url: str,
    forecast_s: float,
    basis: Basis | None = None,
    left_out: Tally,
    warnings: tuple[str, ...] = (),
) -> Question:
    """The question about an earlier run. left: requests of the plan that are still to be sent.

    left_out: rows that are not sent any more because of what their leads are now, by reason.
    warnings: more sentences.
    """
    where = place_words(workspace, base_url)
    others = _left_out(left_out)
    if not left:
        sentences = [f"Nothing is left to change in {where}.", *others, *warnings]
        return Question(text=Advice(*sentences))
    leads = count_of(plan.requests, "lead")
    sentences = [
        f"Go on with {run}: {left:,} of {leads} are left to change in {where}.",
        *others,
        f"Its rows ask for: {what_changes(plan)}.",
        *(["Tag changes can start or stop e-mails."] if plan.tags_set or plan.tags_cleared else []),
        _about_time(forecast_s, basis),
        *warnings,
    ]
    return Question(text=Advice(*sentences))


def about_quota(quota: QuotaLeft | None, requests: int) -> tuple[str, ...]:
    """How much of the day's own quota is left, and when what does not fit goes on.

    quota: None where there is none. requests: what is to be sent.
    """
    if quota is None or not requests:
        return ()
    told = f"Your daily quota: {quota.left:,} of {count_of(quota.limit, 'request')} left today"
    rest = f"; the rest goes on from {quota.goes_on}" if requests > quota.left else ""
    return (f"{told}{rest}.",)


def workspace_words(name: str | None) -> str:
    """A workspace by its name; None: it could not be read."""
    return f"workspace {name}" if name else "an unknown workspace"


def place_words(workspace: str | None, base_url: str) -> str:
    """Where requests go, as "workspace Acme (api.sendkit.ai)"."""
    return f"{workspace_words(workspace)} ({urlsplit(base_url).netloc})"
