"""The functions for callers in Python, against a sandbox over real HTTP."""

import asyncio
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Unpack

import anyio
import anyio.lowlevel
import pytest

import batch
from batch import Event, Guardrails, Note, Question, Range, Reading, Target
from batch.columns import Column
from batch.errors import DeclinedError, InputError, SettingsError, UnaskedError
from batch.library.caller import Call, Place
from batch.library.remedies import in_python
from batch.manual import FOLDER
from batch.model import Field, Reason, Result
from batch.recording.mappings import keep_mapping
from batch.recording.runfile import RunState, read_record
from batch.recording.state import default_state_dir
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from batch.wording.progress import Moment
from tests.support.program import CAMPAIGN, environment, lead_id, received, state, write_rows

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "name")
pytestmark = pytest.mark.anyio  # of the async ones


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    seed = write_rows(
        tmp_path_factory.mktemp("seed") / "seed.csv",
        HEADER[:4],
        [(CAMPAIGN, lead_id(number), "active", "Cold") for number in range(40)],
    )
    with start_sandbox(Options(seed_csv=seed, labels=("Hot", "Cold"))) as sandbox:
        yield sandbox


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> Place:
    """A folder and an environment of its own, and the key and address of the sandbox."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SENDKIT_API_KEY", raising=False)
    settings = {"api": {"base_url": sandbox.base_url}, "pace": {"rate": "1000"}}
    return {"api_key": sandbox.api_key, "settings": settings}


def leads(numbers: range, *, tag: str = "Hot", status: str = "") -> str:
    rows = [(CAMPAIGN, lead_id(number), status, tag, f"n{number}") for number in numbers]
    return str(write_rows(Path("leads.csv"), HEADER, rows))


def runs() -> list[Path]:
    return sorted(Path().glob("runs/*"))


def has_tag(sandbox: Sandbox, number: int) -> str | None:
    tag: str | None = state(sandbox)[CAMPAIGN, lead_id(number)]["aiTag"]
    return tag


async def test_run_gives_its_outcome_and_typed_rows(sandbox: Sandbox, place: Place) -> None:
    outcome = await batch.run(leads(range(3)), yes=True, **place)
    assert (outcome.state, outcome.exit_code, outcome.rows) == (RunState.FINISHED, 0, 3)
    rows = list(batch.results(outcome))
    assert [row.line for row in rows] == [2, 3, 4]
    assert {row.result for row in rows} == {Result.SUCCESS}
    assert {row.reason for row in rows} == {Reason.APPLIED}
    first = rows[0]
    assert first.cells["name"] == "n0"
    assert (first.http_status, first.attempts, first.server_ai_tag) == (200, 1, "Hot")
    assert first.sent_at is not None
    assert first.sent_at.utcoffset() is not None
    assert has_tag(sandbox, 0) == "Hot"


async def test_rows_of_wrong_values_are_no_exception(place: Place) -> None:
    outcome = await batch.run(leads(range(3, 5), status="asleep"), yes=True, **place)
    assert outcome.exit_code == 1
    rows = list(batch.results(outcome.folder))
    assert {(row.result, row.reason, row.attempts) for row in rows} == {
        (Result.ERROR, Reason.BAD_STATUS, 0)
    }
    assert (rows[0].http_status, rows[0].sent_at, rows[0].server_status) == (None, None, None)
    assert "asleep" in rows[0].message


async def test_nothing_is_sent_without_a_yes(sandbox: Sandbox, place: Place) -> None:
    before = len(received(sandbox))
    with pytest.raises(UnaskedError, match="yes=True"):
        await batch.run(leads(range(5, 6)), **place)
    with pytest.raises(DeclinedError):
        await batch.run(leads(range(5, 6)), ask=lambda _: False, **place)
    with pytest.raises(DeclinedError):  # only True is a yes
        await batch.run(leads(range(5, 6)), ask=lambda _: 1, **place)
    assert len(received(sandbox)) == before
    assert not runs()


async def test_a_callback_answers_the_question(place: Place) -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> bool:
        await anyio.lowlevel.checkpoint()
        asked.append(question)
        return True

    outcome = await batch.run(leads(range(6, 8)), ask=ask, **place)
    assert outcome.exit_code == 0
    assert [question.text.startswith("Change 2 leads in workspace") for question in asked] == [True]


async def test_a_number_that_is_demanded_is_the_answer(place: Place) -> None:
    file = leads(range(8, 30), tag="null")
    with pytest.raises(DeclinedError):
        await batch.run(file, ask=lambda _: True, **place)
    outcome = await batch.run(file, ask=lambda question: question.typed_number or False, **place)
    assert outcome.tally.success == 22


async def test_events_come_in_order_and_on_the_callers_loop(sandbox: Sandbox, place: Place) -> None:
    events: list[Event] = []
    threads = set()

    def keep(event: Event) -> None:
        events.append(event)
        threads.add(threading.current_thread())

    await batch.run(leads(range(30, 34)), yes=True, on_event=keep, **place)
    assert threads == {threading.current_thread()}
    (target,) = (event for event in events if isinstance(event, Target))
    assert target.base_url == sandbox.base_url
    assert any(isinstance(event, Note) for event in events)
    moments = [event for event in events if isinstance(event, Moment)]
    assert moments
    assert events.index(target) < events.index(moments[0])


async def test_an_exception_of_the_callback_stops_and_is_raised(place: Place) -> None:
    class OddError(Exception):
        pass

    def break_it(event: Event) -> None:
        if isinstance(event, Moment):
            raise OddError

    with pytest.raises(OddError):
        await batch.run(leads(range(34, 40)), yes=True, on_event=break_it, **place)
    (folder,) = runs()
    assert len(list(batch.results(folder))) == 6  # whatever was sent is told


def awaited(file: str, **call: Unpack[Call]) -> batch.RunOutcome:
    return asyncio.run(batch.run(file, **call))


each_form = pytest.mark.parametrize("call", [batch.run_sync, awaited], ids=["blocking", "async"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@each_form
def test_what_ends_a_program_ends_the_work_first(
    error: type[BaseException], call: Callable[..., batch.RunOutcome], place: Place
) -> None:
    def end(event: Event) -> None:
        if isinstance(event, Moment):
            raise error

    settings = {**place["settings"], "pace": {"rate": "4"}, "run": {"skip_unchanged": "never"}}
    slow: Place = {**place, "settings": settings}
    with pytest.raises(error):
        call(leads(range(34, 40)), yes=True, on_event=end, **slow)
    (folder,) = runs()
    assert read_record(folder / "run.json").state is RunState.INTERRUPTED
    assert len(list(batch.results(folder))) == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@each_form
def test_what_ends_a_program_at_the_question_sends_nothing(
    error: type[BaseException],
    call: Callable[..., batch.RunOutcome],
    sandbox: Sandbox,
    place: Place,
) -> None:
    def ask(_: Question) -> bool:
        raise error

    before = len(received(sandbox))
    with pytest.raises(error):
        call(leads(range(3)), ask=ask, **place)
    assert len(received(sandbox)) == before
    assert not runs()


async def test_an_async_callback_for_events_is_refused(sandbox: Sandbox, place: Place) -> None:
    async def keep(_: Event) -> None:
        await anyio.lowlevel.checkpoint()

    def later(event: Event) -> Awaitable[None]:
        return keep(event)

    before = len(received(sandbox))
    with pytest.raises(TypeError, match="expected a plain callback, not an async one"):
        await batch.run(leads(range(3)), yes=True, on_event=keep, **place)
    with pytest.raises(TypeError, match="found an async callback; expected a plain one"):
        await batch.run(leads(range(3)), ask=lambda _: True, on_event=later, **place)
    assert len(received(sandbox)) == before
    assert not runs()


WRONG: dict[str, tuple[object, str]] = {
    "settings": ({"pace": 5}, 'of type dict; expected sections of keys, as {"pace": {"rate": 5}}'),
    "api_key": (b"sk_secret", "of type bytes; expected a text or a SecretStr"),
    "config": (5, "of type int; expected a path"),
    "yes": ("no", "of type str; expected True or False"),
    "ask": (True, "of type bool; expected a callback"),
    "reading": ({"sheet": "Leads"}, "of type dict; expected a Reading with values of its types"),
    "guardrails": ({"strict": True}, "of type dict; expected a Guardrails"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_an_argument_of_another_kind_is_told(
    name: str, sandbox: Sandbox, place: Place
) -> None:
    value, said = WRONG[name]
    before = len(received(sandbox))
    arguments: Any = {**place, "yes": True, name: value}
    with pytest.raises(TypeError) as caught:
        await batch.run(leads(range(3)), **arguments)
    assert str(caught.value) == f"{name}: found a value {said}. Nothing was sent."
    assert len(received(sandbox)) == before
    assert not runs()


async def test_an_argument_that_is_none_is_as_if_it_were_not_there(place: Place) -> None:
    nothing: Any = {"config": None, "ask": None, "on_event": None}
    assert (await batch.run(leads(range(2)), yes=True, **place, **nothing)).exit_code == 0
    checked: Any = {"api_key": None, "config": None, "settings": None}
    assert (await batch.check(leads(range(2)), **checked)).rows == 2


async def test_a_header_below_titles_is_found_and_another_line_can_be_named(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "titled.csv"
    names, rows = ",".join(HEADER[:3]), [f"{CAMPAIGN},{lead_id(n)},paused" for n in (1, 2)]
    file.write_text("\n".join(["Leads", names, rows[0], names, rows[1]]), encoding="utf-8")
    found = await batch.check(file, **place)
    assert (found.rows, found.found.header_line, found.found.passed_over) == (3, 2, (1,))
    assert "the header is line 2." in found.notes[0]
    named = await batch.check(file, reading=Reading(header_row=4), **place)
    assert (named.rows, named.found.header_line) == (1, 4)
    for line in (0, -1, True):
        with pytest.raises(SettingsError, match="expected a line, from 1 on"):
            Reading(header_row=line)


async def test_a_reading_with_a_value_of_another_type_is_told() -> None:
    with pytest.raises(TypeError, match="expected a Reading with values of its types"):
        await batch.check("leads.csv", reading=Reading(sheet=5))  # type: ignore[arg-type]


async def test_paths_are_good_wherever_their_caller_goes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = await batch.run(leads(range(2)), yes=True, out="here", **place)
    planned = await batch.plan(leads(range(2)), out="planned", **place)
    verified = await batch.verify("here", **place)
    monkeypatch.chdir("/")
    assert outcome.folder == tmp_path / "here"
    assert outcome.files
    assert outcome.report
    assert outcome.files.results.is_file()
    assert outcome.report.is_file()
    assert (planned.folder / "plan.csv", verified.file.is_file()) == (planned.sheet, True)
    assert [row.line for row in batch.results(outcome)] == [2, 3]


async def test_plan_apply_verify_and_undo(sandbox: Sandbox, place: Place) -> None:
    await batch.run(leads(range(2), tag="Cold"), yes=True, **place)
    plan = await batch.plan(leads(range(2)), **place)
    assert (plan.rows, plan.requests, plan.tag_changes) == (2, 2, 2)
    assert plan.sheet.is_file()
    assert has_tag(sandbox, 0) == "Cold"
    applied = await batch.apply(plan.folder, yes=True, **place)
    assert applied.exit_code == 0
    assert has_tag(sandbox, 0) == "Hot"
    verified = await batch.verify(applied.folder, **place)
    assert (verified.rows, verified.holding, verified.differences) == (2, 2, ())
    undone = await batch.undo(applied.folder, yes=True, **place)
    assert undone.exit_code == 0
    assert has_tag(sandbox, 0) == "Cold"
    (first, _) = (await batch.verify(applied.folder, **place)).differences
    assert (first.line, first.column, first.wanted, first.found) == (2, "aiTag", "Hot", "Cold")


async def test_what_is_cancelled_stops_with_complete_results_and_is_resumed(
    sandbox: Sandbox, place: Place
) -> None:
    settings = {**place["settings"], "pace": {"rate": "4"}, "run": {"skip_unchanged": "never"}}
    slow: Place = {**place, "settings": settings}
    with anyio.CancelScope() as scope:

        def cancel(event: Event) -> None:
            if isinstance(event, Moment) and event.tally.success:
                scope.cancel()

        await batch.run(leads(range(12)), yes=True, on_event=cancel, **slow)
    assert scope.cancelled_caught
    (folder,) = runs()
    rows = list(batch.results(folder))
    assert {row.result for row in rows} == {Result.SUCCESS, Result.UNSENT}
    sent = len(received(sandbox))
    outcome = await batch.resume(folder, yes=True, **place)
    assert outcome.tally.success == 12
    assert len(received(sandbox)) == sent + [row.result for row in rows].count(Result.UNSENT)


async def test_asyncios_own_cancellation_waits_for_complete_results(place: Place) -> None:
    settings = {**place["settings"], "pace": {"rate": "4"}, "run": {"skip_unchanged": "never"}}
    has_sent = asyncio.Event()

    def see(event: Event) -> None:
        if isinstance(event, Moment) and event.tally.success:
            has_sent.set()

    slow: Place = {**place, "settings": settings}
    task = asyncio.create_task(batch.run(leads(range(40)), yes=True, on_event=see, **slow))
    await has_sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (folder,) = runs()
    assert read_record(folder / "run.json").state is RunState.INTERRUPTED
    assert (folder / "results.csv").is_file()


async def test_retry_tries_once_more(place: Place) -> None:
    outcome = await batch.run(leads(range(2), tag="Warm"), yes=True, **place)
    assert outcome.tally[Reason.UNKNOWN_TAG] == 2
    again = await batch.retry(outcome.folder, yes=True, **place)
    assert (again.rows, again.tally.error) == (2, 2)


def test_the_blocking_form_is_good_within_a_running_loop(place: Place) -> None:
    async def caller() -> batch.RunOutcome:
        return batch.run_sync(leads(range(2)), yes=True, **place)

    assert asyncio.run(caller()).exit_code == 0
    assert batch.run_sync(leads(range(2)), yes=True, new=True, **place).exit_code == 0


async def test_check_needs_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("leads.csv"), HEADER[:4], [(CAMPAIGN, lead_id(1), "asleep", ""), ("", "")])
    checked = await batch.check("leads.csv", most_problems=1)
    assert (checked.rows, checked.requests, checked.tally.error) == (2, 0, 1)
    (problem,) = checked.problems
    assert (problem.line, problem.reason) == (2, Reason.BAD_STATUS)


async def test_practice_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = await batch.run(leads(range(2)), sandbox=True)
    assert outcome.tally.success == 2


@pytest.mark.parametrize("function", [batch.run, batch.plan])
async def test_the_gate_is_the_same(
    place: Place, sandbox: Sandbox, function: Callable[..., Awaitable[object]]
) -> None:
    await anyio.Path("sendkit-batch.toml").write_text(f'[api]\nbase_url = "{sandbox.base_url}"\n')
    before = len(received(sandbox, operation=None))
    with pytest.raises(UnaskedError) as raised:
        await function(leads(range(2)), yes=True, api_key=place["api_key"])
    assert f"settings={{'api': {{'base_url': '{sandbox.base_url}'}}}}" in str(raised.value)
    assert len(received(sandbox, operation=None)) == before


async def test_guardrails_hold(place: Place) -> None:
    with pytest.raises(InputError, match="expected 1 to 2"):
        await batch.run(
            leads(range(4)),
            yes=True,
            guardrails=Guardrails(expect_changes=Range(least=1, most=2)),
            **place,
        )


@pytest.mark.parametrize("function", [batch.run, batch.plan, batch.check])
async def test_a_misspelt_guardrail_is_refused(
    place: Place, sandbox: Sandbox, function: Callable[..., Awaitable[object]]
) -> None:
    before = len(received(sandbox))
    with pytest.raises(TypeError, match="guardrials: no argument of this function"):
        await function(leads(range(2)), guardrials=Guardrails(strict=True), **place)
    assert len(received(sandbox)) == before


@pytest.mark.parametrize(
    "function", [batch.apply, batch.resume, batch.retry, batch.undo, batch.verify]
)
async def test_practice_is_no_argument_of_what_goes_back_to_a_run(
    place: Place, function: Callable[..., Awaitable[object]]
) -> None:
    with pytest.raises(TypeError, match="sandbox: no argument of this function"):
        await function("runs/x", sandbox=True, **place)


@pytest.mark.parametrize(
    "values",
    [
        {"canary": -1},
        {"canary": True},
        {"canary": "2"},
        {"expect_changes": 5},
        {"expect_changes": Range(least=3, most=2)},
    ],
    ids=str,
)
def test_a_guardrail_of_an_impossible_value_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"^{next(iter(values))}: found"):
        Guardrails(**values)


async def test_errors_name_arguments(place: Place) -> None:
    file = str(write_rows(Path("odd.csv"), ("campaign", "lead", "state"), [("a", "b", "c")]))
    with pytest.raises(InputError, match=r"settings=\{"):
        await batch.run(file, yes=True, reading=Reading(), **place)
    with pytest.raises(SettingsError, match=r'settings\["pace"\]\["rate"\]'):
        await batch.check(file, settings={"pace": {"rate": "soon"}})
    done = await batch.run(leads(range(1)), yes=True, **place)
    settings = {**place["settings"], "input": {"clear_word": "-"}}
    with pytest.raises(SettingsError, match="judged already"):
        await batch.verify(done.folder, api_key=place["api_key"], settings=settings)


def test_the_callers_signals_and_logging_are_left_alone(place: Place) -> None:
    def before() -> tuple[object, ...]:
        root = logging.getLogger()
        return (
            signal.getsignal(signal.SIGINT),
            signal.getsignal(signal.SIGTERM),
            root.level,
            list(root.handlers),
            sys.stdout,
            sys.stderr,
        )

    as_it_was = before()
    batch.run_sync(leads(range(2)), yes=True, **place)
    assert before() == as_it_was


def test_importing_it_is_light() -> None:
    code = (
        "import batch, sys; from batch import manual; "
        "assert not {'polars', 'httpx', 'anyio', 'pydantic', 'batch.jobs'} & set(sys.modules); "
        "import batch.library; assert set(batch.library.__all__) <= set(dir(batch)); "
        "assert all(hasattr(batch, name) for name in batch.library.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_manuals_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(CAMPAIGN, lead_id(1), "", "Hot"), (CAMPAIGN, lead_id(2), "asleep", "")]
    write_rows(Path("retag.csv"), HEADER[:4], rows)
    page = (FOLDER / "python.md").read_text("utf-8")
    examples = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "python.md", "exec"), {})  # noqa: S102 - the manual's own
    assert capsys.readouterr().out.splitlines() == [
        "finished 1 of 2",
        '3 bad_status found "asleep"; expected active or paused.',
        '3 status found "asleep"; expected active or paused.',
    ]


async def test_confirmed_columns_are_used_where_that_is_asked_for(
    place: Place, tmp_path: Path
) -> None:
    header = ("Kampagne", "Kontakt", "Zustand")
    path = write_rows(tmp_path / "leads.csv", header, [(CAMPAIGN, lead_id(1), "paused")])
    columns: dict[Column, str] = dict(zip(list(Field)[:3], header, strict=True))
    keep_mapping(default_state_dir(), header, columns)
    with pytest.raises(InputError, match="are missing"):
        await batch.check(path, **place)
    found = await batch.check(path, remembered=True, **place)
    assert found.requests == 1
    assert next(map(in_python, found.notes)).endswith(
        'status is "Zustand". remembered=False ignores that.'
    )
