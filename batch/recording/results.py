"""results.csv, failed.csv and failed.xlsx: the user's own rows with their outcomes.

Every input row is in them once, in order: the sum is checked before a file is put in its place.
They can be made again from the run's copy of the input and its journal at any time. Streams: memory
does not grow with the rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from batch.errors import RunError
from batch.model import Reason, Result, Tally
from batch.reading.mended import Mend, notes_of
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.result_rows import header_row, result_rows, to_csv, with_outcomes

BATCH_ROWS = 50_000  # joined at a time: some tens of MB for a wide table
_BOM = b"\xef\xbb\xbf"  # without it spreadsheet programs take UTF-8 for the local encoding
_FAILED = pl.col("result").is_in([Result.ERROR.value, Result.UNSENT.value])


class Table(Protocol):
    """An input: how it was written, and its rows once more."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of its columns, as they were read."""

    @property
    def delimiter(self) -> str:
        """What separates the cells of a CSV input; a comma for any other."""

    @property
    def is_sheet(self) -> bool:
        """Whether it was a spreadsheet program's own file."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def mended(self) -> tuple[Mend, ...]:
        """Its cells that a person has mended."""

    def rows(self) -> Iterator[pl.DataFrame]:
        """Its rows in order: `line` (UInt32, rising), then "0", "1", … (String), one a column."""


class Outcomes(Protocol):
    """A journal, or several read as one."""

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The outcomes of the lines from first to last, as `Journal.rows` gives them."""

    def recorded(self) -> int:
        """How many lines have an outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """The files that were written, and the count of all input rows.

    failed_sheet: None if the input was no spreadsheet, or a sheet can't hold the rows.
    note: sentences for the user about files that are missing or have another name; often "".
    failure: why the sheet could not be written though the others were; "" if nothing failed.
    """

    results: Path
    failed: Path
    failed_sheet: Path | None
    tally: Tally
    rows: int
    note: str
    failure: str = ""


def write_results(
    table: Table,
    journal: Outcomes,
    folder: Path,
    *,
    stop_reason: str = "",
    suffix: str = "",
    rows: int | None = None,
) -> ResultFiles:
    """Write every input row to results.csv, and the rows to send again to failed.csv.

    stop_reason: why the run ended early; "" if it did not, or if that is not known.
    suffix: of the files' names, after `results` and `failed`. rows: how many there must be; None if
    nobody knows.
    A row without an outcome in the journal is unsent, not reached. Without failed rows failed.csv
    has its header alone, so that an older one is not taken for the present one.
    A file that another program has open stays, and results-2.csv is written instead.
    Raises RunError if the disk fails or the sum is wrong; earlier files then stay and are named.
    """
    results_name, failed_name = f"results{suffix}.csv", f"failed{suffix}.csv"
    sheet_name = f"failed{suffix}.xlsx"
    with (
        _name_earlier_files(folder, results_name, failed_name, sheet_name),
        AtomicFile(*_targets(folder, results_name)) as all_rows,
        AtomicFile(*_targets(folder, failed_name)) as failed_rows,
    ):
        count = _stream(table, journal, all_rows, failed_rows, stop_reason)
        _check_sum(count, journal, table.name, rows=count.rows if rows is None else rows)
        results = all_rows.publish()
        failed = failed_rows.publish()
    failure = ""
    try:
        with _name_earlier_files(folder, sheet_name):
            sheet, sheet_note = _write_sheet(table, failed, name=sheet_name)
    except RunError as error:
        sheet, sheet_note, failure = None, "", str(error)
    notes = [_other_name(results, results_name), _other_name(failed, failed_name), sheet_note]
    return ResultFiles(
        results=results,
        failed=failed,
        failed_sheet=sheet,
        tally=count.tally,
        rows=count.rows,
        note=" ".join(filter(None, notes)),
        failure=failure,
    )


@contextmanager
def _name_earlier_files(folder: Path, *names: str) -> Iterator[None]:
    """Name in a RunError which of these files are from before, since they look like new ones."""
    before = {name: _identity(folder / name) for name in names}
    try:
        yield
    except RunError as error:
        stayed = [
            name for name in names if before[name] and before[name] == _identity(folder / name)
        ]
        if not stayed:
            raise
        verb = "is" if len(stayed) == 1 else "are"
        raise RunError(f"{error} The {' and '.join(stayed)} there {verb} from before.") from error


def _identity(path: Path) -> int | None:
    """Tells a file from another that took its name; None without a file."""
    return path.stat().st_ino if path.is_file() else None


@dataclass(slots=True, kw_only=True)
class _Count:
    """Input rows, how many the journal has, and results by reason."""

    rows: int
    recorded: int
    tally: Tally


def _stream(
    table: Table,
    journal: Outcomes,
    all_rows: AtomicFile,
    failed_rows: AtomicFile,
    stop_reason: str,
) -> _Count:
    """Write every row to one file and the failed ones to the other."""
    count = _Count(rows=0, recorded=0, tally=Tally())
    mended = notes_of(table.mended)
    header = _BOM + to_csv(header_row(table.header), table.delimiter)
    all_rows.write(header)
    failed_rows.write(header)
    for part in parts_of(table):
        joined = with_outcomes(part, journal.rows(part["line"][0], part["line"][-1]))
        written = result_rows(
            joined, columns=len(table.header), stop_reason=stop_reason, mended=mended
        )
        count.rows += part.height
        count.recorded += joined.height - joined["reason"].null_count()
        for reason, rows in written["reason"].value_counts().iter_rows():
            count.tally[Reason(reason)] += rows
        all_rows.write(to_csv(written, table.delimiter))
        failed_rows.write(to_csv(written.filter(_FAILED), table.delimiter))
    return count


def parts_of(table: Table) -> Iterator[pl.DataFrame]:
    """A table's rows in frames of at most 50,000."""
    for frame in table.rows():
        yield from (part for part in frame.iter_slices(BATCH_ROWS) if part.height)


