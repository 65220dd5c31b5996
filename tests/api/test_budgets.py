from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.api.budgets import LONGEST_VALUE, LONGEST_WINDOW_S, read_budgets
from batch.api.excerpt import Redactor
from batch.model import Budget
from batch.sandbox.limits import Budget as Told
from batch.sandbox.telling import Spelling, spell
from tests.support.sampling import examples

KEY = "sk_0123456789abcdefghij"
NOW_S = 1_795_887_700.0  # at the server
HALF = Budget(name="", limit=100, remaining=50, reset_s=30.0)
LISTED = replace(HALF, name="ratelimit default", window_s=60.0)
BURST = replace(HALF, name="ratelimit burst", window_s=60.0)
DAILY = Budget(name="ratelimit daily", limit=1000, remaining=900, reset_s=7200.0, window_s=86_400.0)
OLD = replace(HALF, name="ratelimit")
OLD_60 = replace(OLD, window_s=60.0)
X = replace(HALF, name="x-ratelimit")


def read(headers: Mapping[str, str], *, now_s: float = NOW_S) -> tuple[Budget, ...]:
    return read_budgets(headers, server_now_s=lambda: now_s, redactor=Redactor(KEY))


def listed(policy: str, said: str) -> tuple[Budget, ...]:
    return read({"ratelimit-policy": policy, "ratelimit": said})


def triple(
    limit: str, remaining: str, reset: str, *, prefix: str = "x-ratelimit"
) -> tuple[Budget, ...]:
    names = (f"{prefix}-limit", f"{prefix}-remaining", f"{prefix}-reset")
    return read(dict(zip(names, (limit, remaining, reset), strict=True)))


