"""The journal in SQLite's words: its tables, what is told of them, and every statement.

A new format: add it to FORMATS, with the statements that make a journal of the format before one
of this format (tables by CREATE TABLE IF NOT EXISTS, then what fills them). Those of earlier
formats stay as they are, since a journal with any other statement in it is refused. Say in HOLDS
what the values of a new table may be, and in TEXTS which of them are texts.
"""

import re
from collections.abc import Mapping

import polars as pl

from batch.model import MOST_ATTEMPTS, Reason, Result

LAST_LINE = 0xFFFF_FFFF  # no line is beyond it: they are UInt32

CREATE = """
CREATE TABLE IF NOT EXISTS outcome (
    line INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    http_status INTEGER,
    attempts INTEGER NOT NULL,
    elapsed_ms INTEGER,
    message TEXT NOT NULL,
    sent_at_ms INTEGER,
    server_status TEXT,
    server_ai_tag TEXT,
    subsequence TEXT
)
"""

CREATE_NOTE = "CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
CREATE_CLAIM = "CREATE TABLE IF NOT EXISTS claim (line INTEGER PRIMARY KEY)"
# Lines a request of which may have changed the lead, though no answer says so. Only ever added to:
# what a process knew of a line, no later outcome of the line takes away.
CREATE_DOUBT = "CREATE TABLE IF NOT EXISTS doubt (line INTEGER PRIMARY KEY)"
# What a lead was before its request, by the line that carries the request. NULL is unknown, and a
# tag of '' is none. read_at_ms: when it was read, Unix time.
CREATE_BEFORE = """
CREATE TABLE IF NOT EXISTS before (
    line INTEGER PRIMARY KEY,
    status TEXT,
    ai_tag TEXT,
    read_at_ms INTEGER
)
"""

# The attempts of rows that did not succeed at once. generation: which of the processes that wrote
# attempts made it, from 1 on.
CREATE_ATTEMPT = """
CREATE TABLE IF NOT EXISTS attempt (
    line INTEGER NOT NULL,
    number INTEGER NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    http_status INTEGER,
    message TEXT NOT NULL,
    request_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (line, number)
) WITHOUT ROWID
"""
# How many lines were sent before attempts were kept: of a journal of today, none.
CREATE_UNKEPT = "CREATE TABLE IF NOT EXISTS unkept (lines INTEGER NOT NULL)"
COUNT_UNKEPT = "INSERT INTO unkept SELECT count(*) FROM outcome WHERE attempts > 0"

_REFUSED = ", ".join(f"'{reason.value}'" for reason in Reason if reason.changes_nothing)
# Of a journal from before there were doubts, all that can still be known: what stands for several
# attempts, or for one that came to no refusal, may have taken the place of a lost answer.
DERIVE_DOUBT = f"""
INSERT OR IGNORE INTO doubt SELECT line FROM outcome
WHERE reason = '{Reason.IN_FLIGHT}'
    OR reason <> '{Reason.APPLIED}' AND attempts > 1
    OR reason NOT IN ('{Reason.APPLIED}', {_REFUSED}) AND attempts = 1
"""  # noqa: S608 - made of the words above

FORMATS: Mapping[int, tuple[str, ...]] = {
    1: (CREATE, CREATE_CLAIM, CREATE_NOTE),
    2: (CREATE_BEFORE,),
    3: (CREATE_DOUBT, DERIVE_DOUBT),
    4: (),  # the reasons applied_in_part and final_state
    5: (CREATE_ATTEMPT, CREATE_UNKEPT, COUNT_UNKEPT),
}
SCHEMA_VERSION = max(FORMATS)  # raised with every change of the tables or of their values


def table_of(statement: str) -> str | None:
    """The table that a statement of FORMATS makes; None where it makes none."""
    found = re.match(r"\s*CREATE TABLE IF NOT EXISTS (\w+)", statement)
    return found[1] if found else None


def tables_of(version: int) -> frozenset[str]:
    """The tables of a journal of this format."""
    statements = (each for number in FORMATS if number <= version for each in FORMATS[number])
    return frozenset(table for each in statements if (table := table_of(each)))


