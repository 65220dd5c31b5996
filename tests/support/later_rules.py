"""A later version of the program, which judges rows by other rules."""

import polars as pl

from batch.judging import rules
from batch.model import Status
from tests.support.shell import Shell


def changed_rules(shell: Shell) -> None:
    """From now on spaces round a cell count, and a status must be written in lower case."""
    shell.monkeypatch.setattr(rules, "trimmed", lambda cell: cell.replace("", None))
    shell.monkeypatch.setattr(rules, "_is_status", _is_status)


def _is_status(cell: pl.Expr, _: rules.Rules) -> pl.Expr:
    return cell.is_in([word.value for word in Status])
