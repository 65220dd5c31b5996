"""plan.parquet: what a run does, row by row, written once before its run.json counts.

Whatever comes later (resume, retry, apply, undo, verify, report, results) reads it, so that no row
is judged again, by this version of the program or a later one. What the server answered is the
journal's. Owns the file's shape; `judging/planned.py` has the shape of its rows.
"""

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, cast

import polars as pl
from polars.io.plugins import register_io_source

from batch.errors import RunError
from batch.judging.leads import LEAD, REQUESTS
from batch.judging.plan import BEFORE, LAST_LINE, NOT_SENT, Plan, errors
from batch.judging.planned import BASELINE, PLANNED
from batch.lines import only_lines
from batch.model import Field
from batch.recording.atomic_file import AtomicFile

PLAN_FILE = "plan.parquet"
_BLOCK_ROWS = 50_000  # read at once, and a row group of the file: some MB
_INTERRUPTIBLE_S = 0.1
_ID_FIELDS = (Field.CAMPAIGN_ID.value, Field.CAMPAIGN_LEAD_ID.value)  # LEAD as a table calls it


class PlanFile:
    """The rows of a plan file, read a block at a time.

    Keeps in memory the first line of each block, and the lines of requests that stand for several.
    """

    def __init__(self, path: Path, *, rows: int) -> None:
        """rows: of the file."""
        self._scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        self._rows = rows
        self._starts: list[int] = []
        pairs = [pl.DataFrame(schema={"line": pl.UInt32, "carrier": pl.UInt32})]
        for number in range(-(-rows // _BLOCK_ROWS)):
            block = self._block(number, "line", "carrier")
            self._starts.append(block["line"][0])
            pairs.append(block.filter(pl.col("carrier") != pl.col("line")))
        self._shared = (
            pl.concat(pairs)
            .group_by("carrier")
            .agg(others=pl.col("line").sort())
            .select(line="carrier", lines=pl.concat_list("carrier", "others"))
            .sort("line")
        )

    def requests(self, lines: pl.Series | None = None) -> Iterator[pl.DataFrame]:
        """As `PlanRows.requests`."""
        columns = [name for name in REQUESTS if name != "lines"]
        for block in self._blocks(lines, "carrier", *columns):
            rows = block.filter(pl.col("carrier") == pl.col("line"))
            wanted = rows if lines is None else only_lines(rows, lines)
            if wanted.height:
                shared = self._shared.filter(
                    pl.col("line").is_between(wanted["line"][0], wanted["line"][-1])
                )
                yield wanted.join(shared, on="line", how="left", maintain_order="left").select(
                    REQUESTS.names()
                )

    def not_sent(self, *, only_wrong: bool = False) -> Iterator[pl.DataFrame]:
        """As `PlanRows.not_sent`; what was found in a cell is in its sentence alone."""
        for block in self._blocks(None, "carrier", "line", "reason", "column", "message"):
            rows = block.filter(pl.col("carrier").is_null()).with_columns(found=pl.lit(""))
            yield (errors(rows) if only_wrong else rows).select(NOT_SENT.names())

    def partly_sent(self) -> Iterator[tuple[int, str]]:
        """As `PlanRows.partly_sent`."""
        is_told = pl.col("message").is_not_null()
        for block in self._blocks(None, "line", "reason", "message"):
            told = block.filter(pl.col("reason").is_null() & is_told)
            yield from told.select("line", "message").iter_rows()

    def planned(self) -> Iterator[pl.DataFrame]:
        """As `PlanRows.planned`."""
        return self._blocks(None, *PLANNED.names())

    def before(self, first_line: int = 0, last_line: int = LAST_LINE) -> pl.DataFrame:
        """As `PlanRows.before`."""
        names = {"status": "was_status", "ai_tag": "was_tag", "read_at_ms": "was_at_ms"}
        rows = self.rows_between(first_line, last_line, "line", "reason", *names.values())
        read = rows.filter(pl.col("was_at_ms").is_not_null())
        return read.select("line", "reason", **names).select(BEFORE.names())

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The ids of the rows from the first line to the last: line, campaignId, campaignLeadId."""
        rows = self.rows_between(first_line, last_line, "line", *LEAD)
        return rows.rename(dict(zip(LEAD, _ID_FIELDS, strict=True)))

    def baseline(self) -> pl.DataFrame:
        """What the leads are expected to be, as BASELINE."""
        columns = ("is_expected", *BASELINE)
        found = [block.filter("is_expected") for block in self._blocks(None, *columns)]
        none = pl.DataFrame(schema=BASELINE)
        return pl.concat([none, *(rows.select(BASELINE.names()) for rows in found)])

    def carried(self) -> set[int]:
        """The lines whose request is carried by the row of another line."""
        return {line for lines in self._shared["lines"] for line in lines[1:]}

    def lines(self) -> pl.Series:
        """The lines of all rows (UInt32, rising)."""
        none = pl.Series("line", [], dtype=pl.UInt32)
        return pl.concat([none, *(block["line"] for block in self._blocks(None, "line"))])

    def left_out_lines(self) -> pl.Series:
        """The lines that carry a request which is not sent after all (UInt32, rising)."""
        none = pl.Series("line", [], dtype=pl.UInt32)
        is_left_out = pl.col("reason").is_not_null() & (pl.col("carrier") == pl.col("line"))
        blocks = self._blocks(None, "line", "carrier", "reason")
        return pl.concat([none, *(block.filter(is_left_out)["line"] for block in blocks)])

    def shared_carriers(self) -> pl.Series:
        """The lines whose request stands for other lines, too (UInt32, rising)."""
        return self._shared["line"]

    def rows_between(self, first_line: int, last_line: int, *columns: str) -> pl.DataFrame:
        """These columns of the rows from the first line to the last."""
        lines = pl.Series("line", [first_line, last_line], dtype=pl.UInt32)
        numbers = range(
            max(0, bisect_right(self._starts, first_line) - 1),
            bisect_right(self._starts, last_line),
        )
        blocks = [self._block(number, *columns) for number in numbers]
        none = pl.DataFrame(schema={name: PLANNED[name] for name in columns})
        return pl.concat([none, *blocks]).filter(pl.col("line").is_between(lines[0], lines[1]))

    def _blocks(self, lines: pl.Series | None, *columns: str) -> Iterator[pl.DataFrame]:
        """These columns, in line order; lines: blocks that have none of them are left out."""
        ends = (*self._starts[1:], LAST_LINE + 1)
        for number, (start, end) in enumerate(zip(self._starts, ends, strict=False)):
            if lines is not None:
                position = lines.search_sorted(start, "left")
                if position == len(lines) or lines[position] >= end:
                    continue
            yield self._block(number, *columns)

    def _block(self, number: int, *columns: str) -> pl.DataFrame:
        return self._scan.select(columns).slice(number * _BLOCK_ROWS, _BLOCK_ROWS).collect()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlan(Plan):
    """A plan in its file. sha256: of the file's bytes."""

    source: PlanFile
    sha256: str


def keep_plan(plan: Plan, frames: Iterable[pl.DataFrame], path: Path) -> KeptPlan:
    """Write a plan into its file, whole or not at all, to be read from there from now on.

    frames: all its rows, as PLANNED, in line order. Raises RunError when the disk fails.
    """
    sha256 = write_plan(path, frames)
    values = {each.name: getattr(plan, each.name) for each in fields(Plan)}
    return KeptPlan(**{**values, "source": PlanFile(path, rows=plan.rows), "sha256": sha256})


def write_plan(path: Path, frames: Iterable[pl.DataFrame]) -> str:
    """Write a plan file; gives the sha256 of its bytes. Takes and raises as `keep_plan` does."""
    with AtomicFile(path) as new_file:
        out = _Out(new_file)
        _sink(frames, out)
        new_file.publish()
    return out.digest.hexdigest()


class _Out:
    """The file that Polars writes to. Polars replaces our errors by its own; `error` keeps ours."""

    def __init__(self, file: AtomicFile) -> None:
        self.digest = hashlib.sha256()
        self.error: RunError | None = None
        self._file = file

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except RunError as error:
            self.error = error
            raise OSError(str(error)) from error
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: publishing flushes."""


def _sink(frames: Iterable[pl.DataFrame], out: _Out) -> None:
    """Let Polars write the frames in a thread of its own, since it ignores Ctrl-C meanwhile."""
    is_over = False
    failed: list[BaseException] = []

    def give(*_: Any) -> Iterator[pl.DataFrame]:  # noqa: ANN401 - what might be pushed down
        for frame in frames:
            if is_over:
                return
            yield frame

    def write() -> None:
        try:
            register_io_source(give, schema=PLANNED).sink_parquet(
                cast("IO[bytes]", out),  # as much of one as Polars needs
                compression="zstd",
                compression_level=1,
                row_group_size=_BLOCK_ROWS,
                statistics=False,
            )
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    thread = threading.Thread(target=write, name="plan file")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_INTERRUPTIBLE_S)
    finally:
        is_over = True
        thread.join()
    if failed:
        raise out.error or failed[0]
