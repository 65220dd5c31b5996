"""Opening the plan file of an earlier run, and only where all of it is as this program writes it.

A run's folder may come from anybody: what a plan says is sent with the user's own key. So it is a
regular file with our columns and nothing else, that unpacks to no more than a spreadsheet may, is
the very one that run.json names, and whose values are all such as judging gives.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import polars.selectors as cs
from polars.exceptions import PanicException, PolarsError

from batch.columns import Naming
from batch.errors import InputError
from batch.judging.diff import LEFT_OUT
from batch.judging.plan import FIRST_PROBLEMS, NOT_SENT, errors, problems_in
from batch.judging.planned import PLANNED
from batch.judging.texts import is_safe_id
from batch.judging.totals import numbers
from batch.model import LEAD_STATUSES, Field, Found, Reason, Result, Status, Tally
from batch.reading.content import max_unpacked_bytes
from batch.reading.parquet_contents import FooterError, read_contents
from batch.recording.plain_file import private
from batch.recording.plan_file import PLAN_FILE, KeptPlan, PlanFile
from batch.recording.runfile import RunRecord

_BLOCK_BYTES = 1 << 20
_LONGEST_ID = 200  # characters, whatever pattern is set
_LONGEST_TEXT = 1 << 20  # characters: a cell of a text file may be so long
_MOST_TEXT = 256 << 20  # bytes of a block, by which some thousand rows become objects at once
_LAST_MS = 253402300799999  # Unix time, the end of the year 9999
# Why a row is not sent that carries nothing, and is carried by none.
_JUDGED = frozenset(
    reason
    for reason in Reason
    if (reason.result is Result.SKIPPED and reason not in LEFT_OUT) or reason.found is Found.JUDGED
)
_PAIR = pl.Schema({"line": pl.UInt32, "carrier": pl.UInt32})


def open_plan(folder: Path, record: RunRecord) -> KeptPlan:
    """The plan of an earlier run, from its folder. Raises InputError unless it is the run's own."""
    path = folder / PLAN_FILE
    try:
        with _refused(path):
            _check_file(path, record)
            return read_plan(path, rows=record.own_rows, sha256=record.plan_sha256 or "", of=record)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: is not there, so that nobody knows what the run is to do. Bring it back from "
            "a backup, or start a new run."
        ) from error


def read_plan(path: Path, *, rows: int, sha256: str, of: RunRecord) -> KeptPlan:
    """The plan in a file of this program. rows, sha256: of the file; of: the run.

    Raises NotOursError where a row is none that judging gives.
    """
    statuses = LEAD_STATUSES if of.is_planned else tuple(Status)
    plan_file = PlanFile(path, rows=rows)
    counted = _Counted()
    for block in plan_file.planned():
        counted.add(block, statuses)
    return counted.plan(plan_file, rows=rows, sha256=sha256)


class NotOursError(ValueError):
    """The file is none that this program wrote for the run."""


# Polars panics over some pages that contradict themselves, which is no ordinary exception.
_DAMAGED = (NotOursError, FooterError, OSError, PolarsError, PanicException)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except _DAMAGED as error:
        raise InputError(
            f"{path}: is not the plan of this run: it is damaged, cut short, changed or another "
            "run's. Nothing was sent. Bring it back from a backup, or start a new run."
        ) from error


def _check_file(path: Path, record: RunRecord) -> None:
    digest = hashlib.sha256()
    with open(path, "rb", opener=private) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    if digest.hexdigest() != record.plan_sha256:
        raise NotOursError("another file than run.json names")
    contents = read_contents(path)
    if contents.rows != record.own_rows:
        raise NotOursError(f"{contents.rows} rows")
    if contents.unpacked_bytes > max_unpacked_bytes(path.stat().st_size):
        raise NotOursError(f"{contents.unpacked_bytes} bytes once unpacked")
    schema = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()
    if schema != PLANNED:
        raise NotOursError("other columns")


