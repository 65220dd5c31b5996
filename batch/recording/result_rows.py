"""The rows of results.csv: the user's own cells, then their outcome, in the file's words.

Pure: frames in, a frame or bytes out. It knows no file and no journal.
"""

from collections.abc import Sequence
from io import BytesIO

import polars as pl

from batch.columns import ADDED_COLUMNS, result_header
from batch.escape import escape, escape_text
from batch.model import Reason

NOT_REACHED_MESSAGE = "The run ended before this row was sent."
_RESULT_OF = {reason.value: reason.result.value for reason in Reason}
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.3fZ"


def with_outcomes(rows: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Join rows with their outcomes, in the order of the rows; null without one.

    rows: `line`, then "0", "1", … as texts. outcomes: as the journal gives them.
    """
    return rows.join(outcomes, on="line", how="left", maintain_order="left")


def with_mended(rows: pl.DataFrame, mended: pl.DataFrame) -> pl.DataFrame:
    """Rows whose messages say what their mended cells were. mended: `line` and that, a text."""
    both = rows.join(mended, on="line", how="left", maintain_order="left")
    message = pl.concat_str("message", "mended", separator=" ", ignore_nulls=True)
    return both.with_columns(message.str.strip_chars_start(" ").alias("message")).drop("mended")


def result_rows(
    joined: pl.DataFrame,
    *,
    columns: int,
    stop_reason: str = "",
    mended: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The rows as they are written: the user's `columns` cells, then the added columns.

    A row without an outcome is unsent, not reached. Empty cells are null.
    stop_reason: why the run ended early, for the message of such rows; "" if it is not known.
    mended: as `with_mended` takes it; None where no cell was mended.
    """
    not_reached = f"{NOT_REACHED_MESSAGE} {stop_reason}".rstrip()
    recorded = pl.col("reason").is_not_null()
    reason = pl.col("reason").fill_null(Reason.NOT_REACHED.value)
    message = pl.when(recorded).then("message").otherwise(pl.lit(not_reached))
    if mended is not None:
        joined = with_mended(joined.with_columns(message.alias("message")), mended)
        message = pl.col("message")
    as_made = {  # every other one is a text of the journal's
        "line": pl.col("line"),
        "result": reason.replace_strict(_RESULT_OF, return_dtype=pl.String),
        "reason": reason,
        "http_status": pl.col("http_status"),
        "attempts": pl.col("attempts").fill_null(0),
        "elapsed_ms": pl.col("elapsed_ms"),
        "message": as_text_cell(message),
        "sent_at": as_time("sent_at_ms"),
    }
    return joined.select(
        *(as_text_cell(str(index)) for index in range(columns)),
        *(as_made.get(name, as_text_cell(name)).alias(name) for name in ADDED_COLUMNS),
    )


def header_row(header: Sequence[str]) -> pl.DataFrame:
    """The header as a frame of one row, so that the writer of the cells quotes it."""
    names = (escape_text(name) or None for name in result_header(header))
    return pl.DataFrame({str(index): [name] for index, name in enumerate(names)})


def to_csv(rows: pl.DataFrame, delimiter: str) -> bytes:
    """The rows as UTF-8 lines, quoted only where needed; no header."""
    buffer = BytesIO()
    rows.write_csv(buffer, include_header=False, separator=delimiter, quote_style="necessary")
    return buffer.getvalue()


def as_time(column: str) -> pl.Expr:
    """Unix milliseconds as a time in UTC."""
    return pl.from_epoch(column, time_unit="ms").dt.strftime(_TIME_FORMAT)


def as_text_cell(column: str | pl.Expr) -> pl.Expr:
    """A text as it is written: escaped, and null if empty, since Polars puts quotes round ""."""
    text = pl.col(column) if isinstance(column, str) else column
    return escape(pl.when(text != "").then(text))
