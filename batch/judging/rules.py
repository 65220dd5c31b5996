"""The rules for a single row, each in one place, as Polars expressions.

Pure: frames in, frames out. `leads.py` has the results for several rows of one lead, `explain.py`
the sentences.
"""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
from polars.exceptions import ComputeError

from batch.columns import MERGED, SWALLOWED
from batch.errors import SettingsError
from batch.escape import unescape
from batch.judging.texts import (
    folded,
    is_safe_id,
    is_spoiled,
    means_no_value,
    names_statuses,
    names_types,
    names_units,
    trimmed,
)
from batch.model import Field, Reason, Status

DEFAULT_ID_PATTERN = "[0-9a-fA-F]{24}"

NOT_READ = "not read"  # the status in an undo's rows of leads of which nobody knows what they were

_IDS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings of the rules.

    name: what messages call the file, as "leads.csv".
    id_pattern: a regular expression that a whole id must match.
    clear_word: the aiTag, in any case, that clears the tag.
    labels: the workspace's labels; None if they aren't known: then any tag is accepted.
    statuses: the accepted ones; more than can be set where rows are compared with what leads are.
    sets_back: the rows were made to undo a run; no person has written them.
    """

    name: str
    id_pattern: str = DEFAULT_ID_PATTERN
    clear_word: str = "null"
    labels: tuple[str, ...] | None = None
    statuses: tuple[str, ...] = tuple(Status)
    sets_back: bool = False


# The columns beside a row's ids that were looked up by e-mail address: why there are none, in which
# column and for which text, and the whole sentence. Nulls where the ids were found.
LOOKED_UP = ("id_reason", "id_column", "id_found", "id_message")


class _Check(NamedTuple):
    """One thing that can be wrong with a row: the column, and the test for it.

    reason: None where reading the row, or looking up its ids, has given reason and column.
    """

    reason: Reason | None
    column: Field | None
    fails: pl.Expr


def check_rules(rules: Rules) -> None:
    """Refuse rules that can't be applied; raises SettingsError.

    A pattern must be one that Polars can search for (no look-around, no back-references).
    """
    for pattern in (rules.id_pattern, _whole(rules.id_pattern)):
        try:
            pl.select(pl.lit("").str.contains(pattern))
        except ComputeError as error:
            raise SettingsError(
                f"[api] id_pattern: {rules.id_pattern!r} can't be used as a regular expression; "
                f"expected one without look-around and back-references, as {DEFAULT_ID_PATTERN}."
            ) from error
    check_clear_word(rules)


def check_clear_word(rules: Rules) -> None:
    """Refuse a label with the clear word's name: one cell would mean two things.

    Raises SettingsError.
    """
    labels = pl.DataFrame({"label": rules.labels or ()}, schema={"label": pl.String})
    clash = labels.filter(tag_key(pl.col("label")) == tag_key(pl.lit(rules.clear_word)))
    if not clash.is_empty():
        raise SettingsError(
            f'The workspace has a label "{clash.item(0, "label")}", and [input] clear_word = '
            f'"{rules.clear_word}" clears the tag: a cell can\'t mean both. '
            "Set clear_word to a word that is no label; for an earlier run, which keeps its own, "
            "rename the label."
        )


def judge(cells: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Judge every row by itself; the order stays.

    cells: line, blank_row, and the four fields as raw text or null; where ids were looked up by
        e-mail address, these and LOOKED_UP; where cells have swallowed rows, SWALLOWED; where
        blank ids belong to merged cells, MERGED.
    Gives line; campaign_id, campaign_lead_id (lower case), status (lower case or null), ai_tag (in
    the label's spelling or null), clear_tag, which hold for valid rows; reason and column of the
    first problem (null when valid); found, the trimmed text of that column; message, the sentence
    about it where reading or looking up ids has made one.
    """
    if cells.height > 1 and cells.get_column("blank_row").all():
        first = judge(cells.head(1), rules).drop("line")
        same = [pl.lit(each.item(), each.dtype).alias(each.name) for each in first]
        return cells.select("line", *same)
    is_looked_up = LOOKED_UP[0] in cells.columns
    fields = [trimmed(pl.col(field)) for field in Field]
    texts = cells.select("line", "blank_row", *fields, *_earlier_problems(cells.columns))
    checks = _checks(rules, is_looked_up=is_looked_up)
    # Tags repeat: the costly part is done once for each distinct one.
    tags = _read_tags(texts.get_column(Field.AI_TAG).unique(), rules)
    fails = (check.fails for check in checks if check.column is Field.AI_TAG)
    tags = tags.with_columns(tag_fails=pl.any_horizontal(fails))
    texts = texts.join(tags, on=Field.AI_TAG, how="left", maintain_order="left").with_columns(
        pl.col("clear_tag").fill_null(value=False)
    )
    # Most rows are plain: the other checks are done for the rest alone.
    is_plain = _is_plain(rules, is_looked_up=is_looked_up)
    others = texts.filter(~is_plain)
    # Even for no rows each check's patterns would be compiled, which takes as long as 2,000 rows.
    problems = _problems(others, checks if others.height else checks[:1])
    if MERGED[0] in cells.columns:
        problems = _named_merged(problems, cells.select("line", *MERGED))
    names = ("campaign_id", "campaign_lead_id", "status")
    lower = zip(names, (*_IDS, Field.STATUS), strict=True)
    return texts.join(problems, on="line", how="left", maintain_order="left").select(
        "line",
        *(pl.col(field).str.to_lowercase().alias(name) for name, field in lower),
        pl.col("label").alias("ai_tag"),
        "clear_tag",
        "reason",
        "column",
        pl.col("found").fill_null(""),
        "message",
    )


