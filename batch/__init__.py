"""Apply a spreadsheet of changes to SendKit campaign leads, with a true answer for every row.

`check`, `plan`, `run`, `apply`, `resume`, `retry`, `undo`, `verify` and `results` are for callers
in Python; the manual's page *python* shows them. Importing this loads none of them.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

# Before anything that an older one can't load. This file and __main__ keep to its syntax.
if sys.version_info < (3, 11):  # noqa: UP036 - pip refuses an older one, a checkout can't
    sys.stderr.write(
        "sendkit-batch needs Python 3.11 or later. This is Python %d.%d: %s\n"  # noqa: UP031
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )
    raise SystemExit(2)

if TYPE_CHECKING:
    from batch.library import *  # noqa: F403 - its names, for type checkers

# Polars sizes its thread pool once, at import, and its streaming reader holds memory in
# proportion: 10 M rows took 380 MB on two threads and 1.1 GB on sixteen. Every module that
# imports Polars imports this package first, so this is the one place that is early enough.
os.environ.setdefault("POLARS_MAX_THREADS", "2")

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """A name of `batch.library`, which is loaded now; not for the name of a room or a file."""
    if name.startswith("_") or find_spec(f"{__name__}.{name}"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    library = import_module("batch.library")
    if name not in library.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(library, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("batch.library").__all__})