@pytest.mark.parametrize(
    ("policy", "said", "budgets"),
    [
        ('"default";q=100;w=60', '"default";r=50;t=30', (LISTED,)),
        ("default;q=100;w=60", "default;r=50;t=30", (LISTED,)),  # Tokens
        ("default;q=100;w=60", '"default";r=50;t=30', (LISTED,)),
        ('"default";q=100;w=60', '"default"; r=50; t=30', (LISTED,)),  # as express-rate-limit
        ('"default";q=100;w=60;qu="requests"', '"default";r=50;t=30', (LISTED,)),
        ('"default";q=100;w=60;qu=requests', '"default";r=50;t=30', (LISTED,)),
        ('"default";q=100;w=60;pk=:YQ==:', '"default";r=50;t=30;pk=:YQ==:', (LISTED,)),
        ('"default";q=100;w=60;burst=200', '"default";r=50;t=30;x="y"', (LISTED,)),
        ('"burst";q=100;w=60,"daily";q=1000;w=86400', '"burst";r=50;t=30', (BURST,)),
        (
            '"burst";q=100;w=60,"daily";q=1000;w=86400',
            '"daily";r=900;t=7200, "burst";r=50;t=30',
            (DAILY, BURST),
        ),
        (  # bytes are no requests
            '"burst";q=100;w=60, "bytes";q=999;w=60;qu="content-bytes"',
            '"bytes";r=9;t=9, "burst";r=50;t=30',
            (BURST,),
        ),
        ('"burst";q=100;w=60', '"other";r=1;t=1, "burst";r=50;t=30', (BURST,)),
        # Without t the budget is whole when its window is over at the latest.
        ('"default";q=100;w=60', '"default";r=50', (replace(LISTED, reset_s=60.0),)),
        ('"default";q=100;w=60', '"default";r=50;t=0', (replace(LISTED, reset_s=0.0),)),
        ('"default";q=100;w=60', '"default";r=0;t=30', (replace(LISTED, remaining=0),)),
        ('"default";q=100;w=60', '"default";r=-1;t=30', (replace(LISTED, remaining=0),)),
        ('"default";q=100;w=60', '"default";r=150;t=30', (replace(LISTED, remaining=150),)),
        ('"default";q=100;w=60', '"default";r=50;t=29.5', (replace(LISTED, reset_s=29.5),)),
        ('"default";q=100', '"default";r=50;t=30', (replace(LISTED, window_s=None),)),
        ('"default";q=100;w=0', '"default";r=50;t=30', (replace(LISTED, window_s=None),)),
        # A gateway and the API behind it use the same name.
        (
            '"a";q=100;w=60, "a";q=1000;w=86400',
            '"a";r=50;t=30, "a";r=900;t=7200',
            (replace(BURST, name="ratelimit a"), replace(DAILY, name="ratelimit a 2")),
        ),
        (
            '"a";q=100;w=60, "a";q=1000;w=86400;qu="content-bytes"',
            '"a";r=50;t=30, "a";r=900;t=7200',
            (replace(BURST, name="ratelimit a"),),
        ),
        # One policy, two partitions.
        (
            '"a";q=100;w=60',
            '"a";r=50;t=30;pk=:YQ==:, "a";r=9;t=8;pk=:Yg==:',
            (
                replace(BURST, name="ratelimit a"),
                replace(BURST, name="ratelimit a 2", remaining=9, reset_s=8.0),
            ),
        ),
    ],
)
def test_a_list_of_policies_is_read_with_what_is_left_of_each(
    policy: str, said: str, budgets: tuple[Budget, ...]
) -> None:
    assert listed(policy, said) == budgets


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('"default";q=100;w=60', ""),
        ("", '"default";r=50;t=30'),  # no limit is known
        ('"other";q=100;w=60', '"default";r=50;t=30'),
        ('"default";w=60', '"default";r=50;t=30'),
        ('"default";q=0;w=60', '"default";r=0;t=30'),
        ('"default";q=-100;w=60', '"default";r=50;t=30'),
        ('"default";q;w=60', '"default";r=50;t=30'),
        ('"default";q="100";w=60', '"default";r=50;t=30'),
        ('"default";q=1000000000000000;w=60', '"default";r=50;t=30'),  # 16 digits
        ('"default";q=100;w=60', '"default";t=30'),
        ('"default";q=100;w=60', '"default";r=?0;t=30'),
        ('"default";q=100;w=60', '"default";r;t=30'),
        ('"default";q=100', '"default";r=50'),  # neither a reset nor a window
        ('"default";q=100;w=60', '"default";r=50;t=999999999'),
        ('"default";q=100;w=60', '"default";r=50;t=30,'),
        ('"default";q=100;w=60', '"default"r=50;t=30'),
        ('"default";q=100;w=60', '"défault";r=50;t=30'),
        ('"d\udcff";q=100;w=60', '"d\udcff";r=50;t=30'),
        ('%"d";q=100;w=60', '%"d";r=50;t=30'),
        ("1;q=100;w=60", "1;r=50;t=30"),
        ('("default");q=100;w=60', '("default");r=50;t=30'),
        ('"default";q=100;w=60', "(" * 4000),
    ],
)
def test_a_list_that_leaves_open_what_it_means_is_no_budget(policy: str, said: str) -> None:
    assert listed(policy, said) == ()


def test_a_part_that_does_not_fit_spoils_no_other_header() -> None:
    headers = {
        "ratelimit": "\x00",
        "ratelimit-remaining": "é",
        "x-ratelimit-limit": "100",
        "x-ratelimit-remaining": "50",
        "x-ratelimit-reset": "30",
        "x-rate-limit-remaining": "",
    }
    assert read(headers) == (X,)


