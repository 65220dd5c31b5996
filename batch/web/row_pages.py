"""A page of a table's rows: filtered, searched and cut out on the server, in bounded memory."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from batch.columns import ADDED_SETS
from batch.errors import InputError
from batch.escape import unescape, unescape_text
from batch.recording.plain_file import is_plain
from batch.recording.plan_file import PLAN_FILE
from batch.recording.plan_sheet import PLAN_COLUMNS

PAGE_ROWS = 50
MOST_PAGE_ROWS = 200
LONGEST_CELL = 500  # characters that are shown; the files have all
_HEAD_BYTES = 1 << 20


First = tuple[str, tuple[frozenset[str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which rows are wanted. where: columns and the values they may have. search: any cell.

    first: a column, and groups of values whose rows come before all others.
    """

    offset: int = 0
    limit: int = PAGE_ROWS
    where: tuple[tuple[str, frozenset[str]], ...] = ()
    search: str = ""
    first: First | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Some rows of those that were asked for. rows: cells by column. total: all of those."""

    rows: list[dict[str, str]]
    total: int
    offset: int
    limit: int

    @property
    def last(self) -> int:
        """The number of the last row on it, from 1."""
        return self.offset + len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file of ours with the user's columns and those that were added.

    header: the user's names. The frame's columns are "0", "1", … for these, and the added ones.
    """

    header: tuple[str, ...]
    frame: pl.LazyFrame


def open_sheet(path: Path, *formats: tuple[str, ...]) -> Sheet:
    """A results.csv, failed.csv or plan.csv. Raises InputError when it is none.

    formats: the columns that each format of the file adds.
    """
    header, delimiter, added = _head(path, formats)
    own = len(header) - len(added)
    names = [*map(str, range(own)), *added]
    frame = pl.scan_csv(
        path,
        glob=False,
        separator=delimiter,
        infer_schema=False,
        new_columns=names,
        empty_string_is_null=False,
    )
    return Sheet(header=tuple(map(unescape_text, header[:own])), frame=frame)


def results_sheet(path: Path) -> Sheet:
    """A results.csv or failed.csv."""
    return open_sheet(path, *ADDED_SETS)


def plan_sheet(path: Path) -> Sheet:
    """A plan.csv."""
    return open_sheet(path, PLAN_COLUMNS)


def page_of(frame: pl.LazyFrame, query: Query, *, searched: list[str]) -> RowPage:
    """The rows that a query asks for. searched: the columns that are looked through."""
    for column, values in query.where:
        frame = frame.filter(pl.col(column).is_in(list(values)))
    if query.search:
        wanted = query.search.lower()
        cells = pl.col(searched).str.to_lowercase().str.contains(wanted, literal=True)
        frame = frame.filter(pl.any_horizontal(cells.fill_null(value=False)))
    limit = max(1, min(query.limit, MOST_PAGE_ROWS))
    offset = max(0, query.offset)
    parts = _in_order(frame, query.first)
    counts = [each.item() for each in pl.collect_all([part.select(pl.len()) for part in parts])]
    slices, passed = [], 0
    for part, count in zip(parts, counts, strict=True):
        start, end = max(0, offset - passed), min(count, offset + limit - passed)
        if start < end:
            slices.append(part.slice(start, end - start))
        passed += count
    found = pl.concat(pl.collect_all(slices or [frame.head(0)]))
    texts = found.with_columns(pl.all().cast(pl.String).fill_null(""))
    shown = texts.with_columns(unescape(pl.all()).str.slice(0, LONGEST_CELL))
    return RowPage(rows=shown.to_dicts(), total=passed, offset=offset, limit=limit)


def planned_values(folder: Path, lines: list[str]) -> dict[str, dict[str, str | None]]:
    """What was planned for rows of a run, by line: status, ai_tag, was_status, was_ai_tag.

    A tag of "" is none; None: not set, or not read. {} where the run has no plan file, or one that
    can't be read: then only what the results say is shown.
    """
    path = folder / PLAN_FILE
    if not is_plain(path):
        return {}
    of_all = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    carriers = of_all.select(
        "status",
        "was_status",
        ai_tag=pl.when("clear_tag").then(pl.lit("null")).otherwise("ai_tag"),
        was_ai_tag="was_tag",
        carrier="line",
    )
    wanted = of_all.select("line", pl.coalesce("carrier", "line").alias("carrier")).filter(
        pl.col("line").is_in(list(map(int, lines)))
    )
    try:
        found = wanted.join(carriers, on="carrier", how="left").drop("carrier").collect()
    except pl.exceptions.PolarsError:
        return {}
    return {str(row.pop("line")): row for row in found.to_dicts()}


def _in_order(frame: pl.LazyFrame, first: First | None) -> list[pl.LazyFrame]:
    """The rows in the parts in which they are shown. Sorting would need all of them in memory."""
    if first is None:
        return [frame]
    name, groups = first
    column = pl.col(name).fill_null("")
    others = ~column.is_in(frozenset[str]().union(*groups))
    return [*(frame.filter(column.is_in(group)) for group in groups), frame.filter(others)]


def _head(path: Path, formats: Iterable[tuple[str, ...]]) -> tuple[list[str], str, tuple[str, ...]]:
    """The names of all columns, the delimiter, which stands between the added ones, and these."""
    with path.open("rb") as file:
        text = file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    for added in formats:
        between = re.search(
            re.escape(added[0]) + r"(.)" + r"\1".join(map(re.escape, added[1:])), text
        )
        if between:
            header = next(csv.reader(text.splitlines(keepends=True), delimiter=between[1]))
            if tuple(header[-len(added) :]) == added:
                return header, between[1], added
    raise InputError(f"{path.name}: is no file of this program any more. Make it again.")
