"""Finding a run that broke off and would do what is asked now."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batch.errors import SettingsError
from batch.jobs.forecast import duration
from batch.jobs.job import OpenRun
from batch.jobs.linking import retries_of
from batch.jobs.preflight import Preflight
from batch.jobs.recorded import at_work, is_at_work
from batch.jobs.request import Request, command
from batch.model import Result
from batch.recording.folder import sha256_of
from batch.recording.history import EarlierRun, earlier_runs
from batch.recording.runfile import RunRecord, RunState, read_record
from batch.settings.load import restore_settings
from batch.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that broke off and would do what is asked now. age: since it stopped."""

    run: EarlierRun
    age: timedelta

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


def find_unfinished(opened: OpenRun, preflight: Preflight) -> Unfinished | None:
    """The run that `run` should go on with instead of starting anew; None if there is none.

    It has the same content, base address, workspace and judging settings. It is no retry, and was
    not planned: what somebody has looked at before it is sent is gone on with by `apply`. All runs
    that are known are looked at, and the latest of those counts: had it been finished, one before
    it would be out of date. So is one whose rows a retry has finished. Practice that is at work
    just now is none: each has a server of its own.
    """
    workspace_id = preflight.workspace.id if preflight.workspace else None
    request = opened.request
    runs = earlier_runs(request.state_dir, Path(request.settings.run.runs_dir))
    for run in runs:
        record = run.record
        before = record.workspace.id if record.workspace else None
        # Where either is not known, nobody can say that they are the same.
        if (
            before
            and before == workspace_id
            and _asks_the_same(record, request, opened.input.sha256)
        ):
            is_over = run.is_finished or any(
                retry.is_finished for retry in retries_of(record, runs)
            )
            return None if is_over or is_at_work(run.folder) else _unfinished(run)
    return None


def unfinished_in(out: Path, request: Request) -> Unfinished | None:
    """The unfinished run in the very folder that `--out` names; None if there is no run in it.

    Raises SettingsError when the run there is finished, or would not do what is asked, and
    LockedError while a process is at work on it.
    """
    if not (out / "run.json").is_file():
        return None
    run = EarlierRun(folder=out, record=read_record(out / "run.json"))
    is_there = run.record.base_url.lower() == request.settings.api.base_url.lower()
    options = request.key_options if is_there else ()
    if run.record.state is RunState.PLANNED:
        apply = command("apply", str(out), *options)
        raise SettingsError(f"{out}: holds a plan. Name another --out, or apply it: {apply}")
    if run.is_finished:
        raise SettingsError(f"{out}: holds a finished run. Name another --out, or leave it out.")
    sha256 = sha256_of(request.source.bytes_from, name=request.source.name)
    if not _asks_the_same(run.record, request, sha256):
        raise SettingsError(
            f"{out}: holds an unfinished run of other content or other settings. Name another "
            f"--out, or go on with that run: {command('resume', str(out), *options)}"
        )
    if is_at_work(out):
        raise at_work(out, run.record)
    return _unfinished(run)


def _unfinished(run: EarlierRun) -> Unfinished:
    return Unfinished(run=run, age=max(timedelta(), datetime.now(UTC) - run.stopped_at))


def _asks_the_same(record: RunRecord, request: Request, sha256: str) -> bool:
    """Whether a run was about the same rows at the same address, judged by the same settings."""
    is_own_kind = record.retry_of is None and record.undo_of is None and not record.is_planned
    if not is_own_kind or record.input.sha256 != sha256:
        return False
    settings = request.settings
    try:
        recorded = restore_settings(record.settings, where="run.json")
    except SettingsError:  # of another version: who names that run is told, a new one may go on
        return False
    return (
        record.sandbox == request.sandbox
        and (request.sandbox or record.base_url.lower() == settings.api.base_url.lower())
        and recorded.api.id_pattern == settings.api.id_pattern
        and recorded.columns == settings.columns
        and recorded.input == settings.input
        and record.tag_check == request.tag_check
        and (record.input.sheet, record.input.encoding, record.input.delimiter)
        == (request.sheet, request.encoding, request.delimiter)
        and record.input.campaign == request.campaign
    )
