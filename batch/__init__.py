"""Apply a spreadsheet of changes to SendKit campaign leads, with a true answer for every row."""

import os

# Polars sizes its thread pool once, at import, and its streaming reader holds memory in
# proportion: 10 M rows took 380 MB on two threads and 1.1 GB on sixteen. Every module that
# imports Polars imports this package first, so this is the one place that is early enough.
os.environ.setdefault("POLARS_MAX_THREADS", "2")

__version__ = "0.1.0"
