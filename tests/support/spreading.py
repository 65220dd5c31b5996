"""How the tests are spread over pytest-xdist's workers: file by file."""

import os
from pathlib import PurePath

from xdist.scheduler import LoadFileScheduling

# Their tests measure time or memory, or sit at a terminal: one worker does them, one by one.
ONE_BY_ONE = {
    "test_patterns",
    "test_program",
    "test_redaction",
    "test_sendkit",
    "test_web_reader",
    "test_web_start",
    "test_web_wire",
}


class Spreading(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """As `--dist loadfile`, but that some files are one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "one by one" if PurePath(file).stem in ONE_BY_ONE else file


def workers() -> int | None:
    """Half as many again as there are cores: a third of a worker's time is waiting.

    None leaves it to xdist, where its variable says how many.
    """
    cores = os.cpu_count() or 1
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + cores // 2
