"""What sending a plan would do to leads as they are now: the requests that are needed, and counts.

Pure. Values only: `diff.py` decides.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from batch.judging.diff import REASON_OF, VERDICTS, Verdict, is_sent
from batch.judging.explain_leads import LeadRow, live_sentence
from batch.judging.live import ASKS_TAG, STATUS_HOLDS, TAG_HOLDS
from batch.judging.totals import Effect, numbers
from batch.model import COMPLETED, Outcome, Reason, Tally

_OBJECTS = 5_000  # rows that become Python objects, or texts, at once
_TEXTS_AT_ONCE = 100_000
_ROWS = pl.col("lines").list.len().fill_null(1)  # input rows of a request
_SETS_STATUS = ~STATUS_HOLDS & (pl.col("verdict") != Verdict.IN_PART.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The verdicts about all requests of a plan.

    verdicts: as VERDICTS, in line order. clear_word: what a tag reads that is none.
    drifted: the reason of a request that is left out because its lead is not what was expected.
    """

    verdicts: pl.DataFrame
    clear_word: str
    drifted: Reason = Reason.DRIFTED

    @property
    def lines(self) -> pl.Series:
        """The lines of the rows that carry a request that is sent (UInt32, rising)."""
        return self.verdicts.filter(is_sent())["line"]

    @property
    def tally(self) -> Tally:
        """The input rows whose request is not sent, by reason."""
        tally = Tally()
        for verdict, rows in self.rows_by_verdict().items():
            if not verdict.is_sent:
                tally[self._reason(verdict)] += rows
        return tally

    def left_out_of(self, lines: pl.Series, *, tried: Collection[int]) -> "Preview":
        """Those requests of these lines (UInt32) alone that are not to be sent any more.

        Their lead is not what was expected, or by now through with nothing else to change.
        tried: lines of requests whose answer nobody knows. Such a request may itself have set the
        tag and so completed its lead, which then has not drifted; it is sent again for an answer.
        """
        verdict = pl.col("verdict").cast(pl.String)
        is_left_out = verdict.is_in([Verdict.DRIFTED.value, Verdict.FINAL_STATE.value])
        found = self.verdicts.filter(is_left_out & pl.col("line").is_in(lines.implode()))
        unsure = found.filter(pl.col("line").is_in(list(tried)))
        texts = unsure.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        may_be_ours = ASKS_TAG & TAG_HOLDS & (pl.col("live_status") == COMPLETED)
        ours = texts.filter(may_be_ours)["line"]
        return replace(self, verdicts=found.filter(~pl.col("line").is_in(ours.implode())))

    @property
    def through(self) -> pl.DataFrame:
        """The leads whose status is left out: line of the request, and the status that they have.

        In line order.
        """
        verdict = pl.col("verdict").cast(pl.String)
        is_left = verdict.is_in([Verdict.IN_PART.value, Verdict.FINAL_STATE.value])
        rows = self.verdicts.filter(is_left)
        return rows.select("line", status=pl.col("live_status").cast(pl.String))

    def rows_by_verdict(self) -> dict[Verdict, int]:
        """The input rows of each verdict that occurs, in the order of their definition."""
        counted = self.verdicts.group_by("verdict").agg(rows=_ROWS.sum()).sort("verdict")
        return {Verdict(verdict): rows for verdict, rows in counted.iter_rows()}

    def effect(self) -> Effect:
        """What those that are sent would do, beside what is so already."""
        sent = self.verdicts.filter(is_sent())
        counts = sum(map(numbers, self.sets()), numbers(sent.clear()))
        clears = sent.filter("clear_tag")
        return Effect(
            requests=sent.height,
            to_active=counts["to_active"],
            to_paused=counts["to_paused"],
            tags_set=counts["tags_set"],
            tags_cleared=counts["tags_cleared"],
            sendable_rows=sent.select(_ROWS.sum()).item(),
            clears_rows=clears.select(_ROWS.sum()).item(),
            rows_in_part=self.rows_by_verdict().get(Verdict.IN_PART, 0),
        )

    def sets(self) -> Iterator[pl.DataFrame]:
        """What those that are sent would set beside what is so already, some at once.

        Columns line, status, ai_tag, clear_tag.
        """
        is_unread = pl.col("verdict") == Verdict.UNREAD.value
        changes_tag = is_unread | ~TAG_HOLDS
        for part in _in_texts(self.verdicts.filter(is_sent())):
            yield part.select(
                "line",
                status=pl.when(is_unread | _SETS_STATUS).then("status"),
                ai_tag=pl.when(changes_tag).then("ai_tag"),
                clear_tag=pl.col("clear_tag") & changes_tag,
            )

    def status_changes(self) -> pl.DataFrame:
        """How many leads' statuses change: before, after, leads; the most first."""
        return self._changes(_SETS_STATUS, pl.col("live_status"), pl.col("status"))

    def tag_changes(self) -> pl.DataFrame:
        """How many leads' tags change: before, after, leads; the most first."""
        after = pl.when("clear_tag").then(pl.lit(self.clear_word)).otherwise("ai_tag")
        changes = ASKS_TAG & ~TAG_HOLDS
        return self._changes(changes, pl.col("live_tag").fill_null(self.clear_word), after)

    def by_campaign(self) -> pl.DataFrame:
        """For each campaign, in the order of coming: leads that will change, are already so, other.

        Columns campaign_id, will_change, already_so, other.
        """
        is_so = pl.col("verdict") == Verdict.ALREADY_SO.value
        return self.verdicts.group_by("campaign_id", maintain_order=True).agg(
            will_change=is_sent().sum(),
            already_so=is_so.sum(),
            other=(~is_sent() & ~is_so).sum(),
        )

    def left_out(self) -> Iterator[list[Outcome]]:
        """The outcomes of the rows whose request is not sent, some thousand at once."""
        for part in self.verdicts.filter(~is_sent()).iter_slices(_OBJECTS):
            seen = part.select("line", "lines", *LeadRow._fields).iter_rows()
            yield [self._outcome(line, lines, *rest) for line, lines, *rest in seen]

    def before(self, *, sent_only: bool) -> pl.DataFrame:
        """What leads were as they were read: line, status, ai_tag ("" for none), read_at_ms.

        sent_only: of those alone whose request is sent.
        """
        read = self.verdicts.filter(pl.col("read_at_ms").is_not_null())
        rows = read.filter(is_sent()) if sent_only else read
        return rows.select(
            "line",
            status=pl.col("live_status").cast(pl.String),
            ai_tag=pl.col("live_tag").cast(pl.String).fill_null(""),
            read_at_ms="read_at_ms",
        )

    def baseline(self) -> pl.DataFrame:
        """What leads are expected to be from now on, as BASELINE: what was read of them."""
        before = self.before(sent_only=False)
        return before.select("line", base_status="status", base_tag="ai_tag")

    def told(self) -> pl.DataFrame:
        """What is planned for each input row, in line order, as plan.csv has it.

        Columns: line, plan, before_status, after_status, before_ai_tag, after_ai_tag, message.
        """
        parts = [self._told(part) for part in self.verdicts.iter_slices(_TEXTS_AT_ONCE)]
        return pl.concat([pl.DataFrame(schema=_TOLD), *parts]).sort("line")

    def _told(self, part: pl.DataFrame) -> pl.DataFrame:
        messages = [self.message(*seen) for seen in part.select(LeadRow._fields).iter_rows()]
        texts = part.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        is_read = pl.col("read_at_ms").is_not_null()
        before_tag = pl.when(is_read).then(pl.col("live_tag").fill_null(self.clear_word))
        asked_tag = pl.when("clear_tag").then(pl.lit(self.clear_word)).otherwise("ai_tag")
        is_sent_now = is_sent()
        return (
            texts.with_columns(
                message=pl.Series(messages, dtype=pl.String),
                lines=pl.coalesce("lines", pl.concat_list("line")),
            )
            .select(
                "lines",
                plan="verdict",
                before_status="live_status",
                after_status=pl.when(is_sent_now & _SETS_STATUS)
                .then("status")
                .otherwise("live_status"),
                before_ai_tag=before_tag,
                after_ai_tag=pl.when(is_sent_now & ASKS_TAG).then(asked_tag).otherwise(before_tag),
                message="message",
            )
            .explode("lines")
            .rename({"lines": "line"})
        )

    def message(self, *seen: object) -> str:
        """What is to be said of a request; "" for nothing. seen: the values of a `LeadRow`."""
        verdict, *rest = seen
        row = LeadRow(Verdict(str(verdict)), *rest)  # type: ignore[arg-type]  # a row of VERDICTS
        return live_sentence(row, drifted=self.drifted, clear_word=self.clear_word)

    def left_out_by(self, *seen: object) -> tuple[Reason, str]:
        """Why a request is not sent, and the sentence about it. seen: the values of a `LeadRow`."""
        return self._reason(Verdict(str(seen[0]))), self.message(*seen)

    def _outcome(self, line: int, lines: list[int] | None, *seen: object) -> Outcome:
        reason, message = self.left_out_by(*seen)
        own = (line,) if lines is None else tuple(lines)
        return Outcome(lines=own, reason=reason, message=message)

    def _reason(self, verdict: Verdict) -> Reason:
        return self.drifted if verdict is Verdict.DRIFTED else REASON_OF[verdict]

    def _changes(self, changes: pl.Expr, before: pl.Expr, after: pl.Expr) -> pl.DataFrame:
        sent = self.verdicts.filter(is_sent() & (pl.col("verdict") != Verdict.UNREAD.value))
        parts = [
            part.filter(changes).select(before=before, after=after) for part in _in_texts(sent)
        ]
        counted = (
            pl.concat([pl.DataFrame(schema=_CHANGES), *parts])
            .group_by("before", "after")
            .len("leads")
        )
        return counted.sort("leads", "before", "after", descending=[True, False, False])


