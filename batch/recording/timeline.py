"""timeline.jsonl: a run's pace over time, for its report.

Hours of sending take little room: a line covers a second at first, and twice as long after every
600 lines. The file is a nicety: it is not durable, tells nothing of any row, and a disk that fails
ends it and nothing else.
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
    """A span of time. at_ms: its start, Unix time; ms: its length.

    requests: attempts that left. refused: 429 answers. held_ms, away_ms: how long requests were
    held back, and how long the server was away, as `Timeline.observe` saw it now and then.
    """

    at_ms: int
    ms: int
    requests: int = 0
    refused: int = 0
    held_ms: int = 0
    away_ms: int = 0


SCHEMA = pl.Schema(dict.fromkeys(Span.__slots__, pl.Int64()))


class Timeline:
    """Appends a process's time to the file. clock: Unix time in seconds."""

    def __init__(self, folder: Path, *, clock: Callable[[], float]) -> None:
        self._path = folder / TIMELINE_NAME
        self._clock = clock
        self._out: IO[str] | None = None
        self._lines = 0
        self._span_ms = FIRST_SPAN_MS
        self._before = self._now = (0, 0)  # requests and refusals when the span began, and now
        self._began_ms = self._observed_ms = 0
        self._held_ms = self._away_ms = 0

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._out = open(self._path, "a", encoding="utf-8", opener=private)
        self._began_ms = self._observed_ms = self._now_ms()
        return self

    def observe(self, *, requests: int, refused: int, is_held: bool, is_away: bool) -> None:
        """Note the present state, a few times a second. requests, refused: all so far."""
        now_ms = self._now_ms()
        lasted_ms = max(0, now_ms - self._observed_ms)
        self._held_ms += lasted_ms if is_held else 0
        self._away_ms += lasted_ms if is_away else 0
        self._observed_ms = now_ms
        self._now = (requests, refused)
        if now_ms - self._began_ms >= self._span_ms:
            self._end_span()

    def end(self) -> None:
        """Write the last span."""
        if self._observed_ms > self._began_ms:
            self._end_span()

    def _end_span(self) -> None:
        span = Span(
            at_ms=self._began_ms,
            ms=max(1, self._observed_ms - self._began_ms),
            requests=self._now[0] - self._before[0],
            refused=self._now[1] - self._before[1],
            held_ms=self._held_ms,
            away_ms=self._away_ms,
        )
        self._before = self._now
        self._began_ms, self._held_ms, self._away_ms = self._observed_ms, 0, 0
        self._lines += 1
        if self._lines % LINES_PER_SPAN == 0:
            self._span_ms *= 2
        if self._out is None:
            return
        line = json.dumps(asdict(span), separators=(",", ":"))
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
    """Read the spans of all processes that worked on a run, as SCHEMA, by their start.

    Empty without the file. A line that a kill cut off, or that is none of ours, is left out.
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
