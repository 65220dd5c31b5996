"""A run of format 1, of before there were plan files: its plan made once more, as it was.

Its journal says which rows were not to be sent; what the others ask for is read from its copy of
the input by the rules of its time (`judging/format_1.py`). A run that broke off before it had
judged all, and so has sent nothing, is judged as a new one is.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.jobs.cells import cells_of, named_of, plan_of
from batch.jobs.request import Request
from batch.judging.format_1 import JUDGED, requests_of_format_1
from batch.judging.planned import PLANNED, with_leads_now
from batch.lines import frames_with
from batch.reading.table import Table, open_table
from batch.recording.baseline import read_baseline
from batch.recording.journal import JUDGED_NOTE, LABELS_NOTE, Journal
from batch.recording.plan_check import NotOursError, read_plan
from batch.recording.plan_file import PLAN_FILE, KeptPlan, keep_plan, write_plan
from batch.recording.resolved import RESOLVED_NAME, Resolved
from batch.recording.runfile import RunRecord, RunState
from batch.recording.scope import read_scope

_BLOCK_LINES = 50_000
_OUTCOMES = ("line", "reason", "message", "attempts")


def judge_again(
    folder: Path,
    record: RunRecord,
    request: Request,
    journal: Journal,
    *,
    into: Path,
    labels: tuple[str, ...] | None = None,
) -> KeptPlan:
    """Write the plan of a run of format 1 into a folder; gives it.

    request: as `recorded.request_of` gives it. labels: of the workspace now, which count where
    nothing was judged yet. Raises InputError when the run's copy of its input, or what says which
    of its lines or leads are meant, is damaged, and where it and the journal disagree on which
    line carried a request.
    """
    kept = journal.kept(LABELS_NOTE)
    labels = tuple(json.loads(kept)) if kept else labels
    baseline = read_baseline(folder) if record.has_baseline else None
    path = into / PLAN_FILE
    with open_old_table(folder, record, request) as table:
        if record.state is not RunState.PLANNED and journal.kept(JUDGED_NOTE) is None:
            plan = plan_of(request, table, request.rules(labels=labels))
            return keep_plan(plan, with_leads_now(plan.source.planned(), None, baseline), path)
        rows = _planned(table, request, journal, labels)
    _check_carriers(folder, rows, journal)
    blocks = with_leads_now(rows.iter_slices(_BLOCK_LINES), None, baseline)
    sha256 = write_plan(path, blocks)
    try:
        return read_plan(path, rows=rows.height, sha256=sha256, of=record)
    except NotOursError as error:
        raise _disagreement(folder, "its rows") from error


def open_old_table(folder: Path, record: RunRecord, request: Request) -> Table:
    """The rows that a run of format 1 is about; to be closed. Raises as `judge_again` does."""
    link = record.retry_of
    lines = read_scope(folder, sha256=link.lines_sha256 or "") if link else None
    path = folder / record.input.copy_name
    table = open_table(path, request.table_options, name=record.input.name, lines=lines)
    with ExitStack() as if_it_fails:
        if_it_fails.callback(table.close)
        if table.is_by_email:
            table.ids = Resolved(folder / RESOLVED_NAME)
        if_it_fails.pop_all()
    return table


def _planned(
    table: Table, request: Request, journal: Journal, labels: tuple[str, ...] | None
) -> pl.DataFrame:
    """Every row, as PLANNED."""
    not_sent = pl.concat(
        outcomes.filter(
            pl.col("reason").is_in([each.value for each in JUDGED]) & (pl.col("attempts") == 0)
        )
        for outcomes in _outcomes(journal)
    ).select("line", "reason", "message")
    cells = cells_of(table, request.rules(), named_of(request, table))
    lines = pl.concat(
        [pl.Series("line", [], dtype=pl.UInt32), *(frame["line"] for frame in cells())]
    )
    sent_lines = lines.filter(~lines.is_in(not_sent["line"].implode()))
    sent = requests_of_format_1(
        frames_with(cells(), sent_lines),
        clear_word=request.settings.input.clear_word,
        labels=labels,
    )
    known = pl.concat([sent, not_sent], how="diagonal").sort("line")
    return known.select(
        pl.col(name).cast(dtype) if name in known.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in PLANNED.items()
    )


def _outcomes(journal: Journal) -> Iterator[pl.DataFrame]:
    yield journal.rows(0, 0).select(_OUTCOMES).clear()
    for part in journal.lines().sort().to_frame().iter_slices(_BLOCK_LINES):
        yield journal.rows(part["line"][0], part["line"][-1]).select(_OUTCOMES)


def _check_carriers(folder: Path, rows: pl.DataFrame, journal: Journal) -> None:
    """Raise InputError where the journal says otherwise which line carried a request."""
    carriers = rows.select("line", "carrier")
    went_out = pl.concat(
        outcomes.filter(pl.col("attempts") > 0).select("line", "reason", "attempts")
        for outcomes in _outcomes(journal)
    )
    sent = went_out.join(carriers, on="line", how="left")
    carried = sent.join(went_out, left_on="carrier", right_on="line", how="left", suffix="_of_it")
    is_apart = (pl.col("reason") != pl.col("reason_of_it")) | (
        pl.col("attempts") != pl.col("attempts_of_it")
    )
    wrong = [
        carried.filter(pl.col("carrier").is_null() | is_apart.fill_null(value=True))["line"],
        _without(journal.in_doubt(), carriers.filter(pl.col("carrier").is_not_null())["line"]),
        _without(
            journal.before()["line"],
            carriers.filter(pl.col("carrier") == pl.col("line"))["line"],
        ),
    ]
    if lines := pl.concat(wrong).unique().sort().to_list():
        raise _disagreement(folder, f"line {lines[0]}")


def _without(lines: pl.Series, known: pl.Series) -> pl.Series:
    return lines.filter(~lines.is_in(known.implode()))


def _disagreement(folder: Path, where: str) -> InputError:
    return InputError(
        f"{folder}: its journal and its copy of the input disagree on which rows were sent: "
        f"{where}. Nothing was sent by this command. Bring both back from one backup, or start a "
        "new run."
    )
