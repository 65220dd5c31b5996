"""Where pytest makes its temporary folders: in memory, where there is room for them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PYTEST_DEBUG_TEMPROOT"

# On a disk, half of the tests' time would be fsync.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own there
_ROOM = 2_000_000_000  # bytes


def use_memory() -> None:
    """Have pytest make its folders in memory, unless a place was chosen before."""
    if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
        mounted = os.statvfs(_IN_MEMORY)
        if not mounted.f_flag & (os.ST_NOEXEC | os.ST_RDONLY):  # some tests start what they make
            os.environ.setdefault(VARIABLE, str(_IN_MEMORY))


@contextmanager
def root_of_its_own() -> Iterator[Path]:
    """A place for the folders of pytests that are started one after another, hundreds of times.

    Pytest tidies up what earlier runs have left beside its own folder. Of two that start and end
    at the same moment, one can take the other's for such.
    """
    use_memory()
    chosen = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory(prefix="", dir=chosen, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
