"""The sandbox's record of every request: what the program is judged by.

A line is in the file before its request is answered: each is one unbuffered write, so that
neither the client's end nor the server's can lose one.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_BODY_MAX = 2000  # characters of a body that is no JSON; one that is gets logged whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request, and what it is about to meet.

    key: workspace, platform, unknown or missing; never the key itself.
    status: of the answer; None when there will be none.
    fault: the kind that it met; "client-left" when the request never came in whole.
    applied: whether it changed, or confirmed, what it asked for.
    """

    method: str
    path: str
    query: str
    operation: str
    campaign_id: str | None
    campaign_lead_id: str | None
    body: bytes
    key: str
    status: int | None
    fault: str | None
    applied: bool


class RequestLog:
    """Appends entries to a file as JSON lines; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = None
        if path is not None:
            # Ids and tags of somebody's file: a new one is for its owner alone.
            self._file = open(path, "ab", buffering=0, opener=for_us_alone)  # noqa: SIM115 - takes an opener; open for good

    def write(self, entry: Entry, *, now_s: float) -> None:
        """Append this request. now_s: Unix time."""
        if self._file is None:
            return
        line = {
            "time": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds"),
            "method": entry.method,
            "path": entry.path,
            "query": entry.query,
            "operation": entry.operation,
            "campaignId": entry.campaign_id,
            "campaignLeadId": entry.campaign_lead_id,
            "body": _readable(entry.body),
            "key": entry.key,
            "status": entry.status,
            "fault": entry.fault,
            "applied": entry.applied,
        }
        self._file.write(json.dumps(line).encode("ascii") + b"\n")


def for_us_alone(path: str, flags: int) -> int:
    """Open a file that only its owner may read; an opener for `open`."""
    return os.open(path, flags, 0o600)


def _readable(body: bytes) -> object:
    """The JSON of a body; the text if it is none; None without a body."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="replace")[:_BODY_MAX]
