"""The page served on this machine alone, in the foreground, until Ctrl-C."""

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp

from batch.errors import SettingsError
from batch.jobs.requesting import overrides_of
from batch.recording.state import default_state_dir
from batch.sending.stops import Stop, StopCause
from batch.settings.load import default_config_dir
from batch.settings.options import CliOptions
from batch.terminal.signals import Interrupts
from batch.visible import visible_lines
from batch.web.app import make_app
from batch.web.board import Stage
from batch.web.desk import Desk
from batch.web.doorway import Doorway
from batch.web.guard import Access
from batch.web.session import Place
from batch.web.tokens import StartTokens
from batch.web.wire import WireLimits, page_protocol

_LONGEST_HEAD = 64 * 1024  # bytes; browsers add the cookies of this machine's other servers
HOST = "127.0.0.1"  # loopback: nobody else's machine can even connect


class _Server(uvicorn.Server):
    """A server that leaves signals to the program, and says when it listens."""

    def __init__(self, config: uvicorn.Config, *, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_listening()


def serve_page(
    options: CliOptions,
    *,
    interrupts: Interrupts,
) -> int:
    """Serve until Ctrl-C or SIGTERM. Gives the exit code: 130 or 143 where a run was broken off.

    Raises SettingsError.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-", ignore_cleanup_errors=True) as folder:
        place = Place(
            environ=os.environ,
            cwd=Path.cwd(),
            config_dir=default_config_dir(),
            state_dir=default_state_dir(),
            folder=Path(folder),
            config=options.config,
        )
        desk = Desk(place, overrides_of(options))
        listener = listen(options.port)
        access = Access.make(listener.getsockname()[1])
        tokens = StartTokens(on_second_use=_warn_of_second_use)
        doorway = Doorway(access, tokens, Path(folder), opens=not options.no_open)
        server = _Server(config_of(make_app(desk, access, tokens)), on_listening=doorway.begin)
        try:
            with interrupts.caught():
                return anyio.run(_serve, server, listener, desk, interrupts)
        finally:
            desk.end_practice()


def listen(port: int) -> socket.socket:
    """A socket of this machine alone. Raises SettingsError when there is none to be had."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise SettingsError(
            f"--port: {HOST}:{port} can't be listened on ({os.strerror(error.errno or 0)}); "
            "give another port, or leave it out for a free one."
        ) from error


def config_of(app: ASGIApp, limits: WireLimits | None = None) -> uvicorn.Config:
    """How the page is served."""
    return uvicorn.Config(
        app,
        http=page_protocol(limits),  # type: ignore[arg-type] # a class is called all the same
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        log_level="error",  # a request that can't be read is no news for the terminal
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


async def _serve(
    server: _Server, listener: socket.socket, desk: Desk, interrupts: Interrupts
) -> int:
    """Serve; the first signal ends what is at work, then the page. The second does so at once."""
    ended = 0

    async def end() -> None:
        view = await anyio.to_thread.run_sync(desk.worker.wait)
        if view and view.told:
            sys.stderr.write(f"{visible_lines(view.told)}\n")
        desk.is_closing = server.should_exit = True

    async with anyio.create_task_group() as ending:

        def stop(stop: Stop) -> None:
            nonlocal ended
            _, view = desk.worker.board.look()
            if desk.worker.is_busy and view and view.stage is Stage.SENDING:
                ended = 143 if stop.cause is StopCause.TERMINATED else 130
            desk.worker.stop(stop)
            ending.start_soon(end)

        with interrupts.told_to(stop):
            await server.serve(sockets=[listener])
        ending.cancel_scope.cancel()
    return ended


def _warn_of_second_use() -> None:
    sys.stderr.write(
        "The page's start address was opened a second time, and refused. If that was not you, "
        "somebody else has seen it: end the page by Ctrl-C.\n"
    )
