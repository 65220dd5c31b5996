import csv
import json
import re
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import polars as pl
import pytest

from batch.api.sendkit import Workspace
from batch.errors import RunError
from batch.jobs import execution
from batch.jobs.execution import execute
from batch.jobs.known_pace import KnownPace
from batch.jobs.opening import open_run
from batch.jobs.outcome import RunOutcome
from batch.jobs.preflight import Preflight
from batch.jobs.ready import ReadyRun, judge
from batch.jobs.work import whole_work
from batch.model import Outcome, Reason
from batch.reading.table import Table
from batch.recording import results
from batch.recording.journal import Journal
from batch.recording.runfile import RunState
from batch.settings.model import Settings
from batch.settings.options import CliOptions
from batch.terminal.signals import INTERRUPTS, Interrupts
from batch.wording.progress import Moment
from tests.support.shell import rise_always
from tests.support.wired import (
    CAMPAIGN,
    KEY,
    Api,
    confirmed,
    lead_id,
    pausing,
    request_of,
    served_by,
    write_leads,
)

PREFLIGHT = Preflight(workspace=Workspace(id="w1", name="Acme"), labels=("Interested",))
BAD = (CAMPAIGN, "bad", "paused", "")
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", INTERRUPTS)

Change = Callable[[ReadyRun], ReadyRun]


@pytest.fixture
def run(tmp_path: Path) -> Iterator["Run"]:
    with ExitStack() as open_runs:
        yield Run(tmp_path, open_runs)


class Run:
    """A run of a few rows in `tmp_path/run`, with something that happens to it."""

    def __init__(self, tmp_path: Path, open_runs: ExitStack) -> None:
        self.tmp_path = tmp_path
        self.folder = tmp_path / "run"
        self.api = Api()
        self._open_runs = open_runs

    def execute(
        self,
        rows: Sequence[tuple[str, ...]],
        *,
        rate: float | str = 1000,
        before: Callable[[], None] = lambda: None,
        with_change: Change = lambda ready: ready,
        on_moment: Callable[[Moment], None] = lambda _: None,
        **asked: object,
    ) -> RunOutcome:
        """before: called when signals are caught already, and the event loop is still to begin."""
        path = write_leads(self.tmp_path / "leads.csv", rows)
        settings = Settings.model_validate({"pace": {"rate": rate, "concurrency": 2}})
        request = request_of(path, **{"settings": settings, **asked})
        opened = self._open_runs.enter_context(open_run(request))
        ready = with_change(judge(opened, PREFLIGHT).ready(can_ask=True))
        interrupts = Interrupts()
        with served_by(self.api), interrupts.caught():
            before()
            return anyio.run(lambda: execute(ready, on_moment=on_moment, orders=interrupts))

    def on_change(self, number: int, happens: Callable[[], None]) -> None:
        """Let something happen while the server has its n-th change, which it then confirms."""

        def answer(request: httpx.Request) -> httpx.Response:
            if len(self.api.changes) == number:
                happens()
            return confirmed(request)

        self.api.answer = answer

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / "run.json").read_text("utf-8"))
        return record

    @property
    def reasons(self) -> list[str]:
        """The reasons in results.csv, by line."""
        with (self.folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
            return [row["reason"] for row in csv.DictReader(file)]


def failing_rows(error: Exception) -> Callable[[ReadyRun], ReadyRun]:
    """A run whose rows can't be read once more when they are to be sent."""

    def broken(_: object = None) -> Iterator[pl.DataFrame]:
        raise error
        yield

    def change(ready: ReadyRun) -> ReadyRun:
        ready.plan.source.requests = broken  # type: ignore[assignment, method-assign]  # it fails
        return replace(ready, work=whole_work(ready.plan))

    return change


class SignallingTable(Table):
    """A table during whose last reading, for the results, a signal comes."""

    number: signal.Signals

    def rows(self) -> Iterator[pl.DataFrame]:
        signal.raise_signal(self.number)
        return super().rows()


def signal_at_results(number: signal.Signals) -> Change:
    def change(ready: ReadyRun) -> ReadyRun:
        table = object.__new__(SignallingTable)
        table.__dict__.update(ready.opened.table.__dict__, number=number)
        return replace(ready, opened=replace(ready.opened, table=table))

    return change


def test_a_run_sends_all_and_says_how_it_ended(run: Run) -> None:
    report = run.execute(pausing(3))
    assert (report.state, report.exit_code, report.reason) == (RunState.FINISHED, 0, "")
    assert report.tally == {Reason.APPLIED: 3}
    assert (report.rows, report.requests) == (3, 3)
    assert report.examples == {Reason.APPLIED: (2, "")}
    assert report.next_command is None
    assert report.files is not None
    assert report.files.results == run.folder / "results.csv"
    assert run.reasons == ["applied"] * 3
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "run.json", "input.csv", "plan.parquet", "journal.sqlite", "timeline.jsonl",
        "results.csv", "failed.csv", "report.html",
    }  # fmt: skip


