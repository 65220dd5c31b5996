"""run.json: what a run is and how far it got, for people and other processes to read.

Owns the file's shape and how often it is rewritten. No secret may reach it: the caller leaves them
out of `settings`. It may come from anybody: what is not as this program writes it is no record.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

from batch.columns import column_of
from batch.errors import InputError, NewerFormatError, RunError
from batch.model import Reason, Result, Tally
from batch.recording.atomic_file import AtomicFile
from batch.recording.plain_file import read_plain

FORMAT: Final = 4  # of run.json: raised when an earlier version would read it wrongly
WITHOUT_PARTS: Final = (
    3  # the format of a run of one workspace, which earlier versions read rightly
)
_OF_PARTS = {"parts", "part_of", "is_unreached"}  # fields that earlier formats have not
PARTS = "parts"  # the folder of a run's parts, one a workspace
MOST_BYTES = 1 << 20  # ours take 5 kB, and 0.1 kB for each campaign's name
# `input` and the endings that tell the format, two of a packed file: no way out of the folder.
_COPY = re.compile(r"input(\.[^./\\]{0,11}){0,2}")
UPDATE_EVERY_S = 1.0  # a rewrite costs a flush of the disk; nobody reads faster


class RunState(StrEnum):
    """Where a run stands, in one word."""

    PLANNED = "planned"  # judged and looked at; nothing is sent before somebody applies it
    RUNNING = "running"
    FINISHED = "finished"  # every row has its final outcome
    STOPPED = "stopped"  # ended early by a rule, resumable
    INTERRUPTED = "interrupted"  # ended early by a person or the system, resumable
    FAILED = "failed"  # ended early by a fault on this machine


def _in_utf8(name: object) -> object:
    """The name with escapes for those of its bytes that are no UTF-8, which no JSON text holds."""
    return name.encode(errors="backslashreplace").decode() if isinstance(name, str) else name


def _own_copy(name: str) -> str:
    """The name unless it is none that this program gives a copy of an input."""
    if not (_COPY.fullmatch(name) and name.isprintable()):
        raise ValueError("no name of a copy")
    return name


FileName = Annotated[str, BeforeValidator(_in_utf8)]
CopyName = Annotated[str, AfterValidator(_own_copy)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
RunId = Annotated[str, StringConstraints(pattern="^([0-9a-f]{16})?$")]  # "" before there were ids
Time = Annotated[AwareDatetime, Field(strict=False)]  # from text, also behind a validator
Line = Annotated[int, Field(ge=1, le=1 << 31)]
Width = Annotated[int, Field(ge=0, le=1 << 20)]
Named = Annotated[str, AfterValidator(lambda name: str(column_of(name)))]
Count = Annotated[int, Field(ge=0, le=1 << 53)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RunFound(_Record):
    """How the input was read, as `reading.spreadsheet.Found` has it."""

    header_line: Line
    columns: Mapping[Named, Width]
    read_width: Width
    own_width: Width
    width: Width
    is_ours: bool
    sheet: str | None = None
    encoding: str | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    mends: bool = False
    passed_over: Annotated[tuple[Line, ...], Field(strict=False)] = ()  # as Time


class RunInput(_Record):
    """The input as it was copied into the run's folder, and how it is read.

    copy_name: the copy's name in the run's folder. original: where it was copied from, as an
    absolute path; None for standard input. campaign, workspace: of all rows that name none.
    found: what was found out of it; None of a run of format 1.
    mends_sha256: of the mends.csv with its mended cells; None if there are none.
    """

    name: FileName
    sha256: Sha256
    size_bytes: Count
    copy_name: CopyName = "input.csv"
    original: FileName | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: Line | None = None
    campaign: str | None = None
    workspace: str | None = None
    found: RunFound | None = None
    mends_sha256: Sha256 | None = None


class RunLink(_Record):
    """An earlier run that a retry goes back to.

    id: of that run, which stays when its folder is moved. folder: as an absolute path.
    first: the id of the run that is no retry, to which all retries of retries go back.
    lines_sha256: of the lines.csv of a retry of format 1, which says what rows it is about.
    """

    id: RunId
    folder: FileName
    first: RunId
    lines_sha256: Sha256 | None = None


class RunUndone(_Record):
    """The run whose changes are taken back. folder: as an absolute path."""

    id: RunId
    folder: FileName


class RunWorkspace(_Record):
    """The workspace that the key belongs to."""

    id: str
    name: str


class RunPart(_Record):
    """A workspace's rows in a run of several: a run of its own, in a folder below `parts`."""

    workspace: RunWorkspace
    folder: Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,59}$")]
    rows: Count


