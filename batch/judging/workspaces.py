"""Which workspace each row of a spreadsheet belongs to. Pure: frames in, frames out.

That comes before all else that is judged of a row: labels and campaigns are its workspace's. What
is skipped in any workspace, such as a blank row, needs none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import polars as pl

from batch.columns import MERGED, Naming
from batch.judging.explain import Explainer, quoted
from batch.judging.leads import between
from batch.judging.rules import Rules, judge
from batch.judging.survey import Cells, Judgements
from batch.judging.texts import EDGES, folded, is_spoiled, trimmed
from batch.lines import frames_with, only_lines
from batch.model import Field, Reason
from batch.near_names import NearNames
from batch.visible import visible

# reason, column, found, message: why a row is no workspace's, as `rules.judge` has them; message is
# the whole sentence without the place.
PROBLEM = pl.Schema(
    {
        "line": pl.UInt32(),
        "reason": pl.String(),
        "column": pl.String(),
        "found": pl.String(),
        "message": pl.String(),
    }
)
# workspace_id: whose row it is; null where PROBLEM's columns say why it is no workspace's. Else
# those are null.
ASSIGNED = pl.Schema({**PROBLEM, "workspace_id": pl.String()})

_COLUMN = Naming.WORKSPACE
_EARLIER = (Reason.BLANK_ROW, Reason.NOTHING_TO_CHANGE, Reason.NOT_DATA)
_LISTED = 5  # workspaces that a message names when none is near
_REMEMBERED = 1_000  # wrong names whose sentences are kept
_NOBODY = 65_535  # in the place of a workspace's number, which has two bytes


def assign(
    cells: Cells,
    rules: Rules,
    known: Mapping[str, Collection[str]],
    default: str | None,
    owned: pl.DataFrame | None = None,
) -> Iterator[pl.DataFrame]:
    """The cells, frame by frame, with the columns of ASSIGNED beside their own.

    cells: as `Table.cells` gives them where workspaces count. known: the names of each workspace
    that rows may name, by its id. default: the id of the workspace whose rows name none; None if
    each has to. owned: the rows (line, workspace_id, by line) whose workspace is known, whatever
    they name; None for none. No row of a lead that is named in several workspaces is any
    workspace's.
    Goes through the cells twice, and once more if there are such leads; keeps ten bytes a row.
    """
    names = _Names(known, default)
    owners: list[pl.Series] = []
    leads = [pl.DataFrame(schema={"hash": pl.UInt64, "owner": pl.UInt16})]
    for frame in cells():
        owners.append(names.owners(frame, owned))
        leads.append(_leads(frame, owners[-1]).select("hash", "owner"))
    shared = _named_elsewhere(pl.concat(leads))
    del leads
    conflicts = _conflicts(cells, owners, shared, names)
    explainer = _Explainer(rules, names)
    for frame, owner in zip(cells(), owners, strict=True):
        problems = explainer.problems(frame.filter(owner == _NOBODY))
        if conflicts.height:
            problems = pl.concat([problems, *frames_with([conflicts], frame["line"])])
        assigned = frame.with_columns(workspace_id=names.ids_of(owner))
        if not problems.height:
            nothing = [pl.lit(None, kind).alias(name) for name, kind in PROBLEM.items()]
            yield assigned.with_columns(nothing[1:])
            continue
        is_clear = pl.col("reason").is_null()
        assigned = assigned.join(problems, on="line", how="left", maintain_order="left")
        yield assigned.with_columns(workspace_id=pl.when(is_clear).then("workspace_id"))


def problems_of(
    cells: Cells, rules: Rules, known: Mapping[str, Collection[str]], default: str | None
) -> pl.DataFrame:
    """What is wrong with rows that are no workspace's, as PROBLEM, in line order.

    Takes what `assign` does, and keeps some hundred bytes for each such row.
    """
    found = (
        frame.filter(pl.col("workspace_id").is_null()).select(PROBLEM.names())
        for frame in assign(cells, rules, known, default)
    )
    return pl.concat([pl.DataFrame(schema=PROBLEM), *found])


def judged_with(problems: pl.DataFrame, judged: Judgements) -> Judgements:
    """Judged rows with what is wrong with their workspaces, which comes before all else.

    problems: as `problems_of` gives them.
    """

    def over(rows: pl.DataFrame) -> pl.DataFrame:
        wrong = between((problems,), rows)
        if not wrong.height:
            return rows
        texts = wrong.select("line", pl.exclude("line").name.suffix("_"))
        both = rows.join(texts, on="line", how="left", maintain_order="left")
        is_wrong = pl.col("reason_").is_not_null()
        wrong_texts = (
            pl.when(is_wrong).then(f"{name}_").otherwise(name).alias(name)
            for name in PROBLEM.names()[1:]
        )
        return both.with_columns(wrong_texts).select(rows.columns)

    return lambda lines: map(over, judged(lines))


def find_workspace(name: str, known: Mapping[str, Collection[str]]) -> str:
    """The id of the workspace that has this name, or this id.

    known: as `assign` takes it. Raises ValueError with a sentence where it is not clear.
    """
    names = _Names(known, None)
    cell = pl.DataFrame({_COLUMN.value: [name]}, schema={_COLUMN.value: pl.String})
    [id_] = names.ids_of(names.owners(cell))
    if id_ is None:
        [key] = _keys([name])
        explainer = _Explainer(Rules(name=""), names)
        raise ValueError(explainer.sentence(name.strip(), key, is_spoiled=False)[1])
    return str(id_)


class _Names:
    """The workspaces that rows may name, by number.

    ids: of each. listed: what each is called. spelt: all names, by what is compared of them.
    """

    def __init__(self, known: Mapping[str, Collection[str]], default: str | None) -> None:
        if len(known) > _NOBODY:
            raise ValueError(f"more than {_NOBODY:,} workspaces can't be told apart")
        self.ids = list(known)
        self.listed = [next(iter(names), id_) for id_, names in known.items()]
        self._ids = pl.Series(self.ids, dtype=pl.String)
        self._default = _NOBODY if default is None else self.ids.index(default)
        pairs = [(name, number) for number, names in enumerate(known.values()) for name in names]
        keys = _keys([name for name, _ in pairs])
        self.spelt = {key: name for key, (name, _) in zip(keys, pairs, strict=True)}
        self._numbers: dict[str, set[int]] = {}
        for key, (_, number) in zip(keys, pairs, strict=True):
            self._numbers.setdefault(key, set()).add(number)
        # An id outranks a name: nothing else tells workspaces of one name apart.
        self._numbers |= {key: {number} for number, key in enumerate(_keys(self.ids))}

    def owners(self, cells: pl.DataFrame, owned: pl.DataFrame | None = None) -> pl.Series:
        """The number of the workspace that each row names; _NOBODY where that is not clear.

        owned: as `assign` takes it.
        """
        texts = cells.select(text=trimmed(pl.col(_COLUMN)))
        distinct = texts.get_column("text").unique().to_list()
        found = [
            self._default if text is None else self._number(key)
            for text, key in zip(distinct, _keys(distinct), strict=True)
        ]
        schema = {"text": pl.String, "owner": pl.UInt16}
        table = pl.DataFrame({"text": distinct, "owner": found}, schema=schema)
        named = texts.join(table, on="text", how="left", maintain_order="left", nulls_equal=True)
        owners = named.get_column("owner")
        if MERGED[0] in cells.columns:  # a blank cell of merged ones names what the first one does
            is_merged = cells.get_column(MERGED[0]).eq_missing(_COLUMN.value)
            owners = owners.set(is_merged & named.get_column("text").is_null(), _NOBODY)
        return owners if owned is None else self._known(cells, owned).fill_null(owners)

    def _known(self, cells: pl.DataFrame, owned: pl.DataFrame) -> pl.Series:
        """The number of the workspace whose each row is known to be; null for the others."""
        numbers = {"workspace_id": self._ids, "owner": range(len(self.ids))}
        table = pl.DataFrame(numbers, schema={"workspace_id": pl.String, "owner": pl.UInt16})
        lines = cells.get_column("line")
        known = only_lines(owned, lines).join(table, on="workspace_id", how="left")
        known = known.with_columns(pl.col("owner").fill_null(_NOBODY))
        rows = lines.to_frame().join(known, on="line", how="left", maintain_order="left")
        return rows.get_column("owner")

    def _number(self, key: str) -> int:
        numbers = self._numbers.get(key, set())
        return min(numbers) if len(numbers) == 1 else _NOBODY

    def ids_of(self, owners: pl.Series) -> pl.Series:
        """The id of each workspace; null for _NOBODY."""
        numbers = pl.select(pl.when(owners != _NOBODY).then(owners)).to_series()
        return self._ids.gather(numbers.cast(pl.UInt32))

    def named(self, key: str) -> list[str]:
        """The ids of all workspaces that have this name. key: what is compared of it."""
        return [self.ids[number] for number in sorted(self._numbers.get(key, set()))]

    def shown(self, number: int) -> str:
        """What a message calls a workspace: its name, or its id where others have that name."""
        name = self.listed[number]
        is_clear = len(self.named(_keys([name])[0])) == 1
        return quoted(name if is_clear else self.ids[number])


def _keys(texts: Sequence[str | None]) -> list[str]:
    """Names and ids as they are compared: regardless of case and of which white space they have.

    A name comes with what can't be seen of it spelt out, as the joiner in an emoji; so is a cell's.
    """
    shown = [text and visible(" ".join(text.strip(EDGES).split())) for text in texts]
    names = pl.DataFrame({"name": shown}, schema={"name": pl.String})
    return names.select(folded(pl.col("name"))).to_series().to_list()


def _leads(cells: pl.DataFrame, owners: pl.Series) -> pl.DataFrame:
    """The rows that are a workspace's and name a lead by its ids: line, owner, and two hashes.

    That 128 bits agree by chance happens to fewer than one in 10^24 files of ten million leads.
    """
    campaign, lead = (
        trimmed(pl.col(column)).str.to_lowercase()
        for column in (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    )
    return (
        cells.with_columns(owner=owners)
        .filter(pl.col("owner") != _NOBODY)
        .select("line", "owner", campaign=campaign, lead=lead)
        .drop_nulls()
        .select(
            "line",
            "owner",
            hash=pl.col("campaign").hash(1) ^ pl.col("lead").hash(2),
            other_hash=pl.col("campaign").hash(3) ^ pl.col("lead").hash(4),
        )
    )


def _named_elsewhere(leads: pl.DataFrame) -> pl.Series:
    """The hashes that rows of different workspaces have."""
    ordered = leads.sort("hash")
    is_same = pl.col("hash") == pl.col("hash").shift()
    changes = is_same & (pl.col("owner") != pl.col("owner").shift())
    return ordered.filter(changes).get_column("hash").unique()


def _conflicts(
    cells: Cells, owners: Sequence[pl.Series], hashes: pl.Series, names: _Names
) -> pl.DataFrame:
    """As PROBLEM, in line order: the rows of leads that are named in several workspaces.

    hashes: that rows of different workspaces have.
    """
    if not len(hashes):
        return pl.DataFrame(schema=PROBLEM)
    rows = pl.concat(
        _leads(frame, owner).filter(pl.col("hash").is_in(hashes.implode()))
        for frame, owner in zip(cells(), owners, strict=True)
    )
    lead = ["hash", "other_hash"]
    firsts = rows.unique([*lead, "owner"], keep="first", maintain_order=True)
    firsts = firsts.group_by(lead, maintain_order=True).agg("line", "owner")
    messages = [
        (*lead_hashes, _in_two(lines, [names.shown(number) for number in numbers[:2]]))
        for *lead_hashes, lines, numbers in firsts.iter_rows()
        if len(lines) > 1
    ]
    schema = {"hash": pl.UInt64, "other_hash": pl.UInt64, "message": pl.String}
    told = pl.DataFrame(messages, schema=schema, orient="row")
    return rows.join(told, on=lead, maintain_order="left").select(
        "line",
        pl.lit(Reason.CONFLICT.value).alias("reason"),
        pl.lit(_COLUMN.value).alias("column"),
        pl.lit("").alias("found"),
        "message",
    )


class _Explainer:
    """Says why rows are no workspace's; remembers its suggestions."""

    def __init__(self, rules: Rules, names: _Names) -> None:
        self._rules = rules
        self._names = names
        self._near = NearNames()
        self._said: dict[str, tuple[Reason, str]] = {}
        self._row = Explainer(rules)
        shown = [quoted(name) for name in names.listed[:_LISTED]]
        self._wanted = _listed(shown, len(names.listed))

    def problems(self, cells: pl.DataFrame) -> pl.DataFrame:
        """As PROBLEM: what is wrong with these rows, which are no workspace's."""
        if not cells.height:
            return pl.DataFrame(schema=PROBLEM)
        judged = judge(cells, self._rules).select(PROBLEM.names())
        # A cell that has swallowed other rows has its sentence from reading.
        is_swallowed = (pl.col("reason") == Reason.BAD_CELL) & pl.col("message").is_not_null()
        is_earlier = is_swallowed | pl.col("reason").is_in([each.value for each in _EARLIER])
        earlier = judged.filter(is_earlier)
        sentences = {each.value: self._row.sentence(each, None, "") for each in _EARLIER}
        by_reason = pl.col("reason").replace_strict(sentences, default=None)
        text = trimmed(pl.col(_COLUMN)).fill_null("")
        texts = cells.select("line", found=text, is_spoiled=is_spoiled(text))
        texts = texts.join(earlier, on="line", how="anti")
        said = texts.drop("line").unique("found")
        keyed = said.with_columns(key=pl.Series(_keys(said["found"].to_list()), dtype=pl.String))
        said = pl.DataFrame(
            [(text, *self._say(text, key, is_spoiled=s)) for text, s, key in keyed.iter_rows()],
            schema=dict.fromkeys(("found", "reason", "message"), pl.String),
            orient="row",
        )
        own = texts.join(said, on="found", how="left").with_columns(column=pl.lit(_COLUMN.value))
        if MERGED[0] in cells.columns:
            merged = cells.filter(pl.col(MERGED[0]) == _COLUMN).select("line", merged=MERGED[1])
            own = own.join(merged, on="line", how="left").with_columns(
                message=pl.coalesce("merged", "message")
            )
        earlier = earlier.with_columns(message=pl.coalesce("message", by_reason))
        return pl.concat([earlier, own.select(PROBLEM.names())])

    def _say(self, text: str, key: str, *, is_spoiled: bool) -> tuple[Reason, str]:
        """Why a text names no workspace by itself. key: what is compared of it."""
        if text not in self._said:
            if len(self._said) == _REMEMBERED:
                self._said.clear()
            self._said[text] = self.sentence(text, key, is_spoiled=is_spoiled)
        return self._said[text]

    def sentence(self, text: str, key: str, *, is_spoiled: bool) -> tuple[Reason, str]:
        """The same, made anew."""
        if not text:
            wanted = "expected a workspace's name or id."
            return Reason.MISSING_WORKSPACE, f"{_COLUMN} is blank; {wanted}"
        if ids := self._names.named(key):
            told = f"{len(ids)} workspaces are called {quoted(text)}"
            listed = _listed(ids[:_LISTED], len(ids))
            return Reason.AMBIGUOUS_WORKSPACE, f"{told}: {listed}. Write the id of the right one."
        if is_spoiled:
            return Reason.BAD_CELL, self._row.sentence(Reason.BAD_CELL, _COLUMN, text)
        near = self._near.nearest(key, self._names.spelt)
        if near is not None:
            wanted = f". Did you mean {quoted(self._names.spelt[near])}?"
        else:
            wanted = f"; expected {self._wanted}."
        return Reason.UNKNOWN_WORKSPACE, f"{quoted(text)} is none of your workspaces{wanted}"


def _in_two(lines: Sequence[int], shown: Sequence[str]) -> str:
    """For each row of a lead that these two lines name in these two workspaces."""
    return (
        f"line {lines[0]} names this lead in workspace {shown[0]}, line {lines[1]} in {shown[1]}; "
        "no row of this lead is sent. Keep one workspace."
    )


def _listed(first: Sequence[str], count: int) -> str:
    """The first of so many texts, and how many more there are."""
    return ", ".join(first) + (f" or {count - len(first):,} more" if count > len(first) else "")
