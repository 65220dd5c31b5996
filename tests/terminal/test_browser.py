import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.terminal import browser
from batch.terminal.browser import open_page
from batch.terminal.console import Terminal
from batch.terminal.signals import Interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a browser here is a script")
NOTE = "No browser could be opened here. The report is {}\n"
SCRIPT = """#!{python}
import json, os, sys
with open(os.environ["SEEN"], "w") as file:
    json.dump([sys.argv[1:], dict(os.environ)], file)
sys.exit({exit_code})
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "x" / "report.html"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def use_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, exit_code: int = 0) -> Path:
    """Let $BROWSER be a program of ours; gives the file in which it says how it was started."""
    program, seen = tmp_path / "browser", tmp_path / "seen.json"
    program.write_text(SCRIPT.format(python=sys.executable, exit_code=exit_code), encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{program} %s")  # with %s it is waited for
    monkeypatch.setenv("SEEN", str(seen))
    return seen


def open_it(path: Path) -> None:
    open_page(Terminal(Interrupts()), path)


def test_the_page_is_opened_by_its_address_and_the_browser_gets_no_key(
    tmp_path: Path,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = use_browser(tmp_path, monkeypatch)
    monkeypatch.setenv("SENDKIT_API_KEY", "sk_0123456789abcdefghij")
    monkeypatch.setenv("SENDKIT_BATCH_API_BASE_URL", "https://api.example")
    open_it(report)
    argv, environ = json.loads(seen.read_text("utf-8"))
    assert argv == [report.as_uri()]
    assert environ["PATH"] == os.environ["PATH"]
    assert not [name for name in environ if name.startswith("SENDKIT")]
    assert capsys.readouterr().err == ""


def test_without_a_screen_nothing_is_opened(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(subprocess, "Popen", None)
    open_it(report)
    assert capsys.readouterr().err.replace("\n", "") == NOTE.format(report).replace("\n", "")


def test_a_browser_that_fails_is_a_note(
    tmp_path: Path,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_browser(tmp_path, monkeypatch, exit_code=1)
    monkeypatch.setenv("PATH", "")  # nor is there another one
    open_it(report)
    assert capsys.readouterr().err.startswith("No browser could be opened here.")


def test_a_python_that_can_not_be_started_is_a_note(
    tmp_path: Path,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_browser(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    open_it(report)
    assert capsys.readouterr().err.startswith("No browser could be opened here.")


def test_a_browser_that_stays_in_the_foreground_is_open(
    tmp_path: Path,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = use_browser(tmp_path, monkeypatch)
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\necho [] > {seen}\nexec sleep 3\n", encoding="utf-8")
    monkeypatch.setattr(browser, "_RETURNS_WITHIN_S", 0.2)
    began = time.monotonic()
    open_it(report)
    assert time.monotonic() - began < 2
    assert capsys.readouterr().err == ""
