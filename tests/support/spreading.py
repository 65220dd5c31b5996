"""How the tests are spread over pytest-xdist's workers: file by file."""

import os
from pathlib import PurePath

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

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
    """As `--dist loadfile`, but that some files are one, and that long ones come first.

    Else no worker would be left to share the last of them. xdist begins with the files of many
    tests, but whole commands take longest, and most of their files have few.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        def length(scope: str) -> tuple[bool, int]:
            is_long = scope == "one by one" or "/program/" in scope
            return is_long, len(self.workqueue[scope])

        self.workqueue.move_to_end(max(self.workqueue, key=length), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "one by one" if PurePath(file).stem in ONE_BY_ONE else file


def workers() -> int | None:
    """Twice as many as there are cores: half of a worker's time is waiting.

    None leaves it to xdist, where its variable says how many.
    """
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else 2 * (os.cpu_count() or 1)
