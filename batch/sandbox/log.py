"""The sandbox's record of every request, by which the program is judged.

Each line is one unbuffered write before its request is answered, so that neither the client's end
nor the server's can lose one.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_BODY_MAX = 2000  # characters logged of a body that is no JSON; JSON is logged whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request, and the answer that it is about to get.

    key: workspace, platform, unknown or missing; never the key itself.
    workspace_id: the workspace that it is about; None where it names none that is known.
    status: of the answer; None if there will be none.
    fault: the kind of fault, if any; "client-left" if the request never came in whole.
    applied: whether it took effect, be it on a lead that had the values already.
    """

    method: str
    path: str
    query: str
    operation: str
    campaign_id: str | None
    campaign_lead_id: str | None
    body: bytes
    key: str
    workspace_id: str | None
    status: int | None
    fault: str | None
    applied: bool


class RequestLog:
    """Appends entries to a file as JSON lines; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = None
        if path is not None:
            # Ids and tags of somebody's file: a new one is for its owner alone.
            self._file = open(path, "ab", buffering=0, opener=for_owner_alone)  # noqa: SIM115 - takes an opener; open for good

    def write(self, entry: Entry, *, now_s: float) -> None:
        """Append this request. now_s: Unix time."""
        if self._file is None:
            return
        body: object = None
        if entry.body:
            try:
                body = json.loads(entry.body)
            except (ValueError, RecursionError):
                body = entry.body.decode("utf-8", errors="replace")[:_BODY_MAX]
        line = {
            "time": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds"),
            "method": entry.method,
            "path": entry.path,
            "query": entry.query,
            "operation": entry.operation,
            "campaignId": entry.campaign_id,
            "campaignLeadId": entry.campaign_lead_id,
            "body": body,
            "key": entry.key,
            "workspaceId": entry.workspace_id,
            "status": entry.status,
            "fault": entry.fault,
            "applied": entry.applied,
        }
        self._file.write(json.dumps(line).encode("ascii") + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def for_owner_alone(path: str, flags: int) -> int:
    """Open a file that only its owner may read; an opener for `open`."""
    return os.open(path, flags, 0o600)
