"""A run in one sentence, and what its states and results are called. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from batch.judging.totals import Effect
from batch.model import SKIPPED_IN_PROGRESS, Move, Reason, Result, Tally
from batch.recording.runfile import RunMove, RunRecord, RunState
from batch.wording.amounts import count_of, join_words
from batch.wording.questions import what_changes, workspace_words
from batch.wording.reasons import reason_in_short

RESULT_WORDS: Mapping[Result, str] = {
    Result.SUCCESS: "Applied",
    Result.ERROR: "Failed",
    Result.SKIPPED: "Needed nothing",
    Result.UNSENT: "Unsent",
}

BROKE_OFF = "broke off"  # the word for a run whose process died without a word
_STATE_WORDS: Mapping[RunState, str] = {
    RunState.PLANNED: "Planned, nothing sent",
    RunState.RUNNING: "Under way",
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped early",
    RunState.INTERRUPTED: "Interrupted",
    RunState.FAILED: "Failed",
}


def state_words(state: str) -> str:
    """What a run's state is called; it is `BROKE_OFF` of one that is under way for nobody."""
    return _STATE_WORDS[RunState(state)] if state in set(RunState) else state.capitalize()


class Standing(StrEnum):
    """What came of a run, in one word; each front end has a colour for it."""

    AT_WORK = "at work"
    PLANNED = "planned"
    WELL = "well"  # finished, and no row failed
    NOTHING = "nothing"  # finished, and no row needed anything
    PARTLY = "partly"  # finished, and some rows failed
    FAILED = "failed"  # no row was confirmed though some should have been, or this machine failed
    OPEN = "open"  # it ended early and can be gone on with


def standing_of(state: str, counts: Mapping[Result, int]) -> Standing:
    """What came of a run. state: as of `state_words`. counts: its rows by result."""
    match state:
        case RunState.PLANNED:
            return Standing.PLANNED
        case RunState.RUNNING:
            return Standing.AT_WORK
        case RunState.FINISHED if not counts[Result.ERROR]:
            return Standing.WELL if counts[Result.SUCCESS] else Standing.NOTHING
        case RunState.FINISHED:
            return Standing.PARTLY if counts[Result.SUCCESS] else Standing.FAILED
        case RunState.FAILED:
            return Standing.FAILED
        case _:
            return Standing.OPEN


def standing_words(state: str, counts: Mapping[Result, int]) -> str:
    """What a run's state is called, with what came of it where that is not as it should be."""
    words = state_words(state)
    match standing_of(state, counts):
        case Standing.NOTHING:
            return f"{words}, nothing to do"
        case Standing.PARTLY:
            return f"{words}, {counts[Result.ERROR]:,} failed"
        case Standing.FAILED if state == RunState.FINISHED:
            return f"{words}, all failed"
        case _:
            return words


def sum_line(tally: Tally, rows: int) -> str:
    """The four counts, and the number of input rows that they must add up to."""
    parts = " + ".join(f"{tally.of(result):,} {result}" for result in Result)
    return f"{parts} = {tally.total():,} of {count_of(rows, 'row')}"


def what_to_mend(reasons: Mapping[Reason, int], *, is_undo: bool) -> str:
    """What is to be done about failed rows that would fail again as they are."""
    failed = Tally({reason: n for reason, n in reasons.items() if reason.result is Result.ERROR})
    kinds = ", ".join(f"{n:,} {reason_in_short(reason)}" for reason, n in failed.most_common())
    if is_undo:
        return f"Tried again as they are, the failed rows would fail again: {kinds}."
    return (
        f"Tried again as they are, the failed rows would fail again: {kinds}. "
        "Mend them in failed.csv and drop that file on New file."
    )


def run_sentence(record: RunRecord, effect: Effect, tally: Tally, rows: int) -> str:
    """What was asked, and what came of it."""
    name, where = record.input.name, where_words(record)
    if not rows:
        return f"{name} has no rows: nothing was asked of {where}, and nothing was sent."
    if not effect.requests:
        return f"{name} asked for no change that could be sent to {where}; of its {_came(tally)}."
    asked = f"asked to change {count_of(effect.requests, 'lead')} in {where}"
    return f"{name} {asked} ({what_changes(effect)}); of its {_came(tally)}."


def result_words(state: str, counts: Mapping[Result, int], *, is_undo: bool) -> str:
    """What came of a run in a few words, as "4 of 7 failed" or "interrupted at 16 of 200".

    state: in a word or two. counts: its rows by result.
    """
    rows = sum(counts.values())
    applied, failed, skipped, unsent = (counts[result] for result in Result)
    did = "set back" if is_undo else "applied"
    if state == RunState.PLANNED:
        parts = [f"{unsent:,} to send", *([f"{failed:,} wrong"] if failed else [])]
    elif state == RunState.FINISHED and not failed:
        said = [f"{applied:,} {did}"] if applied else []
        parts = [*said, *([f"{skipped:,} skipped"] if skipped else [])]
        parts = parts or ["nothing to set back" if is_undo else "no rows"]
    elif state == RunState.FINISHED:
        parts = [f"{failed:,} of {rows:,} failed"]
    else:
        at = f"{state} at {rows - unsent:,} of {rows:,}"
        parts = [at, *([f"{failed:,} failed"] if failed else [])]
    return ", ".join(parts)


