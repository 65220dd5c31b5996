from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sandbox.limits import Budget, make_limiter
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.telling import parse_spellings, spell
from tests.support.sampling import examples
from tests.support.sandbox_client import KEY, PLATFORM, URL, Clock, client_of

pytestmark = pytest.mark.anyio

REFUSED = Budget(
    admitted=False, limit=100, window_s=10.0, remaining=0, reset_s=7.2, retry_after_s=3.1
)


X = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0"}


def admitted(spec: str, *times_s: float) -> list[bool]:
    limiter = make_limiter(spec)
    return [limiter.take(time_s).admitted for time_s in times_s]


def test_fixed_window_admits_twice_its_limit_around_a_window_s_end() -> None:
    assert admitted("fixed:2/10s", 9.8, 9.9, 9.95, 10.0, 10.1, 10.2) == [
        *[True, True, False],
        *[True, True, False],
    ]


def test_fixed_window_tells_the_seconds_to_its_end() -> None:
    limiter = make_limiter("fixed:1/10s")
    assert limiter.take(13) == Budget(
        admitted=True, limit=1, window_s=10, remaining=0, reset_s=7, retry_after_s=0
    )
    assert limiter.take(14) == Budget(
        admitted=False, limit=1, window_s=10, remaining=0, reset_s=6, retry_after_s=6
    )


def test_sliding_window_admits_again_only_when_an_earlier_request_has_left_it() -> None:
    assert admitted("sliding:2/10s", 9.8, 9.9, 10.0, 19.7, 19.8, 19.85) == [
        *[True, True, False],
        *[False, True, False],
    ]


def test_sliding_window_tells_when_one_more_is_free_and_when_all_are() -> None:
    limiter = make_limiter("sliding:2/10s")
    limiter.take(0)
    assert limiter.take(4).reset_s == 10
    assert limiter.take(5) == Budget(
        admitted=False, limit=2, window_s=10, remaining=0, reset_s=9, retry_after_s=5
    )


def test_token_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    # 2 a second: after the burst of 3, a token is there every half second.
    assert admitted("bucket:2/s,burst=3", 0, 0, 0, 0, 0.4, 0.5, 0.9, 1.0) == [
        *[True, True, True, False],
        *[False, True, False, True],
    ]


def test_token_bucket_tells_when_a_token_is_there_and_when_it_is_full() -> None:
    limiter = make_limiter("bucket:60/min,burst=2")
    assert [limiter.take(0).remaining for _ in range(2)] == [1, 0]
    assert limiter.take(0.25) == Budget(
        admitted=False, limit=60, window_s=60, remaining=0, reset_s=1.75, retry_after_s=0.75
    )


def test_token_bucket_without_burst_holds_what_a_window_brings() -> None:
    assert admitted("bucket:2/s", 0, 0, 0) == [True, True, False]


@given(
    spec=st.sampled_from(["fixed:3/2s", "sliding:3/2s", "bucket:3/2s", "bucket:3/2s,burst=1"]),
    waits_s=st.lists(st.floats(0, 3), min_size=1, max_size=30),
)
@examples(100)
def test_a_request_that_waits_as_long_as_it_was_told_is_admitted(
    spec: str, waits_s: list[float]
) -> None:
    limiter = make_limiter(spec)
    now_s = 0.0
    for wait_s in waits_s:
        now_s += wait_s
        budget = limiter.take(now_s)
        if not budget.admitted:
            now_s += budget.retry_after_s + 1e-6
            assert limiter.take(now_s).admitted


@given(waits_s=st.lists(st.floats(0, 1), min_size=1, max_size=60))
@examples(100)
def test_no_span_of_a_sliding_window_has_more_requests_than_its_limit(
    waits_s: list[float],
) -> None:
    limiter = make_limiter("sliding:4/2s")
    now_s, times_s = 0.0, list[float]()
    for wait_s in waits_s:
        now_s += wait_s
        if limiter.take(now_s).admitted:
            times_s.append(now_s)
    assert all(later - first >= 2 for first, later in zip(times_s, times_s[4:], strict=False))


