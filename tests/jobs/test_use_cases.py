"""Each use case once, by the same test before each front end."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import DeclinedError, SettingsError, UsageError
from batch.jobs.apply import apply
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.plan import plan
from batch.jobs.request import Request
from batch.jobs.resume import resume
from batch.jobs.retry import retry
from batch.jobs.run import IfUnfinished, run
from batch.jobs.undo import undo
from batch.jobs.verify import verify
from batch.jobs.work import LeadsDiff
from batch.recording.runfile import RunState, read_record
from batch.settings.load import LoadedSettings, load_settings
from batch.settings.model import Settings
from tests.support.front_ends import Person, before
from tests.support.lead_server import Lead, LeadServer, refused
from tests.support.wired import CAMPAIGN, KEY, lead_id, pausing, request_of, write_leads

ACCESS = Access(base_url="https://api.sendkit.ai", api_key=SecretStr(KEY))


@dataclass
class World:
    """A person before a front end, and a server with three leads that are active."""

    folder: Path
    person: Person
    server: LeadServer

    def run(
        self,
        *answers: str,
        rows: Sequence[tuple[str, ...]] | None = None,
        if_unfinished: IfUnfinished = IfUnfinished.NAME,
        **asked: object,
    ) -> RunOutcome:
        with self.server.serving():
            return run(
                self.request(rows, **asked),
                self.answering(*answers).frontend,
                if_unfinished=if_unfinished,
                past_run=self.past,
            )

    def again(
        self, use_case: Callable[..., RunOutcome], outcome: RunOutcome, *answers: str, to: str = ""
    ) -> RunOutcome:
        """Go back to a run. to: the folder of the new one."""
        past = self.past(outcome.folder, out=self.folder / to if to else None)
        with self.server.serving():
            return use_case(past, self.answering(*answers).frontend)

    def request(self, rows: Sequence[tuple[str, ...]] | None = None, **asked: object) -> Request:
        path = self.folder / "leads.csv"
        if rows is not None or not path.exists():
            write_leads(path, pausing(3) if rows is None else rows)
        return request_of(path, **asked)

    def past(self, folder: Path, *, out: Path | None = None) -> PastRun:
        def change(request: Request) -> Request:
            settings = request.settings.model_copy(update={"pace": settings_of().pace})
            session = replace(request.session, out=out)
            return replace(request, settings=settings, session=session)

        return PastRun(
            folder=folder,
            state_dir=self.request().session.state_dir,
            load_own=own_settings,
            open_gate=lambda _: ACCESS,
            change=change,
        )

    def answering(self, *answers: str) -> Person:
        self.person.answers += answers
        return self.person

    def stop_after_one_change(self) -> None:
        def stop() -> None:
            self.server.after = lambda: None
            self.person.stop()

        self.server.after = stop

    @property
    def statuses(self) -> list[str]:
        return [lead.status for lead in self.server.leads.values()]


def own_settings() -> LoadedSettings:
    return load_settings(None, {}, {}, Path("/"), None)


def settings_of(**run: object) -> Settings:
    return Settings.model_validate({"pace": {"rate": 1000, "concurrency": 1}, "run": run})


@pytest.fixture(params=["plain", "terminal", "page"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    leads = {lead_id(n): Lead(email=f"lead{n}@example.com") for n in (1, 2, 3)}
    with before(request.param, monkeypatch) as person:
        folder = tmp_path / "work"
        folder.mkdir()
        yield World(folder, person, LeadServer(leads=leads))


def test_a_run_is_sent_after_a_yes(world: World) -> None:
    outcome = world.run("yes")
    assert (outcome.state, outcome.exit_code, outcome.tally.success) == ("finished", 0, 3)
    assert world.statuses == ["paused"] * 3
    assert "Change 3 leads in workspace Acme (api.sendkit.ai): 3 paused." in world.person.said


def test_a_no_sends_nothing_and_leaves_no_folder(world: World) -> None:
    with pytest.raises(DeclinedError, match="the question was not answered with"):
        world.run("no")
    assert not world.server.log
    assert not (world.folder / "run").exists()


def test_a_number_is_typed_where_a_slip_would_be_costly(world: World) -> None:
    for number in range(4, 26):
        world.server.leads[lead_id(number)] = Lead(tag="Hot")
    rows = [(CAMPAIGN, lead_id(n), "", "null") for n in range(4, 26)]
    assert world.run("22", rows=rows).tally.success == 22
    assert "22 tags cleared" in world.person.said


def test_rows_that_are_so_already_are_left_out_of_a_run(world: World) -> None:
    world.server.leads[lead_id(2)].status = "paused"
    outcome = world.run("yes", settings=settings_of(skip_unchanged="always"))
    assert (outcome.tally.success, outcome.tally.skipped) == (2, 1)
    assert [each.lead for each in world.server.log] == [lead_id(1), lead_id(3)]
    assert "already set" in world.person.said


def test_leads_that_were_read_too_long_ago_are_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeadsDiff, "is_fresh", lambda *_: False)
    with pytest.raises(UsageError, match=r"read longer ago than \[run\] snapshot_age\."):
        world.run("yes", settings=settings_of(skip_unchanged="always"))
    assert not world.server.log


def test_leads_are_looked_up_by_their_addresses(world: World) -> None:
    path = world.folder / "leads.csv"
    path.write_text(f"campaignId,email,status\n{CAMPAIGN},Lead2@example.com,paused\n")
    assert world.run("yes").tally.success == 1
    assert world.statuses == ["active", "paused", "active"]
    assert "Looked up by e-mail address among 3 leads of 1 campaign." in world.person.said


def test_a_plan_sends_nothing_and_is_applied_where_leads_are_as_it_read_them(world: World) -> None:
    with world.server.serving():
        planned = plan(world.request(), world.person.frontend)
    assert planned.exit_code == 0
    assert not world.server.log
    world.server.leads[lead_id(3)].tag = "Warm"
    opened = planned.ready.opened
    with world.server.serving():
        outcome = apply(world.past(opened.folder.path), world.answering("yes").frontend)
    assert (outcome.exit_code, outcome.tally.success, outcome.tally.error) == (1, 2, 1)
    assert world.statuses == ["paused", "paused", "active"]


def test_a_mere_plan_can_only_be_applied(world: World) -> None:
    use_cases: tuple[Callable[..., object], ...] = (resume, retry, undo, verify)
    with world.server.serving():
        planned = plan(world.request(), world.person.frontend)
        folder = planned.ready.opened.folder.path
        for use_case in use_cases:
            with pytest.raises(SettingsError, match="is a plan, of which nothing was sent"):
                use_case(world.past(folder), world.person.frontend)


def test_a_run_that_is_stopped_has_its_results_and_is_gone_on_with(world: World) -> None:
    world.stop_after_one_change()
    stopped = world.run("yes", settings=settings_of())
    assert (stopped.state, stopped.exit_code) == (RunState.INTERRUPTED, 130)
    assert stopped.files is not None
    left = stopped.tally.unsent
    assert left == 3 - len(world.server.log) > 0
    outcome = world.again(resume, stopped, "yes")
    assert (outcome.state, outcome.tally.success) == (RunState.FINISHED, 3)
    assert f"{left} of 3 leads are left to change" in world.person.said
    assert len(world.server.log) == 3


def test_a_run_of_which_nothing_is_left_says_that_nothing_was_sent(world: World) -> None:
    outcome = world.again(resume, world.run("yes"))
    assert outcome.exit_code == 0
    assert "Nothing was sent by this command: no row is left to send." in world.person.said


def test_somebody_is_asked_about_an_unfinished_run_of_the_same(world: World) -> None:
    unfinished_is(
        world, IfUnfinished.ASK, ("yes", "yes"), goes_on=True
    )  # the first goes on with it
    assert "Yes goes on with it; no starts a new run." in world.person.said


@pytest.mark.parametrize("world", ["plain"], indirect=True)
@pytest.mark.parametrize(
    ("if_unfinished", "answers", "goes_on"),
    [
        (IfUnfinished.ASK, ("no", "yes"), False),
        (IfUnfinished.RESUME, ("yes",), True),
        (IfUnfinished.NAME, ("yes",), False),
        (IfUnfinished.IGNORE, ("yes",), False),
    ],
)
def test_an_unfinished_run_of_the_same_is_gone_on_with_or_not(
    world: World,
    if_unfinished: IfUnfinished,
    answers: tuple[str, ...],
    goes_on: bool,  # noqa: FBT001 - a case's
) -> None:
    unfinished_is(world, if_unfinished, answers, goes_on=goes_on)


def unfinished_is(
    world: World, if_unfinished: IfUnfinished, answers: tuple[str, ...], *, goes_on: bool
) -> None:
    """There is an unfinished run. goes_on: whether what is run now is the rest of it."""
    runs: dict[str, Any] = {
        "settings": settings_of(runs_dir=str(world.folder / "runs")),
        "out": None,
    }
    world.stop_after_one_change()
    stopped = world.run("yes", **runs)
    before = stopped.tally.success  # one, or what was on its way as somebody pressed Stop
    assert 0 < before < 3
    outcome = world.run(*answers, if_unfinished=if_unfinished, **runs)
    assert outcome.tally.success == 3
    assert (outcome.folder == stopped.folder) is goes_on
    assert len(world.server.log) == (3 if goes_on else before + 3)
    is_named = ", an unfinished run of the same input, stopped" in world.person.said
    assert is_named is (if_unfinished is not IfUnfinished.IGNORE)


def test_rows_that_failed_are_tried_once_more(world: World) -> None:
    world.server.acts = [refused(404)]
    failed = world.run("yes", settings=settings_of())
    assert (failed.exit_code, failed.tally.error) == (1, 1)
    outcome = world.again(retry, failed, "yes", to="second")
    assert (outcome.exit_code, outcome.tally.success) == (0, 1)
    assert [each.lead for each in world.server.log] == [lead_id(n) for n in (1, 2, 3, 1)]


def test_what_a_run_did_is_verified(world: World) -> None:
    outcome = world.run("yes")
    world.server.leads[lead_id(2)].status = "active"
    with world.server.serving():
        verified = verify(world.past(outcome.folder), world.person.frontend)
    assert (verified.rows, verified.holding) == (3, 2)


def test_a_run_is_undone(world: World) -> None:
    outcome = world.run("yes", settings=settings_of(keep_before=True))
    undone = world.again(undo, outcome, "yes", to="second")
    assert (undone.exit_code, undone.reason, undone.tally.success) == (0, "", 3)
    assert world.statuses == ["active"] * 3
    assert "was undone before" not in world.person.said
    world.again(undo, outcome, "yes", to="third")
    assert '" was undone before, by "' in world.person.said  # a terminal breaks the folders' names


def test_an_undo_that_can_t_be_whole_says_so_in_its_outcome_and_its_record(world: World) -> None:
    outcome = world.run("yes")
    undone = world.again(undo, outcome, "yes", to="second")
    told = f"3 leads of {outcome.folder} can't be set back: what they were before was not read"
    assert (undone.state, undone.exit_code) == (RunState.FINISHED, 1)
    assert undone.reason.startswith(told)
    assert "can't be set back: what they were before was not read" in world.person.said
    record = read_record(undone.folder / "run.json")
    assert (record.exit_code, record.stop_reason) == (1, undone.reason)
