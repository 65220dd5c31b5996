"""A process that dies at once, within the test's own: what is on the disk then is what it leaves.

The rest of the program unwinds, since there is no other way to end it, but nothing of what it does
meanwhile stays.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


class KilledError(BaseException):
    """Unwinds what would have been gone at once."""


class Death:
    """Comes at the n-th pass of its places. folder: all that outlives the process."""

    def __init__(self, folder: Path, *, at: int) -> None:
        self.is_dead = False
        self._folder = folder
        self._left = at
        self._kept: Path | None = None

    def passed(self) -> None:
        """A place where it may come."""
        self._left -= 1
        if self._left == 0 and self._kept is not None:
            self.is_dead = True
            shutil.copytree(self._folder, self._kept, copy_function=_copy_if_there)
        self.check()

    def check(self) -> None:
        """Whoever is dead does nothing more."""
        if self.is_dead:
            raise KilledError

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Within it, it may come; behind it, the folder is as it was then."""
        with TemporaryDirectory() as scratch:
            self._kept = Path(scratch) / "kept"
            try:
                yield
            except BaseException as error:
                if not _is_killed(error):
                    raise
            if self.is_dead:
                for path in self._folder.iterdir():
                    (shutil.rmtree if path.is_dir() else Path.unlink)(path)
                shutil.copytree(self._kept, self._folder, dirs_exist_ok=True)


def _copy_if_there(source: str, target: str) -> None:
    """Another thread may just be putting a file in its place."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def _is_killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_killed, error.exceptions))
    return isinstance(error, KilledError)


def before(passed: Callable[[], None], real: Callable[..., object]) -> Callable[..., object]:
    """The function, with a place where death may come when it is called."""

    def function(*args: object, **kwargs: object) -> object:
        passed()
        return real(*args, **kwargs)

    return function


def after(passed: Callable[[], None], real: Callable[..., object]) -> Callable[..., object]:
    """The function, with a place where death may come when it has done its work."""

    def function(*args: object, **kwargs: object) -> object:
        result = real(*args, **kwargs)
        passed()
        return result

    return function
