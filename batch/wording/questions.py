"""A question as front ends put it, and sentences that several questions have. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from batch.advice import Advice, Fix, Remedy
from batch.judging.totals import Effect
from batch.model import Webhooks
from batch.recording.daily_quota import QuotaLeft
from batch.wording.amounts import count_of, duration, join_words

NO_TAG = "no tag"
NOT_READ = "not read"  # what a lead was, where nobody has read it
_NAMED_WEBHOOKS = 3  # in the question


class Basis(StrEnum):
    """What a forecast rests on, before anything is sent."""

    HEADERS = "at what the server allows"
    MEMORY = "at the pace of the last run here"
    READING = "at the pace of reading"
    SETTING = "at the rate that is set"
    WORKERS = "at what the workers reach here"  # latency bounds it
    GUESS = "at a first guess of 5/s"


@dataclass(frozen=True, slots=True)
class Values:
    """What a lead was, or what it becomes; None for what is left as it is. tag: "" for none."""

    status: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A lead that changes, by the line of the row that carries its request.

    was: None if it was not read. becomes: None for a field that is left as it is.
    workspace: its name where there are several; "" where there is one.
    """

    line: int
    who: str
    campaign: str
    was: Values | None
    becomes: Values
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A row of the diff in words. status, tag: as "active → paused"; "" if it does not ask for it.

    who: whom the row is about, by name, e-mail address or id. It names people: it is shown to the
    person who is asked, and written nowhere. workspace: as `DiffRow` has it.
    """

    line: int
    who: str
    campaign: str
    status: str
    tag: str
    workspace: str = ""


def diff_line(row: DiffRow) -> DiffLine:
    """A row of the diff in words."""
    was, becomes = row.was, row.becomes
    return DiffLine(
        line=row.line,
        who=row.who,
        campaign=row.campaign,
        status=_change((was.status or "") if was else None, becomes.status),
        tag=_change(
            (was.tag or NO_TAG) if was else None,
            NO_TAG if becomes.tag == "" else becomes.tag,
        ),
        workspace=row.workspace,
    )


def _change(was: str | None, becomes: str | None) -> str:
    """As "active → paused", "not read → paused", or what it is and stays; "" if that is unknown."""
    if becomes is None or (was is not None and was.casefold() == becomes.casefold()):
        return was or ""
    return f"{NOT_READ if was is None else was} → {becomes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is asked before the first request.

    text: what is going to happen. typed_number: the number that must be typed instead of a yes,
    where a slip would be costly; None for a plain yes or no. why: what makes it costly.
    warnings: those sentences of the text that hold of a plan too, which asks nothing.

    The same as one screen, of a question about sending: headline, what the text begins with; facts,
    titles and sentences, the most important first; diff, the first rows; more_rows, how many
    follow them; leads, to how many a request goes; answer, what a yes does, as "Send 248 changes".
    """

    text: str
    typed_number: int | None = None
    why: str = ""
    warnings: tuple[str, ...] = ()
    headline: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    diff: tuple[DiffLine, ...] = ()
    more_rows: int = 0
    leads: int = 0
    answer: str = ""


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


def what_changes(effect: Effect) -> str:
    """The changes by kind: "3,900 tags set, 41 tags cleared, 220 paused"."""
    parts = [
        count_of(effect.tags_set, "tag") + " set" if effect.tags_set else "",
        count_of(effect.tags_cleared, "tag") + " cleared" if effect.tags_cleared else "",
        f"{effect.to_paused:,} paused" if effect.to_paused else "",
        f"{effect.to_active:,} set active" if effect.to_active else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing"


def about_mended(cells: int) -> tuple[str, ...]:
    """That cells were mended before the file was judged; nothing where none was."""
    if not cells:
        return ()
    were, it = ("1 cell was", "it was") if cells == 1 else (f"{cells:,} cells were", "they were")
    return (f"{were} mended; mends.csv in the run's folder has what {it}.",)


def about_dropped_mends(cells: int) -> str:
    """That mends were taken back, since the cells that they were made for are not read any more."""
    which = "1 mend was" if cells == 1 else f"{cells:,} mends were"
    return f"{which} taken back: other cells are read now. Look at the problems again."


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


def place_words(workspace: str | None, base_url: str, *, is_of_several: bool = False) -> str:
    """Where requests go, as "workspace Acme (api.sendkit.ai)"."""
    where = "several workspaces" if is_of_several else workspace_words(workspace)
    return f"{where} ({urlsplit(base_url).netloc})"
