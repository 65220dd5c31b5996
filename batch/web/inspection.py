"""What is found out about an uploaded file before a job begins, as values that two processes share.

`inspect` opens the file. The page calls it through `reader` alone, in another process: a file may
freeze or kill whatever reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import TypeAdapter

from batch.columns import Column
from batch.errors import BatchError, InputError
from batch.jobs.request import Guardrails, Reading, Request, Session, Source
from batch.reading.content import Format, detect_format, expands_beyond, unpack
from batch.reading.mended import Mend
from batch.reading.spreadsheet import FirstRows, read_first_rows, read_sheet_names
from batch.recording.seen_workspaces import SeenWorkspaces
from batch.settings.load import restore_settings
from batch.web.checked import CheckedFile, check_file, mapped_in, write_mended_sheet
from batch.web.remedies import on_page
from batch.web.row_pages import LONGEST_CELL
from batch.web.shown_rows import MOST_COLUMNS

_MB = 1 << 20
_FIRST_ROWS = 5
_MOST_SHEETS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Which file is to be looked into, and how. Holds no secret.

    name: what people call it. folder: empty, for what is made of the file. settings: as
    `Settings.public` gives them. unpacked_bytes, rows: the most that are taken.
    remembers: whether columns that were confirmed before are used. guardrails: as they are set.
    mended: cells that were mended. is_for_sheet: whether only the sheet with them is wanted.
    seen: as `Session` has it.
    """

    name: str
    path: Path
    folder: Path
    state_dir: Path
    settings: Mapping[str, Any]
    unpacked_bytes: int
    rows: int
    remembers: bool = False
    reading: Reading = field(default_factory=Reading)
    guardrails: Guardrails = field(default_factory=Guardrails)
    mended: tuple[Mend, ...] = ()
    is_for_sheet: bool = False
    seen: SeenWorkspaces | None = None

    def to_json(self) -> bytes:
        """For the reader."""
        return _ASK.dump_json(self)

    @staticmethod
    def from_json(text: bytes) -> "Ask":
        """As `to_json` gave it. Raises ValueError."""
        return _ASK.validate_json(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What was found. first: how the file begins. checked: None where it can't be judged.

    sheets: the names of a workbook's. problem: why it can't be judged; "" if it was.
    proposed: what names the columns that seem to be meant, where some are missing.
    is_refused: whether the page does not take it at all, whatever columns are chosen.
    trouble: the traceback of an error that nobody expected.
    """

    first: FirstRows | None = None
    sheets: tuple[str, ...] = ()
    checked: CheckedFile | None = None
    problem: str = ""
    proposed: Mapping[Column, str] = field(default_factory=dict)
    is_refused: bool = False
    trouble: str = ""

    def to_json(self) -> bytes:
        """For the page."""
        return _INSPECTED.dump_json(self)

    @staticmethod
    def from_json(text: bytes) -> "Inspected":
        """As `to_json` gave it. Raises ValueError."""
        return _INSPECTED.validate_json(text)


def inspect(ask: Ask) -> Inspected:
    """Judge a file, and leave its rows and problems in the folder. Raises for the unexpected."""
    found = Inspected()
    try:
        _check_takes(ask)
    except InputError as error:
        return Inspected(problem=on_page(error), is_refused=True)
    try:
        if ask.is_for_sheet:
            write_mended_sheet(_request_of(ask), ask.folder)
            return found
        found = replace(found, sheets=read_sheet_names(ask.path, name=ask.name)[:_MOST_SHEETS])
        request = _request_of(ask)
        first = read_first_rows(ask.path, request.table_options, name=ask.name, rows=_FIRST_ROWS)
        above, rows = map(_shown, (first.above, first.rows))
        found = replace(found, first=replace(first, above=above, rows=rows))
        return replace(found, checked=check_file(request, ask.folder, most_rows=ask.rows))
    except BatchError as error:
        return replace(found, problem=on_page(error), proposed=mapped_in([error.advice]))


def _check_takes(ask: Ask) -> None:
    """Raise InputError for what the page never takes."""
    if not ask.path.stat().st_size:
        raise InputError(f"{ask.name}: is empty (0 bytes).")
    if expands_beyond(ask.path, ask.unpacked_bytes):
        raise InputError(
            f"{ask.name}: holds more than {ask.unpacked_bytes // _MB:,} MB once it is unpacked. "
            "Unpack it yourself if you trust it, and use the command line."
        )
    with TemporaryDirectory() as scratch:
        plain = unpack(ask.path, scratch=Path(scratch), name=ask.name)
        if detect_format(plain, name=ask.name) is Format.PARQUET:  # a few bytes may be any number
            raise InputError(f"{ask.name}: is {Format.PARQUET}. Only the command line takes those.")


def _request_of(ask: Ask) -> Request:
    return Request(
        source=Source(name=ask.name, path=ask.path),
        settings=restore_settings(ask.settings, where=ask.name),
        session=Session(
            state_dir=ask.state_dir, sandbox=True, remembers=ask.remembers, seen=ask.seen
        ),
        reading=ask.reading,
        guardrails=ask.guardrails,
        mended=ask.mended,
    )


def _shown(
    rows: tuple[tuple[int, tuple[str, ...]], ...],
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return tuple(
        (line, tuple(cell[:LONGEST_CELL] for cell in cells[:MOST_COLUMNS])) for line, cells in rows
    )


_ASK = TypeAdapter(Ask)
_INSPECTED = TypeAdapter(Inspected)
