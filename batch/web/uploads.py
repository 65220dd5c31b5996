"""A file that the browser sends: to disk as it comes, within limits, under a name of our own.

What the browser calls it is shown and nothing else: it never becomes a path.
"""

import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from batch.errors import InputError
from batch.reading.content import Format, expands_beyond, format_of, unpacked

_MB = 1 << 20
_LONGEST_NAME = 120  # characters
_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".parquet")
_NO_NAME = re.compile(r"[^\w .,;()\[\]+&@#%!=~\'-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What a file may be: its bytes, those that it expands to, and its rows."""

    size_bytes: int = 200 * _MB
    unpacked_bytes: int = 1024 * _MB  # a workbook of a million rows has about half of that
    rows: int = 1_000_000  # about as many as a sheet of Excel has


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came. name: what people call it. folder: of its own, for what is made of it."""

    name: str
    path: Path
    folder: Path
    size_bytes: int


def shown_name(name: str) -> str:
    """What a file is called, fit to be shown and for a folder's name: no path, one line."""
    last = re.split(r"[/\\]", name)[-1]
    seen = _NO_NAME.sub("_", " ".join(last.split())).rstrip(". ")
    suffix = next((each for each in _endings() if seen.lower().endswith(each)), "")
    stem = seen[: len(seen) - len(suffix)]
    return f"{stem[:_LONGEST_NAME].strip('. ') or 'file'}{seen[len(seen) - len(suffix) :]}"


async def receive(
    chunks: AsyncIterator[bytes], *, name: str, into: Path, limits: UploadLimits
) -> Upload:
    """Take a file in. Raises InputError when it is too large, or packed too tightly."""
    name = shown_name(name)
    folder = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(dir=into)))
    suffix = next((each for each in _endings() if name.lower().endswith(each)), "")
    path = folder / f"input{suffix}"
    size = 0
    async with await anyio.open_file(path, "wb") as out:
        async for chunk in chunks:
            size += len(chunk)
            if size > limits.size_bytes:
                raise InputError(
                    f"{name}: is larger than {limits.size_bytes // _MB:,} MB. Split it, or use the "
                    "command line, which takes files of any size."
                )
            await out.write(chunk)
    await anyio.to_thread.run_sync(_check, path, name, limits)
    return Upload(name=name, path=path, folder=folder, size_bytes=size)


def _check(path: Path, name: str, limits: UploadLimits) -> None:
    if not path.stat().st_size:
        raise InputError(f"{name}: is empty (0 bytes).")
    if expands_beyond(path, limits.unpacked_bytes):
        raise InputError(
            f"{name}: holds more than {limits.unpacked_bytes // _MB:,} MB once it is unpacked. "
            "Unpack it yourself if you trust it, and use the command line."
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        plain = unpacked(path, scratch=Path(scratch), name=name)
        if format_of(plain, name=name) is Format.PARQUET:  # a few bytes may stand for any number
            raise InputError(f"{name}: is {Format.PARQUET}. Only the command line takes those.")


def _endings() -> tuple[str, ...]:
    return tuple(f"{suffix}{packed}" for packed in (".gz", ".zst", "") for suffix in _SUFFIXES)
