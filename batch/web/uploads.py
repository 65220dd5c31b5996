"""A file that the browser sends: to disk as it comes, within limits, under a name of our own.

What the browser calls it is shown and nothing else: it never becomes a path.
"""

import re
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from batch.errors import InputError

_MB = 1 << 20
_LONGEST_NAME = 120  # characters
_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".parquet")
_NO_NAME = re.compile(r"[^\w .,;()\[\]+&@#%!=~\'-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What a file may be: its bytes, those that it expands to, and its rows.

    total_bytes: of all files together, also of those that are just coming.
    """

    size_bytes: int = 200 * _MB
    total_bytes: int = 1024 * _MB
    unpacked_bytes: int = 1024 * _MB  # a workbook of a million rows has about half of that
    rows: int = 1_000_000  # about as many as a sheet of Excel has


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that came. name: what people call it. folder: of its own, for what is made of it."""

    name: str
    path: Path
    folder: Path


def shown_name(name: str) -> str:
    """What a file is called, fit to be shown and for a folder's name: no path, one line."""
    last = re.split(r"[/\\]", name)[-1]
    seen = _NO_NAME.sub("_", " ".join(last.split())).rstrip(". ")
    suffix = next((each for each in _endings() if seen.lower().endswith(each)), "")
    stem = seen[: len(seen) - len(suffix)]
    return f"{stem[:_LONGEST_NAME].strip('. ') or 'file'}{seen[len(seen) - len(suffix) :]}"


class Uploads:
    """The files that came, all of them together within a limit. folder: where they are kept.

    All of it but `receive` may be called from several threads.
    """

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self.folder = folder
        self.limits = limits
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}

    async def receive(self, chunks: AsyncIterator[bytes], *, name: str) -> Upload:
        """Take a file in. Raises InputError when it is too large, empty or can't be kept.

        Whatever ends it before the file is whole, nothing of it stays.
        """
        name = shown_name(name)
        folder = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(dir=self.folder)))
        suffix = next((each for each in _endings() if name.lower().endswith(each)), "")
        upload = Upload(name=name, path=folder / f"input{suffix}", folder=folder)
        try:
            async with await anyio.open_file(upload.path, "wb") as out:
                async for chunk in chunks:
                    self._count(upload, len(chunk))
                    await out.write(chunk)
        except OSError as error:
            self.remove(upload)
            raise InputError(f"{name}: can't be kept: {error.strerror or error}.") from error
        except BaseException:
            self.remove(upload)
            raise
        return upload

    def remove(self, upload: Upload) -> None:
        """Take a file away, with what was made of it."""
        shutil.rmtree(upload.folder, ignore_errors=True)
        with self._lock:
            self._sizes.pop(upload.folder, None)

    def _count(self, upload: Upload, size: int) -> None:
        limits = self.limits
        with self._lock:
            self._sizes[upload.folder] = self._sizes.get(upload.folder, 0) + size
            own, total = self._sizes[upload.folder], sum(self._sizes.values())
        if own > limits.size_bytes:
            raise InputError(
                f"{upload.name}: is larger than {limits.size_bytes // _MB:,} MB. Split it, or use "
                "the command line, which takes files of any size."
            )
        if total > limits.total_bytes:
            raise InputError(
                f"{upload.name}: all files on the page together may have "
                f"{limits.total_bytes // _MB:,} MB. Wait until the others are read, or the run has "
                "its copy, and drop it again."
            )


def _endings() -> tuple[str, ...]:
    return tuple(f"{suffix}{packed}" for packed in (".gz", ".zst", "") for suffix in _SUFFIXES)
