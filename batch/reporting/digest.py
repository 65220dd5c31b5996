"""The numbers of a report: a run's requests, counted a block at a time, and all else it tells.

Pure: frames in, numbers out. Memory grows with a run's campaigns, labels and seconds, not with its
rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from batch.judging.live import ASKS_TAG, add_expected_status, answered
from batch.judging.rules import tag_key
from batch.judging.totals import Effect
from batch.model import FINAL_STATUSES, Reason, Result, Status, Tally
from batch.recording.history import EarlierRun
from batch.recording.runfile import RunRecord
from batch.reporting.pace_history import PaceHistory

SLOWEST = 20  # requests listed
EXAMPLES = 3  # lines shown of each reason
MOST_CAUSES = 30  # of failures that are listed; failed.csv has all rows

WILL_CHANGE, ALREADY_SO, OTHER = "will_change", "already_so", "other"
RUN_STATES = tuple(result.value for result in Result)
PLAN_STATES = (WILL_CHANGE, ALREADY_SO, OTHER)

_RESULT_OF = {reason.value: reason.result.value for reason in Reason}
_CHANGE = ("before", "after")


class Counts:
    """How often each value, or combination of values, of some columns occurred."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._counted: pl.DataFrame | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Count the rows of a frame that has these columns."""
        part = rows.group_by(self._columns).agg(n=pl.len().cast(pl.Int64))
        if self._counted is None:
            self._counted = part
            return
        both = pl.concat([self._counted, part])
        self._counted = both.group_by(self._columns).agg(pl.col("n").sum())

    def most_frequent(self) -> pl.DataFrame:
        """The columns and `n`, most frequent first."""
        falling = [True, *(False for _ in self._columns)]
        return self._frame().sort("n", *self._columns, descending=falling)

    def in_order(self) -> pl.DataFrame:
        """The columns and `n`, sorted by the columns."""
        return self._frame().sort(self._columns)

    def _frame(self) -> pl.DataFrame:
        if self._counted is None:
            return pl.DataFrame(schema={**dict.fromkeys(self._columns, pl.String), "n": pl.Int64})
        return self._counted


