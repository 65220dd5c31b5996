import re
from pathlib import Path

import pytest

from batch.jobs.check import check
from batch.jobs.request import Request, Session, Source
from batch.model import Reason
from batch.settings.model import Settings
from batch.terminal import demo
from batch.terminal.demo import write_demo
from tests.support.in_process import sendkit_batch
from tests.support.program import Ran

# The demo needs nothing but the program: neither of these may have a say.
_HOSTILE = {"SENDKIT_BATCH_NO_SUCH": "1", "SENDKIT_API_KEY": "sk_real_key"}


def test_the_demos_spreadsheet_is_small_and_has_one_mistake(tmp_path: Path) -> None:
    path = write_demo(tmp_path)
    assert path == tmp_path / "demo.csv"
    source = Source(name=path.name, path=path)
    session = Session(state_dir=tmp_path)
    with check(Request(source=source, settings=Settings(), session=session)) as checked:
        plan = checked.plan
        assert (plan.rows, plan.requests, plan.sendable_rows) == (24, 23, 23)
        assert plan.tally == {Reason.BAD_STATUS: 1}
        assert checked.refusal is None
        assert (plan.tags_set, plan.tags_cleared, plan.to_paused, plan.to_active) == (13, 5, 5, 5)
        assert len({change.campaign_id for change in plan.changes()}) == 2


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The demo, with a refusal that asks for less than it does for people."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "sendkit-batch.toml").write_text("[no]\nsuch = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "WAIT_S", 0.5)
        return sendkit_batch("demo", "--rate", "1000", cwd=folder, env=_HOSTILE)


def test_the_demo_shows_a_wrong_row_a_refusal_a_stop_and_its_resume(ran: Ran) -> None:
    run = re.escape(str(ran.folder.relative_to(ran.cwd)))
    told = [line for line in ran.err.splitlines() if re.match(r"\d\. ", line)]
    wanted = (
        r"1\. .* One status is misspelt: its row is left out, and failed\.csv says why\.",
        r"2\. The server refuses a request \(429\) and asks to wait 0\.5 s\..*",
        r"3\. Now it asks to wait a minute\. The demo stops the run here, .*",
        rf"4\. This command sends the rest, .*: sendkit-batch resume {run}",
        rf"5\. .* on one page: sendkit-batch report {run} --open",
    )
    assert len(told) == len(wanted), ran.err
    for line, pattern in zip(told, wanted, strict=True):
        assert re.fullmatch(pattern, line)
    sent = re.search(r"(\d+) rows were sent, (\d+) are left", ran.err)
    assert sent
    assert sum(map(int, sent.groups())) == 23
    assert 0 < int(sent[2]) < 16


def test_the_demo_ends_well_with_an_answer_for_every_row(ran: Ran) -> None:
    assert ran.exit_code == 0
    assert [row["reason"] for row in ran.results if row["result"] != "success"] == ["bad_status"]
    assert len(ran.results) == 24
    assert ran.folder.name.startswith("demo-")
    run = ran.folder.relative_to(ran.cwd)
    assert ran.last_line == (
        f"finished: 23 success, 1 error, 0 skipped, 0 unsent; {run}/results.csv; next: fix the "
        f"rows in failed.csv, then sendkit-batch run {run}/failed.csv --rate 1000 --sandbox"
    )


def test_a_refusal_in_the_demo_is_waited_for(ran: Ran) -> None:
    refused = [row for row in ran.results if row["attempts"] == "2"]
    assert refused
    assert all(row["reason"] == "applied" for row in refused)


def test_a_demo_with_a_wrong_option_is_refused(tmp_path: Path) -> None:
    ran = sendkit_batch("demo", "--rate", "never", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "--rate: found " in ran.err
    assert not (tmp_path / "runs").exists()
