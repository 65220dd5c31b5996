"""A file that was judged for the page: its counts, and its rows and problems on disk.

Holds no logic of its own: `jobs.check` judges.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import PlainSerializer, PlainValidator

from batch.advice import Advice, Fix, Remedy
from batch.columns import Column
from batch.errors import InputError
from batch.jobs.check import Checked, check, write_problems
from batch.jobs.remembered import options_with_remembered
from batch.jobs.request import Request
from batch.model import Reason, Result, Tally
from batch.reading.table import Table, open_table
from batch.web.mending import write_mended
from batch.web.remedies import on_page
from batch.web.row_pages import LONGEST_CELL, Query, RowPage, page_of
from batch.wording.amounts import duration
from batch.wording.questions import what_changes

_BATCH_ROWS = 50_000
_BATCH_BYTES = 64 << 20  # whoever shows a page of rows reads one batch at a time
PROBLEMS_NAME, MENDED_NAME = "problems.csv", "mended.xlsx"
# A tally that goes from one process to another as plain JSON.
CountedReasons = Annotated[
    Tally,
    PlainValidator(lambda counts: Tally({Reason(name): count for name, count in counts.items()})),
    PlainSerializer(lambda tally: {reason.value: count for reason, count in tally.items()}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """What `check` says of a file.

    header: the user's columns. fields: the position of each that is read in it.
    place: which lines and cells of the file these are: sheet, header's line, encoding, delimiter.
    proposed: what names the columns that seem to be meant, where the file lacks some.
    rows, sendable, requests: counts. changes: what they change, in words. tally: what is not sent.
    forecast: how long sending takes, in words. refusal: why it can't be sent so; "" if it can.
    folder: where its rows and problems are.
    remembered: the columns that are read as they were confirmed before.
    """

    name: str
    header: tuple[str, ...]
    fields: Mapping[Column, int]
    place: tuple[str | None, int, str | None, str | None]
    notes: tuple[str, ...]
    proposed: Mapping[Column, str]
    rows: int
    sendable: int
    requests: int
    changes: str
    tally: CountedReasons
    forecast: str
    refusal: str
    folder: Path
    remembered: Mapping[Column, str] = field(default_factory=dict)

    def is_cell_of(self, other: "CheckedFile", column: Column) -> bool:
        """Whether a column's cells are those that were judged another time."""
        return self.place == other.place and self.fields.get(column) == other.fields.get(column)

    @property
    def own_fields(self) -> Mapping[Column, int]:
        """Those of the user's columns; ids that an earlier run looked up stand behind them."""
        return {column: at for column, at in self.fields.items() if at < len(self.header)}

    def row_of(self, line: int) -> tuple[Mapping[Column, str], str] | None:
        """The user's columns that are read of a line, and what is wrong; None for no row.

        As far as a page shows them.
        """
        rows = pl.scan_parquet(self.folder / "rows-*.parquet").filter(pl.col("line") == line)
        marks = pl.scan_parquet(self.folder / "marks.parquet").select("line", "message")
        cells = [pl.col(str(at)).alias(each) for each, at in self.own_fields.items()]
        found = rows.join(marks, on="line", how="left").select(*cells, "message").fill_null("")
        for row in found.collect().to_dicts():
            return {column: row[column] for column in self.own_fields}, row["message"]
        return None

    @property
    def mended(self) -> Path:
        """The whole sheet with its mended cells, as text; there once it was asked for."""
        return self.folder / MENDED_NAME

    @property
    def problems(self) -> Path:
        """All problems as a CSV file."""
        return self.folder / PROBLEMS_NAME

    def page(self, query: Query) -> RowPage:
        """Rows with what was found wrong about them: "0", "1", …, line, reason, column, message."""
        rows = pl.scan_parquet(self.folder / "rows-*.parquet")
        marks = pl.scan_parquet(self.folder / "marks.parquet")
        both = rows.join(marks, on="line", how="left", maintain_order="left")
        searched = [*map(str, range(len(self.header))), "message"]
        return page_of(both.with_columns(pl.col("result").fill_null("")), query, searched=searched)