class RunBudget(_Record):
    """What was learnt of the pace that the server allows.

    source: "headers", "search" (found by trying) or "setting". rate_per_s: requests a second.
    limit, window_s, remaining: of the tightest budget that headers tell of, else None.
    """

    source: str
    rate_per_s: float
    limit: int | None = None
    window_s: float | None = None
    remaining: int | None = None


class RunMove(_Record):
    """What the server did with some leads in a subsequence, as `model.Move`."""

    action: str
    subsequence: str
    leads: Count


class RunBy(_Record):
    """Who was at work on a run, and by what command; "" for what is not known."""

    user: FileName = ""
    host: FileName = ""
    command: FileName = ""
    at: Time


class RunRecord(_Record):
    """The content of run.json.

    base_url: where its requests go, which stands here alone.
    settings: as they were in force, without the address and without secrets.
    requests: attempts that were made. moves: in subsequences, by all that was sent.
    pace: the pace and what holds it back, in words. budget: what was learnt of it.
    stop_reason: why it ended early, in words.
    sandbox: whether it sends to a practice sandbox. tag_check: whether tags are checked.
    labels_failed: whether they were not, since the workspace's labels could not be read.
    pid, working_since: of the process that is, or last was, at work on it. worked_s: how long all
    of them were, without the time in which a person was asked; None where nobody has counted.
    resumed: how often it was gone on with. retry_of: the run whose rows it tries once more.
    is_planned: whether its rows are compared with leads that were all read, as those of a plan and
    of its retries are. planned_at: when a plan that is to be applied was made.
    undo_of: the run whose changes it takes back, also of a retry of that.
    plan_sha256: of its plan file; None of a run of format 1, which has none.
    ran_by: who began it, and who went on with it, the latest last; not all of very many.
    campaigns: names of the workspace's campaigns by id, as far as they are known.
    section: of its workspace under `[workspaces]`, whose key it is sent with; "" for any other key.
    parts: of a run of several workspaces, whose own plan and journal have the rows of none.
    part_of: the id of the run of several workspaces of which this is a part.
    is_unreached: whether its key was not proven, so that its rows were held against no labels, and
    no guardrail was passed.
    """

    format: Literal[1, 2, 3, 4] = 3
    id: RunId = ""
    state: RunState
    exit_code: int | None = None
    stop_reason: str = ""
    pace: str = ""
    budget: RunBudget | None = None
    versions: Mapping[str, str]
    input: RunInput
    base_url: str
    workspace: RunWorkspace | None
    section: str = ""
    settings: Mapping[str, JsonValue]
    pid: int
    started_at: Time
    working_since: Time | None = None
    worked_s: Annotated[float, Field(ge=0)] | None = None
    ended_at: Time | None = None
    rows: Count
    counts: Mapping[Result, Count]
    reasons: Mapping[Reason, Count]
    requests: Count = 0
    moves: Annotated[tuple[RunMove, ...], Field(strict=False)] = ()  # as Time
    sandbox: bool = False
    tag_check: bool = True
    labels_failed: bool = False
    resumed: Count = 0
    retry_of: RunLink | None = None
    is_planned: bool = False
    planned_at: Time | None = None
    undo_of: RunUndone | None = None
    plan_sha256: Sha256 | None = None
    ran_by: Annotated[tuple[RunBy, ...], Field(strict=False)] = ()  # as Time
    campaigns: Mapping[str, FileName] = {}
    parts: Annotated[tuple[RunPart, ...], Field(strict=False)] = ()  # as Time
    part_of: RunId | None = None
    is_unreached: bool = False

    @model_validator(mode="after")
    def _has_parts_by_its_format(self) -> "RunRecord":
        """Take parts only where an earlier version would have refused them."""
        if self.format != FORMAT and (self.parts or self.part_of is not None):
            raise ValueError("parts of another format")
        if self.parts and self.part_of is not None:
            raise ValueError("a part of parts")
        folders = {part.folder for part in self.parts}
        ids = {part.workspace.id for part in self.parts}
        if min(len(folders), len(ids)) < len(self.parts):
            raise ValueError("a part twice")
        return self

    @property
    def tally(self) -> Tally:
        """Its rows by reason; of a run of before there were reasons here, none."""
        return Tally(self.reasons)

    @model_validator(mode="before")
    @classmethod
    def _with_one_address(cls, said: object) -> object:
        """Take a record of before, which names its address among the settings, too.

        Where both differ, neither counts. Practice had the user's there, which it never spoke to.
        """
        settings = said.get("settings") if isinstance(said, dict) else None
        api = settings.get("api") if isinstance(settings, dict) else None
        if not (isinstance(said, dict) and isinstance(settings, dict) and isinstance(api, dict)):
            return said
        among_settings = api.get("base_url", said.get("base_url"))
        if among_settings != said.get("base_url") and said.get("sandbox") is not True:
            raise ValueError("two addresses")
        rest = {name: value for name, value in api.items() if name != "base_url"}
        return {**said, "settings": {**settings, "api": rest}}

    @property
    def took_s(self) -> float | None:
        """How long it was at work; of an earlier version's run, from its beginning to its end."""
        if self.worked_s is not None or self.ended_at is None:
            return self.worked_s
        return max(0.0, (self.ended_at - self.started_at).total_seconds())

    @property
    def is_of_several(self) -> bool:
        """Whether it is a run of several workspaces; perhaps none of them has a row."""
        return self.format == FORMAT and self.part_of is None

    @property
    def own_rows(self) -> int:
        """How many rows its own plan has: all, but for those of its parts."""
        return self.rows - sum(part.rows for part in self.parts)

    @property
    def has_baseline(self) -> bool:
        """Whether its folder says what its leads are expected to be."""
        return self.is_planned or self.undo_of is not None


