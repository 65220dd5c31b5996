import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from batch.api.lists import Page
from batch.errors import RunError
from batch.jobs.check import check
from batch.jobs.engine import SendEngine, with_lost_values
from batch.jobs.frontend import Rest
from batch.jobs.known_pace import make_pacer
from batch.jobs.paging import Paging
from batch.jobs.work import remaining_work, whole_work
from batch.judging.plan import Plan
from batch.model import (
    Answer,
    Budget,
    CampaignLead,
    Change,
    Claim,
    Entry,
    Outcome,
    Reason,
    Tally,
)
from batch.recording.journal import Journal
from batch.sending.pace.pacer import PaceEstimate, Source
from batch.sending.stops import Stop, StopCause
from batch.settings.model import Settings
from batch.terminal.signals import stop_by
from batch.wording.progress import Moment, SendStep, used_up_line
from tests.support.wired import CAMPAIGN, lead_id, pausing, request_of, write_leads

pytestmark = pytest.mark.anyio

OK = Answer(reason=Reason.APPLIED, http_status=200)
FAST = Settings.model_validate({"pace": {"rate": 1000, "concurrency": 4}})
SLOW = Settings.model_validate({"pace": {"rate": 10, "concurrency": 1}})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


@pytest.fixture
def plan_for(tmp_path: Path) -> Iterator[Callable[..., Plan]]:
    """Makes the plan of some rows."""
    with ExitStack() as opened:

        def make(rows: Sequence[Sequence[str]], on_conflict: str = "error") -> Plan:
            path = write_leads(tmp_path / "leads.csv", rows)
            settings = Settings.model_validate({"input": {"on_conflict": on_conflict}})
            return opened.enter_context(check(request_of(path, settings=settings))).plan

        yield make


@dataclass
class Server:
    """Answers at once with the next of its answers, and with the last one for ever."""

    answers: tuple[Answer, ...] = (OK,)
    came: list[str] = field(default_factory=list)
    on_change: Callable[[], None] = lambda: None

    async def send(self, change: Change) -> Answer:
        self.came.append(change.campaign_lead_id)
        self.on_change()
        await anyio.lowlevel.checkpoint()
        return self.answers[min(len(self.came), len(self.answers)) - 1]


async def served() -> Answer:
    return OK


def sending_of(
    plan: Plan, journal: Journal, server: Server, settings: Settings = FAST
) -> SendEngine:
    return SendEngine(
        plan,
        work=whole_work(plan),
        journal=journal,
        settings=settings,
        send=server.send,
        look=served,
    )


def ignore(_moment: Moment) -> None:
    pass


