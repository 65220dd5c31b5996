"""Opening files that others may have put into a run's folder: regular files, never links.

A link would lead out of the folder, a pipe would block for ever, and a file may be endless.
"""

import errno
import os
import stat
from functools import partial
from pathlib import Path

_CAREFULLY = (  # follows no link, never blocks, and keeps bytes as they are on Windows
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def private(path: str, flags: int, *, dir_fd: int | None = None) -> int:
    """An opener for `open`: only a regular file, no link; a new one is for this user alone.

    dir_fd: of the open folder that has the name. Raises OSError for anything else.
    """
    descriptor = os.open(path, flags | _CAREFULLY, 0o600, dir_fd=dir_fd)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Not a regular file", path)


def is_plain(path: Path) -> bool:
    """True if a path is a regular file and no link. False if it can't be examined."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def newest(folder: Path, *names: str) -> Path | None:
    """The one of these files that was written last."""
    there = [path for name in names if is_plain(path := folder / name)]
    return max(there, key=lambda path: path.stat().st_mtime_ns, default=None)


def read_plain(path: Path, *, most_bytes: int, dir_fd: int | None = None) -> bytes:
    """Read a regular file. Raises OSError for anything else, and for a longer one."""
    with open(path, "rb", opener=partial(private, dir_fd=dir_fd)) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"Longer than {most_bytes:,} bytes", str(path))
    return content
