"""The cells of a spreadsheet as they are judged, also where e-mail addresses stand for ids.

And what is said of a `status` or `aiTag` column that it has not. Either may be left out. But a
column that is called "Tag", or whose cells are the workspace's labels, was hardly meant to be kept
from the server: so people hear of it before they say yes.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from batch.advice import Advice, map_columns
from batch.columns import Naming, name_key
from batch.jobs.request import Request
from batch.judging.from_cells import Once, make_plan
from batch.judging.plan import Plan
from batch.judging.resolve import RESOLVED, CampaignNaming, LeadDirectory, provisional, read_names
from batch.judging.rules import Rules, check_rules
from batch.judging.survey import Cells
from batch.judging.texts import folded, trimmed
from batch.model import LEAD_STATUSES, Field
from batch.near_names import NearNames
from batch.reading.grid import quoted
from batch.reading.proposals import choice
from batch.reading.table import Table

# How a name ends that stands for the column. ("stage" has "tag" in it, and is none.)
_ENDINGS: Mapping[Field, tuple[str, ...]] = {
    Field.STATUS: ("status",),
    Field.AI_TAG: ("tag", "tags", "label", "labels"),
}
_KEPT = {Field.STATUS: "no status", Field.AI_TAG: "no tag"}
_MEANT = {Field.STATUS: "statuses of leads", Field.AI_TAG: "labels of the workspace"}
_NEAR_ENOUGH = 0.65  # "state" for "status"; "stage" and "date" stay below for both
_SHARE = 0.8  # of a column's cells that are values of the field: a few may be misspelt
_ROWS = 1_000  # at the beginning, whose cells are looked at
_COLUMNS = 1_000  # unused ones that are looked at


def named_of(request: Request, table: Table) -> CampaignNaming:
    """How the rows of a table name their campaigns."""
    return CampaignNaming(
        campaign=request.reading.campaign,
        column=Naming.CAMPAIGN if Naming.CAMPAIGN in table.fields else Field.CAMPAIGN_ID,
        name_first=table.campaign_was_found,
    )


@dataclass(slots=True)
class Lookup:
    """Where leads are looked up by their e-mail addresses; None until that was read.

    names: of the campaigns that were found by their names, by id.
    """

    directory: LeadDirectory | None = None
    names: Mapping[str, str] = field(default_factory=dict)


def cells_of(
    table: Table, rules: Rules, named: CampaignNaming, directory: LeadDirectory | None = None
) -> Cells:
    """What gives the cells of a table, with ids in the place of e-mail addresses.

    directory: where they are looked up. Without one they are those that the table has; where it
    has none, the names stand in their place.
    """
    if not table.is_by_email:
        return table.cells
    return lambda: (
        _with_looked_up(frame, table, rules, named, directory) for frame in table.cells()
    )


def _with_looked_up(
    cells: pl.DataFrame,
    table: Table,
    rules: Rules,
    named: CampaignNaming,
    directory: LeadDirectory | None,
) -> pl.DataFrame:
    if directory is None and table.ids is not None:
        return with_ids(cells, table.ids.between(cells["line"][0], cells["line"][-1]))
    names = read_names(cells, rules, named)
    if directory is not None:
        return with_ids(cells, directory.resolve(names).cast(RESOLVED))
    ids = provisional(names)
    if Naming.WORKSPACE in cells.columns:  # one address is another lead in another workspace
        workspace = cells.select("line", workspace=folded(pl.col(Naming.WORKSPACE)).fill_null(""))
        in_it = pl.format("{}/{}", "workspace", Field.CAMPAIGN_ID).alias(Field.CAMPAIGN_ID)
        ids = ids.join(workspace, on="line", maintain_order="left").with_columns(in_it)
        ids = ids.select(RESOLVED.names())
    return with_ids(cells, ids)


def with_ids(cells: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The cells with these ids, as `resolve.RESOLVED`, in the place of their own."""
    rest = cells.drop(Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    return rest.join(ids, on="line", how="left", maintain_order="left")


def plan_of(
    request: Request,
    table: Table,
    rules: Rules,
    *,
    once: Once | None = None,
    directory: LeadDirectory | None = None,
) -> Plan:
    """The table judged by rules that are checked first. once: as `make_plan` takes it.

    directory: as `cells_of` takes it.
    """
    check_rules(rules)
    cells = cells_of(table, rules, named_of(request, table), directory)
    on_conflict = request.settings.input.on_conflict
    return make_plan(cells, rules, on_conflict=on_conflict, once=once or (lambda judged: judged))


def about_missing_columns(table: Table, *, labels: Collection[str] | None) -> tuple[str, ...]:
    """A sentence for `status` or `aiTag`, whichever the table has not.

    labels: the workspace's; None if they aren't known: cells are then compared with none.
    """
    missing = [field for field in _ENDINGS if field not in table.fields]
    return tuple(_sentence(field, table, labels) for field in missing)


def _sentence(field: Field, table: Table, labels: Collection[str] | None) -> Advice:
    told = f"There is no column {field}, so {_KEPT[field]} is changed."
    unused = {
        position: name
        for position, name in enumerate(table.header)
        if position not in table.fields.values() and name.strip()
    }
    unused = dict(list(unused.items())[:_COLUMNS])
    if (column := _near(field, unused)) is not None:
        told = f"{told} Column {quoted(table.header[column])} looks like it."
        return Advice(told, map_columns({field: choice(table.header, column)}))
    values = LEAD_STATUSES if field is Field.STATUS else labels
    if values and (column := next(_holding(values, table, unused), None)) is not None:
        held = quoted(table.header[column])
        meant = f"The cells of column {held} are {_MEANT[field]}; perhaps it is meant."
        return Advice(told, meant, map_columns({field: choice(table.header, column)}))
    return Advice(told)


def _near(field: Field, unused: Mapping[int, str]) -> int | None:
    """The unused column whose name ends like the field, or else is spelt much like it."""
    names = {name_key(name): position for position, name in unused.items()}
    ending = [name for name in names if name.endswith(_ENDINGS[field])]
    if ending:
        return names[ending[0]]
    near = NearNames().nearest(name_key(field), names, cutoff=_NEAR_ENOUGH)
    return names[near] if near else None


def _holding(values: Collection[str], table: Table, unused: Mapping[int, str]) -> Iterator[int]:
    """The unused columns most of whose cells are among these values."""
    labels = pl.DataFrame({"label": values}, schema={"label": pl.String})
    known = labels.select(folded(pl.col("label"))).to_series()
    first = next(table.rows(), pl.DataFrame()).head(_ROWS)
    for position in unused:
        if str(position) in first.columns:
            cells = first.select(folded(trimmed(pl.col(str(position))))).to_series().drop_nulls()
            if len(cells) and cells.is_in(known.implode()).sum() >= _SHARE * len(cells):
                yield position
