"""What a run holds while it may send, so that no two processes send the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch.jobs.request import Request
from batch.recording.locks import lock_input, share_key


@contextmanager
def held(request: Request, *, sha256: str, run: Path) -> Iterator[tuple[str, ...]]:
    """Hold the input for its base address, and take part in the key's budget; gives warnings.

    sha256: of the input. Practice needs none of it: each has a server and a key of its own.
    Raises LockedError, naming who is at work, and SettingsError when no lock can be made.
    """
    if request.sandbox or request.access is None:
        yield ()
        return
    access = request.access
    with (
        lock_input(request.state_dir, sha256=sha256, base_url=access.base_url, run=run),
        share_key(request.state_dir, key=access.api_key, run=run) as warnings,
    ):
        yield warnings
