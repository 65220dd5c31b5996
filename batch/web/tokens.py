"""The tokens that open the page: each is good once, and most for a minute only.

A token that comes a second time is a sign that somebody else knows it, so it is reported.
"""

import secrets
import threading
import time
from collections.abc import Callable
from enum import StrEnum

OPENED_WITHIN_S = 60.0  # a browser that is opened takes a few seconds, a minute when it is slow
_RANDOM_BYTES = 32


class TokenUse(StrEnum):
    """What came of a token that a browser sent."""

    TAKEN = "taken"  # it was good, and no longer is
    USED = "used"  # it came before
    LATE = "late"  # its minute is over
    UNKNOWN = "unknown"


class StartTokens:
    """The tokens of one start of the page. All of it may be called from several threads.

    on_second_use: called when a token was used up and comes again, once for each.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_second_use: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_second_use = on_second_use
        self._changed = threading.Condition()
        self._good_until: dict[str, float | None] = {}
        self._used: set[str] = set()
        self._reported: set[str] = set()

    def make(self, *, lasts_s: float | None = OPENED_WITHIN_S) -> str:
        """A fresh token. lasts_s: None for one that is shown to somebody who may take their time.

        A token that was not used until now is good no more.
        """
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        with self._changed:
            until = None if lasts_s is None else self._clock() + lasts_s
            self._good_until = {token: until}
        return token

    def keep(self, token: str) -> None:
        """Let an unused token be good without its minute."""
        with self._changed:
            if token in self._good_until:
                self._good_until[token] = None

    def use(self, token: str) -> TokenUse:
        """Use a token up, if it is good."""
        with self._changed:
            if token in self._used:
                return TokenUse.USED
            if token not in self._good_until:
                return TokenUse.UNKNOWN
            until = self._good_until.pop(token)
            if until is not None and self._clock() > until:
                return TokenUse.LATE
            self._used.add(token)
            self._changed.notify_all()
            return TokenUse.TAKEN

    def report(self, token: str) -> None:
        """Somebody who was not let in sent a token that was used up."""
        with self._changed:
            is_news = token not in self._reported
            self._reported.add(token)
        if is_news:
            self._on_second_use()

    def wait_used(self, token: str, *, within_s: float) -> bool:
        """Wait until a token was used; False when it was not so soon."""
        with self._changed:
            return self._changed.wait_for(lambda: token in self._used, within_s)
