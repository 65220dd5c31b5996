"""Earlier runs of the same rows: unfinished ones to go on with, and retries of one another."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batch.advice import Fix, Remedy
from batch.api.address import address_of
from batch.errors import SettingsError
from batch.jobs.opening import OpenRun
from batch.jobs.preflight import Preflight
from batch.jobs.recorded import at_work, is_at_work, recorded_reading, recorded_settings
from batch.jobs.remembered import columns_of
from batch.jobs.request import Request, command
from batch.model import Result
from batch.reading.mended import mends_sha256
from batch.recording.folder import sha256_of
from batch.recording.history import EarlierRun, known_runs, own_runs
from batch.recording.parts import read_part
from batch.recording.run_list import find_listed
from batch.recording.runfile import PARTS, RunRecord, RunState, read_record
from batch.settings.model import Settings
from batch.wording.amounts import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that broke off and would do what is asked now. age: since it stopped.

    is_own: whether it is in the user's list of runs.
    """

    run: EarlierRun
    age: timedelta
    is_own: bool = True

    def is_recent(self, settings: Settings) -> bool:
        """Whether it may be gone on with without asking anybody."""
        return self.age < timedelta(hours=settings.run.resume_within_h)

    def __str__(self) -> str:
        record = self.run.record
        left = record.rows - sum(
            count for result, count in record.counts.items() if result is not Result.UNSENT
        )
        return (
            f"{self.run.folder}, an unfinished run of the same input, stopped "
            f"{duration(self.age.total_seconds())} ago with {left:,} of {record.rows:,} rows left"
        )


def find_unfinished(opened: OpenRun, preflight: Preflight | None) -> Unfinished | None:
    """The run that `run` should go on with instead of starting anew; None if there is none.

    preflight: None for a run of several workspaces, which goes on with such a run alone.
    It is in the user's own list, and has the same content, base address, workspace and judging
    settings: what merely lies in a folder of runs may say of any row that it is done. It is no
    retry, and was
    not planned: what somebody has looked at before it is sent is gone on with by `apply`. All such
    runs are looked at, and the latest of those counts: had it been finished, one before
    it would be out of date. So is one whose rows a retry has finished. Practice that is at work
    just now is none: each has a server of its own.
    """
    workspace_id = preflight.workspace.id if preflight and preflight.workspace else None
    request = opened.request
    runs = known_runs(request.session.state_dir, Path(request.settings.run.runs_dir)).own
    for run in runs:
        record = run.record
        before = record.workspace.id if record.workspace else None
        # Where either is not known, nobody can say that they are the same.
        is_same = bool(before) and before == workspace_id
        if (is_same if preflight else record.is_of_several) and _asks_the_same(
            record, request, opened.input.sha256
        ):
            is_over = run.is_finished or any(
                retry.is_finished for retry in retries_of(record, runs)
            )
            return None if is_over or is_at_work(run.folder) else _unfinished(run)
    return None


def unfinished_of_others(opened: OpenRun) -> Unfinished | None:
    """The latest run that would do what is asked now, but is not in the user's list of runs.

    Nothing that it says is believed; its path is told, to whoever knows it.
    """
    request = opened.request
    for run in known_runs(request.session.state_dir, Path(request.settings.run.runs_dir)).others:
        is_open = not run.is_finished and _asks_the_same(run.record, request, opened.input.sha256)
        if is_open and not is_at_work(run.folder):
            return _unfinished(run, is_own=False)
    return None


def newer_notes(opened: OpenRun) -> tuple[str, ...]:
    """What to say of runs that this version can't read, of which each may be an unfinished one."""
    request = opened.request
    known = known_runs(request.session.state_dir, Path(request.settings.run.runs_dir))
    return tuple(
        f"{run.refusal} It may be an unfinished run of the same input; it is left as it is."
        for run in known.newer
        if run.may_be_of(opened.input.sha256)
    )


def unfinished_in(out: Path, request: Request) -> Unfinished | None:
    """The unfinished run in the very folder that `--out` names; None if there is no run in it.

    Whoever names it vouches for it, so that it need not be in the user's list of runs.
    Raises SettingsError when the run there is finished, or would not do what is asked, InputError
    when its record says another address than the list, and LockedError while a process is at work
    on it.
    """
    if not (out / "run.json").is_file():
        return None
    run = EarlierRun(folder=out, record=read_record(out / "run.json"))
    is_own = find_listed(request.session.state_dir, out, run.record) is not None
    is_there = address_of(run.record.base_url) == address_of(request.settings.api.base_url)
    options = request.key_options if is_there else ()
    if run.record.state is RunState.PLANNED:
        apply = command("apply", str(out), *options)
        raise SettingsError(
            f"{out}: holds a plan.", Remedy(Fix.NAME_FOLDER), f"Or apply it: {apply}"
        )
    if run.is_finished:
        raise SettingsError(f"{out}: holds a finished run.", Remedy(Fix.NAME_FOLDER))
    sha256 = sha256_of(request.source.bytes_from, name=request.source.name)
    if not _asks_the_same(run.record, request, sha256):
        raise SettingsError(
            f"{out}: holds an unfinished run of other content or other settings.",
            Remedy(Fix.NAME_FOLDER),
            Remedy(Fix.RESUME, command("resume", str(out), *options)),
        )
    if is_at_work(out):
        raise at_work(out, run.record)
    return _unfinished(run, is_own=is_own)


def _unfinished(run: EarlierRun, *, is_own: bool = True) -> Unfinished:
    age = max(timedelta(), datetime.now(UTC) - run.stopped_at)
    return Unfinished(run=run, age=age, is_own=is_own)