@dataclass(slots=True)
class _Counted:
    """What the blocks of a plan come to, each checked as it is added.

    carrying: lines of the rows that carry a request; clearing: of those that clear the tag.
    joined: the other lines of requests, and which line carries each.
    """

    tally: Tally = field(default_factory=Tally)
    requests: Counter[str] = field(default_factory=Counter)
    carrying: list[pl.Series] = field(default_factory=list)
    clearing: list[pl.Series] = field(default_factory=list)
    joined: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=_PAIR)])
    wrong: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NOT_SENT))
    last_line: int = 0

    def add(self, block: pl.DataFrame, statuses: Sequence[str]) -> None:
        """Count a block. Raises NotOursError for one that judging can't give."""
        lines = block["line"]
        is_rising = lines.null_count() == 0 and lines.is_sorted() and lines.n_unique() == len(lines)
        if not is_rising or lines[0] <= self.last_line:
            raise NotOursError("lines that don't rise")
        self.last_line = lines[-1]
        text = block.select(pl.sum_horizontal(cs.string().str.len_bytes().sum())).item()
        is_ours = block.select(_is_ours(statuses).fill_null(value=False).all()).item()
        if text > _MOST_TEXT or not is_ours:
            raise NotOursError("values that judging does not give")
        is_carrying = pl.col("carrier") == pl.col("line")
        carrying = block.filter(is_carrying)
        self.requests += numbers(carrying)
        self.carrying.append(carrying["line"])
        self.clearing.append(carrying.filter("clear_tag")["line"])
        self.joined.append(block.filter(pl.col("carrier") != pl.col("line")).select(_PAIR.names()))
        not_sent = block.filter(pl.col("carrier").is_null())
        for reason, rows in not_sent["reason"].value_counts().iter_rows():
            self.tally[Reason(reason)] += rows
        if self.wrong.height < FIRST_PROBLEMS:
            wrong = errors(not_sent).with_columns(found=pl.lit("")).select(NOT_SENT.names())
            self.wrong = pl.concat([self.wrong, wrong.head(FIRST_PROBLEMS)])

    def plan(self, source: PlanFile, *, rows: int, sha256: str) -> KeptPlan:
        """The whole plan. Raises NotOursError when a line is carried by one that carries none."""
        joined = pl.concat(self.joined)
        none = pl.Series("line", [], dtype=pl.UInt32)
        is_carried = joined["carrier"].is_in(pl.concat([none, *self.carrying]).implode())
        clears = joined["carrier"].is_in(pl.concat([none, *self.clearing]).implode())
        if not is_carried.all():
            raise NotOursError("a line that no request is of")
        counts = self.requests
        return KeptPlan(
            source=source,
            sha256=sha256,
            rows=rows,
            tally=self.tally,
            requests=counts["all"],
            sendable_rows=counts["all"] + joined.height,
            to_active=counts["to_active"],
            to_paused=counts["to_paused"],
            tags_set=counts["tags_set"],
            tags_cleared=counts["tags_cleared"],
            clears_rows=counts["tags_cleared"] + joined.filter(clears).height,
            first_problems=tuple(problems_in(self.wrong.head(FIRST_PROBLEMS))),
        )


def _is_ours(statuses: Sequence[str]) -> pl.Expr:
    """Whether a row is one that judging may give; null counts as no."""
    carrier, reason, line = pl.col("carrier"), pl.col("reason"), pl.col("line")
    carries = (carrier == line).fill_null(value=False)
    is_tag_set = pl.col("ai_tag").is_not_null()
    asks = pl.col("status").is_not_null() | is_tag_set | pl.col("clear_tag")
    request = (
        pl.all_horizontal(_is_id(name) for name in ("campaign_id", "campaign_lead_id"))
        & asks
        & pl.col("clear_tag").is_not_null()
        & ~(is_tag_set & pl.col("clear_tag"))
    )
    ids = [_or_null(name, _is_id(name)) for name in ("campaign_id", "campaign_lead_id")]
    is_judged = reason.is_in([each.value for each in _JUDGED])
    is_left_out = reason.is_in([each.value for each in LEFT_OUT])
    texts = ("message", "ai_tag", "was_status", "was_tag", "base_status", "base_tag")
    return pl.all_horizontal(
        carrier.is_not_null() | reason.is_not_null(),
        carrier.is_null() | (carrier <= line),
        ~carries | request,
        _or_null("reason", pl.when(carrier.is_null()).then(is_judged).otherwise(is_left_out)),
        reason.is_null() | pl.col("message").is_not_null(),
        _or_null("column", pl.col("column").is_in([each.value for each in (*Field, *Naming)])),
        _or_null("status", pl.col("status").is_in(list(statuses)) | ~carries),
        _or_null("was_at_ms", pl.col("was_at_ms").is_between(0, _LAST_MS)),
        *ids,
        *(_or_null(name, pl.col(name).str.len_bytes() <= 4 * _LONGEST_TEXT) for name in texts),
    )


def _is_id(name: str) -> pl.Expr:
    text = pl.col(name)
    return is_safe_id(text) & (text.str.len_bytes() <= _LONGEST_ID)


def _or_null(name: str, holds: pl.Expr) -> pl.Expr:
    return pl.col(name).is_null() | holds