async def test_when_it_returns_every_outcome_is_durable(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    server = Server()
    moments: list[Moment] = []
    stop = await sending_of(plan_for(pausing(50)), journal, server).run(moments.append)
    assert stop is None
    assert sorted(server.came) == [lead_id(n) for n in range(1, 51)]
    assert journal.tally() == {Reason.APPLIED: 50}
    assert moments[-1].tally == {Reason.APPLIED: 50}
    assert (moments[-1].requests, moments[-1].rows, moments[-1].left_s) == (50, 50, 0.0)


async def test_a_moment_counts_judged_rows_and_forecasts_at_the_set_pace(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    plan = plan_for([*pausing(30), (CAMPAIGN, "bad", "paused", "")])
    sending = sending_of(plan, journal, Server(), SLOW)
    moment = sending.moment()
    assert moment == Moment(
        rows=31,
        tally=Tally({Reason.BAD_ID: 1}),
        requests=0,
        rate_per_s=0.0,
        left_s=3.0,  # 30 requests at 10 a second
        hold=None,
        hold_left_s=0.0,
        stop=None,
        pace_estimate=PaceEstimate(source=Source.SETTING, rate_per_s=10.0),
        sent=Tally(),
        to_send=30,
        step_done=0,
        step_total=30,
    )


async def test_progress_counts_what_is_sent_each_change_once(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    judged = [(CAMPAIGN, "bad", "paused", ""), *pausing(3)]
    merged = (CAMPAIGN, lead_id(1), "", "Hot")  # of a lead of another row
    sending = sending_of(plan_for([*judged, merged]), journal, Server())
    moments: list[Moment] = []
    await sending.run(moments.append)
    first, last = moments[0], moments[-1]
    assert (first.step_done, first.step_total) == (0, 3)
    assert (last.step_done, last.step_total, last.to_send) == (3, 3, 3)
    assert last.sent == {Reason.APPLIED: 3}
    assert last.tally == {Reason.BAD_ID: 1, Reason.APPLIED: 4}


async def test_progress_of_a_resumed_run_is_of_what_is_left(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    plan = plan_for(pausing(10))
    journal.record([Outcome(lines=(line,), reason=Reason.APPLIED) for line in range(2, 9)])
    sending = SendEngine(
        plan,
        work=remaining_work(plan, journal),
        journal=journal,
        settings=FAST,
        send=Server().send,
        look=served,
    )
    assert (sending.moment().step_done, sending.moment().step_total) == (0, 3)
    await sending.run(ignore)
    ended = sending.moment()
    assert (ended.step_done, ended.tally) == (3, {Reason.APPLIED: 10})


class _Leads:
    """Reads back all that are asked for, two a page; each page is looked at on its way."""

    def __init__(self, leads: int) -> None:
        self.leads_there = [lead_id(n) for n in range(1, leads + 1)]
        self.on_page: Callable[[], None] = lambda: None

    async def leads(self, _campaign_id: str) -> AsyncIterator[Page[CampaignLead]]:
        for ids in (self.leads_there[n : n + 2] for n in range(0, len(self.leads_there), 2)):
            await anyio.lowlevel.checkpoint()
            self.on_page()
            records = [
                CampaignLead(
                    campaign_lead_id=each,
                    lead_id="",
                    email="",
                    first_name="",
                    last_name="",
                    company="",
                    status="paused",
                    ai_tag=None,
                )
                for each in ids
            ]
            yield Page(records=tuple(records), next_cursor="more")


async def test_a_canary_and_reading_it_back_are_steps_of_their_own(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    plan, server, leads = plan_for(pausing(10)), Server(), _Leads(4)
    sending = SendEngine(
        plan,
        work=whole_work(plan),
        journal=journal,
        settings=FAST,
        send=server.send,
        look=served,
        canary=4,
        paging_by=lambda _: cast("Paging", leads),
    )
    seen: list[tuple[SendStep, int, int]] = []

    def look() -> None:
        moment = sending.moment()
        seen.append((moment.step, moment.step_done, moment.step_total))

    server.on_change = leads.on_page = look
    assert await sending.run(ignore) is None
    assert [step for step, _, _ in seen] == [
        *[SendStep.CANARY] * 4,
        *[SendStep.READING_BACK] * 2,
        *[SendStep.SENDING] * 6,
    ]
    assert {total for step, _, total in seen if step is SendStep.CANARY} == {4}
    assert [done for step, done, _ in seen if step is SendStep.READING_BACK] == [0, 2]
    assert seen[6] == (SendStep.SENDING, 4, 10)


async def test_a_plan_with_nothing_to_send_has_no_time_left(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    sending = sending_of(plan_for([]), journal, Server())
    assert sending.moment().left_s == 0.0
    assert await sending.run(ignore) is None


async def test_a_hold_back_is_in_the_moment_and_in_the_forecast(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=60.0)
    sending = sending_of(plan_for(pausing(30)), journal, Server((asked,)), SLOW)
    seen: list[Moment] = []

    def look(moment: Moment) -> None:
        if moment.hold and moment.stop is None:
            seen.append(moment)
            sending.interrupt(stop_by(signal.SIGINT))

    await sending.run(look)
    (moment,) = seen
    assert moment.hold is not None
    assert moment.hold.why == "HTTP 429, Retry-After 60 s"
    assert moment.hold_left_s == pytest.approx(60.0, abs=1.0)
    assert moment.left_s > 60.0


async def test_a_hold_back_from_before_the_run_that_is_too_long_is_not_waited_for(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    server, pacer = Server(), make_pacer(FAST, None)
    pacer.hold(anyio.current_time(), 3600.0, "HTTP 429, Retry-After 3600 s")
    plan = plan_for(pausing(3))
    sending = SendEngine(
        plan,
        work=whole_work(plan),
        journal=journal,
        settings=FAST,
        send=server.send,
        look=served,
        pacer=pacer,
    )
    stop = None
    with anyio.move_on_after(5):
        stop = await sending.run(ignore)
    assert stop is not None
    assert stop.cause is StopCause.HELD_BACK
    assert server.came == []


@pytest.mark.parametrize(
    ("number", "stop"),
    [
        (signal.SIGINT, Stop(cause=StopCause.INTERRUPTED, message="Interrupted by Ctrl-C.")),
        (signal.SIGTERM, Stop(cause=StopCause.TERMINATED, message="Interrupted by SIGTERM.")),
    ],
    ids=["SIGINT", "SIGTERM"],
)
async def test_an_interrupt_stops_and_what_was_sent_is_recorded(
    journal: Journal,
    plan_for: Callable[..., Plan],
    number: signal.Signals,
    stop: Stop,
) -> None:
    server = Server()
    sending = sending_of(plan_for(pausing(30)), journal, server, SLOW)
    server.on_change = lambda: sending.interrupt(stop_by(number)) if len(server.came) == 2 else None
    assert await sending.run(ignore) == stop
    assert len(server.came) == 2
    assert journal.tally() == {Reason.APPLIED: 2}


async def test_an_interrupt_before_the_first_request_sends_nothing(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    server = Server()
    sending = sending_of(plan_for(pausing(30)), journal, server)
    sending.interrupt(stop_by(signal.SIGTERM))
    stop = await sending.run(ignore)
    assert stop is not None
    assert server.came == []


async def test_a_run_that_rests_says_so_and_goes_on(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    server = Server()
    sending = sending_of(plan_for(pausing(5)), journal, server)
    sending.obey(Rest(on=True))
    rested: list[int] = []

    def watch(moment: Moment) -> None:
        if moment.is_resting:
            rested.append(len(server.came))
            if len(rested) == 2:  # a quarter of a second later
                sending.obey(Rest(on=False))

    assert await sending.run(watch) is None
    assert rested == [0, 0]
    assert journal.tally() == {Reason.APPLIED: 5}


async def test_a_second_interrupt_does_not_wait_for_answers(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    async def never(_change: Change) -> Answer:
        await anyio.sleep_forever()
        raise AssertionError

    plan = plan_for(pausing(3))
    sending = SendEngine(
        plan, work=whole_work(plan), journal=journal, settings=FAST, send=never, look=served
    )

    def twice(moment: Moment) -> None:
        if moment.requests == 3:
            sending.interrupt(stop_by(signal.SIGINT))

    with anyio.fail_after(5):  # the first alone waits for 10 s
        await sending.run(twice)
    assert journal.tally() == {Reason.IN_FLIGHT: 3}


async def test_a_row_that_lost_a_value_is_recorded_with_a_word_about_it(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    rows = [
        (CAMPAIGN, lead_id(1), "paused", "Interested"),
        (CAMPAIGN, lead_id(1), "", "Not now"),
    ]
    said = Answer(reason=Reason.NOT_FOUND, http_status=404, message="no such lead")
    plan = plan_for(rows, "last-wins")
    await sending_of(plan, journal, Server((said,))).run(ignore)
    lost = 'sent without its aiTag: line 3 asks for "Not now", and the last value wins.'
    recorded = journal.rows(2, 3)
    assert recorded["message"].to_list() == [f"no such lead; {lost}", "no such lead"]
    assert recorded["reason"].to_list() == ["not_found", "not_found"]


async def test_the_word_stands_alone_where_the_server_says_nothing(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    rows = [(CAMPAIGN, lead_id(1), "paused", "A"), (CAMPAIGN, lead_id(1), "", "B")]
    await sending_of(plan_for(rows, "last-wins"), journal, Server()).run(ignore)
    assert journal.rows(2, 2)["message"].to_list() == [
        'sent without its aiTag: line 3 asks for "B", and the last value wins.'
    ]


class FullDisk(Journal):
    """A journal that records so many groups and then finds the disk full."""

    groups_left = 1

    def record(self, outcomes: object) -> None:
        if not self.groups_left:
            raise RunError("the disk is full.")
        self.groups_left -= 1
        super().record(outcomes)  # type: ignore[arg-type]  # as the journal takes them


async def test_a_full_disk_ends_the_sending_and_tells_how_many_rows_it_lost(
    tmp_path: Path, plan_for: Callable[..., Plan]
) -> None:
    server = Server()
    journal = FullDisk.create(tmp_path / "journal.sqlite")
    sending = sending_of(plan_for(pausing(300)), journal, server)
    with pytest.raises(ExceptionGroup) as caught:
        await sending.run(ignore)
    assert caught.group_contains(RunError, match=r"the disk is full\.")
    assert len(server.came) < 300
    assert sending.lost_rows == len(server.came) - journal.tally()[Reason.APPLIED]
    journal.close()


async def test_nothing_is_lost_when_the_disk_is_well(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    sending = sending_of(plan_for(pausing(10)), journal, Server())
    await sending.run(ignore)
    assert sending.lost_rows == 0


async def test_an_error_in_what_shows_moments_is_raised_and_outcomes_are_kept(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    def broken(moment: Moment) -> None:
        if moment.requests:
            raise ValueError("no such colour")

    sending = sending_of(plan_for(pausing(30)), journal, Server(), SLOW)
    with pytest.raises(ExceptionGroup) as caught:
        await sending.run(broken)
    assert caught.group_contains(ValueError, match="no such colour")
    assert journal.tally()[Reason.APPLIED] >= 1


async def test_a_hold_back_adds_its_seconds_to_the_forecast_and_does_not_stretch_the_rest(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    held = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=2.0)
    sending = sending_of(plan_for(pausing(101)), journal, Server((held, OK)), SLOW)
    forecasts: list[float] = []

    def watch(moment: Moment) -> None:
        if moment.hold is not None and moment.hold_left_s > 1:
            forecasts.append(moment.left_s)
            sending.interrupt(stop_by(signal.SIGINT))

    await sending.run(watch)
    # 101 changes at 10 a second, and up to 2 s of the hold-back
    assert 11.0 <= forecasts[0] <= 12.2


async def after_the_first_answer(
    plan: Plan, journal: Journal, budget: Budget, **pace: object
) -> Moment:
    """How far a run is once its first answer has told this budget; it is stopped there."""
    settings = Settings.model_validate({"pace": {"concurrency": 1, **pace}})
    sending = sending_of(plan, journal, Server((replace(OK, budgets=(budget,)),)), settings)
    seen: list[Moment] = []

    def watch(moment: Moment) -> None:
        if moment.requests == 1:
            seen.append(moment)
            sending.interrupt(stop_by(signal.SIGINT))

    await sending.run(watch)
    return seen[0]


async def test_what_headers_tell_is_in_the_moment_and_in_the_forecast(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    budget = Budget(name="ratelimit", limit=40, remaining=39, reset_s=10.0, window_s=10.0)
    moment = await after_the_first_answer(plan_for(pausing(60)), journal, budget)
    learnt = moment.pace_estimate
    assert (learnt.source, learnt.limit, learnt.window_s) == (Source.HEADERS, 40, 10.0)
    assert learnt.rate_per_s == pytest.approx(3.8)  # 40 in 10 s, less 5 %
    # 59 or 60 requests are left, as the first may not be durable yet.
    assert 59 / 3.8 - 0.01 <= moment.left_s <= 60 / 3.8 + 0.3


@pytest.mark.parametrize(
    ("rows", "window_h", "hours"),
    [(200, 24.0, 15.0), (200, None, 15.0), (700, 24.0, 15.0 + 2 * 24)],  # 285 a day
)
async def test_a_window_that_is_used_up_is_forecast_by_its_end_and_not_stretched(
    journal: Journal, plan_for: Callable[..., Plan], rows: int, window_h: float | None, hours: float
) -> None:
    window_s = window_h and window_h * 3600
    budget = Budget(name="x", limit=300, remaining=0, reset_s=15 * 3600.0, window_s=window_s)
    moment = await after_the_first_answer(plan_for(pausing(rows)), journal, budget, wait=True)
    assert moment.left_s == pytest.approx(hours * 3600, abs=200)
    assert used_up_line(moment.pace_estimate, served=True).startswith(
        "Rate limit reached. Resuming in 15 h."
    )


async def test_a_rate_that_went_well_before_is_begun_with(
    journal: Journal, plan_for: Callable[..., Plan]
) -> None:
    plan = plan_for(pausing(1))
    work, server = whole_work(plan), Server()
    settings = Settings()
    sending = SendEngine(
        plan,
        work=work,
        journal=journal,
        settings=settings,
        send=server.send,
        look=served,
        pacer=make_pacer(settings, 70.0),
    )
    learnt = sending.moment().pace_estimate
    assert (learnt.source, learnt.rate_per_s, learnt.good_per_s) == (Source.SEARCH, 70.0, 70.0)


def test_what_a_line_lost_is_said_before_its_next_claim() -> None:
    failed = Outcome(lines=(2, 3), reason=Reason.SERVER_ERROR, attempts=1, message="HTTP 503")
    entries: list[Entry] = [Claim(lines=(2, 3)), failed, Claim(lines=(2, 3))]
    assert list(with_lost_values(entries, {3: "its status was left out"})) == [
        *entries[:2],
        replace(failed, lines=(3,), message="HTTP 503; its status was left out"),
        entries[2],
    ]
