"""Going on with an earlier run: everything but the key comes from its own folder.

Its settings, base address and workspace are those of run.json, its input is the copy, its labels
are those that its rows were judged by. Only how fast it goes can be changed.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from batch.errors import InputError, SettingsError
from batch.jobs.job import OpenRun, ReadyRun, access_of, hold_of, plan_forecast_s, plan_of
from batch.jobs.preflight import Preflight
from batch.jobs.question import ask_to_go_on
from batch.jobs.request import Request, Source
from batch.reading.table import open_table
from batch.recording.folder import InputCopy, RunFolder, sha256_of
from batch.recording.journal import JUDGED_NOTE, LABELS_NOTE, Journal
from batch.recording.runfile import RunRecord, read_record
from batch.sending.work import remaining_work
from batch.settings.load import restore_settings
from batch.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """An earlier run that can be gone on with. notes: sentences for the user."""

    opened: OpenRun
    record: RunRecord
    journal: Journal
    notes: tuple[str, ...]

    def judge(self, preflight: Preflight) -> ReadyRun:
        """Judge the input as it was judged before, and see what is left to send.

        Raises SettingsError when the key is of another workspace than the run.
        """
        _check_workspace(self.record, preflight)
        opened = self.opened
        kept = self.journal.kept(LABELS_NOTE)
        labels = tuple(json.loads(kept)) if kept else preflight.labels
        plan = plan_of(opened.request, opened.table, opened.request.rules(labels=labels))
        work = remaining_work(plan, self.journal)
        question = ask_to_go_on(
            plan,
            left=work.requests,
            run=str(opened.folder.path),
            workspace=self.record.workspace.name if self.record.workspace else None,
            base_url=opened.access.base_url,
            forecast_s=plan_forecast_s(work.requests, opened.request.settings),
        )
        return ReadyRun(
            opened=opened,
            workspace=self.record.workspace,
            labels=labels,
            plan=plan,
            work=work,
            question=question,
            hold=hold_of(preflight, opened.request.settings),
            record=self.record,
            journal=self.journal,
        )


def request_of(folder: Path, record: RunRecord, *, changed: Settings | None = None) -> Request:
    """What was asked of an earlier run; without its key. changed: its settings, as replaced."""
    where = str(folder / "run.json")
    return Request(
        source=Source(name=record.input.name, path=folder / record.input.copy_name),
        settings=changed or restore_settings(record.settings, where=where),
        sheet=record.input.sheet,
        encoding=record.input.encoding,
        delimiter=record.input.delimiter,
        tag_check=record.tag_check,
        sandbox=record.sandbox,
        repeated_options=_repeated_options(record),
    )


@contextmanager
def reopen_run(folder: Path, request: Request) -> Iterator[Reopened]:
    """Open an earlier run to go on with it.

    request: as `request_of` gives it, with the key, and with what is to go otherwise.
    Raises InputError when the folder is no run, or its copy of the input is damaged.
    """
    record = read_record(folder / "run.json")
    path = folder / record.input.copy_name
    if sha256_of(path) != record.input.sha256:
        raise InputError(
            f"{path}: the run's own copy of the input was changed since it began; expected the "
            f"content with sha256 {record.input.sha256[:12]}…. Bring it back, or start a new run."
        )
    with ExitStack() as resources:
        journal = resources.enter_context(closing(_journal_of(folder)))
        journal.settle_claims()
        begun = journal.kept(JUDGED_NOTE) is not None
        # Nothing was sent before the judged rows were recorded: then they are judged anew.
        request = replace(request, tag_check=request.tag_check and not begun)
        table = resources.enter_context(
            open_table(path, request.table_options, name=record.input.name)
        )
        opened = OpenRun(
            request=request,
            folder=RunFolder.of_run(folder),
            copy=InputCopy(
                path=path, size_bytes=record.input.size_bytes, sha256=record.input.sha256
            ),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=record.started_at,
        )
        yield Reopened(opened=opened, record=record, journal=journal, notes=_notes(record))


def _repeated_options(record: RunRecord) -> tuple[str, ...]:
    """What the next command on the failed rows must name to mean the same again."""
    target = ("--sandbox",) if record.sandbox else ("--base-url", record.base_url)
    return (*target, *([] if record.tag_check else ["--no-tag-check"]))


def _journal_of(folder: Path) -> Journal:
    path = folder / "journal.sqlite"
    return Journal.open(path) if path.exists() else Journal.create(path)


def _notes(record: RunRecord) -> tuple[str, ...]:
    original = record.input.original
    if original is None or not Path(original).is_file():
        return ()
    if sha256_of(Path(original)) == record.input.sha256:
        return ()
    return (f"{original} has changed since the run began; it goes on with its own copy of then.",)


def _check_workspace(record: RunRecord, preflight: Preflight) -> None:
    before, now = record.workspace, preflight.workspace
    if before is None or now is None or before.id == now.id:
        return
    raise SettingsError(
        f"The run belongs to the workspace {before.name} ({before.id}), the key to {now.name} "
        f"({now.id}). Use a key of {before.name}."
    )
