"""The tables of a report: totals, results by reason, changes, campaigns, rows that failed. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import polars as pl
import polars.selectors as cs

from batch.model import Reason, Result, Tally
from batch.reporting.digest import ALREADY_SO, OTHER, WILL_CHANGE, Counts, Findings
from batch.reporting.pacing import share_of
from batch.reporting.run_facts import mask_emails
from batch.wording.amounts import count_of
from batch.wording.reasons import meaning_of
from batch.wording.runs import RESULT_WORDS

FIRST_ROWS = 10  # campaigns, or kinds of change, seen at once
FOLDED_ROWS = 200  # further ones that can be unfolded
_PLAN_NAMES = {WILL_CHANGE: "Would change", ALREADY_SO: "Already so", OTHER: "Can't change"}
_PLAN_KINDS = {WILL_CHANGE: "success", ALREADY_SO: "skipped", OTHER: "unsent"}


class Tile(TypedDict):
    """A number at the top. kind: its colour. of: what it counts."""

    kind: str
    name: str
    count: int
    share: str
    of: str


class FirstRows(TypedDict):
    """The first rows of a table, further ones that are folded away, and how many more there are.

    sums: what the rows, with those that are not shown, come to: each a name and its counts.
    """

    rows: list[tuple[object, ...]]
    folded: list[tuple[object, ...]]
    more: int
    sums: list[tuple[str, tuple[int, ...]]]


def tiles_of(findings: Findings) -> list[Tile]:
    """The numbers at the top."""
    if not findings.is_planned:
        tally = findings.tally
        return [
            _tile(result.value, RESULT_WORDS[result], tally.of(result), tally.total(), of="rows")
            for result in Result
        ]
    states = findings.digest.states()
    leads = sum(states.values())
    return [
        *(
            _tile(_PLAN_KINDS[state], name, states[state], leads, of="leads")
            for state, name in _PLAN_NAMES.items()
        ),
        _tile("error", "Rows that are wrong", findings.tally.error, findings.rows, of="rows"),
    ]


def _tile(kind: str, name: str, count: int, total: int, *, of: str) -> Tile:
    return Tile(kind=kind, name=name, count=count, share=share_of(count, total), of=of)


def bar_of(tiles: list[Tile]) -> list[Mapping[str, object]]:
    """The tiles as parts of a bar 1,000 wide, each wide enough to be seen.

    Tiles that count something else than the first are left out.
    """
    seen = [tile for tile in tiles if tile["count"] and tile["of"] == tiles[0]["of"]]
    total = sum(tile["count"] for tile in seen) or 1
    widths = [max(6.0, 1000 * tile["count"] / total) for tile in seen]
    parts: list[Mapping[str, object]] = []
    x = 0.0
    for tile, width in zip(seen, widths, strict=True):
        wide = width * 1000 / sum(widths)
        parts.append({"kind": tile["kind"], "x": round(x, 1), "width": round(wide, 1)})
        x += wide
    return parts


def reasons(findings: Findings) -> Iterator[Mapping[str, object]]:
    """The reasons that occurred, with their meaning and first lines."""
    for reason in Reason:
        if findings.is_planned and reason is Reason.NOT_REACHED:
            continue  # rows to send are counted by lead, elsewhere
        if count := findings.tally[reason]:
            yield {
                "count": count,
                "result": reason.result.value,
                "kind": reason.result.value,
                "reason": reason.value,
                "meaning": meaning_of(reason),
                "examples": _by_message(findings.examples.get(reason, ())),
            }


def _by_message(examples: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Lines with the same message, as "line 8" or "lines 8, 12", beside the message."""
    lines: dict[str, list[str]] = {}
    for line, message in examples:
        lines.setdefault(mask_emails(message), []).append(f"{line:,}")
    return [
        (f"line{'s' if len(named) > 1 else ''} {', '.join(named)}", message)
        for message, named in lines.items()
    ]


class Campaigns(FirstRows):
    """The results of campaigns. names: of the columns behind the campaign's id."""

    names: list[str]


def workspaces(findings: Findings) -> Mapping[str, object] | None:
    """The rows of each workspace by result, and of none; None where a run is of one alone."""
    if not findings.workspaces:
        return None
    of_none = Tally(findings.tally)
    for each in findings.workspaces:
        of_none.subtract(each.tally)
    sums = [("Of no workspace", of_none)] if of_none.total() else []
    return {
        "rows": [
            (
                each.name,
                _counts(each.tally),
                mask_emails(each.stop_reason if each.tally.unsent else ""),
            )
            for each in findings.workspaces
        ],
        "sums": [(name, _counts(tally)) for name, tally in (*sums, ("All rows", findings.tally))],
    }


def _counts(tally: Tally) -> tuple[int, ...]:
    """All rows, and those of each result."""
    return (tally.total(), *(tally.of(result) for result in Result))


def campaigns(findings: Findings) -> Campaigns:
    """The results of each campaign's leads, and what they come to."""
    names = _PLAN_NAMES if findings.is_planned else RESULT_WORDS
    found = _first(findings.digest.by_campaign(), "campaigns")
    return Campaigns(names=[*names.values(), "All"], **found)


def changed(counts: Counts, findings: Findings, *, field: str) -> FirstRows:
    """The most frequent changes of a field, and how many of the changed leads kept theirs."""
    found = _first(counts.most_frequent(), "kinds of change")
    ((_, (shown,)),) = found["sums"][-1:] or (("", (0,)),)
    leads = findings.digest.states()[WILL_CHANGE if findings.is_planned else Result.SUCCESS]
    kept = [(f"{field} as it was", (leads - shown,))] if leads > shown else []
    which = "All that would change" if findings.is_planned else "All that were applied"
    found["sums"] = [*found["sums"][:-1], *kept, (which, (leads,))]
    return found


def failures(findings: Findings) -> Mapping[str, object] | None:
    """The failures by cause, the first row of each; None where there are none."""
    total = findings.tally.error
    if not total:
        return None
    file = "plan.csv" if findings.is_planned else "failed.csv"
    others = total - int(findings.causes["rows"].sum())
    return {
        "text": f"The first row of each cause. {file}, beside this page, has all "
        f"{count_of(total, 'row')} with the spreadsheet's own columns.",
        "rows": [
            {
                **row,
                "message": mask_emails(row["message"]),
                "ids": findings.digest.ids.get(row["line"]),
            }
            for row in findings.causes.rows(named=True)
        ],
        "others": others,
        "total": total,
    }


def most_frequent(counts: Counts, what: str) -> FirstRows:
    """The most frequent values, and what they come to. what: they are."""
    return _first(counts.most_frequent(), what)


def _first(frame: pl.DataFrame, what: str) -> FirstRows:
    shown = FIRST_ROWS if frame.height > FIRST_ROWS + 2 else frame.height  # two are not worth it
    numbers = frame.select(cs.integer())
    left = frame.height - shown
    sums = [(f"{left:,} more {what}", numbers.slice(shown).sum().row(0))] if left else []
    if frame.height:
        sums.append((f"All {what}", numbers.sum().row(0)))
    return FirstRows(
        rows=frame.head(shown).rows(),
        folded=frame.slice(shown, FOLDED_ROWS).rows(),
        more=max(0, left - FOLDED_ROWS),
        sums=sums,
    )
