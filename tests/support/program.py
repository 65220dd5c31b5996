"""The real command in a process of its own, and what it left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.sandbox.process import Sandbox

CAMPAIGN = "64f1c0a95e8b7d2f3a6c9e01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str
    cwd: Path

    @property
    def last_line(self) -> str:
        return self.err.rstrip("\n").rsplit("\n", 1)[-1]

    @property
    def folder(self) -> Path:
        """The only run's folder."""
        (folder,) = (self.cwd / "runs").iterdir()
        return folder

    @property
    def results(self) -> list[dict[str, str]]:
        return read_rows(self.folder / "results.csv")

    @property
    def failed(self) -> list[dict[str, str]]:
        return read_rows(self.folder / "failed.csv")

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / "run.json").read_text("utf-8"))
        return record


def lead_id(number: int) -> str:
    return f"65a2d1b86f9c8e3a{number:08x}"


def read_rows(path: Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def environment(cwd: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's settings, keys or proxies, nor of its terminal's size."""
    # pytest's first process imports readline, which hands down the size that it takes for its own.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SENDKIT")
        and not name.lower().endswith("_proxy")
        and name not in {"COLUMNS", "LINES"}
    }
    homes = {
        "HOME": str(cwd),
        "XDG_CONFIG_HOME": str(cwd / ".config"),
        "XDG_STATE_HOME": str(cwd / ".state"),
    }
    return {**kept, **homes, **(more or {})}


def access(sandbox: Sandbox) -> tuple[dict[str, str], list[str]]:
    """The environment and the options that point a run at a sandbox."""
    return {"SENDKIT_API_KEY": sandbox.api_key}, ["--base-url", sandbox.base_url, "--yes"]


def command(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "batch", *map(str, args)]


def sendkit_batch(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout_s: float = 60,
) -> Ran:
    done = subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(cwd, env),
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    return Ran(
        exit_code=done.returncode,
        out=done.stdout.decode(),
        err=done.stderr.decode(),
        cwd=cwd,
    )


@contextmanager
def started(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command while it runs; killed at the end if it still does."""
    with subprocess.Popen(
        command(*args),
        cwd=cwd,
        env=environment(cwd, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def ended(process: subprocess.Popen[bytes], *, cwd: Path, timeout_s: float = 30) -> Ran:
    out, err = process.communicate(timeout=timeout_s)
    return Ran(exit_code=process.returncode, out=out.decode(), err=err.decode(), cwd=cwd)


def received(sandbox: Sandbox, *, operation: str | None = "patch") -> list[dict[str, Any]]:
    """The requests that the sandbox logged."""
    text = sandbox.log_path.read_text("utf-8") if sandbox.log_path.exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()  # the last one may be half written
    requests: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [each for each in requests if operation in {None, each["operation"]}]


def inspected(sandbox: Sandbox, what: str) -> bytes:
    """What the sandbox tells of itself: `state`, or `leads.csv`."""
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        f"{sandbox.base_url}/sandbox/{what}", headers={"X-Api-Key": sandbox.api_key}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
        content: bytes = answer.read()
    return content


def state(sandbox: Sandbox) -> dict[tuple[str, str], dict[str, Any]]:
    """What every lead of the sandbox is now."""
    campaigns = json.loads(inspected(sandbox, "state"))
    return {
        (campaign, lead): now
        for campaign, leads in campaigns.items()
        for lead, now in leads.items()
    }


def wait_for(sandbox: Sandbox, count: int, *, within_s: float = 20) -> None:
    """Until the sandbox has received as many changes."""
    give_up_at = time.monotonic() + within_s
    while len(received(sandbox)) < count:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{len(received(sandbox))} of {count} requests came")
        time.sleep(0.05)
