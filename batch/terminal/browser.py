"""Open a page in the user's browser, if there is one.

The browser, and whatever it starts, sees none of this program's settings, above all not the key.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from batch.redaction import without_keys
from batch.terminal.console import Terminal

# Some commands return only when the browser is closed: after this time it counts as open.
_RETURNS_WITHIN_S = 10
# -I: modules are loaded neither from the current folder nor from PYTHONPATH.
_OPEN = (
    "-I", "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))",
)  # fmt: skip


def open_page(terminal: Terminal, path: Path) -> None:
    """Open a page, or say that it can't be opened."""
    if not open_in_browser(path):
        terminal.note(f"No browser could be opened here. The report is {path}")


def open_in_browser(path: Path) -> bool:
    """Open a file in the user's browser; True if a browser was started. Raises nothing.

    Secrets belong in the file: other users can read the path, which is an argument of a process.
    """
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    has_screen = sys.platform in {"win32", "darwin"} or any(map(os.environ.get, names))
    if not has_screen:  # Python would start a text browser, which takes the terminal over
        return False
    environment = without_keys(os.environ)
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
