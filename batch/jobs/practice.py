"""Practice: a sandbox that knows a spreadsheet's leads, and its tags as labels.

So a run can be tried without SendKit. Leads that are named by e-mail address get made-up ids. The
real key, address and proxy have no part in it.
"""

import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from batch.api.sendkit import Access
from batch.errors import UsageError
from batch.jobs.cells import cells_of, with_ids
from batch.jobs.gate import open_practice
from batch.judging.resolve import CampaignNaming, provisional, read_names
from batch.judging.rules import Rules, is_id, judge
from batch.judging.survey import valid
from batch.judging.texts import folded
from batch.reading.table import Table
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.process import start_sandbox

_SEED = {
    "campaignId": "campaign_id",
    "campaignLeadId": "campaign_lead_id",
    "email": "email",
    "campaignName": "campaign",
}
_ID_DIGITS = 24  # as the API's ids have
_ANY_ID = "[A-Za-z0-9_-]+"  # the rules have judged the ids by the pattern that is set


@contextmanager
def practice_access(
    table: Table,
    rules: Rules,
    named: CampaignNaming = CampaignNaming(),  # noqa: B008 - it is frozen
    *,
    faults: tuple[str, ...] = (),
) -> Iterator[Access]:
    """Access to a sandbox of its own, as long as the context lasts.

    rules: without labels. named: how rows name their campaigns, where leads have addresses.
    faults: what goes wrong, as the sandbox spells it.
    Raises UsageError when the sandbox can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as folder:
        leads, labels = Path(folder, "leads.csv"), Path(folder, "labels.txt")
        _write_seed(table, rules, named, leads, labels)
        options = Options(seed_csv=leads, labels_file=labels, id_pattern=_ANY_ID, faults=faults)
        try:
            with start_sandbox(options) as sandbox:
                yield open_practice(sandbox)
        except SandboxError as error:
            raise UsageError(f"The practice sandbox can't be started: {error}") from error


def _write_seed(
    table: Table, rules: Rules, named: CampaignNaming, leads: Path, labels: Path
) -> None:
    """The leads of every row that is valid by itself, and its tags, each once whatever its case."""
    names: dict[str, str] = {}
    with leads.open("wb") as out:
        out.write(f"{','.join(_SEED)}\n".encode())
        for rows in _valid_rows(table, rules, named):
            rows.select(_SEED.values()).write_csv(out, include_header=False)
            for name in rows["ai_tag"].unique(maintain_order=True).drop_nulls():
                names.setdefault(unicodedata.normalize("NFC", name).lower(), name)
    labels.write_text("".join(f"{name}\n" for name in names.values()), encoding="utf-8")


def _valid_rows(table: Table, rules: Rules, named: CampaignNaming) -> Iterator[pl.DataFrame]:
    """What is seeded of the rows that are valid by themselves, and their ai_tag.

    Of rows that name their lead by its address, those whose names can be looked up.
    """
    if not table.is_by_email or table.ids is not None:
        nameless = pl.lit(None, pl.String)
        for cells in cells_of(table, rules, named)():
            yield valid(judge(cells, rules)).with_columns(email=nameless, campaign=nameless)
        return
    for cells in table.cells():
        names = read_names(cells, rules, named)
        rows = valid(judge(with_ids(cells, provisional(names)), rules))
        tags = rows.select("line", "ai_tag")
        yield (
            names.filter(pl.col("id_reason").is_null())
            .join(tags, on="line", how="left")
            .select("ai_tag", "email", *_made_up_ids(rules))
        )


def _made_up_ids(rules: Rules) -> list[pl.Expr]:
    """Ids for a campaign and a lead of these names, the same ones for the same names."""
    campaign, key = folded(pl.col("campaign")), pl.col("key")
    by_id = is_id(pl.col("campaign"), rules)
    return [
        pl.when(by_id).then(campaign).otherwise(_id_of(campaign)).alias("campaign_id"),
        pl.coalesce("own_id", _id_of(pl.concat_str(campaign, key))).alias("campaign_lead_id"),
        pl.when(~by_id).then("campaign").alias("campaign"),
    ]


def _id_of(text: pl.Expr) -> pl.Expr:
    return text.hash(seed=1).cast(pl.String).str.zfill(_ID_DIGITS)
