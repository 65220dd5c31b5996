"""What a person may tell a run that is sending: to stop, to rest, or to go on.

Whoever gives orders knows where they come from, the signals of a terminal or the buttons of a
page; the use cases only know these words.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from batch.sending.stops import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Let nothing out any more, or go on. What is on its way is waited for as always."""

    on: bool


Order = Stop | Rest


class Orders(Protocol):
    """Where orders come from."""

    def told_to(self, listener: Callable[[Order], None], /) -> AbstractContextManager[None]:
        """Within it, each order is a call of the listener on the running event loop.

        Of stops, the first waits for answers that are on their way, the second does not.
        """
