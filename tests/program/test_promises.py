"""What a run promises when it is broken off and gone on with, each told by one small test.

In the test's own process, so that each takes milliseconds: tests/broken_builds.py relies on them.
The same promises are kept by the real command in test_resume.py and test_kill_points.py.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import polars as pl
import pytest

from batch.model import Answer, Claim, Outcome, Reason
from batch.recording.atomic_file import AtomicFile
from batch.recording.journal import Journal
from batch.recording.result_rows import with_outcomes
from batch.sending.retry import RetryPolicy
from batch.settings.options import CliOptions
from batch.terminal import commands
from tests.sending.test_runner import OK, Job, Server, changes
from tests.support.program import read_rows
from tests.support.shell import BAD, Shell
from tests.support.virtual_time import VIRTUAL_TIME
from tests.support.wired import Api, confirmed, lead_id, pausing

RUN = Path("run")


class Going:
    """A run of a shell that a 401 stopped at its n-th request, and what became of it since."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    def stop_at(self, number: int, *, rows: int = 6, answers: dict[int, int] | None = None) -> None:
        """answers: the status by the number of the request, where it is not 200."""
        statuses = {**(answers or {}), number: 401}
        self.shell.api.answer = self._answer(statuses)
        file = self.shell.leads([*pausing(rows), BAD])
        assert self.shell.run(file, yes=True, out=RUN, concurrency="1") == 3

    def resume(self, statuses: dict[int, int] | None = None) -> int:
        """Gives the exit code; what came to the API before is forgotten."""
        self.shell.api.changes.clear()
        self.shell.api.answer = self._answer(statuses or {})
        given = CliOptions(run=str(RUN), yes=True)
        return self.shell.do(lambda it: commands.resume(given, it), api=self.shell.api)

    def _answer(self, statuses: dict[int, int]) -> Callable[[httpx.Request], httpx.Response]:
        def answer(request: httpx.Request) -> httpx.Response:
            status = statuses.get(len(self.shell.api.changes), 200)
            return confirmed(request) if status == 200 else httpx.Response(status)

        return answer

    @property
    def results(self) -> list[dict[str, str]]:
        return read_rows(RUN / "results.csv")

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((RUN / "run.json").read_text("utf-8"))
        return record


@pytest.fixture
def going(shell: Shell) -> Going:
    return Going(shell)


def test_resume_sends_what_has_no_final_outcome_and_nothing_else(going: Going) -> None:
    going.stop_at(4, answers={2: 404})
    assert going.resume() == 1
    assert going.shell.api.changes == [lead_id(n) for n in (4, 5, 6)]
    reasons = [row["reason"] for row in going.results]
    assert reasons == ["applied", "not_found", *["applied"] * 4, "bad_id"]


def test_attempts_add_up_over_resumes_and_the_first_start_is_kept(going: Going) -> None:
    going.stop_at(4)
    first = going.results[3]
    assert (first["reason"], first["attempts"]) == ("stopped", "1")
    going.resume(statuses={1: 401})
    going.resume()
    last = going.results[3]
    assert (last["reason"], last["attempts"], last["sent_at"]) == ("applied", "3", first["sent_at"])


def test_resume_refuses_a_copy_that_was_changed(going: Going) -> None:
    going.stop_at(4)
    copy = RUN / "input.csv"
    copy.write_bytes(copy.read_bytes().replace(b"paused", b"active"))
    assert going.resume() == 2
    assert going.shell.api.changes == []
    assert "the run's own copy of the input was changed since it began" in going.shell.err


def test_resume_heeds_no_environment_but_the_key(going: Going) -> None:
    going.stop_at(4)
    before = going.record["settings"]
    going.shell.monkeypatch.setenv("SENDKIT_BATCH_API_ID_PATTERN", "[0-9]{5}")
    going.shell.monkeypatch.setenv("SENDKIT_BATCH_RETRY_MAX_ATTEMPTS", "1")
    assert going.resume() == 1
    assert going.record["settings"] == before
    assert len(going.shell.api.changes) == 3


def test_resume_refuses_the_key_of_another_workspace(going: Going) -> None:
    going.stop_at(4)

    class Other(Api):
        def workspaces(self, _: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"data": [{"_id": "w2", "name": "Other"}]})

    going.shell.api = Other()
    assert going.resume() == 2
    assert going.shell.api.changes == []


