"""What machine a figure comes from."""

import os
import platform
import re
from pathlib import Path

from tests.bench.measure import median_fsync_ms


def machine(folder: Path) -> str:
    """One line: processor, kernel, Python, and what a durable write costs in the folder."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    processor = model[1] if model else platform.machine()
    return (
        f"{os.cpu_count()} cores of {processor}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, median fsync {median_fsync_ms(folder):.2f} ms"
    )