def test_run_json_says_what_ran_and_how_it_ended_without_the_key(run: Run) -> None:
    run.execute([*pausing(2), BAD])
    record = run.record
    assert (record["state"], record["exit_code"], record["stop_reason"]) == ("finished", 1, "")
    assert record["counts"] == {"success": 2, "error": 1, "skipped": 0, "unsent": 0}
    assert record["reasons"] == {"applied": 2, "bad_id": 1}
    assert (record["rows"], record["requests"]) == (3, 2)
    assert record["workspace"] == {"id": "w1", "name": "Acme"}
    assert record["input"]["name"] == "leads.csv"
    assert record["settings"]["pace"]["concurrency"] == 2
    assert set(record["versions"]) == {"python", "sendkit-batch", "httpx", "polars", "anyio"}
    assert record["started_at"] <= record["ended_at"]
    assert KEY not in json.dumps(record)


def test_run_json_shows_a_run_under_way(run: Run) -> None:
    seen: list[dict[str, Any]] = []
    run.on_change(1, lambda: seen.append(run.record))
    run.execute(pausing(2))
    (record,) = seen
    assert (record["state"], record["exit_code"], record["ended_at"]) == ("running", None, None)
    assert record["pid"] > 0


def test_run_json_tells_the_present_hold_back_and_why(run: Run) -> None:
    paces: set[str] = set()

    def answer(request: httpx.Request) -> httpx.Response:
        if len(run.api.changes) == 1:
            return httpx.Response(429, headers={"Retry-After": "2"})
        return confirmed(request)

    run.api.answer = answer
    report = run.execute(pausing(1), on_moment=lambda _: paces.add(run.record["pace"]))
    assert report.tally == {Reason.APPLIED: 1}
    assert any(
        re.fullmatch(r"\d\.\d a second, held back for 1 s more \(HTTP 429, Retry-After 2 s\)", pace)
        for pace in paces
    )


def test_run_json_tells_what_the_servers_headers_allow(run: Run) -> None:
    told = {"RateLimit-Policy": '"default";q=500;w=1', "RateLimit": '"default";r=499;t=1'}

    def answer(request: httpx.Request) -> httpx.Response:
        response = confirmed(request)
        response.headers.update(told)
        return response

    run.api.answer = answer
    paces = set()
    run.execute(pausing(8), rate=4, on_moment=lambda _: paces.add(run.record["pace"]))
    assert any(pace.endswith(" a second; the server allows 500 in 1 s, 499 left") for pace in paces)
    assert run.record["budget"] == {
        "source": "headers",
        "rate_per_s": 4.0,
        "limit": 500,
        "window_s": 1.0,
        "remaining": 499,
    }


def test_a_run_begins_with_what_an_earlier_one_learnt(run: Run) -> None:
    moments: list[Moment] = []
    run.execute(
        pausing(1),
        rate="auto",
        with_change=lambda ready: replace(ready, pace=KnownPace(good_per_s=40.0)),
        on_moment=moments.append,
    )
    assert moments[0].pace_estimate.rate_per_s == 40.0


def test_some_errors_are_exit_1_and_their_file_is_the_next_command(run: Run) -> None:
    options = CliOptions(rate="60/min", keep_before=True)
    report = run.execute([*pausing(1), BAD], options=options)
    assert (report.state, report.exit_code) == (RunState.FINISHED, 1)
    assert report.next_command == (
        f"sendkit-batch run {run.folder}/failed.csv --rate 60/min --keep-before"
    )


