"""The process that opens an uploaded file: `python -P -m batch.web.reader_process FOLDER`.

Reads ASK_NAME in the folder and leaves FOUND_NAME there. It is started without the key, and makes
itself the first to be ended where the system runs short of memory.
"""

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from batch.web.inspection import Ask, Inspected, inspect

if sys.platform != "win32":
    import resource

ASK_NAME = "ask.json"
FOUND_NAME = "found.json"
_CPU_S = 3600  # a reader that nobody watches any more ends at last
_LARGEST_FILE = 4 << 30  # bytes; of what is unpacked and written while reading
_NICENESS = 5  # a run that is being sent comes first
_FIRST_TO_GO = "1000"  # Linux' highest: when memory runs out, this process ends and no other


def main(folder: Path) -> None:
    """Look into one file."""
    ask = Ask.from_json((folder / ASK_NAME).read_bytes())
    _yield_to_others()
    try:
        found = inspect(ask)
    except Exception as error:  # noqa: BLE001 - told by the page's process, which hides keys
        found = Inspected(trouble="".join(traceback.format_exception(error)))
    draft = folder / f"{FOUND_NAME}~"
    draft.write_bytes(found.to_json())
    draft.replace(folder / FOUND_NAME)


def _yield_to_others() -> None:
    """Take less than others, and end by the system's hand when the page's process is gone."""
    if sys.platform == "win32":
        return
    os.nice(_NICENESS)
    with suppress(OSError):  # there is none outside Linux
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
    ):
        with suppress(OSError, ValueError):  # the system's own limit is lower
            resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