def statements_since(version: int) -> tuple[str, ...]:
    """What makes a journal of an earlier format one of this format; version: 0 for none."""
    return tuple(each for number in FORMATS if number > version for each in FORMATS[number])


# What holds of each row that is ours: then nobody meets another value later.
_LINE = f"line BETWEEN 0 AND {LAST_LINE}"
_TIME = "typeof({0}) = 'integer' AND {0} BETWEEN 0 AND 253402300799999"  # ms, to the year 9999
_COUNT = "typeof({0}) = 'integer' AND {0} BETWEEN 0 AND 0x1FFFFFFFFFFFFF"
_TEXT = "typeof({0}) = 'text' AND length({0}) <= 100000"  # ours are far shorter


def _may_be_null(kind: str, *names: str) -> str:
    return " AND ".join(f"({name} IS NULL OR {kind.format(name)})" for name in names)


HOLDS: Mapping[str, str] = {
    "outcome": " AND ".join(
        (
            _LINE,
            f"reason IN ({', '.join(repr(reason.value) for reason in Reason)})",
            _COUNT.format("attempts"),
            _may_be_null(_COUNT, "http_status", "elapsed_ms"),
            _TEXT.format("message"),
            _may_be_null(_TIME, "sent_at_ms"),
            _may_be_null(_TEXT, "server_status", "server_ai_tag", "subsequence"),
        )
    ),
    "note": "typeof(name) = 'text' AND typeof(value) = 'text' AND length(value) >= 0",
    "claim": _LINE,
    "doubt": _LINE,
    "unkept": _COUNT.format("lines"),
    "attempt": " AND ".join(
        (
            f"typeof(line) = 'integer' AND {_LINE}",
            _TIME.format("sent_at_ms"),
            *(_COUNT.format(name) for name in ("number", "elapsed_ms", "generation")),
            _may_be_null(_COUNT, "http_status"),
            _TEXT.format("message"),
            _TEXT.format("request_id"),
        )
    ),
    "before": " AND ".join(
        (_LINE, _may_be_null(_TEXT, "status", "ai_tag"), _may_be_null(_TIME, "read_at_ms"))
    ),
}
TEXTS: Mapping[str, str] = {
    "outcome": "SELECT message, server_status, server_ai_tag, subsequence FROM outcome",
    "note": "SELECT name, value FROM note",
    "before": "SELECT status, ai_tag FROM before",
    "attempt": "SELECT message, request_id FROM attempt",
}

ROW_SCHEMA = {  # the columns of the table, in its order
    "line": pl.UInt32,
    "reason": pl.String,
    "http_status": pl.Int64,
    "attempts": pl.Int64,
    "elapsed_ms": pl.Int64,
    "message": pl.String,
    "sent_at_ms": pl.Int64,
    "server_status": pl.String,
    "server_ai_tag": pl.String,
    "subsequence": pl.String,
}

CAUSES_SCHEMA = {**ROW_SCHEMA, "rows": pl.Int64}

ATTEMPT_SCHEMA = {
    "line": pl.UInt32,
    "number": pl.Int64,
    "sent_at_ms": pl.Int64,
    "elapsed_ms": pl.Int64,
    "http_status": pl.Int64,
    "message": pl.String,
    "request_id": pl.String,
    "generation": pl.Int64,
}

BEFORE_SCHEMA = {
    "line": pl.UInt32,
    "status": pl.String,
    "ai_tag": pl.String,
    "read_at_ms": pl.Int64,
}

