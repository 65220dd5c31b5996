"""The apostrophe that keeps a spreadsheet program from running a cell as a formula.

Results are opened in spreadsheet programs, and cells come from strangers: a text that starts like
a formula gets one apostrophe in front, and reading our own files removes exactly that one.
Pure: expressions for whole columns, and the same rule for a single header cell.
Source: OWASP, "CSV Injection".
"""

import re

import polars as pl

# Python's engine and that of Polars must read these alike, hence [0-9], since \d may follow other
# Unicode tables, and \z or fullmatch, since Python's $ also matches before a last line feed.
# Apostrophes in front count, or the user's own could not be told from ours. The last four
# characters are full-width forms, which spreadsheet programs take for the plain ones.
_FORMULA = "^'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
_NUMBER = "[+-]?[0-9 .,()-]+"  # plain and phone numbers stay readable as numbers

_formula = re.compile(_FORMULA)
_number = re.compile(_NUMBER)


def escape(text: pl.Expr) -> pl.Expr:
    """The texts, with one apostrophe before those that could run as a formula; null stays."""
    return pl.when(_is_harmless(text)).then(text).otherwise(pl.lit("'") + text)


def unescape(text: pl.Expr) -> pl.Expr:
    """The texts without the apostrophes that `escape` added; others stay, and so does null."""
    bare = text.str.slice(1)
    is_escaped = text.str.starts_with("'") & ~_is_harmless(bare)
    return pl.when(is_escaped).then(bare).otherwise(text)


def escape_text(text: str) -> str:
    """One text, escaped as `escape` does."""
    return f"'{text}" if _is_risky(text) else text


def unescape_text(text: str) -> str:
    """One text, unescaped as `unescape` does."""
    bare = text[1:]
    return bare if text.startswith("'") and _is_risky(bare) else text


def _is_harmless(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains(_FORMULA) | text.str.contains(f"^(?:{_NUMBER})\\z")


def _is_risky(text: str) -> bool:
    return bool(_formula.match(text)) and not _number.fullmatch(text)