def _earlier_problems(columns: list[str]) -> list[pl.Expr]:
    """The problems that reading or looking up ids found; is_swallowed: a cell holds other rows."""
    none = pl.lit(None, pl.String)
    earlier = [pl.col(name) if name in columns else none for name in LOOKED_UP]
    is_swallowed = pl.lit(False)
    if SWALLOWED[-1] in columns:
        is_swallowed = pl.col(SWALLOWED[-1]).is_not_null()
        first = [pl.lit(Reason.BAD_CELL.value), *map(pl.col, SWALLOWED)]
        earlier = [
            pl.when(is_swallowed).then(one).otherwise(other)
            for one, other in zip(first, earlier, strict=True)
        ]
    names = ("earlier_reason", "earlier_column", "earlier_found", "earlier_message")
    return [
        is_swallowed.alias("is_swallowed"),
        *(one.alias(name) for one, name in zip(earlier, names, strict=True)),
    ]


def tag_key(tag: pl.Expr) -> pl.Expr:
    """The tag as it is compared: regardless of case, and of how accents are encoded."""
    return folded(tag)


def _checks(rules: Rules, *, is_looked_up: bool) -> list[_Check]:
    """All checks in the contract's order of judgement: the first that fails names the row."""
    status, tag = pl.col(Field.STATUS), pl.col(Field.AI_TAG)
    checks = [
        _Check(Reason.BLANK_ROW, None, pl.col("blank_row")),
        _Check(None, None, pl.col("is_swallowed")),
        _Check(Reason.NOTHING_TO_CHANGE, None, status.is_null() & tag.is_null()),
    ]
    if is_looked_up:
        checks.append(_Check(None, None, pl.col("earlier_reason").is_not_null()))
    else:
        checks.append(_Check(Reason.NOT_DATA, None, _is_units(rules)))
    for field in _IDS:
        cell = pl.col(field)
        checks.append(_Check(Reason.MISSING_ID, field, cell.is_null()))
        if not is_looked_up:  # looked-up ids are the server's, and were judged before
            checks += [
                _Check(Reason.BAD_CELL, field, is_spoiled(cell)),
                _Check(Reason.BAD_ID, field, ~is_id(cell, rules)),
            ]
    unknown_before = (
        [_Check(Reason.BEFORE_UNKNOWN, Field.STATUS, status == NOT_READ)] if rules.sets_back else []
    )
    checks += [
        _Check(Reason.BAD_CELL, Field.STATUS, is_spoiled(status)),
        *unknown_before,
        _Check(Reason.BAD_STATUS, Field.STATUS, ~_is_status(status, rules)),
        _Check(Reason.BAD_CELL, Field.AI_TAG, is_spoiled(tag)),
    ]
    unknown = tag.is_not_null() & pl.col("label").is_null() & ~pl.col("clear_tag")
    no_value = means_no_value(tag) & ~pl.col("clear_tag")
    if rules.labels is None:
        return [*checks, _Check(Reason.BAD_CELL, Field.AI_TAG, no_value)]
    return [
        *checks,
        _Check(Reason.BAD_CELL, Field.AI_TAG, unknown & no_value),
        _Check(Reason.UNKNOWN_TAG, Field.AI_TAG, unknown),
    ]


def _is_plain(rules: Rules, *, is_looked_up: bool) -> pl.Expr:
    """Whether a row passes all checks, by fewer tests than all of them; tag_fails is the tag's.

    No spoiled cell looks like an id or a status.
    """
    status, tag = pl.col(Field.STATUS), pl.col(Field.AI_TAG)
    has_ids = [
        pl.col(field).is_not_null()
        if is_looked_up
        else is_id(pl.col(field), rules).fill_null(value=False)
        for field in _IDS
    ]
    return (
        ~pl.col("blank_row")
        & (status.is_not_null() | tag.is_not_null())
        & pl.all_horizontal(pl.col("earlier_reason").is_null(), *has_ids)
        & _is_status(status, rules).fill_null(value=True)
        & ~pl.col("tag_fails").fill_null(value=False)
    )


