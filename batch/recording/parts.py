"""The parts of a run of several workspaces: their folders, and their journals as one."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.model import Move, Reason, Tally
from batch.recording.journal import Journal
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import PlanFile
from batch.recording.result_rows import NOT_REACHED_MESSAGE
from batch.recording.runfile import PARTS, NewerRecordError, RunPart, RunRecord, read_record

_LONGEST_NAME = 40
# Names that Windows keeps for devices, in any folder.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{of}{n}" for of in ("com", "lpt") for n in range(10)}


def folder_names(names: Iterable[str]) -> Iterator[str]:
    """The folder's name for each workspace: small letters and digits of its name, none twice."""
    taken: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = "".join(each if each.isalnum() else " " for each in plain).split()
        slug = "-".join(words)[:_LONGEST_NAME].strip("-") or "workspace"
        if slug in _DEVICES:
            slug = f"workspace-{slug}"
        count, unique = 1, slug
        while unique in taken:
            count += 1
            unique = f"{slug}-{count}"
        taken.add(unique)
        yield unique


def read_part(folder: Path, record: RunRecord, part: RunPart) -> RunRecord:
    """The record of a part. Raises InputError unless it is the one that the whole names."""
    path = folder / PARTS / part.folder
    back = "Bring the whole folder back from one backup, or start a new run."
    try:
        found = read_record(path / "run.json")
    except NewerRecordError:
        raise
    except InputError as error:  # what is said of a run by itself does not hold: it may have sent
        raise InputError(
            f"{path}: is missing or damaged, and {folder / 'run.json'} names it. What it has sent "
            f"is not known without it. {back}"
        ) from error
    named = (found.workspace, found.rows) == (part.workspace, part.rows)
    of_whole = (found.part_of, found.input.sha256, found.base_url, found.sandbox)
    if not named or of_whole != (record.id, record.input.sha256, record.base_url, record.sandbox):
        raise InputError(f"{path}: is not the part that {folder / 'run.json'} names. {back}")
    return found


def plans_of_all(folder: Path, record: RunRecord) -> list[PlanFile]:
    """What the rows of a run of several workspaces are: those of none, then those of each part.

    Raises InputError as `read_part` does, and where a plan is damaged.
    """
    plans = [open_plan(folder, record)]
    for part in record.parts:
        path = folder / PARTS / part.folder
        plans.append(open_plan(path, read_part(folder, record, part)))
    return [plan.source for plan in plans]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRows:
    """The rows of one part, or those of no workspace, and what came of them.

    stop_reason: why the part ended early; "" if it did not.
    """

    journal: Journal
    plan: PlanFile
    rows: int
    stop_reason: str = ""


class JoinedOutcomes:
    """Several parts read as one run: each row of the input is in one of them."""

    def __init__(self, parts: Sequence[PartRows]) -> None:
        self._parts = parts
        self._left = [_not_reached(part) for part in parts]

    @property
    def plans(self) -> list[PlanFile]:
        """What the rows of each part are."""
        return [part.plan for part in self._parts]

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The outcomes of the lines from first to last, as `Journal.rows` gives them.

        Rows that were not reached are told with why their own part ended.
        """
        among = pl.col("line").is_between(first_line, last_line)
        frames = [part.journal.rows(first_line, last_line) for part in self._parts]
        left = (rows.filter(among) for rows in self._left if rows.height)
        return pl.concat([*frames, *left], how="diagonal").sort("line")

    def lines(self) -> pl.Series:
        """The lines of all rows (UInt32, rising)."""
        return pl.concat(part.plan.lines() for part in self._parts).sort()

    def in_doubt(self) -> pl.Series:
        """As `Journal.in_doubt`."""
        return pl.concat(part.journal.in_doubt() for part in self._parts).sort()

    def recorded(self) -> int:
        """The number of lines that belong to a part, or to no workspace."""
        return sum(part.rows for part in self._parts)

    def tally(self) -> Tally:
        """All rows by reason."""
        tally = Tally()
        for part in self._parts:
            tally.update(part.journal.tally())
        tally[Reason.NOT_REACHED] += self.recorded() - tally.total()
        return Tally({reason: rows for reason, rows in tally.items() if rows})

    def examples(self) -> dict[Reason, tuple[int, str]]:
        """The first line of each reason that occurs, and its message."""
        found: dict[Reason, tuple[int, str]] = {}
        for part in self._parts:
            for reason, (line, message) in part.journal.examples().items():
                if reason not in found or line < found[reason][0]:
                    found[reason] = (line, message)
        return found


def _not_reached(part: PartRows) -> pl.DataFrame:
    """The rows of a part that have no outcome, as `Journal.rows` would tell them."""
    told = pl.DataFrame(schema={"line": pl.UInt32})
    if part.journal.recorded() < part.rows:
        told = (
            part.plan.lines()
            .to_frame()
            .join(part.journal.lines().to_frame(), on="line", how="anti", maintain_order="left")
        )
    why = f"{NOT_REACHED_MESSAGE} {part.stop_reason}".rstrip()
    return told.with_columns(
        pl.lit(Reason.NOT_REACHED.value).alias("reason"),
        pl.lit(why).alias("message"),
        pl.lit(0, pl.Int64).alias("attempts"),
    )


def moves_together(of_parts: Iterable[Collection[Move]]) -> tuple[Move, ...]:
    """What the server did with leads in subsequences, in all parts; the most leads first."""
    counted: Counter[tuple[str, str]] = Counter()
    for moves in of_parts:
        counted.update({(move.action, move.subsequence): move.leads for move in moves})
    moves = [Move(action=a, subsequence=name, leads=n) for (a, name), n in counted.items()]
    return tuple(sorted(moves, key=lambda one: (-one.leads, one.action, one.subsequence)))
