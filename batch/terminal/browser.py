"""Showing a page in the user's browser, where there is one to show it in.

The browser, and whatever it starts, gets none of this program's settings: above all not the key.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from batch.terminal.console import Terminal

# Some commands only come back when the browser is closed: it is open then, and left to itself.
_RETURNS_WITHIN_S = 10
# -I: neither the current folder nor PYTHONPATH has a say in which modules are loaded.
_OPEN = (
    "-I", "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))",
)  # fmt: skip


def open_page(terminal: Terminal, path: Path) -> None:
    """Open a page; where that can't be done, only say so."""
    if not open_in_browser(path):
        terminal.note(f"No browser could be opened here. The report is {path}")


def open_in_browser(path: Path) -> bool:
    """Show a file in the user's browser. Gives whether a browser was started. Raises nothing.

    What must be kept from other users belongs into the file: any of them can read the path, which
    is an argument of processes.
    """
    if not _has_screen():
        return False
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("SENDKIT")}
    try:
        opening = subprocess.Popen(  # noqa: S603 - this interpreter, and a path of our own
            [sys.executable, *_OPEN, path.absolute().as_uri()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # away from the terminal's Ctrl-C
        )
    except OSError:
        return False
    try:
        return opening.wait(_RETURNS_WITHIN_S) == 0
    except subprocess.TimeoutExpired:
        threading.Thread(target=opening.wait, daemon=True).start()
        return True


def _has_screen() -> bool:
    """Without one, Python takes a browser of texts, which would take the terminal away."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
