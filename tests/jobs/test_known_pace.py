from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access, Workspace
from batch.jobs.known_pace import (
    KnownPace,
    keep_learnt,
    known_pace,
    make_pacer,
    meeting_of,
    parted_paces,
)
from batch.jobs.preflight import Preflight
from batch.jobs.request import Request
from batch.model import Budget
from batch.sending.pace.pacer import PaceEstimate, Source
from batch.settings.model import PaceSettings, Settings
from batch.settings.values import BudgetOwner
from batch.wording.questions import Basis
from tests.support.wired import request_of

PREFLIGHT = Preflight(workspace=Workspace(id="w1", name="Acme"), labels=None)
MINUTE = Budget(name="a", limit=600, remaining=599, reset_s=60, window_s=60.0)  # 10 a second
HOUR = Budget(name="b", limit=7200, remaining=7000, reset_s=3600, window_s=3600.0)  # 2 a second
UNNAMED = Budget(name="c", limit=100, remaining=99, reset_s=1)


@pytest.mark.parametrize(
    ("rate", "known", "expected"),
    [
        ("auto", KnownPace(), 5.0),  # where a run begins
        ("auto", KnownPace(good_per_s=30.0), 30.0),
        ("auto", KnownPace(budgets=(MINUTE,)), 9.5),  # less 5 %
        ("auto", KnownPace(budgets=(MINUTE, HOUR)), 1.9),  # the tightest
        ("auto", KnownPace(budgets=(MINUTE,), good_per_s=30.0), 9.5),
        ("auto", KnownPace(budgets=(UNNAMED,)), 5.0),  # for how long it is meant is not said
        (20, KnownPace(), 20.0),
        (20, KnownPace(good_per_s=3.0), 20.0),
        (20, KnownPace(budgets=(MINUTE,)), 9.5),  # headers lower what is set
        (4, KnownPace(budgets=(MINUTE,)), 4.0),
    ],
)
def test_what_is_counted_on_is_named_by_the_server_or_went_well_or_is_a_guess(
    rate: object, known: KnownPace, expected: float
) -> None:
    settings = Settings.model_validate({"pace": {"rate": rate}})
    assert known.expected_per_s(settings) == pytest.approx(expected)


DAY = Budget(name="d", limit=300, remaining=280, reset_s=40_000, window_s=86_400.0)
SPENT = Budget(name="e", limit=1000, remaining=50, reset_s=3000, window_s=3600.0)


def test_what_a_budget_covers_it_does_not_slow() -> None:
    known = KnownPace(budgets=(MINUTE, DAY), good_per_s=30.0)
    settings = Settings()
    assert known.expected_per_s(settings, requests=265) == 30.0
    assert known.expected_per_s(settings, requests=266) == pytest.approx(0.95 * 300 / 86_400)
    assert known.forecast(settings, requests=265)[0] == pytest.approx(265 / 30)
    slow = replace(known, good_per_s=0.01)  # the even pace of a long window
    assert slow.expected_per_s(settings, requests=100) == 5.0


def test_a_window_of_unnamed_length_is_as_long_as_the_time_to_its_end() -> None:
    known = KnownPace(budgets=(Budget(name="f", limit=12, remaining=10, reset_s=80),))
    learnt = PaceEstimate(source=Source.HEADERS, rate_per_s=4.0)  # by pages, which fitted
    for each in (None, learnt):
        expected = known.expected(Settings(), requests=25, learnt=each)
        assert expected[0] == pytest.approx(0.95 * 12 / 80)
        assert expected[1] is Basis.HEADERS
        assert known.expected(Settings(), requests=9, learnt=each)[0] >= 4.0


def test_the_end_of_a_long_window_is_told_where_its_rest_is_not_enough() -> None:
    known, settings = KnownPace(budgets=(MINUTE, DAY)), Settings()
    assert known.long_window(settings, requests=265) is None
    window = known.long_window(settings, requests=700)
    assert window is not None
    assert (window.limit, window.left, window.ends_in_s) == (300, 265, 40_000)
    assert window.takes_s == 40_000 + 86_400  # 265, 285 and 150
    assert known.forecast(settings, requests=700)[0] == window.takes_s


def test_an_hour_is_spread_and_waited_for_only_while_something_is_left() -> None:
    settings = Settings()
    assert KnownPace(budgets=(HOUR,)).long_window(settings, requests=50_000) is None
    spent = KnownPace(budgets=(SPENT,))
    window = spent.long_window(settings, requests=2)
    assert window is not None
    assert (window.left, window.takes_s) == (0, 3000)
    longer = Settings.model_validate({"pace": {"max_wait_s": 3600}})
    assert spent.long_window(longer, requests=2) is None


@pytest.mark.parametrize(
    ("rate", "known", "expected"),
    [
        ("auto", KnownPace(), (5.0, "at a first guess of 5/s")),
        ("auto", KnownPace(good_per_s=30.0), (30.0, "at the pace of the last run here")),
        ("auto", KnownPace(budgets=(MINUTE,)), (9.5, "at what the server allows")),
        (20, KnownPace(), (20.0, "at the rate that is set")),
        (20, KnownPace(budgets=(MINUTE,)), (9.5, "at what the server allows")),
        # 32 workers and 200 ms: no more than 160 a second, whatever is allowed.
        (
            "auto",
            KnownPace(good_per_s=500.0, latency_s=0.2),
            (160, "at what the workers reach here"),
        ),
        (
            "auto",
            KnownPace(good_per_s=150.0, latency_s=0.2),
            (150, "at the pace of the last run here"),
        ),
    ],
)
def test_a_forecast_says_what_it_rests_on_and_is_no_more_than_workers_reach(
    rate: object, known: KnownPace, expected: tuple[float, str]
) -> None:
    settings = Settings.model_validate({"pace": {"rate": rate}})
    per_s, basis = known.expected(settings)
    assert per_s == pytest.approx(expected[0])
    assert basis == expected[1]