def _problems(texts: pl.DataFrame, checks: list[_Check]) -> pl.DataFrame:
    """The first problem of each row, null without one: line, reason, column, found, message."""
    numbers = range(len(checks))
    failed = pl.coalesce(
        pl.when(check.fails).then(pl.lit(n, pl.UInt8))
        for n, check in zip(numbers, checks, strict=True)
    )
    earlier = pl.when(pl.col("failed").is_in([n for n in numbers if checks[n].reason is None]))
    found = pl.coalesce(
        pl.when(pl.col("failed").is_in([n for n in numbers if checks[n].column is field])).then(
            pl.col(field) if field in _IDS else unescape(pl.col(field))
        )
        for field in Field
    )
    reason = _word_for(numbers, [check.reason for check in checks])
    column = _word_for(numbers, [check.column for check in checks])
    return texts.with_columns(failed=failed).select(
        "line",
        reason=earlier.then("earlier_reason").otherwise(reason),
        column=earlier.then("earlier_column").otherwise(column),
        found=earlier.then("earlier_found").otherwise(found),
        message=earlier.then("earlier_message"),
    )


def _named_merged(problems: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """The problems; of a blank id that belongs to merged cells with the sentence about these."""
    column, message = map(pl.col, MERGED)
    is_merged = (pl.col("reason") == Reason.MISSING_ID) & (pl.col("column") == column)
    rows = problems.join(merged, on="line", how="left", maintain_order="left")
    message = pl.when(is_merged).then(message).otherwise("message").alias("message")
    return rows.with_columns(message).drop(MERGED)


def is_id(cell: pl.Expr, rules: Rules) -> pl.Expr:
    """Whether a trimmed cell is an id by the rules; null for a null cell."""
    fits = cell.str.contains(_whole(rules.id_pattern))
    is_safe_itself = rules.id_pattern == DEFAULT_ID_PATTERN
    return fits if is_safe_itself else fits & is_safe_id(cell)


def _is_units(rules: Rules) -> pl.Expr:
    """Whether a row is a line of units: both ids are some, and no cell could be a value.

    In doubt it is none: a label is a value though it reads like a unit, and so is whatever the
    pattern takes for an id.
    """
    status, tag = pl.col(Field.STATUS), pl.col(Field.AI_TAG)
    is_value = [is_id(pl.col(field), rules) for field in _IDS]
    if rules.labels is not None:
        is_value.append(pl.col("label").is_not_null())
    is_unit = [names_units(pl.col(field)) for field in _IDS]
    return pl.all_horizontal(
        *(each.fill_null(value=False) for each in is_unit),
        ~pl.any_horizontal(*is_value, "clear_tag"),
        (names_units(status) | names_statuses(status)).fill_null(value=True),
        names_types(tag).fill_null(value=True),
    )


def _is_status(cell: pl.Expr, rules: Rules) -> pl.Expr:
    return cell.str.to_lowercase().is_in([str(word) for word in rules.statuses])


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _read_tags(tags: pl.Series, rules: Rules) -> pl.DataFrame:
    """What each text in aiTag means: whether it clears the tag, or else its label (null if none).

    Without the workspace's labels every text counts as a label. The apostrophe that an export puts
    before a label such as "=Hot" is removed, unless the text with it is a label itself.
    """
    labels = pl.DataFrame({"label": rules.labels or ()}, schema={"label": pl.String})
    labels = labels.with_columns(key=tag_key(pl.col("label"))).unique("key", keep="first")
    cell = pl.col(Field.AI_TAG)
    is_label = tag_key(cell).is_in(labels["key"].implode())
    read = tags.alias(Field.AI_TAG).to_frame()
    read = read.with_columns(text=pl.when(is_label).then(cell).otherwise(unescape(cell)))
    read = read.with_columns(key=tag_key(pl.col("text")))
    if rules.labels is None:
        read = read.with_columns(label="text")
    else:
        read = read.join(labels, on="key", how="left")
    clears = pl.col("key") == tag_key(pl.lit(rules.clear_word))
    return read.select(Field.AI_TAG, label=pl.when(~clears).then("label"), clear_tag=clears)


def _word_for(numbers: range, words: list[Reason | None] | list[Field | None]) -> pl.Expr:
    """The word at the number of the check that failed; null when none did."""
    return pl.col("failed").replace_strict(
        pl.Series(numbers, dtype=pl.UInt8),
        pl.Series(words, dtype=pl.String),
        default=None,
        return_dtype=pl.String,
    )
