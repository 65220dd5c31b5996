"""`run --canary`: the first changes go alone, are read back, and the others follow if they hold."""

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from batch.sandbox.process import Sandbox
from tests.support.in_process import seeded, sendkit_batch
from tests.support.live_world import HEADER, OTHER, change
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    write_rows,
)

ROWS = [(CAMPAIGN, lead_id(n), "paused", "Hot") for n in range(1, 31)]  # lines 2 to 31
GO_ON = (
    "Nothing else was sent. Look at these leads before you go on: resume sends the rest without "
    "another look back."
)


@contextmanager
def served(folder: Path, **options: object) -> Iterator[Sandbox]:
    """A sandbox whose 40 leads are active; every tenth is in another campaign."""
    rows = [(OTHER if n % 10 == 0 else CAMPAIGN, lead_id(n), "active") for n in range(1, 41)]
    with seeded(folder, HEADER[:3], rows, labels=("Hot", "Cold"), **options) as sandbox:
        yield sandbox


def words(sandbox: Sandbox, folder: Path, rows: Sequence[Sequence[str]], size: int) -> list[str]:
    path = write_rows(folder / "leads.csv", HEADER, rows)
    _, given = access(sandbox)
    unread = ("--skip-unchanged", "never")  # so that whatever is read is read back
    return ["run", str(path), *given, "--rate", "1000", "--canary", str(size), *unread]


def run(
    sandbox: Sandbox, folder: Path, *, rows: Sequence[Sequence[str]] = ROWS, size: int = 20
) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch(*words(sandbox, folder, rows, size), "--json", cwd=folder, env=env)


def resume(sandbox: Sandbox, ran: Ran) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch("resume", ran.folder, "--yes", cwd=ran.cwd, env=env)


def sent(sandbox: Sandbox) -> str:
    """What the sandbox was asked for: p for each change, r for each page that was read."""
    letters = {"patch": "p", "leads": "r"}
    return "".join(letters.get(each["operation"], "") for each in received(sandbox, operation=None))


def ids_sent(sandbox: Sandbox) -> list[str]:
    return [each["campaignLeadId"] for each in received(sandbox)]


def stop_of(ran: Ran) -> str:
    """Why a run stopped that is to be gone on with."""
    answer = json.loads(ran.out)
    assert (ran.exit_code, answer["state"]) == (3, "stopped"), ran.err
    assert answer["next_command"] == f"sendkit-batch resume {ran.folder.relative_to(ran.cwd)}"
    message: str = answer["message"]
    return message


def counts(ran: Ran) -> tuple[int, int, int]:
    """Rows that are success, error and unsent."""
    answer = json.loads(ran.out)
    return answer["success"], answer["error"], answer["unsent"]


def waited(until: Callable[[], bool], *, within_s: float = 20) -> None:
    give_up_at = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_a_canary_that_holds_lets_the_others_follow(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        ran = run(sandbox, tmp_path, rows=[r for r in ROWS if r[1] != lead_id(10)], size=9)
        assert sent(sandbox) == "p" * 9 + "r" + "p" * 20
        assert set(ids_sent(sandbox)[:9]) == {lead_id(n) for n in range(1, 10)}
    assert ran.exit_code == 1  # leads 20 and 30 are in the other campaign
    assert counts(ran) == (27, 2, 0)
    assert json.loads((ran.folder / "run.json").read_text())["requests"] == 30


def test_each_campaign_is_read_until_all_its_leads_were_seen(tmp_path: Path) -> None:
    rows = [(OTHER, lead_id(20), "paused", ""), *ROWS[:9], (OTHER, lead_id(10), "", "null")]
    with served(tmp_path, max_page=4) as sandbox:
        ran = run(sandbox, tmp_path, rows=rows, size=10)
        assert sent(sandbox) == "p" * 10 + "r" * 5 + "p"
        pages = [each["campaignId"] for each in received(sandbox, operation="leads")]
    # The first once more: the server gives no pages as large as are asked for at first.
    assert pages == [OTHER, OTHER, CAMPAIGN, CAMPAIGN, CAMPAIGN]
    assert ran.exit_code == 0, ran.err


@pytest.mark.parametrize("size", [5, 6, 1000])
def test_a_file_that_is_not_longer_is_a_canary_as_a_whole(tmp_path: Path, size: int) -> None:
    with served(tmp_path) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:5], size=size)
        assert sent(sandbox) == "pppppr"
    assert ran.exit_code == 0, ran.err


def test_an_update_that_does_not_stick_stops_the_run(tmp_path: Path) -> None:
    with served(tmp_path, faults=(f"bare,leads={lead_id(4)}",)) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:25], size=8)
        assert sent(sandbox) == "p" * 8 + "r"
        assert stop_of(ran) == (
            "The canary does not hold: line 5: status was set to paused and reads active, "
            f"and 1 more value is not there. {GO_ON}"
        )
        assert counts(ran) == (8, 0, 17)
        again = resume(sandbox, ran)
        assert sent(sandbox) == "p" * 8 + "r" + "p" * 17
    assert again.exit_code == 1, again.err  # leads 10 and 20 are in the other campaign
    rows = read_rows(ran.folder / "results.csv")
    assert [row["attempts"] for row in rows] == ["1"] * 25


