import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from batch.settings.model import Settings
from batch.web import reader
from batch.web.board import Stage
from batch.web.inspection import Ask, Inspected
from batch.web.reader import GivenUpError, ReaderLimits, UnreadableError, inspect_apart
from tests.support.hostile import CRASHES, DIES, EATS_MEMORY, FREEZES, LIES, reader_that
from tests.support.web_site import Site, in_this_process, site
from tests.support.wired import Api, pausing, served_by, write_leads

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs resident memory told")
MB = 1 << 20
QUICK = ReaderLimits(memory_bytes=300 * MB, seconds=1.5, seconds_per_mb=0, most_seconds=1.5)
ADVICE = (
    "and was stopped; nothing else was disturbed. Open it in your spreadsheet program, copy the "
    "rows into a new file, save that as CSV, and drop it."
)


def ask_for(path: Path, folder: Path) -> Ask:
    return Ask(
        name=path.name,
        path=path,
        folder=folder / "look",
        state_dir=folder / "state",
        settings=Settings().public(),
        unpacked_bytes=3 * MB,
        rows=1000,
    )


def use_reader(monkeypatch: pytest.MonkeyPatch, words: Sequence[str]) -> list[int]:
    """Start this in place of the real reader; gives the process ids."""
    pids: list[int] = []
    popen = subprocess.Popen

    def start(command: list[str], **given: object) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = popen([*words, command[-1]], **given)  # type: ignore[call-overload] # as Popen
        pids.append(child.pid)
        return child

    monkeypatch.setattr(subprocess, "Popen", start)
    return pids


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_the_reader_finds_what_this_process_would(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", [*pausing(3), ("x", "bad", "paused", "")])
    ask = ask_for(path, tmp_path)
    apart = inspect_apart(ask)
    assert apart.checked is not None
    assert (apart.checked.rows, apart.checked.sendable, apart.checked.tally.error) == (4, 3, 1)
    rows = sorted(each.name for each in ask.folder.iterdir())
    assert rows == [
        "ask.json", "found.json", "marks.parquet", "problems.csv", "rows-000000.parquet",
    ]  # fmt: skip
    (here := tmp_path / "here").mkdir()
    given = json.loads(ask.to_json()) | {"folder": str(here)}
    found = in_this_process(Ask.from_json(json.dumps(given).encode()), lambda: False)
    assert found.checked is not None
    assert apart.first == found.first
    assert apart.checked.tally == found.checked.tally
    assert apart.to_json().replace(str(ask.folder).encode(), str(here).encode()) == found.to_json()


SPY = """
import json, os, sys
folder = sys.argv[1]
fds = {n: os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
       if os.path.exists(f"/proc/self/fd/{n}")}
print(json.dumps([dict(os.environ), fds, os.getsid(0) == os.getpid()]))
sys.exit(3)
"""


def test_the_reader_has_neither_the_key_nor_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_reader(monkeypatch, reader_that(SPY, tmp_path))
    monkeypatch.setenv("SENDKIT_API_KEY", "sk_0123456789abcdefghij")
    monkeypatch.setenv("SENDKIT_BATCH_PACE_RATE", "3")
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        found = inspect_apart(ask_for(write_leads(tmp_path / "leads.csv", []), tmp_path))
    environ, descriptors, is_a_session = json.loads(found.trouble)
    assert not [name for name in environ if name.startswith("SENDKIT")]
    assert environ["TMPDIR"] == str(tmp_path / "look" / "scratch")
    assert not [what for what in descriptors.values() if what.startswith("socket:")]
    assert is_a_session
    assert not (tmp_path / "look" / "scratch").exists()


@pytest.mark.parametrize(
    ("does", "seconds", "told"),
    [
        (FREEZES, 1.5, f"leads.csv: reading it took longer than 2 s, {ADVICE}"),
        (EATS_MEMORY, 30, f"leads.csv: reading it took more than 300 MB of memory, {ADVICE}"),
        (DIES, 30, f"leads.csv: reading it took more than this computer has to give, {ADVICE}"),
    ],
    ids=["freezes", "memory", "dies"],
)
def test_a_reader_that_takes_too_much_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, seconds: float, told: str
) -> None:
    pids = use_reader(monkeypatch, reader_that(does, tmp_path))
    ask = ask_for(write_leads(tmp_path / "leads.csv", []), tmp_path)
    began = time.monotonic()
    with pytest.raises(UnreadableError) as error:
        inspect_apart(ask, limits=replace(QUICK, seconds=seconds, most_seconds=seconds))
    assert time.monotonic() - began < seconds + 4.5
    assert str(error.value) == told
    assert is_gone(pids[0])
    assert not (ask.folder / "scratch").exists()


def test_a_reader_is_ended_when_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = use_reader(monkeypatch, reader_that(FREEZES, tmp_path))
    ask = ask_for(write_leads(tmp_path / "leads.csv", []), tmp_path)
    with pytest.raises(GivenUpError):
        inspect_apart(ask, is_given_up=lambda: bool(pids))
    assert is_gone(pids[0])


def test_the_largest_files_get_the_longest_time() -> None:
    limits = ReaderLimits()
    assert limits.seconds_for(1600) == pytest.approx(60, abs=0.1)
    assert limits.seconds_for(34 * MB) == 740
    assert limits.seconds_for(200 * MB) == 900


def test_the_page_reads_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, inspect=None) as page:
        pids = use_reader(monkeypatch, reader_that(DIES, tmp_path))
        told = page.drop(write_leads(tmp_path / "leads.csv", []))
        assert len(pids) == 1
        assert told == f"leads.csv: reading it took more than this computer has to give, {ADVICE}"


