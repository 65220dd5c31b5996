"""What is said of a run of several workspaces: the question, how far it is, how it ended. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from urllib.parse import urlsplit

from batch.advice import Advice
from batch.judging.totals import Effect
from batch.model import Found, Reason, Result, Tally, Webhooks
from batch.recording.runfile import RunWorkspace
from batch.sending.pace.pacer import PaceEstimate, Source
from batch.sending.pace.parting import KeyPace
from batch.sending.sharing import Sharing
from batch.sending.stops import Stop, StopCause
from batch.wording.amounts import count_of, duration
from batch.wording.decision import Decision, question_about
from batch.wording.progress import Moment, ReadingProgress, SendStep, outage_line
from batch.wording.questions import Question, what_changes

MOST_SHOWN = 12  # workspaces with a line of their own in a question
WORST = 3  # that are named while a run sends
_LONG_S = 5.0  # a shorter hold-back is part of the pace


WORKSPACES_UNKNOWN = (
    "The column workspace is not judged yet: no run or plan has asked the server which workspaces "
    "there are."
)


def workspaces_seen(ago: timedelta) -> str:
    """What a check says of the workspaces that it knows. ago: when they were seen."""
    seen = duration(ago.total_seconds())
    return f"The workspaces are those that the key saw {seen} ago; a run asks for them anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDecision:
    """What a yes means for one workspace. name: its own. guardrails: why a number is typed."""

    name: str
    decision: Decision
    notes: tuple[str, ...] = ()
    guardrails: tuple[Advice, ...] = ()


def question_about_parts(
    together: Decision,
    parts: Sequence[PartDecision],
    *,
    unreached: Sequence[str] = (),
    guardrails: Sequence[Advice] = (),
    typed_number: int | None,
) -> Question:
    """One question about all workspaces, with a line for each, the unusual first.

    together: what a yes means in all of them, as `decide_together` gives it.
    unreached: what is said of each workspace that can't be reached.
    guardrails: why a number is typed that counts all workspaces; those of each are its own.
    """
    question = question_about(
        together,
        notes=(*(f"Not sent: {each}" for each in unreached), *_notes(parts)),
        guardrails=[
            *guardrails,
            *(Advice(f"{part.name}:", each) for part in parts for each in part.guardrails),
        ],
        typed_number=typed_number,
    )
    lines = tuple(_lines(parts))
    told = " ".join(f"{title}: {line}" for title, line in lines)
    return replace(question, text=Advice(question.text, told), facts=(*lines, *question.facts))


def decide_together(
    parts: Sequence[PartDecision],
    *,
    nobodys: Tally,
    done: Tally,
    run: str,
    base_url: str,
    forecast_s: float,
    take_back: str,
    goes_on_in: int | None,
) -> Decision:
    """What a yes means in all workspaces together.

    nobodys: the rows of no workspace, by reason. done: those of parts that are finished.
    run: the folder. goes_on_in: how many workspaces an earlier run that is gone on with has; None
    for a new run. take_back: the command that takes all of it back; "" where nothing is to be said
    of that.
    """
    decisions = [part.decision for part in parts]
    judged = Tally({reason: rows for reason, rows in done.items() if _is_judged(reason)})
    goes_on_of = None
    if goes_on_in is not None:
        goes_on_of = sum(one.goes_on_of or one.leads for one in decisions)
    workspaces = len(parts) or goes_on_in or 0  # of all, once nothing is left in any
    host = urlsplit(base_url).netloc
    diff = (replace(row, workspace=part.name) for part in parts for row in part.decision.diff)
    return Decision(
        effect=effect_of_all(one.effect for one in decisions),
        tags=sum((one.tags for one in decisions), Counter[str]()),
        unread=sum(one.unread for one in decisions),
        rows=sum(one.rows for one in decisions) + nobodys.total() + done.total(),
        sent_rows=sum(one.sent_rows for one in decisions),
        judged=tallies_together(nobodys, judged, *(one.judged for one in decisions)),
        left_out=tallies_together(*(one.left_out for one in decisions)),
        done=tallies_together(Tally(done - judged), *(one.done for one in decisions)),
        run=run,
        workspace=None,
        base_url=base_url,
        place=f"{count_of(workspaces, 'workspace')} ({host})" if workspaces else host,
        forecast_s=forecast_s,
        goes_on_of=goes_on_of,
        sets_back=any(one.sets_back for one in decisions),
        moved=tuple({move: None for one in decisions for move in one.moved}),
        webhooks=Webhooks(
            active=tuple(each for one in decisions for each in one.webhooks.active),
            has_more=any(one.webhooks.has_more for one in decisions),
        ),
        take_back=take_back,
        keeps_before=all(one.keeps_before for one in decisions),
        diff=tuple(sorted(diff, key=lambda row: row.line)),
    )


def _is_judged(reason: Reason) -> bool:
    """Whether rows end so without a request."""
    return reason.found is Found.JUDGED or reason.result is Result.SKIPPED


def effect_of_all(effects: Iterable[Effect]) -> Effect:
    """What several effects come to."""
    found = list(effects)
    return Effect(
        **{each.name: sum(getattr(one, each.name) for one in found) for each in fields(Effect)}
    )


def tallies_together(*tallies: Tally) -> Tally:
    """Tallies together; `+` would make a Counter of them."""
    both = Tally()
    for each in tallies:
        both.update(each)
    return both


def _notes(parts: Sequence[PartDecision]) -> Iterator[str]:
    """What else a yes means: what holds everywhere once, else by workspace."""
    counted = Counter(note for part in parts for note in part.notes)
    yield from (note for note, times in counted.items() if times == len(parts))
    for part in parts:
        for note in part.notes:
            if counted[note] < len(parts):
                yield f"{part.name}: {note}"


def _lines(parts: Sequence[PartDecision]) -> Iterator[tuple[str, str]]:
    """A title and a sentence for each workspace: most tag changes first, then most left out."""

    def unusual(part: PartDecision) -> tuple[int, int, int]:
        one = part.decision
        left_out = (one.judged + one.left_out).total()
        return (-one.effect.tag_changes, -left_out, -one.leads)

    ordered = sorted(parts, key=unusual)
    for part in ordered[:MOST_SHOWN]:
        one = part.decision
        line = f"{count_of(one.leads, 'lead')}: {what_changes(one.effect)}"
        if wrong := (one.judged + one.left_out).total():
            line += f"; {count_of(wrong, 'row')} left out"
        yield part.name, f"{line}."
    if more := ordered[MOST_SHOWN:]:
        leads = sum(part.decision.leads for part in more)
        yield f"{len(more):,} more", f"{count_of(leads, 'lead')} in other workspaces."


def moments_together(moments: Mapping[str, Moment], *, done: Tally, elapsed_s: float) -> Moment:
    """How far all parts are. moments: by the workspaces' names.

    done: the rows in which nothing is left to send anywhere, by reason.
    """
    all_ = list(moments.values())
    rate_per_s = sum(one.rate_per_s for one in all_)
    allowed = sum(one.pace_estimate.rate_per_s for one in all_)
    at_work = [one for one in all_ if one.stop is None and one.step_done < one.step_total]
    return Moment(
        rows=sum(one.rows for one in all_) + done.total(),
        tally=tallies_together(done, *(one.tally for one in all_)),
        requests=sum(one.requests for one in all_),
        rate_per_s=rate_per_s,
        left_s=max((one.left_s for one in at_work), default=0.0),
        hold=None,
        hold_left_s=0.0,
        stop=None if at_work else _stop_of(moments),
        pace_estimate=PaceEstimate(source=Source.SETTING, rate_per_s=allowed),
        sent=tallies_together(*(one.sent for one in all_)),
        to_send=sum(one.to_send for one in all_),
        step=SendStep.SENDING,
        step_done=sum(one.step_done for one in all_),
        step_total=sum(one.step_total for one in all_),
        elapsed_s=elapsed_s,
        refused=sum(one.refused for one in all_),
        is_resting=any(one.is_resting for one in all_),
        worst=tuple(_worst(moments)),
        sharing=next((one.sharing for one in all_ if one.sharing.others), Sharing()),
    )


def _stop_of(moments: Mapping[str, Moment]) -> Stop | None:
    """Why no workspace is at work any more, with the names of those that stopped."""
    stops = {name: one.stop for name, one in moments.items() if one.stop}
    why = why_parts_stopped({name: stop.message for name, stop in stops.items()})
    for stop in stops.values():
        is_of_all = stop.cause in {StopCause.INTERRUPTED, StopCause.TERMINATED}
        return stop if is_of_all else replace(stop, message=why)
    return None


def readings_together(
    done: Sequence[ReadingProgress | None],
    at_work: Sequence[ReadingProgress],
    *,
    workspaces: int,
    elapsed_s: float,
) -> ReadingProgress:
    """How far the reading of all workspaces is. done: None for one in which nothing was to be read.

    at_work: not empty. Of what they wait for the longest is told.
    """
    all_ = [*filter(None, done), *at_work]
    worst = max((one.pace for one in at_work), key=lambda pace: (pace.outage_s, pace.hold_left_s))
    return ReadingProgress(
        leads=sum(one.leads for one in all_),
        campaigns_read=sum(one.campaigns_read for one in all_),
        campaigns=sum(one.campaigns for one in all_),
        pace=replace(worst, rate_per_s=sum(one.pace.rate_per_s for one in at_work)),
        share=(len(done) + sum(one.share for one in at_work)) / workspaces,
        elapsed_s=elapsed_s,
    )


def _worst(moments: Mapping[str, Moment]) -> Iterator[str]:
    """The workspaces that are worst off, the worst first: stopped, away, held, slow."""
    told = sorted(
        (_trouble(one), name)
        for name, one in moments.items()
        if one.step_done < one.step_total or one.stop
    )
    for (_, _, said), name in told[:WORST]:
        if said:
            yield f"{name}: {said}"


def _trouble(moment: Moment) -> tuple[int, float, str]:
    if moment.stop:
        return 0, 0.0, f"stopped. {moment.stop.message}"
    if moment.outage_s:
        return 1, -moment.outage_s, outage_line(moment.outage_s, moment.outage_why)
    if moment.hold and moment.hold_left_s >= _LONG_S:
        return 2, -moment.hold_left_s, f"held back for {duration(moment.hold_left_s)} more."
    percent = 100 * moment.step_done // moment.step_total if moment.step_total else 100
    left = f", about {duration(moment.left_s)} left" if moment.left_s else ""
    return 3, -moment.left_s, f"{percent}%{left}."


def shown_name(workspace: RunWorkspace, among: Iterable[RunWorkspace]) -> str:
    """What a workspace is called, with its id where another has the same name."""
    name = workspace.name.casefold()
    is_only = sum(each.name.casefold() == name for each in among) == 1
    return workspace.name if is_only else f"{workspace.name} ({workspace.id})"


def why_parts_stopped(reasons: Mapping[str, str]) -> str:
    """Why parts ended early, a sentence for each of the first ones; "" if none did."""
    stopped = [(name, why) for name, why in reasons.items() if why]
    distinct = {why for _, why in stopped}
    if len(distinct) == 1 and len(stopped) > 1:
        return f"{count_of(len(stopped), 'workspace')}: {distinct.pop()}"
    told = [f"{name}: {why}" for name, why in stopped[:WORST]]
    more = len(stopped) - WORST
    return " ".join(
        [*told, *([f"{count_of(more, 'other workspace')} stopped, too."] if more > 0 else [])]
    )


def about_budgets(keys: Sequence[KeyPace]) -> str:
    """Whose the server's budgets were found to be, and by what; "" where there is no news."""
    if any(key.is_parted for key in keys):
        return (
            "Each workspace had a pace of its own: what remained of one's requests did not fall "
            "while others sent."
        )
    if any(key.joined for key in keys):
        return (
            "The workspaces of a key shared one pace again: two were refused within a second, or "
            "what remained fell by the requests of others."
        )
    return ""