@pytest.mark.parametrize(
    ("policy", "said", "budgets"),
    [
        ("100;w=60", "limit=100, remaining=50, reset=30", (OLD_60,)),
        ("100;w=60", "reset=30,remaining=50,limit=100;x=1", (OLD_60,)),
        ("10;w=1, 100;w=60", "limit=100, remaining=50, reset=30", (OLD_60,)),
        ('100;w=60;policy="ip"', "limit=100, remaining=50, reset=30", (OLD_60,)),
        ("", "limit=100, remaining=50, reset=30", (OLD,)),
        ("10;w=1", "limit=100, remaining=50, reset=30", (OLD,)),
        ("x;;", "limit=100, remaining=50, reset=30", (OLD,)),
        ("100;w=60", "limit=100, remaining=50", (replace(OLD_60, reset_s=60.0),)),
        ("100;w=60", "limit=100, remaining=50, reset=0", (replace(OLD_60, reset_s=0.0),)),
        # The shortest of several windows that the reset fits into; the longest if into none.
        ("100;w=60, 100;w=10, 100;w=90", "limit=100, remaining=50, reset=30", (OLD_60,)),
        ("100;w=20, 100;w=10", "limit=100, remaining=50, reset=30", (replace(OLD, window_s=20),)),
        ("100;w=60", "limit=100, remaining=-3, reset=30", (replace(OLD_60, remaining=0),)),
        ("100;w=60", "limit=100, reset=30", ()),
        ("100;w=60", "remaining=50, reset=30", ()),
        ("100;w=60", "limit=100, remaining=?0, reset=30", ()),
        ("100;w=60", "limit=100, remaining, reset=30", ()),
        ("100;w=60", "limit=0, remaining=0, reset=30", ()),
        ("100;w=60", "limit=(100), remaining=50, reset=30", ()),
        ("100;w=60", "Limit=100, remaining=50, reset=30", ()),
        ("", "limit=100, remaining=50", ()),
    ],
)
def test_the_dictionary_of_draft_7_is_read_with_its_window(
    policy: str, said: str, budgets: tuple[Budget, ...]
) -> None:
    assert listed(policy, said) == budgets


@pytest.mark.parametrize("prefix", ["ratelimit", "x-ratelimit", "x-rate-limit"])
def test_three_headers_are_read_with_any_prefix(prefix: str) -> None:
    assert triple("100", "50", "30", prefix=prefix) == (replace(HALF, name=prefix),)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "budgets"),
    [
        (" 100 ", "\t50", "30 ", (X,)),
        ("100", "50", "0", (replace(X, reset_s=0.0),)),
        ("100", "50", "29.75", (replace(X, reset_s=29.75),)),
        ("100.9", "50.9", "30", (X,)),  # a bucket with a part of a token
        ("999999999999999", "50", "30", (replace(X, limit=999_999_999_999_999),)),
        ("100, 100;w=60", "50", "30", (replace(X, window_s=60.0),)),
        ("100, 100;w=60, 100;w=10", "50", "30", (replace(X, window_s=60.0),)),
        ('100, 10;w=1, 100;w=60;name="a, b"', "50", "30", (replace(X, window_s=60.0),)),
        ("100;w=60", "50", "30", (replace(X, window_s=60.0),)),
        ("100;w=60", "50", "", (replace(X, reset_s=60.0, window_s=60.0),)),
        # Given twice, by a gateway and the API behind it.
        (
            "100, 1000",
            "50, 900",
            "30,7200",
            (X, replace(DAILY, name="x-ratelimit 2", window_s=None)),
        ),
        (
            "100, 100;w=60, 1000, 1000;w=86400",
            "50, 900",
            "30, 7200",
            (replace(X, window_s=60.0), replace(DAILY, name="x-ratelimit 2")),
        ),
        ("1x, 100", "50, 50", "30, 30", (replace(X, name="x-ratelimit 2"),)),
        ("100, 1000", "50", "30", (X,)),
        ("100", "50, 50", "30, 30", (X,)),
        ("", "50", "30", ()),
        ("100", "", "30", ()),
        ("100", "50", "", ()),
        ("0", "0", "30", ()),
        ("0.5", "0", "30", ()),
        ("-100", "50", "30", ()),
        # Refused requests are counted, too.
        ("100", "-1", "30", (replace(X, remaining=0),)),
        ("100", "-12.5", "30", (replace(X, remaining=0),)),
        ("100", "--1", "30", ()),
        (
            "1,200",
            "1,150",
            "3,600",
            (Budget(name="x-ratelimit", limit=1200, remaining=1150, reset_s=3600.0),),
        ),
        (
            "1,200",
            "998",
            "60",
            (Budget(name="x-ratelimit", limit=1200, remaining=998, reset_s=60.0),),
        ),
        (
            "60, 1,000",
            "50, 998",
            "30, 3,600",
            (
                Budget(name="x-ratelimit", limit=60, remaining=50, reset_s=30.0),
                Budget(name="x-ratelimit 2", limit=1000, remaining=998, reset_s=3600.0),
            ),
        ),
        ("100", "50", "-30", ()),
        ("unlimited", "50", "30", ()),
        ("100", "50", "soon", ()),
        ("1e2", "50", "30", ()),
        ("100", "50", "30.", ()),
        ("100", "\u0665\u0660", "30", ()),  # digits, but none that HTTP knows
        ("100", "50", "31622401", ()),  # longer than a year
        ("100", "50", "9" * 5000, ()),
        ("9" * 5000, "50", "30", ()),
        (",", ",", ",", ()),
    ],
)
def test_three_headers_are_read_and_what_is_no_number_is_left_out(
    limit: str, remaining: str, reset: str, budgets: tuple[Budget, ...]
) -> None:
    assert triple(limit, remaining, reset) == budgets


