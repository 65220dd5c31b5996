"""Rows as the page shows them: what they come to in words, a tone beside it, and their cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from batch.columns import Column, Naming
from batch.judging.diff import SENT, Verdict
from batch.model import Field, Reason, Result
from batch.web.row_pages import RowPage, Sheet
from batch.wording.questions import NO_TAG, NOT_READ
from batch.wording.reasons import plan_title, reason_title

MOST_COLUMNS = 12  # of the user's that are shown; the files have all
TONE_OF_RESULT = {
    Result.SUCCESS: "good",
    Result.ERROR: "bad",
    Result.SKIPPED: "quiet",
    Result.UNSENT: "open",
}
_TONES = {result.value: tone for result, tone in TONE_OF_RESULT.items()}
_NAMES = {Field.STATUS: "status", Field.AI_TAG: "ai_tag"}  # as files of ours call them
_NULL = "null"  # results say it for a lead without a tag, as the server does
# The rows of a plan by their tone.
PLAN_TONES = {"open": "To send", "bad": "With problems", "quiet": "Nothing to do"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A status or a tag in a row: what it was and becomes; "" where that is not known.

    is_asked: it is only what the row asks for. is_wrong: that can't be set.
    """

    before: str = ""
    after: str = ""
    is_asked: bool = False
    is_wrong: bool = False

    @property
    def changes(self) -> bool:
        """Whether it was something else before, as far as that is known."""
        return bool(self.before and self.after) and self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One row. tone: good, bad, quiet or open. message: the whole sentence about it.

    bad_cell: where the wrong one is among the cells; -1: none. workspace: as the row names it; ""
    where rows name none.
    """

    line: str
    tone: str
    label: str
    message: str
    status: Value
    tag: Value
    cells: Sequence[str]
    bad_cell: int = -1
    workspace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A count of rows that shows exactly those. value: what its filter has in the address."""

    label: str
    tone: str
    value: str
    count: int


def shown_columns(header: Sequence[str], fields: Mapping[Column, int]) -> list[int]:
    """The columns of a file that are shown: what people know a row by before ids and values."""
    read = {fields[field] for field in Field if field in fields}
    return sorted(range(len(header)), key=lambda at: at in read)[:MOST_COLUMNS]


def checked_rows(
    page: RowPage, columns: Sequence[int], fields: Mapping[Column, int]
) -> list[ShownRow]:
    """Rows of a file that was checked. columns: as `shown_columns` gives them."""
    places = {field.value: columns.index(at) for field, at in fields.items() if at in columns}
    return [
        ShownRow(
            line=row["line"],
            tone=_TONES.get(row["result"], "open"),
            label=reason_title(row["reason"]) if row["reason"] else "Will be sent",
            message=row["message"],
            status=_cell(row, fields, Field.STATUS),
            tag=_cell(row, fields, Field.AI_TAG),
            cells=_cells(row, columns),
            bad_cell=places.get(row["column"], -1),
            workspace=_workspace(row, fields),
        )
        for row in page.rows
    ]


def result_rows(
    page: RowPage,
    columns: Sequence[int],
    fields: Mapping[Column, int],
    planned: Mapping[str, Mapping[str, str | None]],
) -> list[ShownRow]:
    """Rows of a results.csv. planned: as `row_pages.planned_values` gives it."""
    return [
        ShownRow(
            line=row["line"],
            tone=_TONES.get(row["result"], "open"),
            label=reason_title(row["reason"]),
            message=row["message"],
            status=_resulting(row, fields, Field.STATUS, planned.get(row["line"], {})),
            tag=_resulting(row, fields, Field.AI_TAG, planned.get(row["line"], {})),
            cells=_cells(row, columns),
            workspace=_workspace(row, fields),
        )
        for row in page.rows
    ]


def plan_rows(
    page: RowPage, columns: Sequence[int], fields: Mapping[Column, int], *, clear_word: str
) -> list[ShownRow]:
    """Rows of a plan.csv, with what would change about each. clear_word: of its run."""
    return [
        ShownRow(
            line=row["line"],
            tone=tone_of(row["plan"]),
            label=plan_title(row["plan"]),
            message=row["message"],
            status=_planned(row, fields, Field.STATUS, clear_word),
            tag=_planned(row, fields, Field.AI_TAG, clear_word),
            cells=_cells(row, columns),
            workspace=_workspace(row, fields),
        )
        for row in page.rows
    ]


def _workspace(row: Mapping[str, str], fields: Mapping[Column, int]) -> str:
    at = fields.get(Naming.WORKSPACE)
    return "" if at is None else row[str(at)].strip()


