"""Showing a page in the user's browser, where there is one to show it in."""

import os
import sys
import webbrowser
from pathlib import Path

from batch.terminal.console import Terminal


def open_page(terminal: Terminal, path: Path) -> None:
    """Open a page; where that can't be done, only say so."""
    try:
        is_open = _has_screen() and webbrowser.open(path.absolute().as_uri())
    except Exception:  # noqa: BLE001 - whatever a browser meets is no matter of the run
        is_open = False
    if not is_open:
        terminal.note(f"No browser could be opened here. The report is {path}")


def _has_screen() -> bool:
    """Without one, Python takes a browser of texts, which would take the terminal away."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
