"""The journal in SQLite's words: its tables, what is told of them, and every statement."""

import polars as pl

from batch.model import Reason, Result

LAST_LINE = 0xFFFF_FFFF  # no line is beyond it: they are UInt32
SCHEMA_VERSION = 2  # raised with every change of the tables or of what their values may be

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
CLAIMED_IN_FLIGHT = """
INSERT INTO outcome (line, reason, attempts, message) SELECT line, ?, 0, ? FROM claim WHERE true
ON CONFLICT (line) DO UPDATE SET reason = excluded.reason, message = excluded.message
"""
_UNSENT = ", ".join(f"'{reason.value}'" for reason in Reason if reason.result is Result.UNSENT)
_DONE = ", ".join(
    f"'{reason.value}'" for reason in Reason if reason.result in {Result.SUCCESS, Result.SKIPPED}
)
FINAL = f"SELECT line FROM outcome WHERE line BETWEEN ? AND ? AND reason NOT IN ({_UNSENT})"  # noqa: S608 - made of the words above
TRIED = (
    f"SELECT line, attempts, sent_at_ms FROM outcome WHERE attempts > 0 AND reason IN ({_UNSENT})"  # noqa: S608 - the same
)
IN_FLIGHT_MESSAGE = "The run broke off while this row may have been on its way."

# What is told of every line. A claim that nothing took away, since the disk was full by then, is
# told as `settle_claims` would record it. TEMP: it is this connection's own, and on no disk.
CREATE_TOLD = f"""
CREATE TEMP VIEW told AS
    SELECT * FROM outcome WHERE line NOT IN (SELECT line FROM claim)
    UNION ALL
    SELECT
        line, '{Reason.IN_FLIGHT}' AS reason, http_status, coalesce(attempts, 0) AS attempts,
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
