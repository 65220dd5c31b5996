"""Uploaded files are opened in a process of their own, watched and ended by this one.

`inspect_apart` is the only way of the page to a file that came. What a hostile file does to its
reader never touches a run that is being sent, the key, or the page.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from batch.errors import InputError
from batch.redaction import without_keys
from batch.web.inspection import Ask, Inspected
from batch.web.reader_process import ASK_NAME, FOUND_NAME

_MB = 1 << 20
_LOOK_EVERY_S = 0.05
_LONGEST_ANSWER = 64 * _MB
_MOST_SAID = 10_000  # characters of what a reader said as it broke


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLimits:
    """What reading one file may take.

    memory_bytes: resident. Address space says nothing: Polars reserves 1.2 GB of it for 25 rows.
    seconds: for a small file; and as many more for each megabyte of its size, up to most_seconds.
    """

    memory_bytes: int = 3072 * _MB
    seconds: float = 60
    seconds_per_mb: float = 20
    most_seconds: float = 900  # a workbook of a million rows and 34 MB takes 2 minutes here

    def seconds_for(self, size_bytes: int) -> float:
        """How long a file of this size may be read."""
        return min(self.seconds + self.seconds_per_mb * size_bytes / _MB, self.most_seconds)


class UnreadableError(InputError):
    """Reading a file took too much, or broke its reader."""


class GivenUpError(InputError):
    """Reading was given up for another file, or the page's end."""


def inspect_apart(
    ask: Ask, *, limits: ReaderLimits | None = None, is_given_up: Callable[[], bool] = lambda: False
) -> Inspected:
    """Look into a file, in a process of its own. What was made of it is in `ask.folder`.

    is_given_up: asked all the time; once it is true the reader is ended.
    Raises UnreadableError when it took too much or broke, GivenUpError.
    """
    limits = limits or ReaderLimits()
    scratch = ask.folder / "scratch"
    scratch.mkdir(parents=True)
    said = scratch / "said.txt"
    (ask.folder / ASK_NAME).write_bytes(ask.to_json())
    child = _start(ask.folder, scratch=scratch, said=said)
    try:
        _watch(child, ask, limits, is_given_up)
        return _found(child.returncode, ask, said)
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(scratch, ignore_errors=True)


def _start(folder: Path, *, scratch: Path, said: Path) -> subprocess.Popen[bytes]:
    """A fresh interpreter, never a fork: it has none of our threads, sockets and keys."""
    environment = without_keys(os.environ)
    # What it leaves behind when it is killed goes with the folder.
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with said.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - this interpreter, with a folder of our own
            # -P: what lies in the current folder must not stand in for a module.
            [sys.executable, "-P", "-m", "batch.web.reader_process", str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            close_fds=True,
            start_new_session=True,  # away from the terminal's Ctrl-C
        )


def _watch(
    child: subprocess.Popen[bytes],
    ask: Ask,
    limits: ReaderLimits,
    is_given_up: Callable[[], bool],
) -> None:
    """Wait until the reader has ended. Raises UnreadableError, GivenUpError."""
    most_s = limits.seconds_for(ask.path.stat().st_size)
    give_up_at = time.monotonic() + most_s
    while True:
        try:
            child.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            return
        if is_given_up():
            raise GivenUpError(f"{ask.name}: was put aside for another file.")
        if (_resident_bytes(child.pid) or 0) > limits.memory_bytes:
            raise _too_much(ask, f"more than {limits.memory_bytes // _MB:,} MB of memory")
        if time.monotonic() > give_up_at:
            raise _too_much(ask, f"longer than {most_s:.0f} s")


def _found(returncode: int, ask: Ask, said: Path) -> Inspected:
    answer = ask.folder / FOUND_NAME
    if returncode == 0 and answer.is_file():
        if answer.stat().st_size > _LONGEST_ANSWER:
            raise _too_much(ask, f"more than {_LONGEST_ANSWER // _MB} MB to say what is in it")
        try:
            found = Inspected.from_json(answer.read_bytes())
        except ValueError as error:
            return Inspected(trouble=f"The reader's answer can't be read: {error}")
        checked = found.checked and replace(found.checked, folder=ask.folder)
        return replace(found, checked=checked)
    text = said.read_text("utf-8", errors="replace")[-_MOST_SAID:].strip()
    if text:
        return Inspected(trouble=text)
    # Without a word: the system has ended it, which it does where memory runs short.
    raise _too_much(ask, "more than this computer has to give")


def _too_much(ask: Ask, what: str) -> UnreadableError:
    return UnreadableError(
        f"{ask.name}: reading it took {what}, and was stopped; nothing else was disturbed. Open it "
        "in your spreadsheet program, copy the rows into a new file, save that as CSV, and drop it."
    )


def _resident_bytes(pid: int) -> int | None:
    """The memory that a process holds at this moment; None where the system does not tell."""
    if sys.platform == "linux":
        try:
            pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):  # it has just ended
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return None
    told = subprocess.run(  # noqa: S603 - a number of ours
        ["/bin/ps", "-o", "rss=", "-p", str(pid)],
        env={},  # nobody but us gets the key
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return int(told) * 1024 if told.isdecimal() else None