def test_the_window_of_three_headers_may_stand_in_a_header_of_its_own() -> None:
    headers = {
        "ratelimit-limit": "100",
        "ratelimit-remaining": "50",
        "ratelimit-reset": "30",
        "ratelimit-policy": "100;w=60",
    }
    assert read(headers) == (OLD_60,)


@pytest.mark.parametrize(
    ("reset", "reset_s", "reset_at"),
    [
        ("1795887730", 30.0, 1_795_887_730.0),
        ("1795887730.5", 30.5, 1_795_887_730.5),
        ("1795887730500", 30.5, 1_795_887_730.5),  # milliseconds
        ("2026-11-28T17:42:10.500Z", 30.5, 1_795_887_730.5),
        ("2026-11-28T18:42:10.500+01:00", 30.5, 1_795_887_730.5),
        # In whole seconds a part may have been dropped.
        ("2026-11-28T17:42:10Z", 31.0, 1_795_887_731.0),
        ("Sat, 28 Nov 2026 17:42:10 GMT", 31.0, 1_795_887_731.0),
        ("Sat Nov 28 2026 17:42:10 GMT+0000 (UTC)", 31.0, 1_795_887_731.0),
        ("1795887700", 0.0, 1_795_887_700.0),
        ("1795887000", 0.0, 1_795_887_000.0),  # gone by
        ("1000000000", 0.0, 1_000_000_000.0),
    ],
)
def test_a_unix_time_is_measured_from_the_time_at_the_server(
    reset: str, reset_s: float, reset_at: float
) -> None:
    assert triple("100", "50", reset) == (replace(X, reset_s=reset_s, reset_at=reset_at),)


@pytest.mark.parametrize("reset", ["2026-11-28T17:42:10", "2026-11-28 17:42:10", "17:42:10Z"])
def test_a_date_without_a_day_or_a_zone_is_no_reset(reset: str) -> None:
    assert triple("100", "50", reset) == ()


def test_several_budgets_may_have_their_resets_as_dates() -> None:
    resets = "2026-11-28T17:42:10.0Z, 2026-11-28T18:42:10.0Z"
    near, far = triple("60, 1000", "50, 900", resets)
    assert (near.reset_s, far.reset_s) == (30.0, 3630.0)
    resets = "Sat Nov 28 2026 17:42:10 GMT+0000 (UTC), Sat Nov 28 2026 18:42:10 GMT+0000 (UTC)"
    near, far = triple("60, 1000", "50, 900", resets)
    assert (near.reset_s, far.reset_s) == (31.0, 3631.0)