def tone_of(name: str) -> str:
    """The tone of a verdict or a reason."""
    if name in {verdict.value for verdict in SENT}:
        return "open"
    if name in {Verdict.ALREADY_SO.value, Verdict.DRIFTED.value}:
        return "quiet"
    known = {reason.value: reason for reason in Reason}
    return TONE_OF_RESULT[known[name].result] if name in known else "bad"


def plan_counts(sheet: Sheet) -> list[tuple[str, int]]:
    """How many rows a plan.csv has of each verdict or reason, those that are sent first."""
    counted = dict(sheet.frame.group_by("plan").len().collect().iter_rows())
    order = [*(each.value for each in Verdict), *(each.value for each in Reason)]
    names = sorted(counted, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, counted[name]) for name in names]


def plan_changes(sheet: Sheet, *, clear_word: str) -> list[tuple[str, str, str, int]]:
    """What changes to what in a plan.csv, with the number of rows: column, before, after, rows.

    clear_word: of its run.
    """
    found: list[tuple[str, str, str, int]] = []
    for field, name in ((Field.STATUS, "status"), (Field.AI_TAG, "ai_tag")):
        before, after = (_seen(f"{when}_{name}") for when in ("before", "after"))
        counted = (
            sheet.frame.filter(before != after)
            .group_by(before.alias("before"), after.alias("after"))
            .len("rows")
            .sort("rows", "before", "after", descending=[True, False, False])
            .collect()
        )
        found += [
            (field.value, *(_in_words(value, field, clear_word) for value in values), rows)
            for *values, rows in counted.iter_rows()
        ]
    return found


def plan_counters(counts: Sequence[tuple[str, int]]) -> list[Counter]:
    """The rows of a plan by what becomes of them, from `plan_counts`."""
    rows = sum(count for _, count in counts)
    return [
        Counter(label="Rows", tone="", value="", count=rows),
        *(
            Counter(
                label=label,
                tone=tone,
                value=tone,
                count=sum(count for name, count in counts if tone_of(name) == tone),
            )
            for tone, label in PLAN_TONES.items()
        ),
    ]


def _seen(column: str) -> pl.Expr:
    """A value of a plan.csv; of a lead that was not read, that none is known."""
    value = pl.col(column).fill_null("")
    is_unread = (value == "") & (pl.col("plan") == Verdict.UNREAD.value)
    return pl.when(is_unread).then(pl.lit(NOT_READ)).otherwise(value)


def _cell(row: Mapping[str, str], fields: Mapping[Column, int], field: Field) -> Value:
    """What the row has for a field."""
    cell = row.get(str(fields[field]), "").strip() if field in fields else ""
    return Value(after=cell, is_wrong=row.get("column") == field)


def _asked(row: Mapping[str, str], fields: Mapping[Column, int], field: Field) -> Value:
    """What the row asks for and did not get."""
    cell = _cell(row, fields, field)
    return replace(cell, is_asked=bool(cell.after))


def _planned(
    row: Mapping[str, str], fields: Mapping[Column, int], field: Field, clear_word: str
) -> Value:
    name = _NAMES[field]
    before, after = row[f"before_{name}"], row[f"after_{name}"]
    if row["plan"] == Verdict.UNREAD.value and after:
        return Value(before=NOT_READ, after=_in_words(after, field, clear_word))
    if not (before or after):
        return _asked(row, fields, field)
    return Value(
        before=_in_words(before, field, clear_word), after=_in_words(after, field, clear_word)
    )


def _resulting(
    row: Mapping[str, str],
    fields: Mapping[Column, int],
    field: Field,
    planned: Mapping[str, str | None],
) -> Value:
    """What came of a row's field: what the server answered outranks what was asked."""
    name = _NAMES[field]
    was = planned.get(f"was_{name}")
    before = "" if was is None else _in_words(was or _NULL, field, _NULL)
    if row["result"] == Result.SUCCESS.value:
        said = row[f"server_{name}"] or planned.get(name) or ""
        return Value(before=before, after=_in_words(said, field, _NULL) or before)
    if row["result"] == Result.SKIPPED.value and before:
        return Value(before=before, after=before)
    return _asked(row, fields, field)


def _in_words(value: str, field: Field, clear_word: str) -> str:
    """A value as people read it. clear_word: what a file says for no tag."""
    return NO_TAG if field is Field.AI_TAG and value == clear_word else value


def _cells(row: Mapping[str, str], columns: Sequence[int]) -> list[str]:
    return [row[str(index)] for index in columns]
