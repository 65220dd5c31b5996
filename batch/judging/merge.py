"""Rows of one lead compared field by field: one request, a duplicate, a conflict, a lost value.

Pure, and whole columns at a time, because a file may name every lead twice. Which rows to look at
is `plan.py`'s to find; rows whose lead no other row names come through unharmed.
"""

from dataclasses import dataclass

import polars as pl

from batch.judging.leads import EXPLAINED, MERGED, Leads
from batch.judging.rules import tag_key
from batch.model import Field, Reason

# What rows of a lead are compared in; "tag" is the label, or the clear word where that is asked.
_COMPARED = ("status", "tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What some leads come to, and what it was made of.

    sent: the rows that are sent, without the values that they lost.
    requests: one row a lead that is sent, with its merged values.
    """

    leads: Leads
    sent: pl.DataFrame
    requests: pl.DataFrame


def merge_leads(rows: pl.DataFrame, *, last_wins: bool, clear_word: str) -> Judged:
    """Rows of some leads compared field by field; all rows of each of these leads must be there.

    rows: valid rows in line order: line, status, ai_tag and clear_tag as `rules.judge` gives them
        (texts may be categories), and lead, the same number for all rows of one lead.
    clear_word: the value that a cleared tag has where rows are explained.
    """
    judged = _compared(rows, clear_word).with_columns(_reason(last_wins=last_wins))
    kept = judged.filter(pl.col("reason").is_null())
    sent = kept.with_columns(
        status=pl.when(~_loses("status")).then("status"),
        ai_tag=pl.when(~_loses("tag")).then("ai_tag"),
        clear_tag=pl.col("clear_tag") & ~_loses("tag"),
    )
    requests = (
        sent.group_by("lead")
        .agg(
            pl.col("line").first(),
            pl.col("line").alias("lines"),
            pl.col("status", "ai_tag").first(ignore_nulls=True),
            pl.col("clear_tag").any(),
        )
        .sort("line")
    )
    partly = kept.filter(pl.any_horizontal(map(_loses, _COMPARED)))
    differs = (pl.col("lines").list.len() > 1) | pl.col("line").is_in(partly["line"].implode())
    leads = Leads(
        judged=(_explained(judged.filter(pl.col("reason").is_not_null()), among=judged),),
        partly=(_explained(partly, among=judged),),
        joined=(sent.select("line").join(requests, on="line", how="anti", maintain_order="left"),),
        merged=(_cast(requests.filter(differs), MERGED),),
    )
    return Judged(leads=leads, sent=sent, requests=requests)


def _compared(rows: pl.DataFrame, clear_word: str) -> pl.DataFrame:
    """The rows with what they are judged by; lines stand for leads and for values.

    status_from: the first line with the row's value. For the lead:
    status_first, status_latest and status_final, the lines that its first, its latest new and its
    last value are from; status_last, the last line that sets one. The same for tag.
    """
    tag = pl.when("clear_tag").then(pl.lit(clear_word)).otherwise("ai_tag")
    rows = rows.with_columns(tag=tag.cast(pl.String)).with_columns(
        status_from=_first_line_with("status", pl.col("status")),
        tag_from=_first_line_with("tag", tag_key(pl.col("tag"))),
    )
    leads = rows.group_by("lead").agg(of_lead for name in _COMPARED for of_lead in _of_lead(name))
    return rows.join(leads, on="lead", how="left", maintain_order="left")


def _first_line_with(name: str, value: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(name).is_not_null()).then(pl.col("line").first().over("lead", value))


def _of_lead(name: str) -> tuple[pl.Expr, ...]:
    value_from = pl.col(f"{name}_from")
    sets_it = pl.when(value_from.is_not_null())
    return (
        value_from.min().alias(f"{name}_first"),
        value_from.max().alias(f"{name}_latest"),
        value_from.last(ignore_nulls=True).alias(f"{name}_final"),
        sets_it.then(pl.col("line")).max().alias(f"{name}_last"),
    )


def _reason(*, last_wins: bool) -> pl.Expr:
    """Why a row is not sent; null when it is."""
    conflict = pl.any_horizontal(map(_is_contested, _COMPARED)) & pl.lit(not last_wins)
    keeps = [pl.col(f"{name}_from") == pl.col(f"{name}_final") for name in _COMPARED]
    keeps_some = pl.any_horizontal(keeps).fill_null(value=False)
    is_first = [pl.col("line").eq_missing(pl.col(f"{name}_from")) for name in _COMPARED]
    return (
        pl.when(conflict)
        .then(pl.lit(Reason.CONFLICT))
        .when(~keeps_some)
        .then(pl.lit(Reason.SUPERSEDED))
        .when(~pl.any_horizontal(is_first))
        .then(pl.lit(Reason.DUPLICATE))
        .alias("reason")
    )


def _is_contested(name: str) -> pl.Expr:
    """Whether rows of the lead ask for different values; false where none asks for any."""
    return pl.col(f"{name}_first").ne_missing(pl.col(f"{name}_latest"))


def _loses(name: str) -> pl.Expr:
    """Whether the row sets another value than the one that the lead ends with."""
    return (pl.col(f"{name}_from") != pl.col(f"{name}_final")).fill_null(value=False)


def _explained(rows: pl.DataFrame, *, among: pl.DataFrame) -> pl.DataFrame:
    """What a sentence about each row needs, as `Leads` describes it; among: all rows."""
    is_conflict = pl.col("reason") == Reason.CONFLICT
    on_status = is_conflict & _is_contested("status")
    on_tag = is_conflict & ~_is_contested("status")
    is_duplicate = pl.col("reason") == Reason.DUPLICATE
    column = pl.when(on_status).then(pl.lit(Field.STATUS)).when(on_tag).then(pl.lit(Field.AI_TAG))
    rows = rows.with_columns(
        column=column,
        found=pl.when(on_status).then("status").when(on_tag).then("tag"),
        line_a=pl.when(on_status)
        .then("status_first")
        .when(on_tag)
        .then("tag_first")
        .when(is_duplicate)
        .then("status_from")
        .when(_loses("status"))
        .then("status_last"),
        line_b=pl.when(on_status)
        .then("status_latest")
        .when(on_tag)
        .then("tag_latest")
        .when(is_duplicate)
        .then("tag_from")
        .when(_loses("tag"))
        .then("tag_last"),
    )
    return _cast(_with_value(_with_value(rows, "a", among), "b", among), EXPLAINED)


def _cast(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _with_value(rows: pl.DataFrame, which: str, among: pl.DataFrame) -> pl.DataFrame:
    """The rows with the value that the row at line_a or line_b asks for."""
    values = among.select(
        pl.col("line").alias(f"line_{which}"),
        status_there="status",
        tag_there="tag",
    )
    if which == "a":
        other, mine, field = "status_there", "tag_there", Field.AI_TAG
    else:
        other, mine, field = "tag_there", "status_there", Field.STATUS
    value = pl.when(pl.col("column") == field).then(mine).otherwise(other)
    return (
        rows.join(values, on=f"line_{which}", how="left", maintain_order="left")
        .with_columns(value.alias(f"value_{which}"))
        .drop("status_there", "tag_there")
    )
