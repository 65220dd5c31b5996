"""A Parquet file as a grid: typed columns as the text that a person would type."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.reading.content import FREE_EXPANSION, MAX_EXPANSION, max_unpacked_bytes
from batch.reading.cost import check_cells, check_columns
from batch.reading.grid import Grid, add_lines, column_names, short_text
from batch.reading.parquet_contents import FooterError, read_contents

_ROWS_A_BATCH = 100_000
_CELLS_A_BATCH = 2_000_000  # of a wide file
_BYTES_A_BATCH = 32 << 20  # of text: pages hold a long text once, but work on it copies it
_FREE_TEXT = 4 << 30  # bytes of text that any file may hold, for the same reason
_FIRST_LINE = 2  # row + 1, as if the header were line 1


def open_parquet(path: Path, *, name: str) -> Grid:
    """The grid of a Parquet file.

    Raises InputError when it can't be read, or by its own account unpacks to far more than its
    size: a page of some bytes may hold millions of rows.
    """
    allowed = max_unpacked_bytes(path.stat().st_size)
    try:
        contents = read_contents(path)
        if contents.unpacked_bytes > allowed:
            raise InputError(
                f"{name}: its {contents.rows:,} rows take {contents.unpacked_bytes >> 20:,} MB "
                f"once unpacked, more than {FREE_EXPANSION >> 20} MB and {MAX_EXPANSION} times the "
                "file, as no spreadsheet does. Save its data as CSV if you trust it."
            )
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = frame.collect_schema()
        height = frame.select(pl.len()).collect().item()
    except (FooterError, pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{name}: can't be read as Parquet; it is damaged or incomplete."
        ) from error
    check_columns(len(schema), name=name)
    for column, dtype in schema.items():
        if dtype in (pl.Binary, pl.Object):
            raise InputError(
                f"{name}: column {short_text(column)} holds bytes; expected text or numbers."
            )
    texts = [
        _as_text(column, dtype).alias(key)
        for key, (column, dtype) in zip(column_names(len(schema)), schema.items(), strict=True)
    ]
    most_text = max(_FREE_TEXT, allowed)
    return Grid(
        header=tuple(schema),
        batches=partial(
            _batches, frame.select(texts), height, tuple(schema), most_text=most_text, name=name
        ),
    )


def _batches(
    texts: pl.LazyFrame, height: int, header: tuple[str, ...], *, most_text: int, name: str
) -> Iterator[pl.DataFrame]:
    """The grid's frames. Raises InputError for a cell that is too long, or too much text."""
    rows = max(1, min(_ROWS_A_BATCH, _CELLS_A_BATCH // max(1, len(header))))
    text = 0
    for offset in range(0, height, rows):
        frame = add_lines(texts.slice(offset, rows).collect(), _FIRST_LINE + offset)
        check_cells(frame, header, name=name)
        lengths = frame.select(
            pl.sum_horizontal(pl.exclude("line").str.len_bytes().cast(pl.Int64)).cum_sum().alias("")
        )
        text += lengths.item(-1, 0)
        if text > most_text:
            raise InputError(
                f"{name} line {_FIRST_LINE + offset}: its cells have more than "
                f"{most_text >> 20:,} MB of text up to here. Save its data as CSV if you trust it."
            )
        start = 0
        for run in (lengths.to_series() // _BYTES_A_BATCH).rle().struct.field("len"):
            yield frame.slice(start, run)
            start += run


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    cell = pl.col(column)
    if dtype == pl.Boolean:
        return pl.when(cell).then(pl.lit("TRUE")).when(~cell).then(pl.lit("FALSE"))
    if dtype.is_nested():
        # {"column": [1, 2]} without its wrapping
        return pl.when(cell.is_not_null()).then(
            pl.struct(cell.alias("")).struct.json_encode().str.slice(4).str.head(-1)
        )
    if dtype.is_float():
        return cell.cast(pl.String).str.strip_suffix(".0").str.replace("e", "E", literal=True)
    if dtype == pl.Duration:
        return cell.dt.to_string("iso")
    text = cell.cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        return text.str.replace(r"\.0+([+-]|$)", "$1")  # no fraction of a second, as it was typed
    return text