def test_skipped_rows_alone_are_exit_0(run: Run) -> None:
    report = run.execute([(CAMPAIGN, lead_id(1), "", "")])
    assert (report.state, report.exit_code, report.next_command) == (RunState.FINISHED, 0, None)


def test_a_stop_is_exit_3_and_its_reason_is_told(run: Run) -> None:
    run.api.answer = lambda _: httpx.Response(401, json={"error": "no"})
    report = run.execute(pausing(50))
    assert (report.state, report.exit_code) == (RunState.STOPPED, 3)
    assert report.reason.startswith("The server no longer accepts the key (401).")
    assert report.tally.unsent == 50
    assert report.next_command == f"sendkit-batch resume {run.folder}"
    assert run.record["state"] == "stopped"
    assert run.record["stop_reason"] == report.reason


def test_a_stop_that_left_no_row_behind_came_too_late_to_matter(run: Run) -> None:
    run.on_change(2, lambda: signal.raise_signal(signal.SIGINT))
    report = run.execute(pausing(2), rate=10)
    assert (report.state, report.exit_code, report.reason) == (RunState.FINISHED, 0, "")


@both
def test_an_interrupt_while_sending_is_told_and_results_are_complete(
    run: Run, number: signal.Signals
) -> None:
    run.on_change(2, lambda: signal.raise_signal(number))
    report = run.execute(pausing(20), rate=10)
    assert (report.state, report.exit_code) == (RunState.INTERRUPTED, EXIT_CODES[number])
    assert run.reasons == ["applied"] * 2 + ["not_reached"] * 18
    assert run.record["state"] == "interrupted"
    assert report.reason == f"Interrupted by {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}."


@both
def test_an_interrupt_before_anything_began_sends_nothing_and_leaves_results(
    run: Run, number: signal.Signals
) -> None:
    report = run.execute([*pausing(2), BAD], before=lambda: signal.raise_signal(number))
    assert (report.state, report.exit_code) == (RunState.INTERRUPTED, EXIT_CODES[number])
    assert run.api.changes == []
    assert run.reasons == ["not_reached", "not_reached", "bad_id"]


@both
def test_an_interrupt_while_judged_rows_are_recorded_sends_nothing(
    run: Run, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Journal.record

    def interrupted(self: Journal, outcomes: Iterable[Outcome]) -> None:
        signal.raise_signal(number)
        record(self, outcomes)

    monkeypatch.setattr(Journal, "record", interrupted)
    report = run.execute([*pausing(2), BAD])
    assert report.exit_code == EXIT_CODES[number]
    assert run.api.changes == []
    assert run.reasons == ["not_reached", "not_reached", "bad_id"]


@both
def test_an_interrupt_while_results_are_written_changes_nothing(
    run: Run, number: signal.Signals
) -> None:
    report = run.execute(pausing(2), with_change=signal_at_results(number))
    assert (report.state, report.exit_code) == (RunState.FINISHED, 0)
    assert run.reasons == ["applied"] * 2


def test_run_json_that_cant_be_written_at_first_ends_the_run_before_it_began(run: Run) -> None:
    def block(ready: ReadyRun) -> ReadyRun:
        (ready.opened.folder.path / "run.json").mkdir()
        return ready

    with pytest.raises(RunError) as caught:
        run.execute(pausing(2), with_change=block)
    assert str(caught.value) == (
        f"{run.folder}/run.json: can't be written: Is a directory. "
        "Check the disk and its connection."
    )
    assert run.api.changes == []


def test_a_journal_that_cant_be_made_is_exit_3_and_nothing_is_sent(run: Run) -> None:
    def block(ready: ReadyRun) -> ReadyRun:
        (ready.opened.folder.path / "journal.sqlite").touch()
        return ready

    report = run.execute(
        [*pausing(2), BAD], with_change=block, options=CliOptions(rate="5", delimiter=","),
    )  # fmt: skip
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        f"{run.folder}/journal.sqlite: the run's journal can't be made: File exists. "
        "Name an empty folder that may be written."
    )
    assert run.api.changes == []
    assert report.files is None
    assert report.tally == {Reason.BAD_ID: 1, Reason.NOT_REACHED: 2}
    assert report.next_command == f"sendkit-batch resume {run.folder}"
    assert (run.record["state"], run.record["exit_code"]) == ("failed", 3)


