"""What a yes means: one value of counts and facts, and its sentences for every front end. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from batch.advice import Advice, Fix, Remedy
from batch.judging.totals import Effect
from batch.model import MOVES, Reason, Result, Tally, Webhooks
from batch.wording.amounts import count_of, duration, join_words
from batch.wording.questions import (
    Basis,
    DiffRow,
    Question,
    about_webhooks,
    diff_line,
    place_words,
    what_changes,
)
from batch.wording.reasons import reason_in_short, rows_left_out

_NAMED_VALUES = 4  # of tags, in a line
_EMAILS = "Tag changes can start or stop e-mails."
_EMAILS_IN_PRACTICE = "In a real run, tag changes can start or stop e-mails."
_EXITED = MOVES[-1]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a tag has done with leads before. tag: "null" for none. action: one of MOVES."""

    tag: str
    action: str
    subsequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a yes means, in counts and facts.

    effect: of what is left to send. Its `requests` are the leads to which a request goes if nothing
    stops the run and nobody changes a lead meanwhile.
    tags: how many of them get each tag; moved: what is known of what those tags do.
    unread: of how many nobody has read what they are.
    rows: of the input. sent_rows: those that the requests are made of. judged: those that were
    judged not to be sent, by reason; left_out: those that are not sent because of what their leads
    are now; done: those that had their outcome before, where an earlier run is gone on with.
    run: its folder. goes_on_of: how many leads an earlier run that is gone on with was to change;
    None for a new run. sets_back: leads are set back to what they were.
    workspace: its name, None if it could not be read. basis: what the forecast rests on.
    canary: how many are changed first, alone.
    take_back: the command that takes it back; "" where nothing is to be said of that.
    keeps_before: whether all leads were to be read first, so that the unread are those not found.
    diff: the first rows.
    is_practice: it goes to a sandbox, where no e-mail can start or stop.
    place: where requests go, in words, if that is not the one workspace.
    """

    effect: Effect
    tags: Counter[str]
    unread: int
    rows: int
    sent_rows: int
    judged: Tally
    left_out: Tally
    done: Tally
    run: str
    workspace: str | None
    base_url: str
    forecast_s: float
    basis: Basis | None = None
    goes_on_of: int | None = None
    sets_back: bool = False
    moved: tuple[Moved, ...] = ()
    webhooks: Webhooks = field(default_factory=Webhooks)
    canary: int = 0
    take_back: str = ""
    keeps_before: bool = False
    diff: tuple[DiffRow, ...] = ()
    is_practice: bool = False
    place: str = ""

    @property
    def leads(self) -> int:
        """To how many leads a request goes."""
        return self.effect.requests

    @property
    def wrong(self) -> Tally:
        """Rows that have to be mended before they are sent, by reason."""
        return Tally({reason: n for reason, n in self._not_sent().items() if _is_wrong(reason)})

    @property
    def skipped(self) -> Tally:
        """Rows that are not sent and not wrong, by reason."""
        return Tally({reason: n for reason, n in self._not_sent().items() if not _is_wrong(reason)})

    def _not_sent(self) -> Tally:
        return Tally(self.judged + self.left_out)


def question_about(
    decision: Decision,
    *,
    notes: Sequence[str] = (),
    guardrails: Sequence[Advice] = (),
    typed_number: int | None = None,
) -> Question:
    """The question about what would be sent. notes: what else a yes means, in sentences.

    guardrails: why a number must be typed.
    """
    warnings = (*_wrong_rows(decision), *about_webhooks(decision.webhooks), *notes)
    headline = _headline(decision)
    if not decision.leads:
        others = _left_out(decision.left_out)
        return Question(text=Advice(headline, *others, *warnings), warnings=warnings)
    sentences = [
        headline,
        *_in_part(decision.effect.rows_in_part),
        *_left_out(decision.left_out),
        *_emails(decision),
        _about_time(decision),
    ]
    return Question(
        text=Advice(*sentences, *warnings),
        typed_number=typed_number,
        why=Advice(*guardrails),
        warnings=warnings,
        headline=headline,
        facts=(*_facts(decision), *(("Note", note) for note in notes)),
        diff=tuple(map(diff_line, decision.diff)),
        more_rows=decision.leads - len(decision.diff),
        leads=decision.leads,
        answer=_answer(decision),
    )


def _headline(decision: Decision) -> str:
    """What is going to happen, where, and to how many leads."""
    where = decision.place or place_words(decision.workspace, decision.base_url)
    leads, of = count_of(decision.leads, "lead"), decision.goes_on_of
    changes = what_changes(decision.effect)
    back = "set back" if decision.sets_back else "change"
    if of is not None and not decision.leads:
        return f"Nothing is left to {back} in {where}."
    if of is not None:
        left = f"{decision.leads:,} of {count_of(of, 'lead')} are left to {back} in {where}"
        return f"Go on with {decision.run}: {left}: {changes}."
    if not decision.leads:
        return f"Nothing to {back} in {where}."
    if decision.sets_back:
        return f"Set {leads} back in {where}: {changes}."
    return f"Change {leads} in {where}: {changes}."


def _answer(decision: Decision) -> str:
    """What a yes does, in the fewest words."""
    if decision.sets_back:
        return f"Set {count_of(decision.leads, 'lead')} back"
    return f"Send {count_of(decision.leads, 'change')}"


def _facts(decision: Decision) -> Iterator[tuple[str, str]]:
    """What a person should know beside the headline, a title and a sentence each."""
    if decision.tags:
        yield "Tags set", f"{_most(decision.tags)}."
    if emails := _emails(decision):
        yield "E-mails", " ".join((*emails, *_known_moves(decision.moved)))
    for told in about_webhooks(decision.webhooks):
        yield "Webhooks", told
    yield from _about_rows(decision)
    if 0 < decision.canary < decision.leads:
        first = (
            "The first lead is" if decision.canary == 1 else f"The first {decision.canary:,} are"
        )
        yield "Canary", f"{first} changed alone; the others follow only if that reads back as set."
    yield "Time", _about_time(decision)
    if take_back := _take_back(decision):
        yield "Undo", take_back


def _emails(decision: Decision) -> tuple[str, ...]:
    """What changed tags can do beyond the leads; nothing where none changes."""
    if not decision.effect.tag_changes:
        return ()
    return (_EMAILS_IN_PRACTICE if decision.is_practice else _EMAILS,)


def _about_rows(decision: Decision) -> Iterator[tuple[str, str]]:
    """What becomes of rows that are no request of their own, or none that is whole."""
    for told in _in_part(decision.effect.rows_in_part):
        yield "In part", told
    if joined := decision.sent_rows - decision.leads:
        rows = "1 row is" if joined == 1 else f"{joined:,} rows are"
        yield "Joined", f"{rows} sent together with another row of the same lead."
    if wrong := decision.wrong:
        rows = count_of(wrong.total(), "row")
        if decision.sets_back:
            yield "Not set back", f"{rows}; the results say why."
        else:
            yield "Wrong", f"{rows}, not sent: {_by_reason(wrong)}."
    if skipped := decision.skipped:
        yield "Left out", f"{count_of(skipped.total(), 'row')}: {_by_reason(skipped)}."
    if decision.done:
        yield "Done", f"{count_of(decision.done.total(), 'row')}: {_by_reason(decision.done)}."


def _take_back(decision: Decision) -> str:
    """How it can be taken back, as far as it can; "" if nothing is to be said of that."""
    if not decision.take_back:
        return ""
    unread, undo = decision.unread, Remedy(Fix.UNDO, decision.take_back)
    keep = () if decision.keeps_before else (Remedy(Fix.KEEP_BEFORE),)
    if unread == decision.leads:
        none = "The lead was not" if unread == 1 else f"None of the {unread:,} leads was"
        return Advice(f"{none} read before, so this can't be taken back.", *keep)
    if unread:
        of = f"{unread:,} of {decision.leads:,} leads"
        which = "was not read before and can't be set back"
        if unread > 1:
            which = "were not read before and can't be set back"
        return Advice(f"{of} {which}.", *keep, undo)
    return Advice("It can be taken back, except for e-mails that went out.", undo)


def _known_moves(moved: Sequence[Moved]) -> tuple[str, ...]:
    """As "In earlier runs Hot started Warm leads and null ended Warm leads and Nurture."."""
    subsequences: dict[tuple[str, str], list[str]] = {}
    for each in moved:
        verb = "ended" if each.action == _EXITED else "started"
        names = subsequences.setdefault((verb, each.tag), [])
        if each.subsequence not in names:
            names.append(each.subsequence or "a subsequence")
    tags: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (verb, tag), names in sorted(subsequences.items(), reverse=True):  # "started" first
        tags.setdefault((verb, tuple(names)), []).insert(0, tag)
    told = [f"{join_words(of)} {verb} {join_words(names)}" for (verb, names), of in tags.items()]
    more = len(told) - _NAMED_VALUES
    shown = [*told[:_NAMED_VALUES], *([f"{more:,} more"] if more > 0 else [])]
    return (f"In earlier runs {'; '.join(shown)}.",) if moved else ()


def _is_wrong(reason: Reason) -> bool:
    """Whether a row has to be mended, rather than left out because its lead has changed."""
    return reason.result is Result.ERROR and reason not in {Reason.DRIFTED, Reason.CHANGED_SINCE}


def _most(tags: Counter[str]) -> str:
    """As "51 Customer, 40 Interested and 2 more labels"."""
    first = [f"{leads:,} {tag}" for tag, leads in tags.most_common(_NAMED_VALUES)]
    more = len(tags) - len(first)
    return join_words([*first, *([count_of(more, "more label")] if more else [])])


def _by_reason(tally: Tally) -> str:
    """As "32 already set, 12 lead is through", the most frequent first."""
    return ", ".join(f"{rows:,} {reason_in_short(reason)}" for reason, rows in tally.most_common())


def _wrong_rows(decision: Decision) -> tuple[str, ...]:
    """As "10 of 300 rows are wrong and will not be sent."; nothing where none is."""
    wrong = decision.wrong.total()
    are = "is" if wrong == 1 else "are"
    so = f"{are} wrong and will not be sent"
    if decision.sets_back:  # nobody wrote its rows
        so = "can't be set back"
    return (f"{wrong:,} of {count_of(decision.rows, 'row')} {so}.",) if wrong else ()


def _about_time(decision: Decision) -> str:
    """As "About 14 min at the pace of the last run here."; what a second rests on is not said."""
    forecast_s, basis = decision.forecast_s, decision.basis
    said = f" {basis}" if basis and forecast_s > 1 else ""
    return f"About {duration(forecast_s)}{said}."


def _in_part(rows: int) -> tuple[str, ...]:
    if rows == 0:
        return ()
    if rows == 1:
        return ("1 row sets the tag alone: its lead is through, so its status is left out.",)
    return (
        f"{rows:,} rows set the tag alone: their leads are through, so their status is left out.",
    )


def _left_out(tally: Tally) -> list[str]:
    """As "98,000 rows are already set.", a sentence for each reason."""
    return [
        f"{count_of(rows, 'row')} {rows_left_out(reason, rows)}"
        for reason in Reason
        if (rows := tally[reason])
    ]