@pytest.mark.parametrize(
    ("wait", "reset_s"),
    [("30", 30.0), ("29.853", 29.853), ("30 seconds", 30.0), ("soon", None), (None, None)],
)
def test_where_no_reset_is_told_retry_after_tells_the_window_s_end(
    wait: str | None, reset_s: float | None
) -> None:
    told = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "50"}
    budgets = read(told if wait is None else told | {"retry-after": wait})
    assert budgets == (() if reset_s is None else (replace(X, reset_s=reset_s),))
    assert read({"retry-after": "30"}) == ()
    told["x-ratelimit-reset"] = "20"
    assert read(told | {"retry-after": "30"}) == (replace(X, reset_s=20.0),)


def test_pairs_of_headers_may_have_their_window_in_their_name() -> None:
    headers = {
        "x-ratelimit-limit-minute": "60",
        "x-ratelimit-remaining-minute": "59",
        "x-ratelimit-limit-hour": "1000",
        "x-ratelimit-remaining-hour": "-1",
        "x-ratelimit-remaining-day": "5",  # of how many?
        "x-ratelimit-limit-month": "5",
    }
    assert read(headers) == (
        Budget(name="x-ratelimit minute", limit=60, remaining=59, reset_s=60, window_s=60),
        Budget(name="x-ratelimit hour", limit=1000, remaining=0, reset_s=3600, window_s=3600),
    )


def test_a_unix_time_in_more_than_a_year_is_no_reset() -> None:
    assert triple("100", "50", "1827510100") != ()  # in 366 days
    assert triple("100", "50", "1827510101") == ()


def test_the_time_at_the_server_is_asked_for_only_where_a_reset_is_spelt_so() -> None:
    def ask() -> float:
        raise AssertionError

    headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "50", "x-ratelimit-reset": "30"}
    assert read_budgets(headers, server_now_s=ask, redactor=Redactor(KEY)) == (X,)


def test_headers_of_other_things_tell_of_no_budget() -> None:
    headers = {"retry-after": "30", "x-frame-rate": "5", "date": "", "ratelimit-limit": "100"}
    assert read(headers) == ()


def test_headers_that_came_twice_in_whatever_case_are_read_together() -> None:
    headers = httpx.Headers(
        [
            ("RateLimit-Policy", '"burst";q=100;w=60'),
            ("ratelimit-policy", '"daily";q=1000;w=86400'),
            ("RATELIMIT", '"burst";r=50;t=30'),
            ("RateLimit", '"daily";r=900;t=7200'),
        ]
    )
    assert read(headers) == (BURST, DAILY)


def test_all_spellings_are_read_side_by_side() -> None:
    said = {
        "ratelimit-policy": '"default";q=100;w=60',
        "ratelimit": '"default";r=50;t=30',
        **{f"{each}-limit": "100" for each in ("ratelimit", "x-ratelimit", "x-rate-limit")},
        **{f"{each}-remaining": "50" for each in ("ratelimit", "x-ratelimit", "x-rate-limit")},
        **{f"{each}-reset": "30" for each in ("ratelimit", "x-ratelimit", "x-rate-limit")},
    }
    assert read(said) == (LISTED, OLD, X, replace(X, name="x-rate-limit"))


def test_a_policy_s_name_is_one_line_without_the_key() -> None:
    (budget,) = listed(f'"of {KEY}";q=100;w=60', f'"of {KEY}";r=50;t=30')
    assert budget.name == "ratelimit of [key]"


def test_a_value_that_is_too_long_is_not_read() -> None:
    said = '"default";r=50;t=30'
    assert listed('"default";q=100;w=60', said + " " * (LONGEST_VALUE - len(said))) == (LISTED,)
    assert listed('"default";q=100;w=60', said + " " * (LONGEST_VALUE - len(said) + 1)) == ()
    old = "limit=100, remaining=50, reset=30"
    assert listed("", old + " " * (LONGEST_VALUE - len(old))) == (OLD,)
    assert listed("", old + " " * (LONGEST_VALUE - len(old) + 1)) == ()
    assert triple("100", "50" + " " * (LONGEST_VALUE - 2), "30") == (X,)
    assert triple("100", "50" + " " * (LONGEST_VALUE - 1), "30") == ()


