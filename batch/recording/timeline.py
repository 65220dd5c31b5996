"""timeline.jsonl: what the pace of a run was like over time, for its report.

Owns that hours of sending take little room: a line tells of a second at first, and of twice as long
after every 600 lines. Not durable, and no truth of any row: that is the journal. It is a nicety,
so that a disk which refuses it ends the file and nothing else.
"""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import polars as pl

from batch.recording.plain_file import private, read_plain

TIMELINE_NAME = "timeline.jsonl"
MOST_BYTES = 16 << 20  # ours take 0.3 MB a day
FIRST_SPAN_MS = 1000
LINES_PER_SPAN = 600  # then spans double: a day takes some 4,000 lines, 300 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What happened within some time. at_ms: its start, Unix time; ms: its length.

    requests: attempts that left. refused: answers of 429. held_ms, away_ms: for how long everybody
    was held back, and for how long the server was away, as far as looking now and then shows it.
    """

    at_ms: int
    ms: int
    requests: int = 0
    refused: int = 0
    held_ms: int = 0
    away_ms: int = 0


SCHEMA = pl.Schema(dict.fromkeys(Span.__slots__, pl.Int64()))


class Timeline:
    """Adds a process's own time to the file; `seen` is called a few times a second.

    clock: Unix time in seconds.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float]) -> None:
        self._path = folder / TIMELINE_NAME
        self._clock = clock
        self._out: IO[str] | None = None
        self._lines = 0
        self._span_ms = FIRST_SPAN_MS
        self._before = self._now = (0, 0)  # requests and refusals when the span began, and now
        self._began_ms = self._seen_ms = 0
        self._held_ms = self._away_ms = 0

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._out = open(self._path, "a", encoding="utf-8", opener=private)
        self._began_ms = self._seen_ms = self._now_ms()
        return self

    def seen(self, *, requests: int, refused: int, is_held: bool, is_away: bool) -> None:
        """How far this process is. requests, refused: all of them so far."""
        now_ms = self._now_ms()
        lasted_ms = max(0, now_ms - self._seen_ms)
        self._held_ms += lasted_ms if is_held else 0
        self._away_ms += lasted_ms if is_away else 0
        self._seen_ms = now_ms
        self._now = (requests, refused)
        if now_ms - self._began_ms >= self._span_ms:
            self._end_span()

    def end(self) -> None:
        """The sending is over."""
        if self._seen_ms > self._began_ms:
            self._end_span()

    def _end_span(self) -> None:
        span = Span(
            at_ms=self._began_ms,
            ms=max(1, self._seen_ms - self._began_ms),
            requests=self._now[0] - self._before[0],
            refused=self._now[1] - self._before[1],
            held_ms=self._held_ms,
            away_ms=self._away_ms,
        )
        self._before = self._now
        self._began_ms, self._held_ms, self._away_ms = self._seen_ms, 0, 0
        self._write(json.dumps(asdict(span), separators=(",", ":")))
        self._lines += 1
        if self._lines % LINES_PER_SPAN == 0:
            self._span_ms *= 2

    def _write(self, line: str) -> None:
        if self._out is None:
            return
        try:
            self._out.write(f"{line}\n")
            self._out.flush()
        except OSError:
            self._close()

    def _close(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            with suppress(OSError):  # what could not be written is flushed once more
                out.close()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()


def read_timeline(folder: Path) -> pl.DataFrame:
    """The spans of all processes that were at work on a run, as SCHEMA, by their start.

    Empty where there is no such file. A line that a kill cut off, or that is none of ours, is left
    out.
    """
    try:
        content = read_plain(folder / TIMELINE_NAME, most_bytes=MOST_BYTES)
        text = content.decode("utf-8", errors="replace")
    except OSError:
        return pl.DataFrame(schema=SCHEMA)
    rows = [row for line in io.StringIO(text) if (row := _span_of(line))]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("at_ms")


def _span_of(line: str) -> tuple[int, ...] | None:
    try:
        found = json.loads(line)
        row = tuple(found[name] for name in SCHEMA)
    except (ValueError, KeyError, TypeError):
        return None
    return row if all(type(value) is int and 0 <= value < 1 << 53 for value in row) else None
