"""lines.csv of a retry of format 1: which lines of its copy of the input it is about."""

import hashlib
import io
from pathlib import Path

import polars as pl

from batch.errors import InputError

SCOPE_NAME = "lines.csv"


def read_scope(folder: Path, *, sha256: str) -> pl.Series:
    """The lines (UInt32, rising) that a retry is about.

    Raises InputError when they can't be read, or are not those with this sha256.
    """
    path = folder / SCOPE_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: can't be read: {error.strerror}. It says which rows the run is about; "
            "bring it back, or start a new run."
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(
            f"{path}: was changed since the run began; expected the content with sha256 "
            f"{sha256[:12]}…. It says which rows the run is about; bring it back, or start a new "
            "run."
        )
    return pl.read_csv(io.BytesIO(content), schema={"line": pl.UInt32})["line"]
