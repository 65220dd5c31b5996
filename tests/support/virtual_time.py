"""An event loop whose clock jumps to the next timer, so that hours of waiting take no time."""

import asyncio
import selectors


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: adds up how long it would have waited, unless a socket is ready at once."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or not timeout:
            return ready
        self.skipped_s += timeout
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code that waits on timers, and on sockets whose other end is in the same loop.

    Real time does not pass; to wait for anything outside would spin it.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.skipped_s


VIRTUAL_TIME = ("asyncio", {"loop_factory": VirtualTimeLoop})