_PIECES = st.sampled_from(
    [
        *('"a"', "a", ";q=", ";w=", ";r=", ";t=", ";qu=", ";pk=", "limit=", "remaining=", "reset="),
        *(",", ", ", ";", "=", '"', ":", "(", ")", "?0", "?1", "-", ".", "@1", '%"a"', ":YQ==:"),
        *("1,000", "2026-11-28T17:42:10", "Z", "Sat Nov 28 2026 17:42:10 GMT", "+0100", " (UTC)"),
        *("0", "1", "60", "1795887730", "1795887730500", "9" * 15, "9" * 16, "0.001", "-0.0"),
    ]
)
_ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
_VALUES = st.lists(_PIECES | _ANY_TEXT, max_size=12).map("".join)
_NAMES = st.sampled_from(
    ["ratelimit", "ratelimit-policy", "retry-after"]
    + [f"x-ratelimit-{part}-hour" for part in ("limit", "remaining")]
    + [
        f"{prefix}-{part}"
        for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit")
        for part in ("limit", "remaining", "reset", "policy")
    ]
)


@examples(300)
@given(st.dictionaries(_NAMES, _VALUES))
def test_whatever_the_headers_hold_is_read_as_sound_budgets_or_none(
    headers: dict[str, str],
) -> None:
    for budget in read(headers):
        assert budget.limit >= 1
        assert budget.remaining >= 0
        assert 0 <= budget.reset_s <= LONGEST_WINDOW_S
        assert budget.window_s is None or budget.window_s > 0
        assert budget.name.isprintable()


@settings(deadline=None)
@given(st.lists(st.tuples(_NAMES, st.binary()), max_size=12))
def test_whatever_bytes_come_raise_nothing(headers: list[tuple[str, bytes]]) -> None:
    raw = [(name.encode(), value) for name, value in headers]
    assert isinstance(read(httpx.Headers(raw)), tuple)


@st.composite
def tellings(draw: st.DrawFn) -> Told:
    limit = draw(st.integers(1, 10**9))
    window_s = draw(st.floats(0.1, 86_400))
    return Told(
        admitted=draw(st.booleans()),
        limit=limit,
        window_s=window_s,
        remaining=draw(st.integers(0, limit)),
        reset_s=draw(st.floats(0, window_s)),
        retry_after_s=draw(st.floats(0, window_s)),
    )


@pytest.mark.parametrize("spelling", list(Spelling))
@examples(50)
@given(told=tellings(), now_s=st.floats(1.5e9, 2.5e9))
def test_what_the_sandbox_spells_is_read_as_it_was_meant(
    spelling: Spelling, told: Told, now_s: float
) -> None:
    budgets = read(httpx.Headers(spell(told, (spelling,), now_s=now_s)), now_s=now_s)
    if spelling in {Spelling.X_MS, Spelling.X_NAMED}:
        return  # one answer alone can't tell it from seconds; few windows have a name
    if spelling is Spelling.X_NO_RESET or spelling.startswith("retry-after"):
        assert budgets == ()
        return
    (budget,) = budgets
    assert (budget.limit, budget.remaining) == (told.limit, told.remaining)
    least = 1 if spelling is Spelling.X_UNIX_FLOOR else 1e-6  # all others are rounded up
    assert max(0.0, told.reset_s - least) <= budget.reset_s <= told.reset_s + 1
    is_unix = spelling in {
        Spelling.X_UNIX_FLOOR,
        Spelling.X_UNIX,
        Spelling.X_UNIX_MS,
        Spelling.X_ISO,
        Spelling.X_JS,
    }
    assert (budget.reset_at is not None) == is_unix
    if spelling is Spelling.IETF:
        assert budget.window_s is not None
        assert told.window_s <= budget.window_s <= told.window_s + 1
