"""Taking a run's changes back: a run of its own, whose input are the reverse changes.

Its leads are expected to be what the run has made them; one that is something else by now is left
alone. Everything but the key comes from the earlier run's folder.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from pathlib import Path

import polars as pl

from batch.advice import Advice, Fix, Remedy
from batch.columns import Naming
from batch.errors import SettingsError
from batch.escape import escape
from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun, access_of, input_of, new_folder, take_locks
from batch.jobs.outcome import RunOutcome
from batch.jobs.part_steps import ready_parts
from batch.jobs.parts import OpenPart, split_run
from batch.jobs.past_run import PastRun, check_several
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, judge
from batch.jobs.recorded import applied_rows, leads_before, plan_of_run, recorded_journal
from batch.jobs.reopening import check_workspace
from batch.jobs.request import Reading, Request, Source
from batch.jobs.steps import (
    ask_server,
    confirm,
    confirm_parts,
    read_leads,
    read_names,
    send,
    send_parts,
)
from batch.jobs.unfinished import newer_note, parts_of, retried_alone, retries_of
from batch.jobs.workspaces import find_targets
from batch.judging.leads import REQUESTS
from batch.judging.live import statuses_left
from batch.judging.reverse import Reverse, reverse
from batch.lines import line_list, only_lines
from batch.model import Field
from batch.reading.table import open_table
from batch.recording.history import EarlierRun, own_runs
from batch.recording.parts import read_part
from batch.recording.runfile import PARTS, RunRecord, RunState, RunUndone
from batch.recording.spill import Spill
from batch.settings.model import ColumnSettings, Settings
from batch.settings.values import FinalStates
from batch.wording.amounts import count_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """A run that takes the changes of an earlier one back. record: of that one.

    notes: what can't be taken back, in sentences. unknown: that of some leads nobody knows what
        they were; "" if all are known.
    """

    opened: OpenRun
    record: RunRecord
    notes: tuple[str, ...]
    unknown: str

    def judge(self, preflight: Preflight) -> JudgedRun:
        """Judge its rows. Raises SettingsError when the key is of another workspace."""
        check_workspace(self.record, preflight)
        return judge(self.opened, preflight)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What takes a run's changes back.

    moved: rows whose lead a subsequence took in or out. in_doubt: leads that may have been changed
    though no answer says so.
    """

    reverse: Reverse
    moved: int
    in_doubt: int


def undo(past: PastRun, frontend: Frontend) -> RunOutcome:
    """Set the leads of an earlier run back, as a new run. Raises UsageError for a mere plan."""
    folder, record = past.folder, past.record()
    if record.state is RunState.PLANNED:
        raise SettingsError(f"{folder}: is a plan, of which nothing was sent. Nothing to undo.")
    if record.is_of_several:
        return _undo_several(past, frontend)
    asks = frontend.asks(practice=record.sandbox)
    with open_undo(folder, record, past.request()) as undone:
        judged = undone.judge(ask_server(frontend, undone.opened))
        diff = read_leads(frontend, judged)
        judged = read_names(frontend, judged, diff, asks=asks)
        ready = judged.ready(diff, can_ask=asks)
        frontend.note(*filter(None, (*undone.notes, undone.unknown)))
        ready = replace(ready, incomplete=undone.unknown)
        ready = confirm(frontend, ready, asks=asks)
        return send(frontend, ready)


@contextmanager
def open_undo(folder: Path, record: RunRecord, request: Request) -> Iterator[Undo]:
    """Make the folder of a run that takes an earlier run's changes back.

    request: as `recorded.request_of` gives it, with the key, and with what is to go otherwise.
    Raises SettingsError for a run that can't be undone, InputError when its copy of the input is
    damaged, and LockedError while another process is at work on it.
    """
    if record.sandbox and request.session.practice is None:
        raise SettingsError(f"{folder}: was practice, and its sandbox is gone. Nothing to undo.")
    found = _find_reverse(folder, record, request)
    with _open_reverse(folder, record, request, found) as opened:
        yield Undo(
            opened=replace(opened, baseline=found.reverse.baseline),
            record=record,
            notes=(*_notes(folder, found), *_linked_runs(folder, record, request)),
            unknown=_unknown(folder, found.reverse.unknown),
        )


