"""A sandbox as a child process, for the program and its tests. Imports no server."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from batch.sandbox.options import Options, SandboxError

_READY_WITHIN_S = 60  # 300,000 leads are read in a few seconds on a slow machine
_END_WITHIN_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxWorkspace:
    """A workspace of a sandbox, and its own key."""

    id: str
    name: str
    api_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that listens.

    platform_key needs workspace_id with it; api_key must not have it.
    log_path: its log of requests, removed with it unless the options named a file.
    """

    base_url: str
    api_key: str
    platform_key: str
    workspace_id: str
    pid: int
    log_path: Path
    workspaces: tuple[SandboxWorkspace, ...] = ()


@contextmanager
def start_sandbox(options: Options | None = None) -> Iterator[Sandbox]:
    """Run a sandbox with these options while the block lasts.

    It gets none of this program's keys and proxies, nor the terminal's Ctrl-C, and ends when this
    process does. SandboxError, with its output, if it does not start.
    """
    options = options or Options()
    with tempfile.TemporaryDirectory(
        prefix="sendkit-sandbox-",
        ignore_cleanup_errors=True,  # Windows keeps the files of a process that is just ending
    ) as folder:
        ready_file = Path(folder, "ready.json")
        log_path = options.log or Path(folder, "requests.jsonl")
        output_path = Path(folder, "output.txt")
        options = replace(options, ready_file=ready_file, log=log_path, exit_with_stdin=True)
        child = _start(options, output_path=output_path)
        try:
            _wait_until_ready(child, ready_file, output_path=output_path)
            ready = json.loads(ready_file.read_text(encoding="utf-8"))
            yield Sandbox(
                base_url=ready["base_url"],
                api_key=ready["api_key"],
                platform_key=ready["platform_key"],
                workspace_id=ready["workspace_id"],
                pid=ready["pid"],
                log_path=log_path,
                workspaces=tuple(SandboxWorkspace(**each) for each in ready["workspaces"]),
            )
        finally:
            _end(child)


def _start(options: Options, *, output_path: Path) -> subprocess.Popen[bytes]:
    # -P: what lies in the current folder must not stand in for a module.
    command = [sys.executable, "-P", "-m", "batch.sandbox", *options.to_argv()]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not (
            name.upper().startswith("SENDKIT_")
            or name.upper().endswith("_PROXY")
            or value.strip().startswith("sk_")  # settings may name any variable for a key
        )
    }
    with output_path.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - this interpreter, with options of our own
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            # Away from the terminal's Ctrl-C: the first is Windows', the second everyone else's.
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            start_new_session=True,
        )


def _wait_until_ready(
    child: subprocess.Popen[bytes], ready_file: Path, *, output_path: Path
) -> None:
    give_up_at = time.monotonic() + _READY_WITHIN_S
    while not ready_file.exists():
        if child.poll() is not None:
            raise SandboxError(output_path.read_text(encoding="utf-8", errors="replace").strip())
        if time.monotonic() > give_up_at:
            raise SandboxError(f"The sandbox did not start within {_READY_WITHIN_S} seconds.")
        time.sleep(0.02)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child by closing its standard input, which works on every system; else by force."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        # Not for ever: a Ctrl-C that broke off an earlier wait may have left its lock locked.
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_WITHIN_S)
