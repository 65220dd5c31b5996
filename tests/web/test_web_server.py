import json
import signal
import time
from pathlib import Path

import httpx
import pytest

from batch.web.guard import START_PATH
from tests.support.program import ended, started, write_rows
from tests.support.wired import HEADER, pausing

CTRL_C, TERM = signal.SIGINT, signal.SIGTERM


class Client(httpx.Client):
    """A browser that the start address has let in."""

    def __init__(self, start: str) -> None:
        base = start.partition(START_PATH)[0]
        origin = base.rpartition("/")[0]
        super().__init__(base_url=base, headers={"Origin": origin}, trust_env=False, timeout=20)
        (cookie,) = httpx.get(start, trust_env=False).headers.get_list("set-cookie")
        self.headers["Cookie"] = cookie.partition(";")[0]

    def until(self, text: str) -> None:
        """Wait until the job at work shows this."""
        give_up_at = time.monotonic() + 30
        while text not in self.get("/job").text:
            assert time.monotonic() < give_up_at, text
            time.sleep(0.05)

    def planned(self) -> str:
        """Wait until the plan is made; the path of its run."""
        give_up_at = time.monotonic() + 30
        while "location" not in (answer := self.get("/job")).headers:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        return "/runs/" + answer.headers["location"].rpartition("/")[2]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "exit_code"), [(CTRL_C, 130), (TERM, 143)])
def test_a_signal_stops_a_run_that_is_sending_and_then_the_page(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(500))
    with started("web", "--no-open", "--rate", "20", cwd=tmp_path) as process:
        assert process.stdout is not None
        start = process.stdout.readline().decode().split()[-1]
        with Client(start) as client:
            client.put("/files?name=leads.csv", content=path.read_bytes())
            client.post("/run", data={"practice": "yes"})
            client.post(f"{client.planned()}/apply")
            client.until("Send 500 changes")
            client.post("/job/answer", data={"answer": "yes"})
            client.until('data-stage="sending"')
            process.send_signal(number)
            ran = ended(process, cwd=tmp_path)
    assert ran.exit_code == exit_code
    assert ran.last_line == "ended: the page is closed; next: sendkit-batch runs"
    record = json.loads((ran.folder / "run.json").read_text("utf-8"))
    by = "Ctrl-C" if number is CTRL_C else "SIGTERM"
    assert (record["state"], record["stop_reason"]) == ("interrupted", f"Interrupted by {by}.")
    assert record["counts"]["success"] + record["counts"]["unsent"] == 500
    assert len(ran.results) == 500


def test_ctrl_c_ends_a_page_that_does_nothing(tmp_path: Path) -> None:
    with started("web", "--no-open", cwd=tmp_path) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line.startswith("The page: http://127.0.0.1:")
        process.send_signal(CTRL_C)
        ran = ended(process, cwd=tmp_path)
    assert ran.exit_code == 0
    assert ran.last_line == (
        "ended: the page is closed; next: sendkit-batch runs lists what was done"
    )
    assert not (tmp_path / "runs").exists()


def test_a_wrong_setting_ends_it_before_it_is_served(tmp_path: Path) -> None:
    with started("web", "--no-open", "--base-url", "http://evil.example", cwd=tmp_path) as process:
        ran = ended(process, cwd=tmp_path)
    assert ran.exit_code == 2
    assert ran.out == ""
    assert ran.err.startswith('--base-url: found "http://evil.example";')
