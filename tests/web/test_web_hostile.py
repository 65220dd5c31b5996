"""Files that harm their reader, and the largest, on the page as it is: all of it takes long."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hostile import FILES, largest_text, largest_workbook
from tests.support.web_site import site
from tests.support.wired import Api, pausing, served_by, write_leads
from tests.web.test_web_reader import begin

pytestmark = pytest.mark.slow


@pytest.mark.timed
@pytest.mark.parametrize("make", FILES, ids=[make.__name__ for make in FILES])
def test_a_run_goes_on_whatever_is_dropped(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(2000))
    hostile = make(tmp_path)
    api, waits, told = Api(), list[float](), list[str]()
    with site(tmp_path, inspect=None, overrides={"pace": {"rate": 20}}) as page, served_by(api):
        begin(page, path)
        dropping = threading.Thread(target=lambda: told.append(page.drop(hostile)))
        sent, began = len(api.changes), time.monotonic()
        dropping.start()
        while dropping.is_alive():
            asked = time.monotonic()
            assert page.browser.get("/job").status_code == 200
            waits.append(time.monotonic() - asked)
            time.sleep(0.05)
        took_s = time.monotonic() - began
        assert len(api.changes) - sent >= 0.8 * 20 * took_s - 2
        assert max(waits) < 1
        assert took_s < 75
        said = page.get("/check") if told == ["/check"] else told[0]
        assert hostile.name in said
        page.desk.worker.stop()
        page.end()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "make"), [("leads.csv", largest_text), ("leads.xlsx", largest_workbook)]
)
def test_the_largest_files_pass(tmp_path: Path, name: str, make: Callable[[Path], int]) -> None:
    rows = make(tmp_path / name)
    with site(tmp_path, inspect=None) as page:
        assert page.drop(tmp_path / name) == "/check"
        assert page.desk.file is not None
        assert page.desk.file.problem == ""
        assert page.desk.file.checked is not None
        assert page.desk.file.checked.rows == rows
        assert f"1 to 50 of {rows:,}" in page.get("/check")