def _asks_the_same(record: RunRecord, request: Request, sha256: str) -> bool:
    """Whether a run was about the same rows at the same address, judged by the same settings."""
    is_own_kind = record.retry_of is None and record.undo_of is None and not record.is_planned
    if not is_own_kind or record.input.sha256 != sha256:
        return False
    if record.input.mends_sha256 != mends_sha256(request.mended):
        return False
    settings = request.settings
    try:
        recorded = recorded_settings(record, where="run.json")
        is_there = address_of(record.base_url) == address_of(settings.api.base_url)
    except SettingsError:  # of another version: who names that run is told, a new one may go on
        return False
    return (
        record.sandbox == request.session.sandbox
        and (request.session.sandbox or is_there)
        and recorded.api.id_pattern == settings.api.id_pattern
        and recorded.columns.names() in columns_of(request)
        and recorded.input == settings.input
        and record.tag_check != request.guardrails.no_tag_check
        and recorded_reading(record) == request.reading
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRuns:
    """A run and all retries that go back to it, as they came. notes: of those that are gone."""

    runs: tuple[EarlierRun, ...]
    notes: tuple[str, ...]


def linked_runs(folder: Path, *, state_dir: Path) -> LinkedRuns:
    """The run that a run goes back to (or itself), and all retries of it that are known.

    Only runs in the user's own list are linked: a run that is not stands alone, since any other
    may say that it belongs to it. Raises InputError when the folder is no run.
    """
    record = read_record(folder / "run.json")
    this = EarlierRun(folder=folder, record=record)
    if find_listed(state_dir, folder, record) is None:
        note = f"{folder} is not in your list of runs, so it is told without its retries."
        return LinkedRuns(runs=(this,), notes=(note,))
    known = {run.record.id: run for run in own_runs(state_dir, folder.resolve().parent)}
    known[record.id] = this
    firsts, there = {first_of(record)}, set(known)
    if record.is_of_several or record.part_of:  # then retries of parts alone belong to it
        whole = known[record.part_of].record if record.part_of in known else record
        several = [
            run
            for run in known.values()
            if run.record.is_of_several and first_of(run.record) == first_of(whole)
        ]
        parts = {each.record.id: each for run in several for each in parts_of(run)}
        there |= parts.keys()
        if record.part_of:
            known = parts | known
        else:
            firsts |= {first_of(each.record) for each in parts.values()}
    newer = newer_note(folder, record, state_dir=state_dir, so="what it did is not told")
    runs = [run for run in known.values() if first_of(run.record) in firsts]
    runs.sort(key=lambda run: run.record.started_at)
    return LinkedRuns(runs=tuple(runs), notes=(*_gone(runs, there), *newer))


def parts_of(run: EarlierRun) -> Iterator[EarlierRun]:
    """The parts of a run of several workspaces. Raises InputError where one is damaged."""
    for part in run.record.parts:
        folder = run.folder / PARTS / part.folder
        yield EarlierRun(folder=folder, record=read_part(run.folder, run.record, part))


def retries_of(record: RunRecord, runs: Iterable[EarlierRun]) -> list[EarlierRun]:
    """Those of the runs that tried rows of this very one again.

    Those of a part are tried with the others where the run whose part it is was.
    """
    ids = {record.id, record.part_of}
    return [run for run in runs if run.record.retry_of and run.record.retry_of.id in ids]


def retried_alone(
    parts: Iterable[EarlierRun], runs: Sequence[EarlierRun]
) -> Iterator[tuple[EarlierRun, EarlierRun]]:
    """Each part that was tried again by itself, with the latest such retry among the runs."""
    retries = {run.record.retry_of.id: run for run in reversed(runs) if run.record.retry_of}
    return ((part, retries[part.record.id]) for part in parts if part.record.id in retries)


def retried_note(
    folder: Path, record: RunRecord, *, state_dir: Path, options: Sequence[str] = ()
) -> tuple[str, ...]:
    """What to say to who sends rows of a run that was tried again before; nothing if it wasn't.

    options: what finds the key.
    """
    retries = retries_of(record, own_runs(state_dir, folder.resolve().parent))
    newer = newer_note(folder, record, state_dir=state_dir, so="what it has done is sent once more")
    if not retries:
        return newer
    last = retries[0]  # the newest comes first
    told = f"{folder} was tried again by {last.folder}: what that has done is sent once more."
    if last.is_finished and not last.record.counts.get(Result.ERROR):
        return (told, *newer)
    word = "retry" if last.is_finished else "resume"
    instead = command(word, str(last.folder), *options)
    return (f"{told} To go on from there instead: {instead}", *newer)


def newer_note(folder: Path, record: RunRecord, *, state_dir: Path, so: str) -> tuple[str, ...]:
    """What to say of runs that this version can't read, of which each may be a retry of a run.

    so: what that means.
    """
    known = known_runs(state_dir, folder.resolve().parent)
    return tuple(
        f"{run.refusal} If that run is a retry of {folder}, {so}."
        for run in known.newer
        if run.may_be_of(record.input.sha256) and run.folder.resolve() != folder.resolve()
    )


def first_of(record: RunRecord) -> str:
    """The id of the run that a run goes back to: its own, unless it is a retry."""
    return record.retry_of.first if record.retry_of else record.id


def _gone(runs: list[EarlierRun], there: Collection[str]) -> list[str]:
    """Name the runs of which these are retries, and which are not there any more."""
    gone = {
        run.record.retry_of.folder: run.folder
        for run in runs
        if run.record.retry_of and run.record.retry_of.id not in there
    }
    return [
        f"{folder} is gone, of which {retry} is a retry: what only that run knew is not told."
        for folder, retry in gone.items()
    ]