def _undo_several(past: PastRun, frontend: Frontend) -> RunOutcome:
    """Set the leads of a run of several workspaces back: an undo of each, after one question."""
    folder, record = past.folder, past.record()
    check_several(past, record, "undo")
    request = past.request()
    request = replace(request, settings=_undoing(request.settings))
    asks = frontend.asks(practice=record.sandbox)
    targets = frontend.run(partial(find_targets, request))
    found, undone, own = [], dict[str, RunUndone](), past.load_own()
    for part in record.parts:
        path, of_part = folder / PARTS / part.folder, read_part(folder, record, part)
        undone[part.workspace.id] = RunUndone(id=of_part.id, folder=str(path.resolve()))
        asked = past.part_request(path, of_part, own)
        found.append(_find_reverse(path, of_part, asked, workspace_id=part.workspace.id))
    together = _together(found)
    with (
        _open_reverse(folder, record, request, together) as opened,
        split_run(opened, targets, None) as split,
    ):
        frontend.show_target(opened.access, None, is_of_several=True)
        frontend.note(*opened.notes)
        parts = tuple(_undo_of(each, undone, together.reverse.baseline) for each in split.parts)
        ready = ready_parts(frontend, replace(split, parts=parts), asks=asks)
        unknown = _unknown(folder, together.reverse.unknown)
        linked = _linked_runs(folder, record, request)
        frontend.note(*filter(None, (*_notes(folder, together), *linked, unknown)))
        ready = replace(ready, own=replace(ready.own, incomplete=unknown))
        return send_parts(frontend, confirm_parts(frontend, ready, asks=asks))


def _undo_of(part: OpenPart, undone: Mapping[str, RunUndone], baseline: pl.DataFrame) -> OpenPart:
    """A part that takes back what the earlier run has done in its workspace."""
    opened = replace(
        part.opened,
        baseline=only_lines(baseline, part.lines),
        undo_of=undone[part.target.workspace.id],
    )
    return replace(part, opened=opened)


def _together(found: Sequence[_Found]) -> _Found:
    """What takes the changes of all parts back, as one file."""
    rows = [one.reverse.rows for one in found]
    starts = accumulate((part.height for part in rows), initial=0)
    baselines = [
        one.reverse.baseline.with_columns(line=pl.col("line") + pl.lit(start, pl.UInt32))
        for one, start in zip(found, starts, strict=False)
    ]
    return _Found(
        reverse=Reverse(
            rows=pl.concat(rows),
            baseline=pl.concat(baselines),
            unknown=pl.concat(one.reverse.unknown for one in found).sort(),
            unsettable=sum(one.reverse.unsettable for one in found),
        ),
        moved=sum(one.moved for one in found),
        in_doubt=sum(one.in_doubt for one in found),
    )


@contextmanager
def _open_reverse(
    folder: Path, record: RunRecord, request: Request, found: _Found
) -> Iterator[OpenRun]:
    """The folder of a run whose input is what takes an earlier run's changes back."""
    started_at = datetime.now(UTC)
    source = io.BytesIO(_as_csv(found.reverse.rows))
    name = f"undo-{folder.resolve().name}.csv"
    request = replace(
        request,
        source=Source(name=name, stream=source),
        settings=_undoing(request.settings),
        reading=Reading(),
        found=None,
        mended=(),
        guardrails=replace(request.guardrails, allow_invalid=True, allow_clears=True),
        options=replace(request.options, **asdict(Reading()), mapping=()),
        is_planned=False,
        sets_back=True,
    )
    made = new_folder(request, now=started_at)
    with ExitStack() as resources:
        resources.callback(made.discard_unless_kept)
        copy = made.copy_input(source, name=name)
        warnings = resources.enter_context(take_locks(request, sha256=copy.sha256, run=made.path))
        spill = Spill(made.path)
        resources.callback(spill.close)
        table = resources.enter_context(open_table(copy.path, request.table_options, name=name))
        yield OpenRun(
            request=request,
            folder=made,
            input=input_of(request, copy, table),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(*table.notes, *warnings),
            undo_of=RunUndone(id=record.id, folder=str(folder.resolve())),
            spill=spill,
        )