def with_partly_sent(told: pl.DataFrame, partly: Iterable[tuple[int, str]]) -> pl.DataFrame:
    """What is planned, as `Preview.told`, with what is said of rows that lose one of their values.

    partly: lines and sentences, as `Plan.partly_sent` gives them.
    """
    lost = pl.DataFrame(list(partly), schema={"line": pl.UInt32, "lost": pl.String}, orient="row")
    texts = pl.concat_str(
        pl.when(pl.col("message") != "").then("message"), "lost", separator=" ", ignore_nulls=True
    )
    rows = told.join(lost, on="line", how="left", maintain_order="left")
    return rows.with_columns(message=texts).drop("lost")


_TOLD = pl.Schema(
    {
        "line": pl.UInt32,
        "plan": pl.String,
        "before_status": pl.String,
        "after_status": pl.String,
        "before_ai_tag": pl.String,
        "after_ai_tag": pl.String,
        "message": pl.String,
    }
)
_CHANGES = pl.Schema({"before": pl.String, "after": pl.String})


def _in_texts(verdicts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows with texts instead of categories, some at once."""
    for part in verdicts.iter_slices(_TEXTS_AT_ONCE):
        yield part.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def no_verdicts() -> pl.DataFrame:
    """Of a plan without requests."""
    return pl.DataFrame(schema=VERDICTS)
