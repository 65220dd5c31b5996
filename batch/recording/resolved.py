"""resolved.parquet of a run of format 1: the ids that its rows got by their e-mail addresses."""

from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from batch.errors import InputError

RESOLVED_NAME = "resolved.parquet"


class Resolved:
    """The ids of a run's rows, as they were looked up before anything was sent."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when the file can't be read."""
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            self._scan.collect_schema()
        except (OSError, PolarsError) as error:
            raise InputError(
                f"{path}: can't be read. It says which leads the rows' e-mail addresses are; "
                "bring it back, or start a new run."
            ) from error

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """What is known of the lines from first to last, in line order."""
        return self._scan.filter(pl.col("line").is_between(first_line, last_line)).collect()
