import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.terminal.browser import open_page
from batch.terminal.console import Terminal
from batch.terminal.signals import Interrupts
from tests.shell import rise_always

NOTE = "No browser could be opened here. The report is runs/x/report.html\n"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened, on a machine with a screen."""
    addresses: list[str] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")

    def open_in_it(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", open_in_it)
    return addresses


def open_it() -> None:
    open_page(Terminal(Interrupts()), Path("runs/x/report.html"))


def test_the_page_is_opened_by_its_address(
    opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    open_it()
    assert opened == [Path("runs/x/report.html").absolute().as_uri()]
    assert capsys.readouterr().err == ""


def test_without_a_screen_nothing_is_opened(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    open_it()
    assert opened == []
    assert capsys.readouterr().err == NOTE


@pytest.mark.parametrize("fails", [lambda _: False, rise_always(OSError("no such program"))])
def test_a_browser_that_fails_is_a_note(
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails: Callable[[str], bool],
) -> None:
    monkeypatch.setattr(webbrowser, "open", fails)
    open_it()
    assert opened == []
    assert capsys.readouterr().err == NOTE