def _check_sum(count: _Count, journal: Outcomes, name: str, *, rows: int) -> None:
    """Raise unless every input row has one result and no outcome is left over."""
    if count.rows != rows:
        raise RunError(
            f"{name} has {count.rows:,} rows; expected the {rows:,} of all workspaces. No results "
            "were written; check that the run's folder was not changed."
        )
    if count.tally.total() != count.rows:
        raise RunError(
            f"{name} has {count.rows:,} rows, but {count.tally.total():,} results came out; "
            "expected one for each. No results were written; please report this as a bug."
        )
    recorded = journal.recorded()
    if count.recorded != recorded:
        raise RunError(
            f"The journal has outcomes for {recorded:,} lines, and {count.recorded:,} of them were "
            f"found in {name}; expected all. No results were written; "
            "check that the run's copy of the input was not changed."
        )


def _write_sheet(table: Table, failed: Path, *, name: str) -> tuple[Path | None, str]:
    """Write failed.xlsx if the input was a spreadsheet. Its path, and a note about it."""
    if not table.is_sheet:
        return None, ""
    # What writes sheets takes 15 ms to load.
    from batch.recording.failed_sheet import SheetLimitError, write_failed_sheet  # noqa: PLC0415

    targets = _targets(failed.parent, name)
    try:
        path = write_failed_sheet(failed, *targets, delimiter=table.delimiter)
    except SheetLimitError as limit:
        with disk_errors(targets[0]):
            targets[0].unlink(missing_ok=True)  # an older one must not be taken for the present one
        return None, f"{name} was not written: {limit}. {failed.name} has all of the rows."
    return path, _other_name(path, name)


def _targets(folder: Path, name: str) -> tuple[Path, Path]:
    """A file's path, and the one to take while another program has it open."""
    path = folder / name
    return path, path.with_stem(f"{path.stem}-2")


def _other_name(path: Path, name: str) -> str:
    if path.name == name:
        return ""
    return f"{name} is open in another program, so {path.name} was written instead."
