"""E-mail addresses to ids: which leads the rows of a spreadsheet mean. Pure: frames in, frames out.

A problem with a row's own names gets a reason, as for ids; a problem with them among the campaign's
leads also gets a sentence, which travels with the ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from batch.columns import BY_EMAIL, Column, Naming, column_of
from batch.judging.explain_leads import ambiguous_lead, gone_lead, other_lead, unknown_lead
from batch.judging.rules import LOOKED_UP, Rules, is_id
from batch.judging.texts import folded, is_safe_id, is_spoiled, trimmed
from batch.model import Field, Reason
from batch.near_names import NearNames

RESOLVED = pl.Schema(
    {
        "line": pl.UInt32(),
        Field.CAMPAIGN_ID.value: pl.String(),
        Field.CAMPAIGN_LEAD_ID.value: pl.String(),
        **dict.fromkeys(LOOKED_UP, pl.String()),
    }
)

_COMPARISONS = 200_000  # of two addresses, spent on suggestions: about a second
_CUTOFF = 0.85  # addresses of one company are much alike: below this, they belong to two people


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignNaming:
    """How rows name their campaigns.

    campaign: of all rows that name none, by name or id; None if there is no such default.
    column: the column that a row without a campaign should fill.
    name_first: whether a campaign's name outranks its id, which an earlier run looked up by it.
    """

    campaign: str | None = None
    column: Column = Field.CAMPAIGN_ID
    name_first: bool = False


def read_names(cells: pl.DataFrame, rules: Rules, named: CampaignNaming) -> pl.DataFrame:
    """How each row names its lead, in the same order.

    cells: as `Table.cells` gives them where leads are named by e-mail address.
    Gives line; campaign and campaign_column, the name or id of the campaign and its column (nulls
    without one); email; key, the address as it is compared; own_id, the row's own campaignLeadId in
    lower case; and the first three of LOOKED_UP for a problem with the row by itself.
    """
    columns = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID, *BY_EMAIL)
    texts = cells.select("line", *(trimmed(pl.col(column)) for column in columns))
    ordered: list[Column] = [Field.CAMPAIGN_ID, Naming.CAMPAIGN]
    if named.name_first:
        ordered.reverse()
    named_by = pl.coalesce(
        pl.when(pl.col(column).is_not_null()).then(pl.lit(column.value)) for column in ordered
    )
    campaign = pl.coalesce(*ordered, pl.lit(named.campaign, pl.String))
    rows = texts.with_columns(campaign_column=named_by, campaign=campaign)
    return rows.select(
        "line",
        "campaign",
        "campaign_column",
        "email",
        *_first_problem(rules, named.column),
        key=folded(pl.col("email")),
        own_id=pl.col(Field.CAMPAIGN_LEAD_ID).str.to_lowercase(),
    )


def _first_problem(rules: Rules, wanted: Column) -> list[pl.Expr]:
    """Reason, column and text of the first problem with a row's own names."""
    campaign, email, own_id = pl.col("campaign"), pl.col("email"), pl.col(Field.CAMPAIGN_LEAD_ID)
    by_id = pl.col("campaign_column") == Field.CAMPAIGN_ID
    by_cell = pl.col("campaign_column").is_not_null()
    in_campaign, in_email = pl.col("campaign_column"), pl.lit(Naming.EMAIL.value)
    in_own_id = pl.lit(Field.CAMPAIGN_LEAD_ID.value)
    checks = (
        (Reason.MISSING_ID, pl.lit(wanted.value), pl.lit(""), campaign.is_null()),
        (Reason.BAD_CELL, in_campaign, campaign, by_cell & is_spoiled(campaign)),
        (Reason.BAD_ID, in_campaign, campaign, by_id & ~is_id(campaign, rules)),
        (Reason.MISSING_ID, in_email, pl.lit(""), email.is_null()),
        (Reason.BAD_CELL, in_email, email, is_spoiled(email)),
        (Reason.BAD_CELL, in_own_id, own_id, is_spoiled(own_id)),
        (Reason.BAD_ID, in_own_id, own_id, ~is_id(own_id, rules)),
    )
    parts = zip(*((pl.lit(c[0].value), c[1], c[2]) for c in checks), strict=True)
    fails = [c[3].fill_null(value=False) for c in checks]
    return [
        pl.coalesce(pl.when(f).then(v) for f, v in zip(fails, values, strict=True)).alias(name)
        for values, name in zip(parts, LOOKED_UP, strict=False)
    ]


def provisional(names: pl.DataFrame) -> pl.DataFrame:
    """Rows as RESOLVED without looking anything up: names stand in the place of ids.

    That is enough to find what is wrong without a server, and to compare rows of one lead.
    """
    rows = names.with_columns(
        folded(pl.col("campaign")).alias(Field.CAMPAIGN_ID),
        pl.col("key").alias(Field.CAMPAIGN_LEAD_ID),
        pl.lit(None, pl.String).alias(LOOKED_UP[-1]),
    )
    return rows.select(RESOLVED.names())


