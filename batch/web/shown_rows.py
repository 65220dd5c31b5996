"""Rows as the page shows them: what they come to in words, a tone beside it, and their cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from batch.columns import Column
from batch.judging.diff import SENT, Verdict
from batch.model import Field, Reason, Result
from batch.web.row_pages import RowPage, Sheet
from batch.wording.reasons import plan_title, reason_title

MOST_COLUMNS = 12  # of the user's that are shown; the files have all
_TONE_OF_RESULT = {
    Result.SUCCESS: "good",
    Result.ERROR: "bad",
    Result.SKIPPED: "quiet",
    Result.UNSENT: "open",
}
_TONES = {result.value: tone for result, tone in _TONE_OF_RESULT.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One row. tone: good, bad, quiet or open. bad_cell: where the wrong one is; -1: none."""

    line: str
    tone: str
    label: str
    message: str
    cells: Sequence[str]
    bad_cell: int = -1
    changes: tuple[tuple[str, str, str], ...] = ()


def checked_rows(
    page: RowPage, header: Sequence[str], fields: Mapping[Column, int]
) -> list[ShownRow]:
    """Rows of a file that was checked."""
    places = {field.value: position for field, position in fields.items()}
    return [
        ShownRow(
            line=row["line"],
            tone=_TONES.get(row["result"], "open"),
            label=reason_title(row["reason"]) if row["reason"] else "Will be sent",
            message=row["message"],
            cells=_cells(row, header),
            bad_cell=places.get(row["column"], -1),
        )
        for row in page.rows
    ]


def result_rows(page: RowPage, header: Sequence[str]) -> list[ShownRow]:
    """Rows of a results.csv."""
    return [
        ShownRow(
            line=row["line"],
            tone=_TONES.get(row["result"], "open"),
            label=reason_title(row["reason"]),
            message=row["message"],
            cells=_cells(row, header),
        )
        for row in page.rows
    ]


def plan_rows(page: RowPage, header: Sequence[str]) -> list[ShownRow]:
    """Rows of a plan.csv, with what would change about each."""
    return [
        ShownRow(
            line=row["line"],
            tone=tone_of(row["plan"]),
            label=plan_title(row["plan"]),
            message=row["message"],
            cells=_cells(row, header),
            changes=tuple(_changes(row)),
        )
        for row in page.rows
    ]


def tone_of(name: str) -> str:
    """The tone of a verdict or a reason."""
    if name in {verdict.value for verdict in SENT}:
        return "open"
    if name in {Verdict.ALREADY_SO.value, Verdict.DRIFTED.value}:
        return "quiet"
    known = {reason.value: reason for reason in Reason}
    return _TONE_OF_RESULT[known[name].result] if name in known else "bad"


def plan_counts(sheet: Sheet) -> list[tuple[str, int]]:
    """How many rows a plan.csv has of each verdict or reason, those that are sent first."""
    counted = dict(sheet.frame.group_by("plan").len().collect().iter_rows())
    order = [*(each.value for each in Verdict), *(each.value for each in Reason)]
    names = sorted(counted, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, counted[name]) for name in names]


def plan_changes(sheet: Sheet) -> list[tuple[str, str, str, int]]:
    """What changes to what in a plan.csv, with the number of rows: column, before, after, rows."""
    found: list[tuple[str, str, str, int]] = []
    for field, name in ((Field.STATUS, "status"), (Field.AI_TAG, "ai_tag")):
        before, after = pl.col(f"before_{name}"), pl.col(f"after_{name}")
        counted = (
            sheet.frame.filter(before.fill_null("") != after.fill_null(""))
            .group_by(before.alias("before"), after.alias("after"))
            .len("rows")
            .sort("rows", "before", "after", descending=[True, False, False])
            .collect()
        )
        found += [(field.value, b or "", a or "", rows) for b, a, rows in counted.iter_rows()]
    return found


def _changes(row: Mapping[str, str]) -> list[tuple[str, str, str]]:
    pairs = (
        (Field.STATUS.value, row["before_status"], row["after_status"]),
        (Field.AI_TAG.value, row["before_ai_tag"], row["after_ai_tag"]),
    )
    return [(name, before, after) for name, before, after in pairs if before != after]


def _cells(row: Mapping[str, str], header: Sequence[str]) -> list[str]:
    return [row[str(index)] for index in range(min(len(header), MOST_COLUMNS))]
