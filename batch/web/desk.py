"""What one start of the page works with: its session, the file at hand, the job at work, the runs.

Everything that a route asks for goes through here; the key is the session's.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import ValidationError

from batch.api.sendkit import Access
from batch.columns import Column
from batch.errors import InputError, SettingsError, UsageError
from batch.jobs.past_run import PastRun
from batch.jobs.request import NamedAccess, PracticeGround, Reading, Request, Source
from batch.jobs.request import Session as RequestSession
from batch.jobs.requesting import asked_again, changed_by, guardrails_of, overrides_of
from batch.jobs.runs import ListedRun, Runs, describe_run, list_runs
from batch.recording.history import own_runs
from batch.recording.runfile import RunRecord
from batch.settings.load import LoadedSettings
from batch.settings.model import ApiSettings, Settings
from batch.settings.options import CliOptions
from batch.web.inspection import Ask
from batch.web.mending import mended_with
from batch.web.options import Typed, options_of, problems_of
from batch.web.session import Place, Session
from batch.web.tray import FileAtHand, Inspect, Tray, in_a_process
from batch.web.uploads import Upload, UploadLimits
from batch.web.worker import Worker

_ON_PAGE = "on the local page"  # what a report says in a command's place


class Desk:
    """One for each start of the page. All of it may be called from several threads.

    is_closing: set it when the page is about to end, and nobody is told of progress any more.
    pruned: what came of the last tidying up, in sentences.
    """

    def __init__(
        self,
        place: Place,
        overrides: Mapping[str, Mapping[str, object]],
        limits: UploadLimits | None = None,
        inspect: Inspect = in_a_process,
    ) -> None:
        """overrides: of options. Raises SettingsError."""
        self.place = place
        self.limits = limits or UploadLimits()
        self.is_closing = False
        self.pruned: tuple[str, ...] = ()
        self.session = Session(place, overrides)
        self.worker = Worker(hide=self.session.hide)
        self._practice = PracticeGround()
        self.tray = Tray(
            place.folder,
            self.limits,
            ask_of=self._ask_of,
            inspect=inspect,
            is_busy=lambda: self.worker.is_busy,
            is_closing=lambda: self.is_closing,
            hide=self.session.hide,
        )

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.session.settings

    @property
    def runs_dir(self) -> Path:
        """Where runs are made."""
        return Path(self.settings.run.runs_dir)

    @property
    def file(self) -> FileAtHand | None:
        """The file at hand."""
        return self.tray.file

    def take_file(self, upload: Upload) -> None:
        """Judge a file that was uploaded. Raises InputError as `Tray.take` does."""
        self.tray.take(upload, self.settings.columns.names())

    def choose(self, columns: Mapping[Column, str], reading: Reading) -> None:
        """Judge the file at hand by other columns. Raises InputError as `Tray.choose` does.

        Where another line is to be the header, the columns are found anew.
        """
        before = self.file
        if before is None:
            return
        if reading.header_row != before.reading.header_row:
            columns = self.settings.columns.names()
        self.tray.choose(before, columns=columns, reading=reading, is_new=False)

    def mend(self, file: FileAtHand, line: int, cells: Mapping[Column, str]) -> None:
        """Judge the file at hand with other cells in one of its lines. Raises InputError.

        file: whose cells were seen. cells: as `mended_with` takes them.
        """
        row = file.checked and file.checked.row_of(line)
        if not row:
            raise InputError(f"There is no row in line {line:,}.")
        self.tray.choose(file, mended=mended_with(file.mended, line, row[0], cells))

    def take_mends_back(self, file: FileAtHand, line: int) -> None:
        """Judge the file at hand without the mends of a line. Raises InputError."""
        self.tray.choose(file, mended=tuple(each for each in file.mended if each.line != line))

    def problems_of(self, options: Typed) -> dict[str, str]:
        """What is wrong with options that were typed, each by its name."""

        def check(one: CliOptions) -> None:
            guardrails_of(one)
            self.session.load_with(overrides_of(one))

        return problems_of(options, check)

    def request(self, *, practice: bool, options: Typed) -> tuple[Request, tuple[str, ...]]:
        """What is asked about the file at hand, with the key unless it is practice, and notes.

        options: that were typed for it.
        Raises SettingsError when there is no usable key, and InputError without a file.
        """
        file = self.tray.file_to_send(options)
        request = self._request_of(file, practice=practice)
        if practice:
            return request, ()
        access, named, notes = self.session.open_gates(self._loaded_for(file))
        session = replace(request.session, access=access, workspaces=named)
        return replace(request, session=session), notes

    def begin_practice(self) -> PracticeGround:
        """Where practice goes on from plan to undo, until it is begun anew or the page ends."""
        self.end_practice()
        self._practice = PracticeGround()
        return self._practice

    def end_practice(self) -> None:
        """End the sandbox of practice, if there is one."""
        self._practice.end()

    def practice_of(self, record: RunRecord) -> PracticeGround | None:
        """Where a practice run goes on; None if its sandbox is gone, or it is no practice."""
        access = self._practice.access
        is_there = record.sandbox and access is not None and access.base_url == record.base_url
        return self._practice if is_there else None

    def runs(self) -> Runs:
        """All earlier runs, the newest first."""
        return list_runs(self.place.state_dir, self.runs_dir)

    def run_of(self, run_id: str) -> ListedRun:
        """One of them. Raises UsageError when there is none of this id."""
        for run in own_runs(self.place.state_dir, self.runs_dir):
            if run_id and run.record.id == run_id:
                return describe_run(run.folder, run.record, state_dir=self.place.state_dir)
        raise UsageError("There is no such run. Its folder may have been moved or removed.")

    def past_run(self, run_id: str, *, note: Callable[[str], None], options: CliOptions) -> PastRun:
        """An earlier run, for a job that goes back to it. Raises UsageError.

        note: shows what should be known of the key. options: that were typed for the job.
        """

        def open_gate(loaded: LoadedSettings) -> Access:
            access, notes = self.session.open_gate(loaded)
            for each in notes:
                note(each)
            return access

        def open_gates(loaded: LoadedSettings) -> tuple[Access, tuple[NamedAccess, ...]]:
            access, named, notes = self.session.open_gates(loaded)
            for each in notes:
                note(each)
            return access, named

        def change(request: Request) -> Request:
            return asked_again(
                request,
                settings=changed_by(options, request.settings),
                guardrails=guardrails_of(options),
                command=_ON_PAGE,
            )

        run = self.run_of(run_id)
        return PastRun(
            folder=run.folder,
            practice=self.practice_of(run.record),
            state_dir=self.place.state_dir,
            load_own=self.session.load_own,
            open_gate=open_gate,
            open_gates=open_gates,
            change=change,
        )

    def _loaded_for(self, file: FileAtHand) -> LoadedSettings:
        return self.session.load_with(overrides_of(options_of(file.options)))

    def _ask_of(self, file: FileAtHand, folder: Path) -> Ask:
        request = self._request_of(file, practice=True)
        return Ask(
            name=file.upload.name,
            path=file.upload.path,
            folder=folder,
            state_dir=request.session.state_dir,
            settings=request.settings.public(),
            reading=request.reading,
            guardrails=request.guardrails,
            mended=file.mended,
            seen=self.session.seen_workspaces(self._loaded_for(file)),
            remembers=file.is_new,
            unpacked_bytes=self.limits.unpacked_bytes,
            rows=self.limits.rows,
        )

    def _request_of(self, file: FileAtHand, *, practice: bool) -> Request:
        try:
            columns = self.settings.columns.model_validate(
                {field.value: header for field, header in file.columns.items()}
            )
        except ValidationError as error:
            raise SettingsError(
                "These columns can't be chosen: expected another one for each, by a name without "
                "unseen characters. Rename the column in the file."
            ) from error
        settings = self._loaded_for(file).settings.model_copy(update={"columns": columns})
        if practice:  # it never sees the real address or key file
            api = ApiSettings(id_pattern=settings.api.id_pattern)
            settings = settings.model_copy(update={"api": api})
        options = replace(options_of(file.options), **asdict(file.reading), sandbox=practice)
        return Request(
            source=Source(name=file.upload.name, path=file.upload.path),
            settings=settings,
            session=RequestSession(
                state_dir=self.place.state_dir, sandbox=practice, command=_ON_PAGE
            ),
            reading=file.reading,
            guardrails=guardrails_of(options),
            options=options,
            mended=file.mended,
            mapped=frozenset(
                column
                for column, header in file.columns.items()
                if self.settings.columns.names().get(column) != header
            ),
        )
