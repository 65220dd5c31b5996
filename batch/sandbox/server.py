"""The sandbox served by uvicorn on loopback, in the foreground."""

import gc
import json
import os
import signal
import socket
import sys
import threading
from asyncio import Transport
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from batch.sandbox import faults
from batch.sandbox.app import make_app
from batch.sandbox.log import for_us_alone
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.world import World, make_world

_HOST = "127.0.0.1"
# Longer than a paced client lets a connection rest, so that none is closed under its request.
_KEEP_ALIVE_S = 75


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets a fault reach the connection of its request."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        # asyncio does so only for sockets whose protocol number is set; else a client waits 40 ms
        # for the second packet of each answer.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A server that says when it listens, and ends at once: what is unanswered stays so."""

    def __init__(self, config: uvicorn.Config, *, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self.is_interrupted = False  # by Ctrl-C

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.is_interrupted |= sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets=sockets)


def serve(options: Options) -> None:
    """Serve until SIGTERM, Ctrl-C or, if so asked, the end of standard input.

    Says on standard output how to point a run at it. SandboxError if it can't start;
    KeyboardInterrupt after Ctrl-C.
    """
    world = make_world(options)
    app = make_app(options, world)
    # The leads stay for good: keep the collector from walking over them again and again.
    gc.freeze()
    listener = _listen(options.port)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # uvicorn's may be a second old; ours is of the very answer
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, on_listening=lambda: _announce(options, world, port=port))
    if options.exit_with_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    if server.is_interrupted:  # it raises that itself, but for a signal that comes at its very end
        raise KeyboardInterrupt


def main(argv: Sequence[str], *, prog: str = "python -m batch.sandbox") -> int:
    """Serve as a command line asks, until it is ended; the exit code.

    prog: the command's name in its help. 2 when it can't start, 130 after Ctrl-C.
    """
    try:
        serve(Options.from_argv(argv, prog=prog, epilog=f"faults:\n{faults.__doc__}"))
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port), backlog=2048)
    except OSError as error:
        raise SandboxError(
            f"--port: {_HOST}:{port} can't be listened on ({os.strerror(error.errno or 0)}); "
            "give another port, or 0 for a free one."
        ) from error


def _announce(options: Options, world: World, *, port: int) -> None:
    base_url = f"http://{_HOST}:{port}"
    sys.stdout.write(_greeting(world, base_url))
    sys.stdout.flush()
    if options.ready_file is None:
        return
    ready = {
        "port": port,
        "base_url": base_url,
        "api_key": world.first.api_key,
        "platform_key": world.platform_key,
        "workspace_id": world.first.id,
        "pid": os.getpid(),
    }
    written = options.ready_file.with_name(options.ready_file.name + ".part")
    written.unlink(missing_ok=True)
    # It holds keys: nobody else's to read, and no link that lies in wait is followed.
    with open(written, "x", encoding="utf-8", opener=for_us_alone) as out:
        out.write(json.dumps(ready))
    written.replace(options.ready_file)


def _greeting(world: World, base_url: str) -> str:
    campaigns = world.first.campaigns.values()
    leads = sum(len(campaign.leads) for campaign in campaigns)
    return (
        f"Sandbox on {base_url}. Campaigns: {len(campaigns):,}, leads: {leads:,}, "
        f"labels: {len(world.first.labels):,}.\nNothing here is real.\n"
        f"A file of its leads:  curl -H 'X-Api-Key: {world.first.api_key}' -o leads.csv "
        f"{base_url}/sandbox/leads.csv\n"
        f"A run against it:     SENDKIT_API_KEY={world.first.api_key} "
        f"sendkit-batch run leads.csv --base-url {base_url}\n"
        "Ctrl-C ends it.\n"
    )


def _stop_at_end_of_stdin(server: _Server) -> None:
    # Not sys.stdin: its lock, held here, would break the interpreter's own end.
    while os.read(0, 1024):
        pass
    server.should_exit = True