def mapped_in(texts: Iterable[str]) -> dict[Column, str]:
    """What texts advise to map, for a form to propose."""
    parts = (part for text in texts if isinstance(text, Advice) for part in text.parts)
    remedies = (part for part in parts if isinstance(part, Remedy) and part.fix is Fix.MAP_COLUMN)
    return {column: name for each in remedies for column, name in each.columns if name}


def check_file(request: Request, folder: Path, *, most_rows: int) -> CheckedFile:
    """Judge a file, and put its rows and problems where pages of them can be had.

    Raises InputError when it can't be read, or has more rows than the page takes.
    """
    _write_rows(request, folder, most_rows=most_rows)
    # Whether clears are meant is asked before they are sent.
    guardrails = replace(request.guardrails, allow_clears=True)
    with check(replace(request, guardrails=guardrails)) as checked:
        plan, table, found = checked.plan, checked.table, checked.table.found
        write_problems(plan.problems(), folder / PROBLEMS_NAME, read_from=request.source.path)
        _write_marks(checked, folder)
        return CheckedFile(
            name=request.source.name,
            header=table.header,
            fields=dict(table.fields),
            place=(found.sheet, found.header_line, found.encoding, found.delimiter),
            notes=tuple(map(on_page, (*table.notes, *checked.missing))),
            proposed=mapped_in(checked.missing),
            rows=plan.rows,
            sendable=plan.sendable_rows,
            requests=plan.requests,
            changes=what_changes(plan),
            tally=Tally(plan.tally),
            forecast=duration(checked.forecast_s),
            refusal=on_page(checked.refusal or ""),
            folder=folder,
            remembered=table.remembered,
        )


def write_mended_sheet(request: Request, folder: Path) -> None:
    """Write the whole of a file with its mended cells, as `write_mended` does."""
    with _opened(request) as table:
        write_mended(table, folder / MENDED_NAME)


def _opened(request: Request) -> Table:
    if request.source.path is None:
        raise ValueError("the page reads files")
    options = options_with_remembered(request)
    return open_table(request.source.path, options, name=request.source.name)


def _write_rows(request: Request, folder: Path, *, most_rows: int) -> None:
    rows = part = 0
    with _opened(request) as table:
        for frame in table.rows():
            shown = frame.with_columns(pl.col(pl.String).str.slice(0, LONGEST_CELL))
            row_bytes = shown.estimated_size() // max(1, shown.height) + 1
            for piece in shown.iter_slices(min(_BATCH_ROWS, int(_BATCH_BYTES // row_bytes) + 1)):
                rows += piece.height
                if rows > most_rows:
                    raise InputError(
                        f"{table.name}: has more than {most_rows:,} rows. Split it, or use the "
                        "command line, which takes any number."
                    )
                piece.write_parquet(folder / f"rows-{part:06}.parquet", compression="lz4")
                part += 1
        if not part:
            texts = dict.fromkeys(map(str, range(len(table.header))), pl.String)
            empty = pl.DataFrame(schema={"line": pl.UInt32, **texts})
            empty.write_parquet(folder / "rows-000000.parquet")


_MARKS = pl.Schema(
    {
        "line": pl.UInt32(),
        "result": pl.String(),
        "reason": pl.String(),
        "column": pl.String(),
        "message": pl.String(),
    }
)


def _write_marks(checked: Checked, folder: Path) -> None:
    """What is to be said of rows that are not sent."""
    problems = (
        (each.line, Result.ERROR.value, each.reason.value, str(each.column or ""), each.message)
        for each in checked.plan.problems()
    )
    skipped = (
        (line, each.reason.result.value, each.reason.value, "", each.message)
        for outcomes in checked.plan.judged()
        for each in outcomes
        for line in each.lines
        if each.reason.result is Result.SKIPPED
    )
    marks = pl.DataFrame([*problems, *skipped], schema=_MARKS, orient="row")
    marks.write_parquet(folder / "marks.parquet", compression="lz4")


def skipped_reasons(tally: Tally) -> list[tuple[Reason, int]]:
    """The reasons of rows that are not sent, in the order of their definition."""
    return [(reason, count) for reason in Reason if (count := tally[reason])]
