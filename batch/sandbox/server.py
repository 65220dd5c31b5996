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
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from batch.sandbox import faults
from batch.sandbox.app import make_app
from batch.sandbox.log import for_owner_alone
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


class Server(uvicorn.Server):
    """A server that tells when it listens, and ends at once, with requests left unanswered."""

    def __init__(self, app: Starlette, *, on_listening: Callable[[], None]) -> None:
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
        super().__init__(config)
        self._on_listening = on_listening
        self.is_interrupted = False  # by Ctrl-C

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, and note whether by Ctrl-C."""
        self.is_interrupted |= sig == signal.SIGINT
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets=sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop every connection, and end."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets=sockets)


def serve(options: Options) -> None:
    """Serve until SIGTERM, Ctrl-C or, with exit_with_stdin, the end of standard input.

    Prints how to point a run at it. SandboxError if it can't start; KeyboardInterrupt after Ctrl-C.
    """
    world = make_world(options)
    app = make_app(options, world)
    # The leads stay for good: keep the collector from walking over them again and again.
    gc.freeze()
    listener = _listen(options.port)
    port = listener.getsockname()[1]
    server = Server(app, on_listening=lambda: _announce(options, world, port=port))
    if options.exit_with_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])
    if server.is_interrupted:  # it raises that itself, but for a signal that comes at its very end
        raise KeyboardInterrupt


def main(argv: Sequence[str], *, prog: str = "python -m batch.sandbox") -> int:
    """Serve with a command line's options until it is ended. The exit code.

    2 if it can't start, 130 after Ctrl-C. prog: the command's name in its help.
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
    """Print how to use the sandbox, and write the ready file."""
    base_url, workspaces = f"http://{_HOST}:{port}", world.with_leads
    campaigns = [each for workspace in workspaces for each in workspace.campaigns.values()]
    leads = sum(len(campaign.leads) for campaign in campaigns)
    several = f"Workspaces: {len(workspaces):,}, campaigns" if len(workspaces) > 1 else "Campaigns"
    key = world.platform_key if len(workspaces) > 1 else world.first.api_key
    sys.stdout.write(
        f"Sandbox on {base_url}. {several}: {len(campaigns):,}, leads: {leads:,}, "
        f"labels: {len(world.first.labels):,}.\nNothing here is real.\n"
        f"A file of its leads:  curl -H 'X-Api-Key: {key}' -o leads.csv "
        f"{base_url}/sandbox/leads.csv\n"
        f"A run against it:     SENDKIT_API_KEY={key} "
        f"sendkit-batch run leads.csv --base-url {base_url}\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    if options.ready_file is None:
        return
    ready = {
        "port": port,
        "base_url": base_url,
        "api_key": key,
        "platform_key": world.platform_key,
        "workspace_id": world.first.id,
        "workspaces": [
            {"id": each.id, "name": each.name, "api_key": each.api_key}
            for each in world.workspaces.values()
        ],
        "pid": os.getpid(),
    }
    partial = options.ready_file.with_name(options.ready_file.name + ".part")
    partial.unlink(missing_ok=True)
    # It holds keys: for its owner alone, and a link planted in its place is not followed.
    with open(partial, "x", encoding="utf-8", opener=for_owner_alone) as file:
        file.write(json.dumps(ready))
    partial.replace(options.ready_file)


def _stop_at_end_of_stdin(server: Server) -> None:
    # Not sys.stdin: its lock, held here, would break the interpreter's own end.
    while os.read(0, 1024):
        pass
    server.should_exit = True