def test_rows_that_cant_be_read_again_are_exit_3_with_results(run: Run) -> None:
    error = RunError("input.csv: the disk can't be read. Check it.")
    report = run.execute([*pausing(2), BAD], with_change=failing_rows(error))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == "input.csv: the disk can't be read. Check it."
    assert run.reasons == ["not_reached", "not_reached", "bad_id"]
    assert not (run.folder / "error.txt").exists()
    assert report.next_command == f"sendkit-batch resume {run.folder}"


def test_a_full_disk_while_sending_is_exit_3_with_results_of_what_is_durable(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_disk() -> None:
        def full(_journal: Journal, _outcomes: Iterable[Outcome]) -> None:
            raise RunError("journal.sqlite: the disk is full. Free some space on it.")

        monkeypatch.setattr(Journal, "record", full)

    run.on_change(3, fill_disk)
    report = run.execute(pausing(20), rate=20)
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    sent, durable = len(run.api.changes), run.reasons.count("applied")
    assert durable == 2
    assert sent < 20
    lost = sent - durable
    what = "1 row that was sent" if lost == 1 else f"{lost} rows that were sent"
    assert report.reason == (
        "journal.sqlite: the disk is full. Free some space on it. The outcomes of "
        f"{what} could not be recorded: the results call them in_flight."
    )
    assert run.reasons.count("in_flight") >= lost
    assert run.reasons.count("in_flight") + run.reasons.count("not_reached") == 20 - durable
    assert run.record["state"] == "failed"


def test_results_that_cant_be_written_are_exit_3_and_the_counts_stay_true(run: Run) -> None:
    run.on_change(3, (run.folder / "results.csv").mkdir)
    report = run.execute([*pausing(3), BAD], options=CliOptions(rate="5"))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        f"{run.folder}/results.csv: can't be written: Is a directory. "
        "Check the disk and its connection."
    )
    assert report.files is None
    assert report.tally == {Reason.APPLIED: 3, Reason.BAD_ID: 1}
    assert report.next_command == f"sendkit-batch resume {run.folder}"
    assert run.record["counts"] == {"success": 3, "error": 1, "skipped": 0, "unsent": 0}


def test_results_that_cant_be_written_after_a_failure_do_not_hide_it(run: Run) -> None:
    def break_both(moment: Moment) -> None:
        if moment.requests and not (run.folder / "results.csv").exists():
            (run.folder / "results.csv").mkdir()
            raise RunError("The first failure.")

    report = run.execute(pausing(30), rate=5, on_moment=break_both)
    assert report.exit_code == 3
    assert report.reason.startswith("The first failure.")
    assert report.tally.total() == 30


def test_a_stop_before_results_that_cant_be_written_comes_first(run: Run) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        (run.folder / "results.csv").mkdir(exist_ok=True)
        return httpx.Response(401)

    run.api.answer = refuse
    report = run.execute(pausing(9))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        "The server no longer accepts the key (401). Set SENDKIT_API_KEY to a valid key and go on. "
        f"{run.folder}/results.csv: can't be written: Is a directory. "
        "Check the disk and its connection."
    )


def test_a_sheet_that_cant_be_written_is_exit_3_beside_results_that_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RunError("failed.xlsx: can't be written.")
    monkeypatch.setattr(results, "_write_sheet", rise_always(error))
    report = run.execute(pausing(2))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == str(error)
    assert report.files
    assert report.files.results == run.folder / "results.csv"
    assert report.next_command == f"sendkit-batch resume {run.folder}"


def test_a_last_record_that_cant_be_written_is_exit_3_beside_complete_results(run: Run) -> None:
    def block() -> None:  # well within the second in which run.json is not rewritten
        (run.folder / "run.json").unlink()
        (run.folder / "run.json").mkdir()

    run.on_change(2, block)
    report = run.execute(pausing(2))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        f"{run.folder}/run.json: can't be written: Is a directory. "
        "Check the disk and its connection."
    )
    assert run.reasons == ["applied"] * 2
    assert report.next_command == f"sendkit-batch resume {run.folder}"  # run.json is as it was