@pytest.mark.parametrize(
    "spec",
    [
        "100/10s",
        "fixed:1/s+",
        "fixed:1/s+5/h",
        "fixed:0/s",
        "fixed:5/0s",
        "fixed:5/day",
        "sliding:5/s,burst=2",
        "",
    ],
)
def test_a_limit_spelt_wrong_is_refused_with_the_right_spellings(spec: str) -> None:
    with pytest.raises(SandboxError) as caught:
        make_limiter(spec)
    assert str(caught.value) == (
        f'--rate-limit: found "{spec}"; expected fixed:100/10s, sliding:60/min or '
        "bucket:10/s,burst=20 (units s, min, h, d), or several with + between them."
    )


@pytest.mark.parametrize(
    ("spelling", "headers"),
    [
        (
            "ietf",
            {"RateLimit-Policy": '"default";q=100;w=10', "RateLimit": '"default";r=0;t=8'},
        ),
        (
            "ratelimit",
            {"RateLimit-Limit": "100", "RateLimit-Remaining": "0", "RateLimit-Reset": "8"},
        ),
        (
            "x-delta",
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "8"},
        ),
        (
            "x-unix",
            # 1,800,000,000.5 + 7.2, rounded up
            {
                "X-RateLimit-Limit": "100",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1800000008",
            },
        ),
        ("retry-after", {"Retry-After": "4"}),
        ("retry-after-date", {"Retry-After": "Fri, 15 Jan 2027 08:00:04 GMT"}),
        ("x-ms", X | {"X-RateLimit-Reset": "7200"}),
        ("x-unix-floor", X | {"X-RateLimit-Reset": "1800000007"}),
        ("x-unix-ms", X | {"X-RateLimit-Reset": "1800000007700"}),
        ("x-iso", X | {"X-RateLimit-Reset": "2027-01-15T08:00:07.700Z"}),
        # which drops the 0.7 s
        (
            "x-js",
            X
            | {
                "X-RateLimit-Reset": "Fri Jan 15 2027 08:00:07 GMT+0000 "
                "(Coordinated Universal Time)"
            },
        ),
        ("x-negative", X | {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "8"}),
        ("x-no-reset", X),
        ("x-named", {}),  # ten seconds have no name
        ("retry-after-always", {"Retry-After": "4"}),
        ("retry-after-fraction", {"Retry-After": "3.100"}),
        ("retry-after-text", {"Retry-After": "4 seconds"}),
        ("none", {}),
    ],
)
def test_each_spelling_rounds_the_waiting_time_up(spelling: str, headers: dict[str, str]) -> None:
    assert spell(REFUSED, parse_spellings(spelling), now_s=1_800_000_000.5) == headers


def test_on_every_answer_retry_after_tells_a_served_one_when_all_is_free_again() -> None:
    served = replace(REFUSED, admitted=True, remaining=3)
    told = {
        "retry-after-always": "8",
        "retry-after-fraction": "7.200",
        "retry-after-text": "8 seconds",
    }
    for spelling, value in told.items():
        assert spell(served, parse_spellings(spelling), now_s=0) == {"Retry-After": value}
    assert spell(served, parse_spellings("retry-after,retry-after-date"), now_s=0) == {}


def test_numbers_are_grouped_by_thousands() -> None:
    budget = replace(REFUSED, limit=1200, remaining=1_000_000, reset_s=3599.2)
    assert spell(budget, parse_spellings("x-grouped"), now_s=0) == {
        "X-RateLimit-Limit": "1,200",
        "X-RateLimit-Remaining": "1,000,000",
        "X-RateLimit-Reset": "3,600",
    }


def test_of_several_budgets_a_request_needs_each_and_costs_none_if_one_refuses() -> None:
    limiter = make_limiter("fixed:1/min+sliding:5/h+bucket:5/d")
    taken = [limiter.take(now_s) for now_s in (0, 1, 60)]
    assert [budget.admitted for budget in taken] == [True, False, True]
    assert [[each.remaining for each in (budget, *budget.others)] for budget in taken] == [
        [0, 4, 4],
        [0, 4, 4],
        [0, 3, 3],
    ]
    assert taken[1].retry_after_s == 59


