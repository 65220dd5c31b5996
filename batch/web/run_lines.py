"""Earlier runs as the page lists them: what each was, what came of it, and which are searched for.

Holds no logic of its own: `jobs.runs` knows the runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from batch.jobs.runs import ListedRun, Standing

TONES: Mapping[Standing, str] = {
    Standing.AT_WORK: "open",
    Standing.PLANNED: "quiet",
    Standing.WELL: "good",
    Standing.NOTHING: "quiet",
    Standing.PARTLY: "bad",
    Standing.FAILED: "bad",
    Standing.OPEN: "open",
}
STANDING_NAMES: Mapping[str, str] = {
    Standing.WELL: "all went well",
    Standing.PARTLY: "some rows failed",
    Standing.FAILED: "failed",
    Standing.OPEN: "can be gone on with",
    Standing.PLANNED: "planned",
    Standing.NOTHING: "nothing to do",
    Standing.AT_WORK: "at work",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in the list. origin: the run that it tries again or undoes, if it is still there."""

    run: ListedRun
    origin: ListedRun | None

    @property
    def tone(self) -> str:
        """What came of it, as a colour."""
        return TONES[self.run.standing]

    @property
    def is_at_work(self) -> bool:
        """Whether a process is at work on it now."""
        return self.run.standing is Standing.AT_WORK

    @property
    def percent(self) -> int:
        """How much of it has a result, by what its process wrote down last."""
        record = self.run.record
        return 100 * sum(record.counts.values()) // max(1, record.rows)


def run_lines(runs: Sequence[ListedRun]) -> list[RunLine]:
    """All of these runs, in their order."""
    by_id = {run.record.id: run for run in runs if run.record.id}
    return [RunLine(run=run, origin=by_id.get(run.origin_id)) for run in runs]


def found(lines: Iterable[RunLine], *, search: str, kind: str, standing: str) -> list[RunLine]:
    """Those of this kind and standing in which the text is found; "" is any."""
    wanted = search.strip().lower()
    return [
        line
        for line in lines
        if kind in {"", line.run.kind.value}
        and standing in {"", line.run.standing.value}
        and wanted in _text_of(line.run)
    ]


def later_runs(run: ListedRun, runs: Iterable[ListedRun]) -> list[ListedRun]:
    """The runs that tried a run's rows again or undid it, the oldest first."""
    run_id = run.record.id
    return [each for each in reversed([*runs]) if run_id and each.origin_id == run_id]


def _text_of(run: ListedRun) -> str:
    record = run.record
    workspace = record.workspace.name if record.workspace else ""
    return f"{record.input.name} {run.folder.name} {workspace} {record.base_url}".lower()