def test_what_reading_has_learnt_outranks_the_guess() -> None:
    for source, basis in ((Source.HEADERS, Basis.HEADERS), (Source.SEARCH, Basis.READING)):
        learnt = PaceEstimate(source=source, rate_per_s=40.0)
        assert KnownPace().expected(Settings(), learnt=learnt) == (40.0, basis)


@pytest.fixture
def request_here(tmp_path: Path) -> Request:
    return request_of(tmp_path / "leads.csv", state_dir=tmp_path / "state")


@pytest.mark.parametrize("source", [Source.HEADERS, Source.SEARCH])
def test_what_one_run_learnt_another_knows(request_here: Request, source: Source) -> None:
    keep_learnt(request_here, "w1", PaceEstimate(source=source, rate_per_s=11.0, good_per_s=12.5))
    assert known_pace(request_here, PREFLIGHT) == KnownPace(good_per_s=12.5)
    elsewhere = replace(PREFLIGHT, workspace=Workspace(id="w2", name="Other"))
    assert known_pace(request_here, elsewhere) == KnownPace()
    assert known_pace(request_here, replace(PREFLIGHT, workspace=None)) == KnownPace()


@pytest.mark.parametrize(
    ("window_s", "good_per_s", "is_kept"),
    [
        (86_400.0, 285 / 86_400, False),  # 300 a day, less the headroom: a request in 5 min
        (86_400.0, 180.0, True),  # what went through while the rest of a day's covered the run
        (60.0, 4.75, True),
    ],
)
def test_the_even_pace_of_a_long_window_is_not_remembered(
    request_here: Request, window_s: float, good_per_s: float, *, is_kept: bool
) -> None:
    learnt = PaceEstimate(
        source=Source.HEADERS,
        rate_per_s=good_per_s,
        limit=300,
        window_s=window_s,
        good_per_s=good_per_s,
    )
    keep_learnt(request_here, "w1", learnt)
    assert known_pace(request_here, PREFLIGHT).good_per_s == (good_per_s if is_kept else None)


def test_what_the_server_told_with_the_lists_is_known(request_here: Request) -> None:
    told = replace(PREFLIGHT, budgets=(MINUTE,))
    assert known_pace(request_here, told) == KnownPace(budgets=(MINUTE,))


def test_a_set_rate_tells_nothing_that_could_be_remembered(request_here: Request) -> None:
    keep_learnt(
        request_here, "w1", PaceEstimate(source=Source.SETTING, rate_per_s=50.0, good_per_s=5.0)
    )
    keep_learnt(request_here, "w1", PaceEstimate(source=Source.SEARCH, rate_per_s=50.0))
    keep_learnt(
        request_here, None, PaceEstimate(source=Source.SEARCH, rate_per_s=50.0, good_per_s=5.0)
    )
    assert known_pace(request_here, PREFLIGHT) == KnownPace()


def test_practice_remembers_nothing_and_knows_nothing(request_here: Request) -> None:
    practice = replace(request_here, session=replace(request_here.session, sandbox=True))
    learnt = PaceEstimate(source=Source.SEARCH, rate_per_s=50.0, good_per_s=5.0)
    keep_learnt(practice, "w1", learnt)
    assert known_pace(request_here, PREFLIGHT) == KnownPace()
    keep_learnt(request_here, "w1", learnt)
    assert known_pace(practice, PREFLIGHT) == KnownPace()


@pytest.mark.parametrize(
    ("budget", "key", "shares_with"),
    [
        ("auto", "sk_user_1", {"other workspace"}),
        ("auto", "sk_1", {"other key"}),
        ("key", "sk_1", {"other workspace"}),
        ("workspace", "sk_user_1", {"other key"}),
        ("all", "sk_1", {"other workspace", "other key"}),
    ],
)
def test_runs_of_one_budget_meet(
    tmp_path: Path, budget: str, key: str, shares_with: set[str]
) -> None:
    settings = Settings.model_validate({"pace": {"budget": budget}})
    request = request_of(tmp_path, settings=settings)
    request = replace(request, session=replace(request.session, sandbox=False))

    def name(key: str, workspace_id: str) -> str:
        access = Access(base_url="http://127.0.0.1:9", api_key=SecretStr(key), workspace_id=None)
        meeting = meeting_of(request, access, workspace_id)
        assert meeting is not None
        return meeting.name

    own = name(key, "w1")
    assert name(key, "w1") == own
    found = {
        who
        for who, other in {"other workspace": (key, "w2"), "other key": (key + "2", "w1")}.items()
        if name(*other) == own
    }
    assert found == shares_with


def test_workspaces_of_a_shared_pace_have_paces_of_their_own() -> None:
    auto, said = (
        Settings(pace=PaceSettings(budget=owner)) for owner in (BudgetOwner.AUTO, BudgetOwner.KEY)
    )
    one, other = make_pacer(auto, None), make_pacer(auto, None)
    members, keys = parted_paces([one, None, one, other, other], [*[auto] * 4, said])
    assert [member and member.key.joint for member in members] == [one, None, one, other, None]
    assert len({id(member) for member in members if member}) == 3
    assert [key.joint for key in keys] == [one, other]
