"""Rules for the text of a cell: how it is trimmed, compared, found spoiled, or no value at all."""

import polars as pl

# Trimmed characters: Unicode white space, no-break spaces included, and the invisible ones at the
# ends of a pasted cell: zero-width characters, direction marks and the byte-order mark.
EDGES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"
    "\ufeff"
)

# Whatever the pattern, so that no id can change the path of a request.
_SAFE_ID = r"\A[A-Za-z0-9_-]+\z"

# The patterns below are searched for by Polars here and by `re` in explain.py.
LINE_BREAK = "[\n\v\f\r\x85\u2028\u2029]"
FORMULA = "^="

# What Excel, Google Sheets and LibreOffice show instead of a value, in English and in the larger
# European languages; a row of # is a number too wide for its column.
SHEET_ERROR = (
    r"(?i:^(?:#N/A|#N/A!|#REF!|#VALUE!|#DIV/0!|#NAME\?|#NULL!|#NUM!|#SPILL!|#CALC!|#FIELD!"
    r"|#BLOCKED!|#CONNECT!|#BUSY!|#UNKNOWN!|#EXTERNAL!|#PYTHON!|#GETTING_DATA|#ERROR!"
    r"|#NV|#BEZUG!|#WERT!|#ZAHL!|#ÜBERLAUF!|#VALEUR!|#NOM\?|#NOMBRE!|#NUL!|#N/D|#N/D!"
    r"|#¡REF!|#¡VALOR!|#¿NOMBRE\?|#¡NUM!|#¡DIV/0!|#¡NULO!|#VALOR!|#NOME\?|#RIF!|#VALORE!"
    r"|#N/B|#VERW!|#WAARDE!|#NAAM\?|#GETAL!|#ADR!|#ARG!|#NAZWA\?|#LICZBA!|#+|Err:\d{3})$)"
)

# How other programs write "no value". As a tag it is a slip, unless a label has that name.
_NO_VALUE = r"(?i)^(?:none|nan|\\n|n/a)$"

# What stands in a line of units or types: "(id)", "24 hex digits", "varchar(24)", "active/paused".
# As a tag fewer words are such, since others are people's labels.
_TYPE = "(?:text|strings?|str|varchar|chars?|enum|optional|required|tag|label)"
_UNIT = (
    f"(?:{_TYPE}|ids?|objectid|object|uuid|guid|hex|hexadecimal|digits?|numbers?|integer|int|type"
    "|characters?|words?|mandatory|unique|key|unit|campaign|lead|status|of|or)"
)
_SIGNS = r"[^\pL\pN]"
_OF_TYPES, _OF_UNITS = (
    rf"(?i)\A{_SIGNS}*(?:[0-9]{{1,3}}{_SIGNS}+)?{word}(?:{_SIGNS}+(?:{word}|[0-9]{{1,3}}))*{_SIGNS}*\z"
    for word in (_TYPE, _UNIT)
)
_OF_STATUSES = rf"(?i)\A{_SIGNS}*active{_SIGNS}+(?:or{_SIGNS}+)?paused{_SIGNS}*\z"


def trimmed(cell: pl.Expr) -> pl.Expr:
    """The text without EDGES at its ends; null when nothing is left."""
    return cell.str.strip_chars(EDGES).replace("", None)


def is_spoiled(cell: pl.Expr) -> pl.Expr:
    """Whether the cell holds a spreadsheet error, a formula or a line break in place of a value."""
    return cell.str.contains(f"{LINE_BREAK}|{FORMULA}|{SHEET_ERROR}")


def folded(text: pl.Expr) -> pl.Expr:
    """The text as it is compared: regardless of case, and of how accents are encoded."""
    return text.str.strip_chars(EDGES).str.normalize("NFC").str.to_lowercase()


def is_safe_id(cell: pl.Expr) -> pl.Expr:
    """Whether an id can't change a request's path, whatever pattern is set."""
    return cell.str.contains(_SAFE_ID)


def means_no_value(tag: pl.Expr) -> pl.Expr:
    """Whether a tag reads as other programs write that there is none."""
    return tag.str.contains(_NO_VALUE)


def names_units(cell: pl.Expr) -> pl.Expr:
    """Whether the cell says what a column holds, as a line of units does."""
    return cell.str.contains(_OF_UNITS)


def names_types(tag: pl.Expr) -> pl.Expr:
    """The same of a tag, by fewer words: others are people's labels."""
    return tag.str.contains(_OF_TYPES)


def names_statuses(cell: pl.Expr) -> pl.Expr:
    """Whether the cell lists the statuses that there are."""
    return cell.str.contains(_OF_STATUSES)