def _undoing(settings: Settings) -> Settings:
    """The settings of an undo: its columns have their own names, and it sets any lead back.

    That it only does where the lead still is what the run has made it.
    """
    run = settings.run.model_copy(update={"final_states": FinalStates.SEND})
    return settings.model_copy(update={"columns": ColumnSettings(), "run": run})


def _find_reverse(
    folder: Path, record: RunRecord, request: Request, *, workspace_id: str = ""
) -> _Found:
    """What takes a run's changes back. workspace_id: that each row names; "" for none."""
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        applied = applied_rows(journal)
        in_doubt = journal.in_doubt()
        in_doubt = in_doubt.filter(~in_doubt.is_in(applied.lines.implode()))
        lines = pl.concat([applied.lines, in_doubt]).sort()
        requests = pl.concat([pl.DataFrame(schema=REQUESTS), *plan.requests_of(lines)])
        before = leads_before(plan, journal)
        answered = applied.answered
        if request.settings.run.final_states is FinalStates.LEAVE:
            left = statuses_left(before.filter(pl.col("line").is_in(in_doubt.implode())))
            answered = pl.concat([answered, left])
    clear_word = request.settings.input.clear_word
    found = reverse(requests, before, answered, clear_word=clear_word)
    if workspace_id:
        rows = found.rows.with_columns(pl.lit(workspace_id).alias(Naming.WORKSPACE))
        found = replace(found, rows=rows)
    return _Found(
        reverse=found,
        moved=answered["answered_status"].count(),
        in_doubt=requests.filter(pl.col("line").is_in(in_doubt.implode())).height,
    )


def _as_csv(rows: pl.DataFrame) -> bytes:
    """The rows; only a tag is escaped, since reading takes that off in any file.

    Without, a label such as "=Cold" would be taken for a formula, and not be set back.
    """
    return rows.with_columns(escape(pl.col(Field.AI_TAG))).write_csv().encode()


def _unknown(folder: Path, lines: pl.Series) -> Advice:
    if not len(lines):
        return Advice()
    it, its = ("it was", "line") if len(lines) == 1 else ("they were", "lines")
    return Advice(
        f"{count_of(len(lines), 'lead')} of {folder} can't be set back: what {it} before was not "
        f"read ({its} {line_list(lines)}).",
        Remedy(Fix.KEEP_BEFORE),
    )


def _linked_runs(folder: Path, record: RunRecord, request: Request) -> Iterator[str]:
    """Name the runs that have to do with it: earlier undos, and retries, which it does not undo."""
    runs = own_runs(request.session.state_dir, folder.resolve().parent)
    this = EarlierRun(folder=folder, record=record)
    retries = [(this, retry) for retry in retries_of(record, runs)]
    for told, retry in (*retries, *retried_alone(parts_of(this), runs)):
        yield (
            f'The run "{told.folder}" was tried again by "{retry.folder}", whose changes are not '
            "undone by this."
        )
    for run in runs:
        if run.record.undo_of and run.record.undo_of.id == record.id:
            yield (
                f'The run "{folder}" was undone before, by "{run.folder}". Undoing it once more '
                "also takes back later runs that set the same values."
            )
    so = "its changes are not undone by this"
    yield from newer_note(folder, record, state_dir=request.session.state_dir, so=so)


def _notes(folder: Path, found: _Found) -> Iterator[str]:
    yield f'Leads that the run "{folder}" changed are set back to what they were.'
    if found.in_doubt:
        what = "it is" if found.in_doubt == 1 else "each is"
        yield (
            f"{count_of(found.in_doubt, 'lead')} may have been changed by requests without a clear "
            f"answer: {what} set back if it holds what the run asked for."
        )
    unsettable = found.reverse.unsettable
    if unsettable:
        yield (
            f"{count_of(unsettable, 'lead')} had a status that can't be set; "
            f"{'its row says' if unsettable == 1 else 'their rows say'} so."
        )
    if found.moved:
        yield (
            f"{count_of(found.moved, 'lead')} moved in a subsequence by the run: setting a tag "
            f"back may move {'it' if found.moved == 1 else 'them'} once more, and the server "
            "completes a lead that it takes out."
        )
    yield "E-mails that went out in the meantime can't be taken back."