def test_a_last_record_that_cant_be_written_after_a_failure_is_told_after_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def block() -> None:
        (run.folder / "run.json").unlink()
        (run.folder / "run.json").mkdir()
        monkeypatch.setattr(Journal, "record", rise_always(RunError("The disk is full.")))

    run.on_change(1, block)
    report = run.execute(pausing(1))
    assert report.exit_code == 3
    assert report.reason == (
        "The disk is full. The outcomes of 1 row that was sent could not be recorded: "
        "the results call them in_flight. run.json still says what was before."
    )
    assert run.reasons == ["in_flight"]


def test_an_unexpected_error_leaves_its_traceback_without_the_key(run: Run) -> None:
    def fail() -> None:
        raise LookupError(f"no such thing: {KEY}")

    run.on_change(2, fail)
    report = run.execute(pausing(20), rate=20)
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        "Unexpected error: LookupError: no such thing: ***. "
        f"Its traceback is in {run.folder}/error.txt; please report it."
    )
    text = (run.folder / "error.txt").read_text("utf-8")
    assert "LookupError: no such thing: ***" in text
    assert "in fail" in text
    assert KEY not in text
    assert (run.folder / "error.txt").stat().st_mode & 0o777 == 0o600
    assert run.reasons[0] == "applied"
    assert run.reasons[1] == "in_flight"
    assert len(run.reasons) == 20
    assert KEY not in (run.folder / "run.json").read_text("utf-8")


def test_a_second_unexpected_error_is_kept_beside_the_first(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_stream", rise_always(LookupError("no results")))
    report = run.execute(pausing(2), with_change=failing_rows(LookupError("no rows")))
    assert report.reason == (
        f"Unexpected error: LookupError: no rows. Its traceback is in {run.folder}/error.txt; "
        f"please report it. Unexpected error: LookupError: no results. Its traceback is in "
        f"{run.folder}/error.txt; please report it."
    )
    text = (run.folder / "error.txt").read_text("utf-8")
    assert text.index("LookupError: no rows") < text.index("LookupError: no results")


def test_a_traceback_that_cant_be_written_is_said_so(run: Run) -> None:
    def fail() -> None:
        (run.folder / "error.txt").mkdir()
        raise LookupError("no such thing")

    run.on_change(1, fail)
    report = run.execute(pausing(2))
    assert report.exit_code == 3
    assert report.reason == (
        "Unexpected error: LookupError: no such thing. Its traceback could not be written."
    )


def test_an_error_before_the_first_request_is_kept_in_the_folder_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(execution, "SendEngine", fail)
    report = run.execute(pausing(2))
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        "Unexpected error: MemoryError: no more. "
        f"Its traceback is in {run.folder}/error.txt; please report it."
    )
    assert run.record["state"] == "failed"


def test_several_faults_of_this_machine_at_once_are_told_by_the_first(run: Run) -> None:
    error = ExceptionGroup("several", [ExceptionGroup("a", [RunError("First.")]), RunError("B.")])
    report = run.execute(pausing(2), with_change=failing_rows(error))
    assert report.exit_code == 3
    assert report.reason == "First."
    assert not (run.folder / "error.txt").exists()


def test_rows_without_an_outcome_are_never_a_finished_run(run: Run) -> None:
    def no_changes(ready: ReadyRun) -> ReadyRun:
        return replace(ready, work=replace(ready.work, changes=lambda: iter(())))

    report = run.execute(pausing(2), with_change=no_changes)
    assert (report.state, report.exit_code) == (RunState.FAILED, 3)
    assert report.reason == (
        "2 rows have no outcome although the run went to its end; please report this as a bug."
    )
    assert run.record["state"] == "failed"


def test_moments_are_shown_from_the_start_to_the_end(run: Run) -> None:
    moments: list[Moment] = []
    run.execute([*pausing(2), BAD], on_moment=moments.append)
    assert moments[0].tally == {Reason.BAD_ID: 1}
    assert moments[-1].tally == {Reason.APPLIED: 2, Reason.BAD_ID: 1}


def test_the_journal_is_closed_when_the_run_has_ended(run: Run) -> None:
    run.execute(pausing(1))
    with sqlite3.connect(run.folder / "journal.sqlite") as db:
        assert db.execute("SELECT count(*) FROM outcome").fetchone() == (1,)
    db.close()
