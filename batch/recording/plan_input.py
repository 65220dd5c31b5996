"""Hold a plan against the run's copy of the input, where the folder may come from anybody.

What a plan says is sent with the user's own key, and the results tell of the rows of the copy: so
each row of the plan must be a line of the copy, of the same lead, and ask for what its cells ask
for. No row is judged again, since the rules may have changed: what its cells say is compared, no
more. Some things can't be known: which lead an e-mail address means (but rows of one request have
one address, and no two requests one lead), why a row is not sent, what a lead was before, and what
a plan expects it to be. A retry is about some lines of the copy, whichever these are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from batch.columns import Column, Naming
from batch.errors import InputError
from batch.escape import unescape
from batch.judging.explain import quoted
from batch.judging.leads import LEAD
from batch.judging.plan import LAST_LINE
from batch.judging.rules import Rules, is_id, tag_key
from batch.judging.texts import folded, trimmed
from batch.model import LEAD_STATUSES, Field, Reason
from batch.reading.table import Table
from batch.recording.journal import JUDGED_NOTE, Journal
from batch.recording.plan_file import KeptPlan, PlanFile

_BLOCK_LINES = 50_000
_PLANNED = ("line", "carrier", "reason", "message", *LEAD, "status", "ai_tag", "clear_tag")
# Control characters, and those that hide or turn round what is shown; not the two that join parts
# of an emoji or of a Persian word.
_UNSEEN = "[\\p{Cc}\\p{Zl}\\p{Zp}\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
_IS_SENT = pl.col("carrier").is_not_null()
_CARRIES = pl.col("line") == pl.col("carrier")
# What is kept of a row that shares its request: some 40 bytes.
_ASKED = pl.Schema(
    {
        "line": pl.UInt32(),
        "carrier": pl.UInt32(),
        "reason": pl.Enum([reason.value for reason in Reason]),
        "is_told": pl.Boolean(),
        "lead": pl.UInt64(),
        "other_lead": pl.UInt64(),  # rows that share this one, too, are of one lead and one address
        "status": pl.Enum(LEAD_STATUSES),
        "tag": pl.Categorical(),
        "asks_status": pl.Enum(LEAD_STATUSES),
        "asks_tag": pl.Categorical(),
        "asks_bare": pl.Categorical(),
    }
)
_OF_CARRIER = ("reason", "lead", "other_lead", "status", "tag")
_LEADS = pl.Schema({name: _ASKED[name] for name in ("line", "lead")})


class _Check(NamedTuple):
    """Something that can't be so, and what is said of the first such row.

    said: with the names of columns in braces.
    """

    fails: pl.Expr
    said: str


def check_against_input(
    folder: Path, plan: KeptPlan, table: Table, rules: Rules, columns: Mapping[Column, str]
) -> None:
    """Raise InputError, naming the first line about which they disagree.

    table: the run's copy of the input; of a retry, those of its lines that the plan has.
    rules, columns: the run's, the headers that were given; labels are not needed.
    """
    where = _disagreement(plan.source, table, rules)
    if column := table.misread(columns):
        where = f"run.json takes another column for {column} than the header names"
    if where:
        raise _refused(folder, "its copy of the input", where)


def check_against_journal(folder: Path, plan: KeptPlan, journal: Journal) -> None:
    """Raise InputError for a line of the journal that is none of the plan's, and the reverse.

    What the plan leaves out, a journal that is begun must know, or it would be sent.
    """
    lines, known = plan.source.lines(), journal.lines()
    for found in (known, journal.in_doubt()):
        if len(strange := _without(found, lines)):
            where = f"line {strange[0]} is in the journal, but not in the plan"
            raise _refused(folder, "its journal", where)
    if journal.kept(JUDGED_NOTE) is None:
        return
    lost = _without(plan.source.left_out_lines(), known)
    for part in lost.to_frame().iter_slices(_BLOCK_LINES):
        # Of what was needed after all when the leads were read once more, that reading is kept.
        needed = journal.before(part["line"][0], part["line"][-1])["line"].cast(pl.UInt32)
        if len(unknown := _without(part["line"], needed)):
            where = f"line {unknown[0]} is left out by the plan, and not so in the journal"
            raise _refused(folder, "its journal", where)


def _refused(folder: Path, other: str, where: str) -> InputError:
    return InputError(
        f"{folder}: its plan and {other} disagree: {where}. Nothing was sent by this command. The "
        "run is not in your list of runs, so anybody may have changed it. Bring its whole folder "
        "back from one backup, or start a new run."
    )


def _without(lines: pl.Series, known: pl.Series) -> pl.Series:
    return lines.filter(~lines.is_in(known.implode()))


def _disagreement(source: PlanFile, table: Table, rules: Rules) -> str | None:
    """The first thing that they disagree about, as a clause."""
    shared = source.shared_carriers()
    several, carrying = [pl.DataFrame(schema=_ASKED)], [pl.DataFrame(schema=_LEADS)]
    of_row, of_request = _row_checks(rules, table), _request_checks()
    last = 0
    for cells in table.cells():
        first, end = cells["line"][0], cells["line"][-1]
        planned = source.rows_between(last + 1, end, "line")["line"]
        if wrong := _other_lines(planned, cells["line"]):
            return wrong
        rows = _beside(source.rows_between(first, end, *_PLANNED), cells, table)
        if wrong := _first(of_row, rows):
            return wrong
        sent = _asked(rows.filter(_IS_SENT), rules.clear_word)
        is_shared = pl.col("carrier").is_in(shared.implode())
        if wrong := _first(of_request, _with_carriers(sent.filter(~is_shared))):
            return wrong
        several.append(sent.filter(is_shared).cast(_ASKED))
        carrying.append(sent.filter(_CARRIES).select(_LEADS.names()))
        last = end
    planned = source.rows_between(last + 1, LAST_LINE, "line")["line"]
    return (
        _other_lines(planned, planned.clear())
        or _first_of_several(of_request, pl.concat(several), shared)
        or _lead_of_two_requests(source, pl.concat(carrying))
    )


def _other_lines(planned: pl.Series, copied: pl.Series) -> str | None:
    if planned.equals(copied):
        return None
    if len(extra := _without(planned, copied)):
        return f"line {extra[0]} is in the plan, but not in the copy"
    return f"line {_without(copied, planned)[0]} is in the copy, but not in the plan"


def _first(checks: tuple[_Check, ...], rows: pl.DataFrame) -> str | None:
    """What is said of the first row that fails one of the checks; of the first such check."""
    if not rows.select(pl.any_horizontal(check.fails for check in checks).any()).item():
        return None
    for check in checks:
        for row in rows.filter(check.fails).head(1).iter_rows(named=True):
            said = {name: quoted(it) if isinstance(it, str) else it for name, it in row.items()}
            return check.said.format_map({**said, **{k: "nothing" for k in row if row[k] is None}})
    return None


def _beside(rows: pl.DataFrame, cells: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows of the plan beside what their cells say of the lead, and ask for."""
    campaign, lead = (
        trimmed(pl.col(field)).str.to_lowercase()
        for field in (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    )
    email = pl.lit(None, pl.String)
    if table.is_by_email:
        email = folded(trimmed(pl.col(Naming.EMAIL)))
        if table.campaign_was_found:  # its name outranks the id
            campaign = pl.when(trimmed(pl.col(Naming.CAMPAIGN)).is_null()).then(campaign)
    tag = trimmed(pl.col(Field.AI_TAG))
    said = cells.select(
        copy_campaign_id=campaign,
        copy_campaign_lead_id=lead,
        email=email,
        asks_status=trimmed(pl.col(Field.STATUS)).str.to_lowercase(),
        asks_tag=tag,
        asks_bare=unescape(tag),
    )
    return pl.concat([rows, said], how="horizontal")


def _row_checks(rules: Rules, table: Table) -> tuple[_Check, ...]:
    """What can't be so of a row by itself, as `_beside` gives it."""
    checks = []
    for name, field in zip(LEAD, (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID), strict=True):
        planned, copied = pl.col(name), pl.col(f"copy_{name}")
        is_other = planned.ne_missing(copied) & (_IS_SENT | planned.is_not_null())
        if table.is_by_email:  # a row that names its lead otherwise has no id of its own
            is_other = _IS_SENT & copied.is_not_null() & (planned != copied)
        column = f"line {{line}}, column {field}"
        checks += [
            _Check(is_other, f"{column}: the plan says {{{name}}}, the copy {{copy_{name}}}"),
            _Check(_IS_SENT & ~is_id(planned, rules), f"{column}: the plan says {{{name}}}, no id"),
        ]
    status, tag = pl.col("asks_status"), pl.col("ai_tag")
    is_of_cell = (tag == pl.col("asks_tag")) | (tag == pl.col("asks_bare"))
    return (
        *checks,
        _Check(
            _IS_SENT & status.is_not_null() & ~status.is_in(list(rules.statuses)),
            "line {line}, column status: the plan says {status}, the copy {asks_status}",
        ),
        _Check(
            _CARRIES & tag.str.contains(_UNSEEN) & ~is_of_cell.fill_null(value=False),
            "line {line}, column aiTag: the plan says {ai_tag}, the copy {asks_tag}",
        ),
    )


def _asked(sent: pl.DataFrame, clear_word: str) -> pl.DataFrame:
    """What is compared of rows that are sent, as _ASKED, with texts for categories."""
    ids = [pl.col(name) for name in LEAD]
    tag = pl.when("clear_tag").then(pl.lit(clear_word)).otherwise("ai_tag")
    return sent.select(
        "line",
        "carrier",
        "reason",
        is_told=pl.col("message").is_not_null(),
        lead=ids[0].hash(1) ^ ids[1].hash(2),
        other_lead=ids[0].hash(3) ^ ids[1].hash(4) ^ pl.col("email").hash(5),
        status=pl.when(_CARRIES).then("status"),
        tag=pl.when(_CARRIES).then(tag),
        asks_status="asks_status",
        asks_tag="asks_tag",
        asks_bare="asks_bare",
    )


def _with_carriers(asked: pl.DataFrame) -> pl.DataFrame:
    """These rows, each beside the one that carries its request; that is among them."""
    texts = asked.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    carriers = texts.filter(_CARRIES).select(
        "carrier", *(pl.col(name).alias(f"its_{name}") for name in _OF_CARRIER)
    )
    return texts.join(carriers, on="carrier", how="left", maintain_order="left")


def _request_checks() -> tuple[_Check, ...]:
    """What can't be so of a row beside the one that carries its request."""
    status, tag = pl.col("its_status"), tag_key(pl.col("its_tag"))
    asks_status = pl.col("asks_status")
    asks_tag, asks_bare = tag_key(pl.col("asks_tag")), tag_key(pl.col("asks_bare"))
    is_status = (asks_status == status).fill_null(value=False)
    is_tag = ((asks_tag == tag) | (asks_bare == tag)).fill_null(value=False)
    is_lost = pl.col("is_told")  # another row of the lead has the last word
    return (
        _Check(
            (pl.col("lead") != pl.col("its_lead"))
            | (pl.col("other_lead") != pl.col("its_other_lead")),
            "line {line} is of another lead than line {carrier}, with which the plan sends it",
        ),
        _Check(
            pl.col("reason").ne_missing(pl.col("its_reason")),
            "line {line} is one request with line {carrier}, and only one of them is left out",
        ),
        _Check(
            (asks_status.is_not_null() & ~is_status & (status.is_null() | ~is_lost))
            | (_CARRIES & status.is_not_null() & ~is_status.any().over("carrier")),
            "line {line}, column status: the plan says {its_status}, the copy {asks_status}",
        ),
        _Check(
            (asks_tag.is_not_null() & ~is_tag & (tag.is_null() | ~is_lost))
            | (_CARRIES & tag.is_not_null() & ~is_tag.any().over("carrier")),
            "line {line}, column aiTag: the plan says {its_tag}, the copy {asks_tag}",
        ),
    )


def _first_of_several(
    checks: tuple[_Check, ...], asked: pl.DataFrame, shared: pl.Series
) -> str | None:
    """The same of rows that share their requests, some thousand requests at once."""
    for part in shared.sort().to_frame("carrier").iter_slices(_BLOCK_LINES):
        among = pl.col("carrier").is_between(part["carrier"][0], part["carrier"][-1])
        if wrong := _first(checks, _with_carriers(asked.filter(among))):
            return wrong
    return None


def _lead_of_two_requests(source: PlanFile, carrying: pl.DataFrame) -> str | None:
    hashes = carrying["lead"].sort()
    repeated = hashes.filter(hashes == hashes.shift()).head(_BLOCK_LINES)
    some = carrying.filter(pl.col("lead").is_in(repeated.implode()))
    found = pl.concat(
        [
            pl.DataFrame(schema={"line": pl.UInt32, **dict.fromkeys(LEAD, pl.String)}),
            *(rows.select("line", *LEAD) for rows in source.requests(some["line"])),
        ]
    )
    again = found.filter(~pl.struct(LEAD).is_first_distinct())
    if again.height:
        return f"line {again['line'][0]} is of a lead of which the plan has a request before"
    return None
