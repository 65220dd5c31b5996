"""A Parquet file as a grid: typed columns as the text that a person would type."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.reading.grid import Grid, column_names, shown, with_lines

_ROWS_A_BATCH = 100_000
_FIRST_LINE = 2  # row + 1, as if the header were line 1


def open_parquet(path: Path, *, name: str) -> Grid:
    """The grid of a Parquet file. Raises InputError when it can't be read."""
    try:
        frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = frame.collect_schema()
        height = frame.select(pl.len()).collect().item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{name}: can't be read as Parquet; it is damaged or cut short."
        ) from error
    for column, dtype in schema.items():
        if dtype in (pl.Binary, pl.Object):
            raise InputError(
                f"{name}: column {shown(column)} holds bytes; expected text or numbers."
            )
    texts = [
        _as_text(column, dtype).alias(key)
        for key, (column, dtype) in zip(column_names(len(schema)), schema.items(), strict=True)
    ]
    return Grid(header=tuple(schema), batches=partial(_batches, frame.select(texts), height))


def _batches(texts: pl.LazyFrame, height: int) -> Iterator[pl.DataFrame]:
    for offset in range(0, height, _ROWS_A_BATCH):
        frame = texts.slice(offset, _ROWS_A_BATCH).collect()
        yield with_lines(frame, _FIRST_LINE + offset)


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