def test_a_run_reads_its_own_copy_whatever_becomes_of_the_original(shell: Shell) -> None:
    file = shell.leads(pausing(6))

    def answer(request: httpx.Request) -> httpx.Response:
        Path(file).write_text("campaignId,campaignLeadId,status\n", "utf-8")
        return confirmed(request)

    shell.api.answer = answer
    assert shell.run(file, yes=True, out=RUN) == 0
    assert len(read_rows(RUN / "results.csv")) == 6


def test_rows_that_a_killed_process_claimed_are_in_flight_until_they_are_sent(
    going: Going,
) -> None:
    going.stop_at(3)
    journal = Journal.open(RUN / "journal.sqlite")
    journal.record([Claim(lines=(6, 7))])  # as the process leaves it that is killed now
    journal.close()
    going.resume(statuses={1: 401})
    reasons = [row["reason"] for row in going.results]
    assert reasons[2:] == ["stopped", "not_reached", "in_flight", "in_flight", "bad_id"]


def test_a_killed_process_leaves_a_claim_for_every_request_that_left(shell: Shell) -> None:
    claimed: list[set[int]] = []
    outcomes: list[set[int]] = []
    record = Journal.record

    def watched(self: Journal, entries: Any) -> None:  # noqa: ANN401 - as the journal takes them
        record(self, entries)
        claimed.append({n for e in entries if isinstance(e, Claim) for n in e.lines})
        outcomes.append({n for e in entries if isinstance(e, Outcome) for n in e.lines})

    def answer(request: httpx.Request) -> httpx.Response:
        line = int(request.url.path[-8:], 16) + 1
        assert line in set().union(*claimed), "it left before its claim was durable"
        return confirmed(request)

    shell.api.answer = answer
    shell.monkeypatch.setattr(Journal, "record", watched)
    assert shell.run(shell.leads(pausing(40)), yes=True, out=RUN, concurrency="2") == 0
    assert set().union(*outcomes) == set(range(2, 42))


def test_a_reader_that_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    target = tmp_path / "results.csv"
    target.write_bytes(b"all of the old")
    with target.open("rb", buffering=0) as reader:
        assert reader.read(4) == b"all "
        with AtomicFile(target) as new_file:
            new_file.write(b"new")
            new_file.publish()
        assert reader.read() == b"of the old"
    assert target.read_bytes() == b"new"


def test_each_row_has_the_outcome_of_its_own_line(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.sqlite")
    for line in (9, 4):  # recorded in whatever order they came
        journal.record([Outcome(lines=(line,), reason=Reason.APPLIED, message=f"of {line}")])
    rows = pl.DataFrame({"line": [3, 4, 7, 9]}, schema={"line": pl.UInt32})
    joined = with_outcomes(rows, journal.rows(3, 9))
    journal.close()
    assert joined.select("line", "message").rows() == [
        (3, None),
        (4, "of 4"),
        (7, None),
        (9, "of 9"),
    ]


def test_probes_of_an_outage_cost_their_rows_no_attempts() -> None:
    """A server that is away for five minutes, and then refuses each row once more."""
    busy = Answer(reason=Reason.SERVER_ERROR, http_status=503)
    refused: set[int] = set()

    def script(line: int, _before: int) -> Answer:
        if anyio.current_time() < 300:
            return busy
        is_first = line not in refused and line % 2 == 0
        refused.add(line)
        return busy if is_first else OK

    # every other probe is of a distant row; the others are of three rows that wait
    job = Job(Server(script), changes(40), workers=3, policy=RetryPolicy(max_attempts=2))
    assert anyio.run(job.run, backend_options=VIRTUAL_TIME[1]) is None
    assert job.reasons() == {Reason.APPLIED: 40}
    assert max(outcome.attempts for outcome in job.outcomes.values()) > 2


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0], ids=["back", "forward"])
def test_a_wall_clock_that_jumps_changes_neither_pace_nor_hold_backs(
    jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=30.0)
    job = Job(Server(lambda line, n: asked if line == 3 and n == 0 else OK), changes(8), 1.0)
    wall = time.time

    async def jump(_: object) -> None:
        await anyio.sleep(5.0)
        monkeypatch.setattr(time, "time", lambda: wall() + jump_s)

    anyio.run(job.run, jump, backend_options=VIRTUAL_TIME[1])
    # The second row is refused at 1.05 s; the other six and its retry leave from 31.05 s on.
    times = [round(at, 2) for at, _ in job.server.came]
    assert times == [0.0, 1.0, *(31.05 + n for n in range(7))]
