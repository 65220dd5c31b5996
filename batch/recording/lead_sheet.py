"""Campaign leads as a spreadsheet that can be edited and run back: CSV, or text cells."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import polars as pl

from batch.escape import escape
from batch.model import Field
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.failed_sheet import write_failed_sheet
from batch.recording.result_rows import to_csv

_BOM = b"\xef\xbb\xbf"  # without it spreadsheet programs take UTF-8 for the local encoding
_NAME = pl.concat_str("first_name", "last_name", separator=" ").str.strip_chars()
_COLUMNS = {
    Field.CAMPAIGN_ID.value: pl.col("campaign_id"),
    Field.CAMPAIGN_LEAD_ID.value: pl.col("campaign_lead_id"),
    "email": pl.col("email"),
    "name": _NAME,
    "company": pl.col("company"),
    Field.STATUS.value: pl.col("status"),
    Field.AI_TAG.value: pl.col("ai_tag"),
}
# A tag may be called "=Hot", and a server may say anything. Reading removes the apostrophe from
# these two again, in any file; a sheet has it, too, since spreadsheet programs would save such a
# text cell as a formula without a value.
_READ_BACK = (Field.STATUS.value, Field.AI_TAG.value)


def write_leads(leads: Iterable[pl.DataFrame], out: Path, tag: str | None) -> int:
    """Write leads to a file that appears whole or not at all. The number of leads.

    leads: frames as a Snapshot has them. out: .xlsx, or CSV under any other name.
    tag: only leads with this label, in any case; "" for leads without one; None for all.
    Raises RunError if the disk fails, SheetLimitError if they are too many for a sheet.
    """
    wanted = leads
    if tag is not None:
        own = pl.col("ai_tag").fill_null("").str.to_lowercase()
        wanted = (frame.filter(own == tag.lower()) for frame in leads)
    if out.suffix.lower() != ".xlsx":
        with AtomicFile(out) as new_file:
            count = _write(wanted, new_file.file, out, escaped=tuple(_COLUMNS))
            new_file.publish()
        return count
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        source = Path(scratch) / "leads.csv"
        with source.open("wb") as file:  # a text cell is never run as a formula
            count = _write(wanted, file, source, escaped=_READ_BACK)
        write_failed_sheet(source, out, delimiter=",", name="leads")
    return count


def _write(
    leads: Iterable[pl.DataFrame], file: IO[bytes], path: Path, *, escaped: tuple[str, ...]
) -> int:
    """escaped: the columns whose cells get the apostrophe."""
    count = 0
    with disk_errors(path):
        file.write(_BOM + ",".join(_COLUMNS).encode() + b"\n")
        for frame in leads:
            rows = frame.select(expr.alias(name) for name, expr in _COLUMNS.items())
            rows = rows.with_columns(escape(pl.col(name)) for name in escaped)
            # Null, since Polars puts quotes round an empty text.
            rows = rows.with_columns(pl.when(pl.all() != "").then(pl.all()))
            file.write(to_csv(rows, ","))
            count += len(frame)
    return count