RECORD = "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
KEEP_BEFORE = "INSERT OR REPLACE INTO before VALUES (?, ?, ?, ?)"
BEFORE = "SELECT * FROM before WHERE line BETWEEN ? AND ? ORDER BY line"
CLAIM = "INSERT OR IGNORE INTO claim VALUES (?)"
KEEP_ATTEMPT = "INSERT OR REPLACE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DROP_ATTEMPTS = f"DELETE FROM attempt WHERE line = ? AND number >= {MOST_ATTEMPTS}"  # noqa: S608 - a number
ATTEMPTS = "SELECT * FROM attempt WHERE line BETWEEN ? AND ? ORDER BY line, number"
GENERATION = "SELECT 1 + coalesce(max(generation), 0) FROM attempt"
UNKEPT = "SELECT coalesce(max(lines), 0) FROM unkept"
FORGET_OUTCOMES = "DELETE FROM outcome"
UNCLAIM = "DELETE FROM claim WHERE line = ?"
UNCLAIM_ALL = "DELETE FROM claim"
# A claimed line's request may have gone out, so it counts as one attempt.
CLAIMED_IN_FLIGHT = """
INSERT INTO outcome (line, reason, attempts, message) SELECT line, ?, 1, ? FROM claim WHERE true
ON CONFLICT (line) DO UPDATE
SET reason = excluded.reason, attempts = attempts + 1, message = excluded.message
"""
DOUBT = "INSERT OR IGNORE INTO doubt VALUES (?)"
DOUBT_CLAIMED = "INSERT OR IGNORE INTO doubt SELECT line FROM claim"
IN_DOUBT = "SELECT line FROM doubt UNION SELECT line FROM claim ORDER BY line"
_UNSENT = ", ".join(f"'{reason.value}'" for reason in Reason if reason.result is Result.UNSENT)
_DONE = ", ".join(
    f"'{reason.value}'" for reason in Reason if reason.result in {Result.SUCCESS, Result.SKIPPED}
)
FINAL = f"SELECT line FROM outcome WHERE line BETWEEN ? AND ? AND reason NOT IN ({_UNSENT})"  # noqa: S608 - made of the words above
TRIED = (
    "SELECT outcome.*, line IN (SELECT line FROM doubt) FROM outcome "  # noqa: S608 - the same
    f"WHERE (attempts > 0 OR reason = '{Reason.IN_FLIGHT}') AND reason IN ({_UNSENT})"
)
IN_FLIGHT_MESSAGE = "The run broke off while this row may have been on its way."

# What is told of every line. A claim that nothing took away, since the disk was full by then, is
# told as `settle_claims` would record it. TEMP: it is this connection's own, and on no disk.
CREATE_TOLD = f"""
CREATE TEMP VIEW told AS
    SELECT * FROM outcome WHERE line NOT IN (SELECT line FROM claim)
    UNION ALL
    SELECT
        line, '{Reason.IN_FLIGHT}' AS reason, http_status, coalesce(attempts, 0) + 1 AS attempts,
        elapsed_ms, '{IN_FLIGHT_MESSAGE}' AS message, sent_at_ms, server_status, server_ai_tag,
        subsequence
    FROM claim LEFT JOIN outcome USING (line)
"""  # noqa: S608 - made of the words above
ROWS = "SELECT * FROM told WHERE line BETWEEN ? AND ?"  # Polars sorts what was in two tables
LINES = "SELECT line FROM told ORDER BY line"
DONE_LINES = f"SELECT line FROM told WHERE reason IN ({_DONE}) ORDER BY line"  # noqa: S608 - made of the words above
_SUCCESS = ", ".join(f"'{reason.value}'" for reason in Reason if reason.result is Result.SUCCESS)
MOVED = f"SELECT line, subsequence FROM told WHERE subsequence <> '' AND reason IN ({_SUCCESS})"  # noqa: S608 - the same
MOVED_BY_TAG = (
    "SELECT DISTINCT server_ai_tag, subsequence FROM told "  # noqa: S608 - the same
    f"WHERE subsequence <> '' AND server_ai_tag <> '' AND reason IN ({_SUCCESS})"
)
TALLY = "SELECT reason, count(*) FROM told GROUP BY reason"
_ERRORS = ", ".join(f"'{reason.value}'" for reason in Reason if reason.result is Result.ERROR)
FIRST = "SELECT * FROM told WHERE reason = ? ORDER BY line LIMIT ?"
# SQLite takes the bare columns from the row that min() found.
CAUSES = (
    f"SELECT min(line) AS line, {', '.join([*ROW_SCHEMA][1:])}, count(*) AS rows FROM told "  # noqa: S608 - made of the words above
    f"WHERE reason IN ({_ERRORS}) GROUP BY reason, http_status ORDER BY rows DESC, line LIMIT ?"
)
EXAMPLES = "SELECT reason, min(line), message FROM told GROUP BY reason"