def outcome_headline(state: RunState, tally: Tally, *, is_undo: bool) -> str:
    """How a run ended and what came of its rows, as "Finished: all 6 rows were applied."."""
    if not tally.total():
        nothing = "there was nothing to set back" if is_undo else "there were no rows"
        return f"{_STATE_WORDS[state]}: {nothing}."
    done, failed = ("set back", "could not be set back") if is_undo else ("applied", "failed")
    parts = [
        (count, _verb(result, count).replace("applied", done).replace("failed", failed))
        for result in Result
        if (count := tally.of(result))
    ]
    if is_undo and tally.error == tally.total() > 1:
        return f"{_STATE_WORDS[state]}: none of the {tally.total():,} rows could be set back."
    if len(parts) > 1:
        said = join_words([f"{count:,} {verb}" for count, verb in parts])
        return f"{_STATE_WORDS[state]}: of {tally.total():,} rows, {said}."
    ((count, verb),) = parts
    rows = "1 row" if count == 1 else f"all {count:,} rows"
    return f"{_STATE_WORDS[state]}: {rows} {verb}."


def mend_later(rows: int) -> str:
    """That a retry does not help some of the failed rows."""
    it = "it is; after the retry it stands" if rows == 1 else "they are; after the retry they stand"
    return f"{count_of(rows, 'row')} won't pass as {it} in its failed.csv, to be mended."


def check_headline(rows: int, tally: Tally) -> str:
    """What came of a check."""
    if not rows:
        return "There are no rows."
    if not tally.error:
        return "No row is wrong."
    return (
        f"{tally.error:,} of {count_of(rows, 'row')} {'is' if tally.error == 1 else 'are'} wrong."
    )


def verify_headline(*, holding: int, rows: int) -> str:
    """What came of a verification."""
    if not rows:
        return "The run has set nothing."
    if holding < rows:
        left = rows - holding
        do = "does" if left == 1 else "do"
        return (
            f"{holding:,} of {count_of(rows, 'row')} hold what the run has set; {left:,} {do} not."
        )
    every = "The row holds" if rows == 1 else f"All {rows:,} rows hold"
    return f"{every} what the run has set."


def plan_sentence(record: RunRecord, effect: Effect, states: Mapping[str, int], rows: int) -> str:
    """What is asked, and what sending it would do. states: leads by `digest.PLAN_STATES`."""
    name, where = record.input.name, where_words(record)
    if not rows:
        return f"{name} has no rows: nothing is asked of {where}."
    asked = count_of(effect.requests, "lead")
    will, so, other = states.values()
    parts = [f"{will:,} would change", f"{so:,} {'is' if so == 1 else 'are'} already set"]
    parts += [f"{other:,} can't be changed"] if other else []
    return (
        f"{name} asks to change {asked} in {where} ({what_changes(effect)}): {join_words(parts)}; "
        "nothing has been sent."
    )


def move_words(moves: Sequence[Move | RunMove]) -> str:
    """As "12 leads enrolled in Warm leads and 3 leads taken out of Nurture"; not of none."""
    words = {
        "enrolled": "enrolled in",
        "switched": "switched to",
        "exited": "taken out of",
        SKIPPED_IN_PROGRESS: "left where they were, in progress:",
    }
    told = [
        f"{count_of(each.leads, 'lead')} {words.get(each.action, each.action)} "
        f"{each.subsequence or 'a subsequence'}"
        for each in moves[:_MOST_MOVES]
    ]
    more = len(moves) - _MOST_MOVES
    return join_words([*told, *([f"{more:,} more kinds of moves"] if more > 0 else [])])


_MOST_MOVES = 20  # told in a sentence


def _came(tally: Tally) -> str:
    parts = [
        f"{count:,} {_verb(result, count)}" for result in Result if (count := tally.of(result))
    ]
    return f"{count_of(tally.total(), 'row')}, {join_words(parts)}"


def _verb(result: Result, count: int) -> str:
    was = "was" if count == 1 else "were"
    match result:
        case Result.SUCCESS:
            return f"{was} applied"
        case Result.ERROR:
            return "failed"
        case Result.SKIPPED:
            return "needed nothing"
        case Result.UNSENT:
            return f"{was} left unsent"


def where_words(record: RunRecord) -> str:
    """Where a run's requests went."""
    if record.sandbox:
        return "a practice sandbox"
    if record.is_of_several:
        return count_of(len(record.parts), "workspace")
    return workspace_words(record.workspace.name if record.workspace else None)