def frozen(ask: Ask, is_given_up: Callable[[], bool]) -> Inspected:
    """The real way, with a limit that is quick to come."""
    return inspect_apart(ask, limits=QUICK, is_given_up=is_given_up)


@pytest.mark.parametrize("does", [FREEZES, EATS_MEMORY], ids=["freezes", "memory"])
def test_a_file_that_harms_its_reader_disturbs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(60))
    api, waits = Api(), list[float]()
    with site(tmp_path, overrides={"pace": {"rate": 20}}) as page, served_by(api):
        begin(page, path)
        page.desk.tray._inspect = frozen  # noqa: SLF001 - from now on
        use_reader(monkeypatch, reader_that(does, tmp_path))
        told: list[str] = []
        dropping = threading.Thread(target=lambda: told.append(page.drop(path, name="odd.csv")))
        sent, began = len(api.changes), time.monotonic()
        dropping.start()
        while dropping.is_alive():
            asked = time.monotonic()
            assert page.browser.get("/job").status_code == 200
            waits.append(time.monotonic() - asked)
            time.sleep(0.05)
        took_s = time.monotonic() - began
        sent = len(api.changes) - sent
        assert told[0].startswith("odd.csv: reading it took ")
        assert "leads.csv" in page.get("/check")  # the file before it stays at hand
        assert page.end().run_id
    # Two may be on their way at either end; a busy machine is late for some of its turns.
    assert sent >= 0.5 * 20 * took_s - 2
    assert max(waits) < 1
    assert len(api.changes) == 60


def begin(page: Site, path: Path) -> None:
    """Send a file, as far as its first rows."""
    page.desk.session.change({}, plans_first=False)
    page.drop(path)
    page.post("/run")
    page.until(Stage.QUESTION)
    page.post("/job/answer", answer="yes")
    page.until(Stage.SENDING)


def test_the_unexpected_is_told_in_the_terminal_without_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(1))
    with site(tmp_path, inspect=frozen) as page:
        page.desk.session.open_gate()
        use_reader(monkeypatch, reader_that(CRASHES, tmp_path))
        told = page.drop(path)
        assert told == "Unexpected error. Please report what the terminal shows."
        assert list(page.desk.place.folder.iterdir()) == []
    err = capsys.readouterr().err
    assert "RuntimeError: with *** in it" in err
    assert "\x1b" not in err


def test_an_answer_that_is_none_is_unexpected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_reader(monkeypatch, reader_that(LIES, tmp_path))
    found = inspect_apart(ask_for(write_leads(tmp_path / "leads.csv", []), tmp_path))
    assert found.checked is None
    assert found.trouble.startswith("The reader's answer can't be read: ")


def test_the_end_of_the_page_ends_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(1))
    with site(tmp_path, inspect=None) as page:
        pids = use_reader(monkeypatch, reader_that(FREEZES, tmp_path))
        dropping = threading.Thread(target=lambda: page.drop(path))
        dropping.start()
        while not pids:
            time.sleep(0.01)
        page.desk.is_closing = True
        dropping.join(5)
        assert not dropping.is_alive()
    assert is_gone(pids[0])


def test_a_newer_file_puts_the_one_that_is_being_read_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [True]

    def inspect(ask: Ask, is_given_up: Callable[[], bool]) -> Inspected:
        return inspect_apart(ask, is_given_up=is_given_up) if slow else in_this_process(ask, bool)

    path = write_leads(tmp_path / "leads.csv", pausing(1))
    with site(tmp_path, inspect=inspect) as page:
        pids = use_reader(monkeypatch, reader_that(FREEZES, tmp_path))
        told: list[str] = []
        dropping = threading.Thread(target=lambda: told.append(page.drop(path, name="first.csv")))
        dropping.start()
        while not pids:
            time.sleep(0.01)
        slow.clear()
        assert page.drop(path) == "/check"
        dropping.join()
        assert told == ["first.csv: was put aside for another file."]
        assert len(list(page.desk.place.folder.iterdir())) == 1


def test_what_no_reader_came_through_gets_to_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(1))
    with site(tmp_path) as page, served_by(Api()) as api:
        page.drop(path)
        page.desk.tray._inspect = frozen  # noqa: SLF001 - from now on
        use_reader(monkeypatch, reader_that(DIES, tmp_path))
        text = page.post("/check/columns", campaignId="campaignId")
        assert "reading it took more than this computer has to give" in text
        for path_of_job, fields in (("/run", {"practice": "yes"}), ("/run", {}), ("/plan", {})):
            answer = page.browser.ask("POST", path_of_job, data=fields)
            assert answer.status_code == 400
            assert "more than this computer has to give" in answer.text
        assert page.desk.worker.board.look()[1] is None
        assert api.changes == []


def test_the_page_opens_uploads_in_one_place_alone() -> None:
    texts = {
        path.name: path.read_text("utf-8") for path in Path(reader.__file__).parent.glob("*.py")
    }

    def having(pattern: str) -> set[str]:
        return {name for name, text in texts.items() if re.search(pattern, text)}

    # What opens a spreadsheet stands in two files, and one function leads there, in a process.
    opens = r"\b(open_table|open_grid|read_first_rows|check_file|unpack|expands_beyond)\("
    assert having(opens) == {"checked.py", "inspection.py"}
    assert having(r"\binspect\(") == {"inspection.py", "reader_process.py"}
    assert having(r"\bcheck_file\(") == {"checked.py", "inspection.py"}
    assert having(r"batch\.web\.reader_process\b") == {"reader.py", "reader_process.py"}
    assert having(r"\binspect_apart\(") == {"reader.py", "tray.py"}
