"""The whole command, and the sandbox, within the test's own process.

Both are what a process would run, without the half second in which it starts. What only a process
has (an end by a signal, descriptors, a terminal, a lock that ends with it) is proven with
`tests.support.program`, whose functions have the same names.
"""

import asyncio
import io
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from batch.sandbox.app import make_app
from batch.sandbox.log import RequestLog
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, SandboxWorkspace
from batch.sandbox.server import Server
from batch.sandbox.world import make_world
from batch.terminal.command_line import run_command_line
from batch.terminal.signals import Interrupts
from batch.terminal.streams import lasting_streams
from tests.support.program import Ran, environment, write_rows

_STARTS_WITHIN_S = 60


def sendkit_batch(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Ran:
    """Do a whole command line; where it starts a sandbox of its own, that is in here, too."""
    out, err = io.BytesIO(), io.BytesIO()
    wanted = environment(cwd, env)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name in os.environ.keys() - wanted.keys():
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        patch.setattr("batch.jobs.practice.start_sandbox", start_sandbox)
        patch.setattr(sys, "argv", ["sendkit-batch", *map(str, args)])
        for stream, buffer in (("stdin", io.BytesIO(stdin)), ("stdout", out), ("stderr", err)):
            patch.setattr(sys, stream, io.TextIOWrapper(buffer, "utf-8", write_through=True))
        interrupts = Interrupts()
        with interrupts.caught(), lasting_streams():
            exit_code = run_command_line(interrupts)
        return Ran(
            exit_code=exit_code,
            out=out.getvalue().decode(),
            err=err.getvalue().decode(),
            cwd=cwd,
        )


@contextmanager
def start_sandbox(options: Options | None = None) -> Iterator[Sandbox]:
    """A sandbox with these options for as long as the block lasts, in a thread."""
    options = options or Options()
    with (
        tempfile.TemporaryDirectory(prefix="sendkit-sandbox-") as folder,
        socket.create_server(("127.0.0.1", options.port), backlog=2048) as listener,
        ExitStack() as stack,
    ):
        log_path = options.log or Path(folder, "requests.jsonl")
        log = stack.enter_context(closing(RequestLog(log_path)))
        world = make_world(options)
        listening = threading.Event()
        server = Server(make_app(options, world, log), on_listening=listening.set)
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            assert listening.wait(_STARTS_WITHIN_S)
            yield Sandbox(
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
                api_key=world.first.api_key,
                platform_key=world.platform_key,
                workspace_id=world.first.id,
                pid=os.getpid(),
                log_path=log_path,
                workspaces=tuple(
                    SandboxWorkspace(id=each.id, name=each.name, api_key=each.api_key)
                    for each in world.workspaces.values()
                ),
            )
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def seeded(
    folder: Path,
    header: Sequence[str],
    leads: Sequence[Sequence[object]],
    **options: Any,  # noqa: ANN401 - the fields of Options
) -> Iterator[Sandbox]:
    """A sandbox that has these leads, and no others."""
    seed = write_rows(folder / "seed.csv", header, leads)
    with start_sandbox(Options(seed_csv=seed, **options)) as sandbox:
        yield sandbox