class NewerRecordError(NewerFormatError):
    """A newer version of this program wrote a run.json. sha256: of its input, None if unknown."""

    def __init__(self, told: str, *, sha256: str | None) -> None:
        super().__init__(told)
        self.sha256 = sha256


class _NewerRecord(BaseModel):
    """All that is read of the record of a newer version, where any other field may differ."""

    format: Annotated[int, Field(strict=True, gt=FORMAT, le=1 << 31)]
    versions: JsonValue = None
    input: JsonValue = None

    @property
    def maker(self) -> str:
        """Which version wrote it, in words; "" where it does not say so as we do."""
        said = self.versions.get("sendkit-batch") if isinstance(self.versions, dict) else None
        is_version = isinstance(said, str) and said.isascii() and said.isprintable()
        return f", made by version {said:.40}" if is_version else ""

    @property
    def sha256(self) -> str | None:
        """Of the copied input; None where it does not say so as we do."""
        said = self.input.get("sha256") if isinstance(self.input, dict) else None
        return said if isinstance(said, str) else None


def read_record(path: Path, *, dir_fd: int | None = None) -> RunRecord:
    """The record in a run.json. Raises InputError when it is none.

    Raises NewerRecordError when a newer version of this program wrote it.
    dir_fd: of the folder that the path is in, if it is open.
    """
    try:
        content = read_plain(path, most_bytes=MOST_BYTES, dir_fd=dir_fd)
        return RunRecord.model_validate_json(content)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: is not there. Name the folder of a run. If one was killed before it had this "
            "file, it sent nothing: start it again with `run`."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: can't be read: {error.strerror}. Name the folder of a run."
        ) from error
    except ValidationError as error:
        with suppress(ValidationError):
            newer = _NewerRecord.model_validate_json(content)
            raise NewerRecordError(
                f"{path}: found a run of format {newer.format}{newer.maker}; expected format "
                f"{FORMAT}. Use the version of this program that made it.",
                sha256=newer.sha256,
            ) from error
        raise InputError(
            f"{path}: is no record of a run of this version. Name the folder of a run."
        ) from error


class RunFile:
    """run.json in its place: readers see one whole record after another.

    clock: seconds that only rise. Both methods block for a flush of the disk, and raise RunError
    when it fails.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._written_at_s: float | None = None

    def write(self, record: RunRecord) -> None:
        """Write now: the first record, a new state, the last one."""
        self._written_at_s = self._clock()
        with AtomicFile(self._path) as new_file:
            left_out = None if record.format > WITHOUT_PARTS else _OF_PARTS
            text = record.model_dump_json(indent=2, exclude=left_out)
            new_file.write(text.encode() + b"\n")
            new_file.publish()

    def update(self, record: RunRecord) -> bool:
        """Write unless the last write is less than a second ago; whether it was written.

        What can't be written now is left for the next time: it only shows how far the run is.
        """
        last_s = self._written_at_s
        if last_s is not None and self._clock() - last_s < UPDATE_EVERY_S:
            return False
        try:
            self.write(record)
        except RunError:
            return False
        return True
