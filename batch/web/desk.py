"""What one start of the page works with: settings, the key, the file at hand, the job at work.

The key stays in this process's memory; no page and no file ever gets it.
"""

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from batch.columns import Column
from batch.errors import BatchError, InputError, SettingsError, UsageError
from batch.jobs.listing import ListedRun, describe_run, list_runs
from batch.jobs.request import Request, Source
from batch.reading.glance import Glance, glance
from batch.recording.history import earlier_runs
from batch.settings.load import CONFIG_NAME
from batch.settings.model import ApiSettings, Settings
from batch.web.checked import CheckedFile, check_file
from batch.web.session import Place, Session
from batch.web.steps import Again
from batch.web.uploads import Upload, UploadLimits
from batch.web.worker import Worker

_FIRST_ROWS = 5
_SHORTEST_KEY = 8  # characters
_WITH_FILE = f"sendkit-batch web --config ./{CONFIG_NAME}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAtHand:
    """The file that was uploaded, and what is known of it.

    columns: headers that were chosen. campaign: the one of all rows, if it was named.
    problem: why it can't be judged; "" if it was.
    """

    upload: Upload
    columns: Mapping[Column, str]
    sheet: str = ""
    campaign: str = ""
    first: Glance | None = None
    checked: CheckedFile | None = None
    problem: str = ""


class Desk:
    """One for each start of the page. All of it may be called from several threads.

    is_closing: set it when the page is about to end, and nobody is told of progress any more.
    """

    def __init__(
        self,
        place: Place,
        overrides: Mapping[str, Mapping[str, object]],
        limits: UploadLimits | None = None,
    ) -> None:
        """overrides: of options. Raises SettingsError."""
        self.place = place
        self.limits = limits or UploadLimits()
        self.is_closing = False
        self.session = Session(place, overrides)
        self.worker = Worker(hide=self.session.hide)
        self._lock = threading.Lock()
        self._file: FileAtHand | None = None

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
        return self._file

    def take_file(self, upload: Upload) -> None:
        """Judge a file that was uploaded; what is wrong with it is kept with it."""
        before = self._file
        self._judge(FileAtHand(upload=upload, columns=self.settings.columns.names()))
        if before and not self.worker.is_busy:  # a job that has just begun still copies it
            shutil.rmtree(before.upload.folder, ignore_errors=True)

    def choose(self, columns: Mapping[Column, str], *, sheet: str, campaign: str) -> None:
        """Judge the file at hand by other columns."""
        if self._file:
            chosen = replace(self._file, columns=columns, sheet=sheet, campaign=campaign)
            self._judge(replace(chosen, problem=""))

    def request(self, *, practice: bool) -> tuple[Request, tuple[str, ...]]:
        """What is asked about the file at hand, with the key unless it is practice, and notes.

        Raises SettingsError when there is no usable key, and InputError without a file.
        """
        if self._file is None:
            raise InputError("There is no file. Choose one first.")
        request = self._request_of(self._file, practice=practice)
        if practice:
            return request, ()
        access, notes = self.session.open_gate()
        return replace(request, access=access), notes

    def runs(self) -> list[ListedRun]:
        """All earlier runs, the newest first."""
        return list_runs(self.place.state_dir, self.runs_dir)

    def run_of(self, run_id: str) -> ListedRun:
        """One of them. Raises UsageError when there is none of this id."""
        for run in earlier_runs(self.place.state_dir, self.runs_dir):
            if run_id and run.record.id == run_id:
                return describe_run(run.folder, run.record, state_dir=self.place.state_dir)
        raise UsageError("There is no such run. Its folder may have been moved or removed.")

    def again(self, run_id: str) -> Again:
        """An earlier run, for a job that goes back to it. Raises UsageError."""
        folder = self.run_of(run_id).folder
        return Again(
            folder=folder,
            state_dir=self.place.state_dir,
            own=self.session.load_own(),
            open_gate=self.session.open_gate,
        )

    def _judge(self, file: FileAtHand) -> None:
        try:
            file = replace(file, first=self._glance(file), checked=None)
            request = self._request_of(file, practice=True)
            checked = check_file(request, file.upload.folder, most_rows=self.limits.rows)
            file = replace(file, checked=checked)
        except BatchError as error:
            file = replace(file, checked=None, problem=str(error))
        with self._lock:
            self._file = file

    def _glance(self, file: FileAtHand) -> Glance:
        options = self._request_of(file, practice=True).table_options
        return glance(file.upload.path, options, name=file.upload.name, rows=_FIRST_ROWS)

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
        settings = self.settings.model_copy(update={"columns": columns})
        if practice:  # it never sees the real address or key file
            api = ApiSettings(id_pattern=settings.api.id_pattern)
            settings = settings.model_copy(update={"api": api})
        return Request(
            source=Source(name=file.upload.name, path=file.upload.path),
            settings=settings,
            state_dir=self.place.state_dir,
            sheet=file.sheet or None,
            campaign=file.campaign or None,
            sandbox=practice,
        )
