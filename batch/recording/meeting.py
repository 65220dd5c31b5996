"""Where the runs of one budget on this machine meet: a lock in the state folder, and a socket.

The run that holds the lock serves the others. The lock is the operating system's and ends with its
process, so a socket that a killed run has left behind blocks nobody: the next one to hold the lock
puts its own in its place. Names are keyed hashes: they tell no address, id or key.
"""

import os
import socket
import stat
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import SecretStr

from batch import __version__
from batch.errors import RunError, SettingsError
from batch.recording.atomic_file import disk_errors
from batch.recording.plain_file import private
from batch.recording.state import check_own, keyed_hash, make_state_dir, read_own

FOLDER = "paces"
LONGEST_PATH = 103  # bytes that a socket's path may have on every system that has such sockets
WAITING = 64  # connections that may wait for the leader to take them

# Only these have such sockets, and locks that end with their process beside them.
CAN_MEET = hasattr(socket, "AF_UNIX") and sys.platform != "win32"


def budget_owner(*, workspace_id: str | None, key: SecretStr | None) -> str:
    """Whose a budget is, as a text that is the same for all who share it.

    The workspace's, where its id is given, else the key's; everybody's where there is neither.
    """
    if workspace_id is not None:
        return f"workspace\n{workspace_id}"
    return "all" if key is None else f"key\n{key.get_secret_value()}"


class Meeting:
    """The place of one budget.

    name: of its files. address: the one in the state folder that says where the socket is.
    """

    def __init__(self, state_dir: Path, *, base_url: str, owner: str) -> None:
        """Raises SettingsError where the state folder can't be used."""
        # Another version of the program may say other things: it meets elsewhere.
        known_by = f"pace {__version__}\n{base_url.lower()}\n{owner}"
        folder = state_dir / FOLDER
        self.name = keyed_hash(state_dir, known_by)[:24]
        try:
            make_state_dir(state_dir)
            with disk_errors(folder):
                folder.mkdir(mode=0o700, exist_ok=True)
        except RunError as error:
            raise SettingsError(str(error)) from error
        check_own(folder)
        self._lock = FileLock(folder / f"{self.name}.lock")
        self.address = folder / f"{self.name}.socket"

    def lead(self) -> socket.socket | None:
        """Take the lock, and listen; None while another run holds it. Raises OSError."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return None
        try:
            path = self._socket_path()
            path.unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listening.bind(str(path))
                path.chmod(0o600)
                listening.listen(WAITING)
                listening.setblocking(False)
                with open(self.address, "wb", opener=private) as file:
                    file.write(os.fsencode(path))
            except OSError:
                listening.close()
                raise
        except OSError:
            self._lock.release()
            raise
        return listening

    def path(self) -> Path | None:
        """The socket of the run that leads; None if nobody has said where it is."""
        said = read_own(self.address)
        return Path(os.fsdecode(said)) if said else None

    def leave(self) -> None:
        """Let another run lead. To be called by the one that does, when it no longer listens."""
        with suppress(OSError):
            self._socket_path().unlink(missing_ok=True)
        self._lock.release()

    def _socket_path(self) -> Path:
        """Where the socket is put: in a folder of this user alone, with a short path.

        Not in the state folder, which may be on a network, or deep. Raises OSError without one.
        """
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        own = f"sendkit-batch-{os.geteuid()}"
        candidates = [Path(tempfile.gettempdir(), own), Path("/tmp", own)]  # noqa: S108 - its owner is checked
        if Path(runtime).is_absolute():
            candidates.insert(0, Path(runtime, "sendkit-batch"))
        for folder in candidates:
            path = folder / f"{self.name}.sock"
            if len(os.fsencode(path)) <= LONGEST_PATH and _is_for_us_alone(folder):
                return path
        raise OSError("no folder for a socket")


def is_same_user(connection: socket.socket) -> bool:
    """Whether the other end is a process of this user; where nobody can tell, the folder has."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return bool(uid == os.geteuid())


def _is_for_us_alone(folder: Path) -> bool:
    """Make a folder if it is missing; whether it is no link, ours, and open to nobody else."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return is_ours and not stat.S_IMODE(found.st_mode) & 0o077