class Digest:
    """Count a run's requests, given in blocks and in line order.

    is_planned: count what a plan would do, since nothing was sent yet. leaves_final: a plan
    leaves the status of leads out that are through.
    named: lines (UInt32) whose ids to keep. rows: of the input, that the requests are made of.
    """

    def __init__(self, *, is_planned: bool, named: pl.Series, leaves_final: bool = False) -> None:
        self.campaigns = Counts("campaign_id", "state")
        self.statuses = Counts(*_CHANGE)
        self.tags = Counts(*_CHANGE)
        self.moves = Counts("subsequence")
        self.elapsed = Counts("elapsed_ms")
        self.attempts = Counts("attempts")
        self.seconds = Counts("second")
        self.slowest = pl.DataFrame()
        self.ids: dict[int, tuple[str, str]] = {}
        self._is_planned, self._leaves_final = is_planned, leaves_final
        self._states = PLAN_STATES if is_planned else RUN_STATES
        self.rows = 0
        self._named = named

    def add(self, requests: pl.DataFrame) -> None:
        """Count a block of requests.

        requests: as `Leads.requests`, each with the columns of its outcome (null without one), and
        with before_status and before_tag (null where unknown).
        """
        reason = pl.col("reason").fill_null(Reason.NOT_REACHED.value)
        sent_state = reason.replace_strict(_RESULT_OF, return_dtype=pl.String)
        state = _planned_state(self._is_left()) if self._is_planned else sent_state
        rows = requests.with_columns(state=state)
        self.campaigns.add(rows)
        self.rows += int(rows.select(pl.col("lines").list.len().fill_null(1).sum()).item())
        done = rows.filter(pl.col("state") == (WILL_CHANGE if self._is_planned else "success"))
        statuses = self._expected(done).filter(pl.col("after").is_not_null())
        self.statuses.add(statuses.filter(_differs()))
        after = pl.when("clear_tag").then(pl.lit("")).otherwise("ai_tag")
        asks_tag = done.filter(ASKS_TAG).select(before="before_tag", after=after)
        self.tags.add(asks_tag.filter(_differs()))
        self.moves.add(done.filter(pl.col("subsequence").is_not_null()))
        sent = rows.filter(pl.col("attempts") > 0)
        self.attempts.add(sent)
        self.elapsed.add(sent.filter(pl.col("elapsed_ms").is_not_null()))
        self.seconds.add(
            sent.filter(pl.col("sent_at_ms").is_not_null()).select(
                second=pl.col("sent_at_ms") // 1000
            )
        )
        self._keep_slowest(sent)
        wanted = rows.filter(pl.col("line").is_in(self._named.implode()))
        for line, *ids in wanted.select("line", "campaign_id", "campaign_lead_id").iter_rows():
            self.ids[line] = (ids[0], ids[1])

    def by_campaign(self) -> pl.DataFrame:
        """A row for each campaign, largest first: its id, requests in each state, and `all`."""
        return (
            self.campaigns.most_frequent()
            .group_by("campaign_id")
            .agg(
                *(
                    pl.col("n").filter(pl.col("state") == state).sum().alias(state)
                    for state in self._states
                ),
                all=pl.col("n").sum(),
            )
            .sort("all", "campaign_id", descending=[True, False])
        )

    def states(self) -> dict[str, int]:
        """Requests in each state."""
        by_campaign = self.by_campaign()
        return {state: int(by_campaign[state].sum()) for state in self._states}

    def _expected(self, done: pl.DataFrame) -> pl.DataFrame:
        """Each lead's status before, and what it is expected to be after; null for anything."""
        before = pl.col("before_status")
        if self._is_planned:
            return done.select(before=before, after=pl.when(~self._is_left()).then("status"))
        rows = add_expected_status(done, answered(done))
        return rows.select(before=before, after="expected_status")

    def _is_left(self) -> pl.Expr:
        """Whether a plan leaves a status out."""
        is_final = pl.col("before_status").is_in(FINAL_STATUSES) & pl.lit(self._leaves_final)
        return (is_final & pl.col("status").is_in(list(Status))).fill_null(value=False)

    def _keep_slowest(self, sent: pl.DataFrame) -> None:
        names = (
            "line",
            "campaign_id",
            "campaign_lead_id",
            "elapsed_ms",
            "attempts",
            "http_status",
            "reason",
        )
        part = sent.filter(pl.col("elapsed_ms").is_not_null()).select(names)
        both = pl.concat([self.slowest, part]) if self.slowest.height else part
        self.slowest = both.sort("elapsed_ms", "line", descending=[True, False]).head(SLOWEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRow:
    """What came of a workspace's rows. stop_reason: why its part ended early; "" if it did not."""

    name: str
    folder: str
    tally: Tally
    stop_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a report tells of a run.

    effect: of everything asked. tally: all rows; those without an outcome count as not reached.
    examples: each reason's first lines, with their messages.
    causes: of the failures, as `Journal.causes` gives them.
    history: None if nothing was sent. is_planned: whether this is a plan, not sent yet.
    results_name, results_sha256: of results.csv, or results-2.csv where that was open, or of
        plan.csv; the hash is "" where there is none.
    next_steps: what to do now, in sentences. since: the runs that went back to it later.
    workspaces: of a run of several; none of any other.
    """

    record: RunRecord
    effect: Effect
    rows: int
    tally: Tally
    examples: Mapping[Reason, Sequence[tuple[int, str]]]
    causes: pl.DataFrame
    digest: Digest
    history: PaceHistory | None
    is_planned: bool
    results_name: str
    results_sha256: str = ""
    next_steps: tuple[str, ...] = ()
    since: tuple[EarlierRun, ...] = ()
    workspaces: tuple[WorkspaceRow, ...] = ()


def percentile(counted: pl.DataFrame, share: float) -> int:
    """The value that this share of all does not exceed.

    counted: `Counts.in_order` of one column; not empty.
    """
    value, n = counted.to_series(0), counted["n"]
    at = n.cum_sum().search_sorted(share * int(n.sum()), side="left")
    return int(value[min(int(at), len(value) - 1)])


def _planned_state(is_left: pl.Expr) -> pl.Expr:
    """What a plan would do with each request; a lead that was not found has no status.

    is_left: whether its status is left out.
    """
    asked, was = pl.col("status"), pl.col("before_status")
    status_holds = asked.is_null() | (asked == was)
    tag_holds = ~ASKS_TAG | _same_tag(pl.col("ai_tag"), pl.col("before_tag"))
    can_be_set = status_holds | asked.is_in([status.value for status in Status])
    return (
        pl.when(was.is_null() | ~can_be_set | (is_left & tag_holds))
        .then(pl.lit(OTHER))
        .when(status_holds & tag_holds)
        .then(pl.lit(ALREADY_SO))
        .otherwise(pl.lit(WILL_CHANGE))
    )


def _same_tag(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return tag_key(one.fill_null("")) == tag_key(other.fill_null(""))


def _differs() -> pl.Expr:
    """True where the value changed, or may have: one that was not read may have been any."""
    return pl.col("before").is_null() | ~_same_tag(pl.col("before"), pl.col("after"))
