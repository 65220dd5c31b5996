"""The rows of a run sorted by the workspaces that they name, in one pass and bounded memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import polars as pl

from batch.jobs.opening import OpenRun
from batch.jobs.workspaces import Target, known
from batch.judging.plan import FIRST_PROBLEMS, errors, problems_in
from batch.judging.planned import PLANNED
from batch.judging.totals import Effect
from batch.judging.workspaces import PROBLEM, assign
from batch.model import Reason, Tally
from batch.recording.folder import RunFolder
from batch.recording.plan_file import KeptPlan, PlanFile, write_plan
from batch.recording.spill import Spill

_ROWS_A_FRAME = 10_000  # of a part, which are judged at once
_ROWS_AT_HAND = 200_000  # of all parts, which wait to be written


class Slices:
    """The rows of each workspace, kept in a hidden file each. rows: how many, by workspace."""

    def __init__(self, folder: RunFolder) -> None:
        self.rows: Counter[str] = Counter()
        self._folder = folder
        self._spills: dict[str, Spill] = {}
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._at_hand = 0

    def add(self, workspace_id: str, rows: pl.DataFrame) -> None:
        """Keep some rows of a workspace."""
        self.rows[workspace_id] += rows.height
        self._waiting.setdefault(workspace_id, []).append(rows)
        self._at_hand += rows.height
        if sum(each.height for each in self._waiting[workspace_id]) >= _ROWS_A_FRAME:
            self._write(workspace_id)
        elif self._at_hand >= _ROWS_AT_HAND:
            self.flush()

    def flush(self) -> None:
        """Write what is still at hand."""
        for workspace_id in list(self._waiting):
            self._write(workspace_id)

    def frames(self, workspace_id: str) -> Iterator[pl.DataFrame]:
        """The rows of a workspace, as often as they are asked for."""
        return self._spills[workspace_id].frames()

    def close(self) -> None:
        """Remove the files."""
        for each in self._spills.values():
            each.close()

    def _write(self, workspace_id: str) -> None:
        rows = pl.concat(self._waiting.pop(workspace_id))
        self._at_hand -= rows.height
        self._spills.setdefault(workspace_id, Spill(self._folder.path)).put(rows)


def sort_rows(
    opened: OpenRun,
    targets: Sequence[Target],
    default: str | None,
    slices: Slices,
    nobodys: Spill,
    owned: pl.DataFrame | None = None,
) -> None:
    """Put each row, as it was read, to its workspace's, or what is wrong with it to nobody's.

    owned: as `assign` takes it.
    Keeps six bytes a row between the two passes: a table can't be read twice at once.
    """
    rules, names = opened.request.rules(), known(targets)
    numbers = pl.Enum(list(names))
    owners = []
    for judged in assign(opened.table.cells, rules, names, default, owned):
        found = judged.filter(pl.col("workspace_id").is_not_null())
        owners.append(found.select("line", pl.col("workspace_id").cast(numbers)))
        lost = judged.filter(pl.col("workspace_id").is_null()).select(PROBLEM.names())
        if lost.height:
            nobodys.put(lost)
    whose = pl.concat([pl.DataFrame(schema={"line": pl.UInt32, "workspace_id": numbers}), *owners])
    del owners
    for frame in opened.table.frames():
        found = frame.join(_between(whose, frame["line"]), on="line", maintain_order="left")
        for (workspace_id,), rows in found.partition_by(
            "workspace_id", include_key=False, as_dict=True
        ).items():
            slices.add(str(workspace_id), rows)
    slices.flush()
    if slices.rows.total() != whose.height:
        raise ValueError("rows were judged that are not those that were read")


def _between(whose: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    """What is between the first and the last of these lines. whose: by line."""
    if not len(lines):
        return whose.clear()
    start = whose["line"].search_sorted(lines[0], "left")
    return whose.slice(start, whose["line"].search_sorted(lines[-1], "right") - start)


def keep_nobodys(nobodys: Spill, path: Path) -> KeptPlan:
    """Write the plan of the rows that are no workspace's: what is wrong with each."""
    tally, rows, first = Tally(), 0, [pl.DataFrame(schema=PROBLEM)]
    for frame in nobodys.frames():
        rows += frame.height
        for reason, count in frame["reason"].value_counts().iter_rows():
            tally[Reason(reason)] += count
        if sum(each.height for each in first) < FIRST_PROBLEMS:
            first.append(errors(frame).head(FIRST_PROBLEMS))
    planned = (
        frame.select(
            pl.col(name).cast(kind) if name in PROBLEM else pl.lit(None, kind).alias(name)
            for name, kind in PLANNED.items()
        )
        for frame in nobodys.frames()
    )
    sha256 = write_plan(path, planned)
    return KeptPlan(
        **{each.name: 0 for each in fields(Effect)},
        source=PlanFile(path, rows=rows),
        rows=rows,
        tally=tally,
        first_problems=tuple(problems_in(pl.concat(first).head(FIRST_PROBLEMS))),
        sha256=sha256,
    )
