"""The journal in SQLite's words: its tables, what is told of them, and every statement."""

import polars as pl

from batch.model import Reason, Result

LAST_LINE = 0xFFFF_FFFF  # no line is beyond it: they are UInt32
SCHEMA_VERSION = 3  # raised with every change of the tables or of what their values may be

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
_REFUSED = ", ".join(f"'{reason.value}'" for reason in Reason if reason.changes_nothing)
# Of a journal from before there were doubts, all that can still be known: what stands for several
# attempts, or for one that came to no refusal, may have taken the place of a lost answer.
DERIVE_DOUBT = f"""
INSERT OR IGNORE INTO doubt SELECT line FROM outcome
WHERE reason = '{Reason.IN_FLIGHT}'
    OR reason <> '{Reason.APPLIED}' AND attempts > 1
    OR reason NOT IN ('{Reason.APPLIED}', {_REFUSED}) AND attempts = 1
"""  # noqa: S608 - made of the words above
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
TALLY = "SELECT reason, count(*) FROM told GROUP BY reason"
FIRST = "SELECT * FROM told WHERE reason = ? ORDER BY line LIMIT ?"
# SQLite takes the bare column from the row that min() found.
EXAMPLES = "SELECT reason, min(line), message FROM told GROUP BY reason"
