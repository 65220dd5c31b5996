import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Reason
from batch.reporting.digest import Counts, Digest, percentile

Request = dict[str, object]


def request(line: int, **more: object) -> Request:
    """A request that pauses a lead, and was applied at the first attempt."""
    return {
        "line": line,
        "lines": None,
        "campaign_id": "a",
        "campaign_lead_id": f"lead{line}",
        "status": "paused",
        "ai_tag": None,
        "clear_tag": False,
        "reason": Reason.APPLIED.value,
        "http_status": 200,
        "attempts": 1,
        "elapsed_ms": 100,
        "sent_at_ms": 5_000,
        "server_status": None,
        "subsequence": None,
        "before_status": "active",
        "before_tag": "Cold",
        **more,
    }


SCHEMA = {
    **dict.fromkeys(request(0), pl.String()),
    "line": pl.UInt32(),
    "lines": pl.List(pl.UInt32()),
    "clear_tag": pl.Boolean(),
    **dict.fromkeys(("http_status", "attempts", "elapsed_ms", "sent_at_ms"), pl.Int64()),
}  # fmt: skip


def frame(*requests: Request) -> pl.DataFrame:
    return pl.DataFrame(list(requests), schema=SCHEMA, orient="row")


def digest_of(
    *requests: Request, is_planned: bool = False, named: tuple[int, ...] = (), block: int = 2
) -> Digest:
    lines = pl.Series("line", named, dtype=pl.UInt32)
    digest = Digest(is_planned=is_planned, leaves_final=is_planned, named=lines)
    for part in frame(*requests).iter_slices(block):
        digest.add(part)
    return digest


def test_leads_are_counted_by_campaign_and_result() -> None:
    unsent = {"reason": None, "attempts": None, "elapsed_ms": None, "sent_at_ms": None}
    digest = digest_of(
        request(2),
        request(3, campaign_id="b", reason="not_found"),
        request(4, campaign_id="b", **unsent),
        request(5, campaign_id="b"),
        request(6, reason="already_so", attempts=0, elapsed_ms=None, sent_at_ms=None),
    )
    assert digest.by_campaign().rows() == [("b", 1, 1, 0, 1, 3), ("a", 1, 0, 1, 0, 2)]
    assert digest.states() == {"success": 2, "error": 1, "skipped": 1, "unsent": 1}
    assert digest.attempts.in_order().rows() == [(1, 3)]  # those that were not sent have none


def test_changes_are_counted_from_what_was_read_to_what_was_applied() -> None:
    tag = {"status": None, "ai_tag": "Hot"}
    digest = digest_of(
        request(2),
        request(3, before_status=None, before_tag=None),  # was not read
        request(4, before_status="paused"),  # was so already: no change
        request(5, reason="not_found"),  # did not happen
        request(6, **tag),
        request(7, **tag, before_tag="hot"),  # the same regardless of case
        request(8, **tag, before_tag=""),
        request(9, status=None, clear_tag=True),
        request(10, **tag, before_tag=None),
    )
    assert sorted(digest.statuses.most_frequent().rows(), key=str) == [
        ("active", "paused", 1),
        (None, "paused", 1),
    ]
    assert sorted(digest.tags.most_frequent().rows(), key=str) == [
        ("", "Hot", 1),
        ("Cold", "", 1),
        ("Cold", "Hot", 1),
        (None, "Hot", 1),
    ]


def test_a_lead_that_the_server_moved_counts_with_the_status_that_it_got() -> None:
    moved = {"subsequence": "exited: Warm", "server_status": "completed", "ai_tag": "Hot"}
    digest = digest_of(
        request(2, status="active", before_status="paused", **moved),
        request(3, status=None, **moved),
        request(4, status="active", reason="applied_in_part", before_status="replied"),
        request(5, status=None, **{**moved, "subsequence": "skippedInProgress: Warm"}),
    )
    assert sorted(digest.statuses.most_frequent().rows()) == [
        ("active", "completed", 1),
        ("paused", "completed", 1),
    ]


@pytest.mark.parametrize(
    ("asked", "state"),
    [
        ({"status": "active", "before_status": "replied"}, "other"),  # it is through
        ({"status": "active", "before_status": "replied", "ai_tag": "Hot"}, "will_change"),
        ({"status": "paused"}, "will_change"),
        ({"status": "active"}, "already_so"),
        ({"status": "active", "ai_tag": "COLD"}, "already_so"),
        ({"status": "active", "ai_tag": "Hot"}, "will_change"),
        ({"status": None, "clear_tag": True}, "will_change"),
        ({"status": None, "clear_tag": True, "before_tag": ""}, "already_so"),
        ({"status": "completed"}, "other"),  # can't be set
        ({"status": "completed", "before_status": "completed"}, "already_so"),
        ({"status": "paused", "before_status": None, "before_tag": None}, "other"),  # not found
    ],
)
def test_a_plan_is_counted_by_what_sending_it_would_do(asked: Request, state: str) -> None:
    digest = digest_of(request(2, reason=None, attempts=None, **asked), is_planned=True)
    assert [name for name, n in digest.states().items() if n] == [state]


def test_the_slowest_answers_are_named_the_slowest_first() -> None:
    digest = digest_of(*(request(line, elapsed_ms=line % 30) for line in range(2, 62)))
    slowest = digest.slowest.select("elapsed_ms", "line").rows()
    assert slowest[:3] == [(29, 29), (29, 59), (28, 28)]
    assert len(slowest) == 20


def test_ids_are_known_of_the_lines_that_are_asked_for() -> None:
    digest = digest_of(request(2), request(3), request(4), named=(3, 9))
    assert digest.ids == {3: ("a", "lead3")}


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_counting_in_blocks_is_counting_at_once(values: list[int], block: int) -> None:
    counts = Counts("value")
    for part in pl.DataFrame({"value": values}, schema={"value": pl.Int64}).iter_slices(block):
        counts.add(part)
    assert dict(counts.in_order().rows()) == {
        value: values.count(value) for value in sorted(set(values))
    }


@given(st.lists(st.integers(0, 50), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_so_many_are_not_above(
    values: list[int], share: float
) -> None:
    counts = Counts("value")
    counts.add(pl.DataFrame({"value": values}))
    found = percentile(counts.in_order(), share)
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9