@pytest.mark.slow
def test_a_whole_file_that_does_not_hold_is_no_success(tmp_path: Path) -> None:
    with served(tmp_path, faults=("bare",)) as sandbox:
        ran = run(sandbox, tmp_path, rows=[(CAMPAIGN, lead_id(1), "", "Hot")], size=8)
        assert stop_of(ran) == (
            f"The canary does not hold: line 2: aiTag was set to Hot and reads null. {GO_ON}"
        )
        assert resume(sandbox, ran).exit_code == 0
        assert sent(sandbox) == "pr"


@pytest.mark.slow
def test_what_somebody_changes_meanwhile_stops_the_run(tmp_path: Path) -> None:
    faults = ("status=429,on=leads,total=1,retry_after=2",)
    with served(tmp_path, faults=faults) as sandbox:
        env, _ = access(sandbox)
        given = words(sandbox, tmp_path, ROWS, 4)
        with started(*given, "--json", cwd=tmp_path, env=env) as process:
            waited(lambda: sent(sandbox).endswith("r"))
            change(sandbox, lead_id(3), aiTag="Cold")
            ran = ended(process, cwd=tmp_path)
        assert sent(sandbox) == "ppppr" + "p" + "r"  # the p is theirs
    assert stop_of(ran) == (
        f"The canary does not hold: line 4: aiTag was set to Hot and reads Cold. {GO_ON}"
    )


def test_a_change_that_fails_stops_the_run_without_a_look_back(tmp_path: Path) -> None:
    rows = [*ROWS[:5], (OTHER, lead_id(6), "paused", ""), *ROWS[6:]]
    with served(tmp_path) as sandbox:
        ran = run(sandbox, tmp_path, rows=rows, size=6)
        assert sent(sandbox) == "p" * 6
    assert stop_of(ran) == (
        "The canary does not hold: line 7 ended not_found: Not Found: Campaign lead not found; "
        f"is campaignLeadId perhaps the lead's own id? {GO_ON}"
    )


def test_a_lead_that_is_not_listed_does_not_hold(tmp_path: Path) -> None:
    faults = (f"bare,leads={lead_id(99)}",)
    with served(tmp_path, faults=faults) as sandbox:
        unlisted = (CAMPAIGN, lead_id(99), "paused", "")
        ran = run(sandbox, tmp_path, rows=[ROWS[0], unlisted, *ROWS[1:]], size=2)
        assert sent(sandbox) == "ppr"
    assert stop_of(ran) == (
        "The canary does not hold: line 3: the lead was changed and is not among its campaign's "
        f"leads. {GO_ON}"
    )


def test_a_status_that_a_subsequence_brought_is_no_difference(tmp_path: Path) -> None:
    options = {"subsequences": ("Hot=Nurture",), "moved_status": "completed"}
    with served(tmp_path, **options) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:6], size=3)
        assert sent(sandbox) == "ppprppp"
    assert ran.exit_code == 0, ran.err
    row = read_rows(ran.folder / "results.csv")[0]
    assert (row["server_status"], row["subsequence"]) == ("completed", "enrolled: Nurture")


def test_a_canary_that_cant_be_read_back_stops_the_run(tmp_path: Path) -> None:
    with served(tmp_path, faults=("status=403,on=leads",)) as sandbox:
        ran = run(sandbox, tmp_path, size=4)
        assert sent(sandbox) == "ppppr"
    assert stop_of(ran) == (
        "The canary does not hold: it could not be read back: the leads of campaign "
        f"{CAMPAIGN} could not be read: Forbidden: Sandbox fault: Forbidden. {GO_ON}"
    )


@pytest.mark.slow
def test_ctrl_c_during_the_look_back_ends_it_at_once(tmp_path: Path) -> None:
    with served(tmp_path, faults=("stall,on=leads,total=1",)) as sandbox:
        env, _ = access(sandbox)
        with started(*words(sandbox, tmp_path, ROWS[:9], 4), cwd=tmp_path, env=env) as process:
            waited(lambda: sent(sandbox) == "ppppr")
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            ran = ended(process, cwd=tmp_path)
            assert time.monotonic() - began < 8  # it waits 10 s for answers, but for no page
        assert ran.exit_code == 130, ran.err
        assert sent(sandbox) == "ppppr"
        assert resume(sandbox, ran).exit_code == 0
        assert sent(sandbox) == "ppppr" + "ppppp"


@pytest.mark.slow
def test_going_on_with_a_run_by_its_file_sends_a_canary_of_the_rest(tmp_path: Path) -> None:
    with served(tmp_path, faults=(f"bare,leads={lead_id(1)}",)) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:9], size=2)
        assert ran.exit_code == 3
        again = run(sandbox, tmp_path, rows=ROWS[:9], size=3)
        assert sent(sandbox) == "ppr" + "pppr" + "pppp"
    assert again.exit_code == 0, again.err


def test_practice_has_a_canary_too(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    ran = sendkit_batch("run", path, "--sandbox", "--rate", "1000", "--canary", "20", cwd=tmp_path)
    assert ran.exit_code == 0, ran.err
    assert json.loads((ran.folder / "run.json").read_text())["requests"] == 31
