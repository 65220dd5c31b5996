"""What one start of the page works with: settings, the key, the file at hand, the job at work.

The key stays in this process's memory; no page and no file ever gets it.
"""

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import SecretStr, ValidationError

from batch.columns import Column
from batch.errors import BatchError, InputError, SettingsError, UsageError
from batch.jobs.listing import ListedRun, describe_run, list_runs
from batch.jobs.request import Request, Source
from batch.reading.glance import Glance, glance
from batch.recording.history import earlier_runs
from batch.settings.credentials import (
    KEY_VARIABLE,
    WORKSPACE_VARIABLE,
    Credentials,
    read_credentials,
)
from batch.settings.load import LoadedSettings, load_settings
from batch.settings.model import ApiSettings, Settings
from batch.web.checked import CheckedFile, check_file
from batch.web.steps import Again
from batch.web.uploads import Upload, UploadLimits
from batch.web.worker import Worker

_FIRST_ROWS = 5
_SHORTEST_KEY = 8  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where settings and runs are found. folder: for what is uploaded; gone with the page."""

    environ: Mapping[str, str]
    cwd: Path
    config_dir: Path | None
    state_dir: Path
    folder: Path
    config: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed on the settings page for this session: sections of keys, as in a file."""

    overrides: Mapping[str, Mapping[str, object]]
    key: SecretStr | None = None
    plans_first: bool = True


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
        self.worker = Worker(hide=self.hide)
        self._lock = threading.Lock()
        self._typed = Typed(overrides=overrides)
        self._loaded = self._load(overrides)
        self._file: FileAtHand | None = None
        self._secrets: set[str] = set()

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._loaded.settings

    @property
    def source(self) -> Path | None:
        """The settings file in use."""
        return self._loaded.source

    @property
    def plans_first(self) -> bool:
        """Whether the leads are read before anything is sent."""
        return self._typed.plans_first

    @property
    def runs_dir(self) -> Path:
        """Where runs are made."""
        return Path(self.settings.run.runs_dir)

    @property
    def file(self) -> FileAtHand | None:
        """The file at hand."""
        return self._file

    def change(self, overrides: Mapping[str, Mapping[str, object]], *, plans_first: bool) -> None:
        """Take other settings for this session. Raises SettingsError, and nothing is changed."""
        with self._lock:
            sections = self._typed.overrides.keys() | overrides.keys()
            merged = {
                section: {**self._typed.overrides.get(section, {}), **overrides.get(section, {})}
                for section in sections
            }
            self._loaded = self._load(merged)
            self._typed = replace(self._typed, overrides=merged, plans_first=plans_first)

    def take_key(self, key: SecretStr | None) -> None:
        """Keep a key for this session, or forget it. Raises SettingsError when it is none."""
        with self._lock:
            if key is not None:
                self._secrets.add(key.get_secret_value())
                self._credentials(self.settings, key)
            self._typed = replace(self._typed, key=key)

    def credentials(self, settings: Settings) -> Credentials:
        """The key that was typed, else that of the environment or the key file."""
        found = self._credentials(settings, self._typed.key)
        self._secrets.add(found.api_key.get_secret_value())
        return found

    def key_place(self) -> str:
        """Where the key comes from, in words; "" if there is none."""
        if self._typed.key is not None:
            return "typed for this session"
        if self.place.environ.get(KEY_VARIABLE, "").strip():
            return f"from the environment ({KEY_VARIABLE})"
        file = self.settings.api.api_key_file
        return f"from the file {file}" if file else ""

    def hide(self, text: str) -> str:
        """The text without any key that was ever at hand."""
        for secret in self._secrets:
            # A shorter one is no key but a slip, and stands in many a word.
            text = text.replace(secret, "***") if len(secret) >= _SHORTEST_KEY else text
        return text

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
        found = self.credentials(request.settings)
        asked = replace(request, api_key=found.api_key, workspace_id=found.workspace_id)
        return asked, found.notes

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
        return Again(folder=folder, state_dir=self.place.state_dir, with_key=self.credentials)

    def _load(self, overrides: Mapping[str, Mapping[str, object]]) -> LoadedSettings:
        place = self.place
        return load_settings(place.config, overrides, place.environ, place.cwd, place.config_dir)

    def _credentials(self, settings: Settings, key: SecretStr | None) -> Credentials:
        environ = dict(self.place.environ)
        if key is not None:
            environ[KEY_VARIABLE] = key.get_secret_value()
        typed = self._typed.overrides.get("api", {}).get("workspace_id")
        if typed:
            environ[WORKSPACE_VARIABLE] = str(typed)
        return read_credentials(settings, environ)

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
