"""The tables of a report: totals, results by reason, changes, campaigns, rows that failed. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import polars as pl

from batch.model import Reason, Result, Tally
from batch.reporting.digest import ALREADY_SO, OTHER, WILL_CHANGE, Counts
from batch.reporting.findings import Findings
from batch.reporting.heading import masked
from batch.reporting.pacing import share_of
from batch.reporting.sentence import RESULT_WORDS
from batch.wording.reasons import meaning_of

FIRST_ROWS = 10  # of campaigns, and of kinds of change, that are seen at once
FOLDED_ROWS = 200  # more of them that can be unfolded
_PLAN_NAMES = {WILL_CHANGE: "Would change", ALREADY_SO: "Already so", OTHER: "Can't change"}
_PLAN_KINDS = {WILL_CHANGE: "success", ALREADY_SO: "skipped", OTHER: "unsent"}


class Tile(TypedDict):
    """A number at the top. kind: what it is coloured by. of: what is counted."""

    kind: str
    name: str
    count: int
    share: str
    of: str


class Top(TypedDict):
    """The first rows of a table, those that are folded away, and how many more there are."""

    rows: list[tuple[object, ...]]
    folded: list[tuple[object, ...]]
    more: int


def tiles_of(found: Findings) -> list[Tile]:
    """The numbers at the top."""
    return _plan_tiles(found) if found.is_planned else _run_tiles(found.tally)


def _run_tiles(tally: Tally) -> list[Tile]:
    total = tally.total()
    return [
        Tile(
            kind=result.value,
            name=RESULT_WORDS[result],
            count=tally.of(result),
            share=share_of(tally.of(result), total),
            of="rows",
        )
        for result in Result
    ]


def _plan_tiles(found: Findings) -> list[Tile]:
    states = found.digest.states()
    total = sum(states.values())
    leads = [
        Tile(
            kind=_PLAN_KINDS[state],
            name=name,
            count=states[state],
            share=share_of(states[state], total),
            of="leads",
        )
        for state, name in _PLAN_NAMES.items()
    ]
    wrong = found.tally.error
    return [
        *leads,
        Tile(
            kind="error",
            name="Rows that are wrong",
            count=wrong,
            share=share_of(wrong, found.rows),
            of="rows",
        ),
    ]


def bar_of(tiles: list[Tile]) -> list[Mapping[str, object]]:
    """The tiles' shares as parts of a bar that is 1,000 wide; none is too thin to be seen.

    Those that count something else than the first are left out.
    """
    seen = [tile for tile in tiles if tile["count"] and tile["of"] == tiles[0]["of"]]
    total = sum(tile["count"] for tile in seen)
    widths = [max(6.0, 1000 * tile["count"] / total) for tile in seen]
    parts: list[Mapping[str, object]] = []
    x = 0.0
    for tile, width in zip(seen, widths, strict=True):
        wide = width * 1000 / sum(widths)
        parts.append({"kind": tile["kind"], "x": round(x, 1), "width": round(wide, 1)})
        x += wide
    return parts


def reasons(found: Findings) -> Iterator[Mapping[str, object]]:
    """The reasons that occur, with what they mean and their first lines."""
    for reason in Reason:
        if found.is_planned and reason is Reason.NOT_REACHED:
            continue  # what is to be sent is told by lead
        if count := found.tally[reason]:
            yield {
                "count": count,
                "result": reason.result.value,
                "kind": reason.result.value,
                "reason": reason.value,
                "meaning": meaning_of(reason),
                "examples": _by_message(found.examples.get(reason, ())),
            }


def _by_message(examples: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Lines as "line 8" or "lines 8, 12", each with what is said of all of them."""
    lines: dict[str, list[str]] = {}
    for line, message in examples:
        lines.setdefault(masked(message), []).append(f"{line:,}")
    return [
        (f"line{'s' if len(named) > 1 else ''} {', '.join(named)}", message)
        for message, named in lines.items()
    ]


def campaigns(found: Findings) -> Mapping[str, object]:
    """What came of the leads of each campaign."""
    names = _PLAN_NAMES if found.is_planned else RESULT_WORDS
    return {"names": [*names.values(), "All"], **_first(found.digest.by_campaign())}


def failed_rows(found: Findings) -> Mapping[str, object] | None:
    """The first rows that failed; None where none did."""
    total = found.tally.error
    if not total:
        return None
    shown = found.failed.height
    which = "All of them" if shown == total else f"The first {shown:,} of {total:,}"
    where = "plan.csv" if found.is_planned else "failed.csv"
    return {
        "text": f"{which}, in the spreadsheet's order. {where}, beside this page, has them with "
        "the spreadsheet's own columns.",
        "rows": [
            {**row, "message": masked(row["message"]), "ids": found.digest.ids.get(row["line"])}
            for row in found.failed.rows(named=True)
        ],
    }


def top(counts: Counts) -> Top:
    """What occurred most often."""
    return _first(counts.most())


def _first(frame: pl.DataFrame) -> Top:
    shown = FIRST_ROWS if frame.height > FIRST_ROWS + 2 else frame.height  # two are not worth it
    return Top(
        rows=frame.head(shown).rows(),
        folded=frame.slice(shown, FOLDED_ROWS).rows(),
        more=max(0, frame.height - shown - FOLDED_ROWS),
    )