def test_several_budgets_are_told_side_by_side() -> None:
    budget = make_limiter("fixed:60/min+fixed:1000/h").take(0)
    assert spell(budget, parse_spellings("ietf,x-delta"), now_s=0) == {
        "RateLimit-Policy": '"default";q=60;w=60, "3600s";q=1000;w=3600',
        "RateLimit": '"default";r=59;t=60, "3600s";r=999;t=3600',
        "X-RateLimit-Limit": "60, 1000",
        "X-RateLimit-Remaining": "59, 999",
        "X-RateLimit-Reset": "60, 3600",
    }
    assert spell(budget, parse_spellings("x-named"), now_s=0) == {
        "X-RateLimit-Limit-Minute": "60",
        "X-RateLimit-Remaining-Minute": "59",
        "X-RateLimit-Limit-Hour": "1000",
        "X-RateLimit-Remaining-Hour": "999",
    }


@pytest.mark.parametrize(
    ("refusal", "status", "body"),
    [
        (
            "429",
            429,
            {"error": "Too Many Requests", "message": "Too many requests", "code": 429},
        ),
        ("plain", 429, "Too many requests"),
        ("body", 429, {"success": False, "error": "Too many requests", "retry_after": 9.5}),
        (
            "nested",
            429,
            {
                "success": False,
                "error": {
                    "code": "RATE_LIMITED",
                    "message": "Too many requests",
                    "retry_after": 9.5,
                },
            },
        ),
        (
            "200",
            200,
            {
                "success": False,
                "error": {"code": "RATE_LIMIT_EXCEEDED", "message": "Too many requests"},
            },
        ),
    ],
)
async def test_a_refusal_is_told_as_chosen(refusal: str, status: int, body: object) -> None:
    clock = Clock()
    options = Options(rate_limit="fixed:1/10s", refusal=refusal)
    async with client_of(options, clock=clock) as client:
        await client.get("/v1/tags")
        clock.now_s += 0.5
        answer = await client.get("/v1/tags")
    assert answer.status_code == status
    assert (answer.text if refusal == "plain" else answer.json()) == body
    assert ("ratelimit" in answer.headers) == (refusal != "plain")


def test_an_unknown_spelling_is_refused_with_those_there_are() -> None:
    with pytest.raises(SandboxError) as caught:
        parse_spellings("ietf,retry")
    assert str(caught.value) == (
        '--headers: found "ietf,retry"; expected none, or some of ietf, ratelimit, x-delta, '
        "x-ms, x-unix, x-unix-floor, x-unix-ms, x-iso, x-js, x-grouped, x-negative, x-named, "
        "x-no-reset, retry-after, retry-after-date, retry-after-always, "
        "retry-after-fraction, retry-after-text, with commas between them."
    )


async def test_every_answer_tells_the_budget_and_a_refusal_changes_nothing() -> None:
    clock = Clock()
    async with client_of(Options(rate_limit="fixed:1/10s"), clock=clock) as client:
        first = await client.patch(URL, json={"status": "paused"})
        refused = await client.patch(URL, json={"status": "active"})
        state = (await client.get("/sandbox/state")).text
        clock.now_s += 10
        later = await client.patch(URL, json={"status": "bad"})
    assert [first.status_code, refused.status_code, later.status_code] == [200, 429, 422]
    assert refused.json()["message"] == "Too many requests"
    assert refused.headers["retry-after"] == "10"
    assert [answer.headers["ratelimit"] for answer in (first, refused, later)] == [
        '"default";r=0;t=10'
    ] * 3
    assert "retry-after" not in first.headers
    assert state.count('"paused"') == 1


async def test_each_key_has_a_budget_of_its_own() -> None:
    async with client_of(Options(rate_limit="fixed:1/10s")) as client:
        codes = [
            (await client.get("/v1/workspaces", headers={"X-Api-Key": key})).status_code
            for key in (KEY, PLATFORM, KEY, PLATFORM)
        ]
    assert codes == [200, 200, 429, 429]