class LeadDirectory:
    """The leads of some campaigns, for looking them up by address or id."""

    def __init__(
        self, campaigns: Mapping[str, tuple[str | None, str]], leads: Iterable[pl.DataFrame]
    ) -> None:
        """campaigns: the id of each campaign by how rows name it; else None and the reason why.

        leads: of these campaigns, as a Snapshot has them, a frame for each campaign.
        """
        self._campaigns = pl.DataFrame(
            [(named, found, why) for named, (found, why) in campaigns.items()],
            schema=dict.fromkeys(("campaign", "campaign_id", "why"), pl.String),
            orient="row",
        )
        addressable = (  # by a request
            frame.filter(is_safe_id(pl.col("campaign_lead_id"))).select(
                "campaign_id",
                pl.col("campaign_lead_id").str.to_lowercase(),
                "email",
                key=folded(pl.col("email")),
            )
            for frame in leads
        )
        usable = pl.concat([pl.DataFrame(schema=_LEADS), *addressable])
        self._by_email = _by_email(usable)
        self._by_id = usable.rename(
            {"campaign_lead_id": "own_id", "email": "lead_email", "key": "lead_key"}
        )
        self._nearest = Nearest(usable)

    def resolve(self, names: pl.DataFrame) -> pl.DataFrame:
        """The leads that rows name, as RESOLVED, in the same order; names: of `read_names`."""
        rows = (
            names.join(self._campaigns, on="campaign", how="left", maintain_order="left")
            .join(self._by_email, on=["campaign_id", "key"], how="left", maintain_order="left")
            .join(self._by_id, on=["campaign_id", "own_id"], how="left", maintain_order="left")
            .with_columns(verdict=_verdict())
        )
        problems = pl.DataFrame(
            list(map(self._explain, rows.filter(_IS_WRONG).iter_rows(named=True))),
            schema={"line": pl.UInt32, **{f"{name}_said": pl.String for name in LOOKED_UP}},
            orient="row",
        )
        from_row = pl.when(pl.col("campaign_column") == Field.CAMPAIGN_ID).then("campaign")
        return rows.join(problems, on="line", how="left", maintain_order="left").select(
            "line",
            pl.coalesce("campaign_id", from_row).alias(Field.CAMPAIGN_ID),
            pl.coalesce("own_id", "campaign_lead_id").alias(Field.CAMPAIGN_LEAD_ID),
            *(pl.coalesce(name, f"{name}_said").alias(name) for name in LOOKED_UP[:-1]),
            pl.col(f"{LOOKED_UP[-1]}_said").alias(LOOKED_UP[-1]),
        )

    def _explain(self, row: Mapping[str, Any]) -> tuple[int, Reason, Column, str, str]:
        """Why a row has no lead: its line, and the values of LOOKED_UP."""
        line, email, own_id = row["line"], row["email"], row["own_id"]
        match row["verdict"]:
            case "no campaign":
                column = column_of(row["campaign_column"] or Naming.CAMPAIGN)
                return line, Reason.UNKNOWN_CAMPAIGN, column, row["campaign"], row["why"]
            case "gone":
                message = gone_lead(email)
                return line, Reason.UNKNOWN_LEAD, Field.CAMPAIGN_LEAD_ID, own_id, message
            case "other":
                message = other_lead(email, row["lead_email"])
                return line, Reason.UNKNOWN_LEAD, Field.CAMPAIGN_LEAD_ID, own_id, message
            case "several":
                message = ambiguous_lead(email, row["ids"])
                return line, Reason.AMBIGUOUS_LEAD, Naming.EMAIL, email, message
        message = unknown_lead(email, self._nearest.find(row["key"], row["campaign_id"]))
        return line, Reason.UNKNOWN_LEAD, Naming.EMAIL, email, message


_LEADS = pl.Schema(dict.fromkeys(("campaign_id", "campaign_lead_id", "email", "key"), pl.String))

# Rows without a problem of their own whose look-up failed.
_IS_WRONG = pl.col("id_reason").is_null() & pl.col("verdict").is_not_null()


def _by_email(leads: pl.DataFrame) -> pl.DataFrame:
    """One row for each address of each campaign: its lead's id; null where ids has several."""
    several = pl.struct("campaign_id", "key").is_duplicated()
    ids = (
        leads.filter(several)
        .group_by("campaign_id", "key", maintain_order=True)
        .agg(ids="campaign_lead_id")
    )
    alone = leads.filter(~several).select("campaign_id", "key", "campaign_lead_id")
    return pl.concat([alone, ids], how="diagonal")


def _verdict() -> pl.Expr:
    """Why a row's look-up failed; null when it found the lead."""
    has_own_id = pl.col("own_id").is_not_null()
    has_lead = pl.col("campaign_lead_id").is_not_null()
    return (
        pl.when(pl.col("campaign_id").is_null())
        .then(pl.lit("no campaign"))
        .when(has_own_id & pl.col("lead_key").is_null())
        .then(pl.lit("gone"))
        .when(has_own_id & (pl.col("lead_key") != pl.col("key")))
        .then(pl.lit("other"))
        .when(~has_own_id & pl.col("ids").is_not_null())
        .then(pl.lit("several"))
        .when(~has_own_id & ~has_lead)
        .then(pl.lit("none"))
    )


class Nearest:
    """Suggests addresses among campaigns' leads; once for each address, and only so often."""

    def __init__(self, leads: pl.DataFrame) -> None:
        """leads: campaign_id, and key, the address as it is compared."""
        self._leads = leads
        self._left = _COMPARISONS
        self._names = NearNames()
        self._keys: dict[str, list[str]] = {}
        self._found: dict[tuple[str, str], str | None] = {}

    def find(self, key: str, campaign_id: str) -> str | None:
        """The nearest address of the campaign; None if none is near, or looking costs too much."""
        pair = (campaign_id, key)
        if pair not in self._found and self._left > 0:
            if campaign_id not in self._keys:
                own = self._leads.filter(pl.col("campaign_id") == campaign_id)["key"]
                self._keys[campaign_id] = own.head(_COMPARISONS).to_list()
            keys = self._keys[campaign_id]
            self._left -= max(len(keys), 1)
            if self._left > 0:
                self._found[pair] = self._names.nearest(key, keys, cutoff=_CUTOFF)
        return self._found.get(pair)
