"""How somebody at this machine gets to the page: through the browser, or by a printed address.

The browser is given a file that forwards to the start address, since the arguments of a process
can be read by every user of the machine. The file is in a folder that is ours alone.
"""

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from batch.terminal.browser import open_in_browser
from batch.web.guard import Access
from batch.web.tokens import OPENED_WITHIN_S, StartTokens

TAKEN_UP_WITHIN_S = 10.0  # browsers from snap or flatpak can't read our folder, and say nothing
_LOOK_EVERY_S = 0.5
_FORWARD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>sendkit-batch</title>'
    '<meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={url}">'
    '<p><a href="{url}">Open the page</a></p></html>\n'
)


class Doorway:
    """Opens the page in the browser, and prints its address where that does not work.

    folder: for the file that forwards. opens: whether the browser is opened at all.
    """

    def __init__(
        self,
        access: Access,
        tokens: StartTokens,
        folder: Path,
        *,
        opens: bool,
        open_file: Callable[[Path], bool] = open_in_browser,
        taken_up_within_s: float = TAKEN_UP_WITHIN_S,
    ) -> None:
        self._access = access
        self._tokens = tokens
        self._folder = folder
        self._opens = opens
        self._open_file = open_file
        self._taken_up_within_s = taken_up_within_s
        self._count = 0

    def begin(self) -> None:
        """The page is being served: let somebody in, and again at each Enter in the terminal."""
        has_terminal = sys.stdin is not None and sys.stdin.isatty()
        enter = "Enter shows a fresh address. " if has_terminal else ""
        if self._opens:
            _print(f"The page opens in your browser. {enter}Ctrl-C ends it.")
            self._beside(self.open)
        else:
            self.show()
            _print(f"{enter}Ctrl-C ends it.")
        if has_terminal:
            self._beside(self._attend)

    def open(self) -> None:
        """Open the page in the browser; print its address when the browser does not come."""
        token = self._tokens.make()
        if not self._is_opened(token):
            self._tokens.keep(token)
            _print(
                "The browser did not open the page. Open this address yourself, it is good once: "
                f"{self._access.start_url(token)}"
            )

    def show(self) -> None:
        """Print an address that opens the page."""
        _print(f"The page: {self._access.start_url(self._tokens.make(lasts_s=None))}")

    def again(self) -> None:
        """Print a fresh address, and open it in the browser."""
        token = self._tokens.make(lasts_s=None)
        _print(f"The page: {self._access.start_url(token)}")
        if self._opens:
            self._beside(lambda: self._is_opened(token))

    def _is_opened(self, token: str) -> bool:
        """Whether the browser was started and came back with the token soon."""
        self._count += 1
        path = self._folder / f"open-{self._count}.html"
        url = self._access.start_url(token)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(_FORWARD.format(url=url))
        except OSError:
            return False
        is_started = self._open_file(path)
        is_taken = self._tokens.wait_used(
            token, within_s=self._taken_up_within_s if is_started else 0
        )
        self._beside(lambda: self._take_away(path, token))
        return is_taken

    def _take_away(self, path: Path, token: str) -> None:
        """Remove the file once the browser has no more use for it."""
        self._tokens.wait_used(token, within_s=OPENED_WITHIN_S)
        with suppress(OSError):
            path.unlink()

    def _attend(self) -> None:
        for _ in _enters():
            self.again()

    @staticmethod
    def _beside(do: Callable[[], object]) -> None:
        """In a thread that ends with the program: some of it waits for browsers and people."""
        threading.Thread(target=do, daemon=True).start()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _enters() -> Iterator[None]:
    """Each Enter in the terminal, until it is closed.

    Reads the descriptor itself: a thread that waits in `sys.stdin` breaks the program's end.
    """
    with suppress(OSError, ValueError):
        descriptor = sys.stdin.fileno()
        while True:
            if sys.platform != "win32" and not _is_ours(descriptor):
                continue
            if not os.read(descriptor, 1024):
                return
            yield


def _is_ours(descriptor: int) -> bool:
    """Whether a line waits for us in the terminal: reading in the background would stop us."""
    is_ready = bool(select.select([descriptor], [], [], _LOOK_EVERY_S)[0])
    if is_ready and os.tcgetpgrp(descriptor) != os.getpgrp():
        threading.Event().wait(_LOOK_EVERY_S)
        return False
    return is_ready
