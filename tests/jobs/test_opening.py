import io
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from batch.api.sendkit import Workspace
from batch.errors import InputError, SettingsError
from batch.jobs.check import check
from batch.jobs.opening import open_run
from batch.jobs.preflight import Preflight
from batch.jobs.ready import judge
from batch.jobs.request import Request, Session, Source, command
from batch.jobs.steps import confirm
from batch.model import Budget, Reason
from batch.settings.model import Settings
from batch.terminal.remedies import in_terminal
from tests.support.front_ends import Recorder
from tests.support.wired import (
    CAMPAIGN,
    KEY,
    Api,
    lead_id,
    pausing,
    request_of,
    served_by,
    write_leads,
)

PREFLIGHT = Preflight(workspace=Workspace(id="w1", name="Acme"), labels=("Interested",))
BAD = (CAMPAIGN, "bad", "paused", "")


def leads(tmp_path: Path, rows: list[tuple[str, ...]]) -> Path:
    return write_leads(tmp_path / "leads.csv", rows)


def clearing(count: int) -> list[tuple[str, ...]]:
    return [(CAMPAIGN, lead_id(n), "", "null") for n in range(1, count + 1)]


def refusal(request: Request, *, can_ask: bool = True, preflight: Preflight = PREFLIGHT) -> str:
    """Why a run is refused once it is judged."""
    with open_run(request) as opened, pytest.raises((InputError, SettingsError)) as caught:
        judge(opened, preflight).ready(can_ask=can_ask)
    assert not opened.folder.path.exists()
    return in_terminal(caught.value)


def test_a_check_judges_and_forecasts_and_leaves_no_trace(tmp_path: Path) -> None:
    path = leads(tmp_path, [*pausing(30), BAD])
    settings = Settings.model_validate({"pace": {"rate": "60/min"}})
    with check(request_of(path, settings=settings)) as checked:
        assert (checked.plan.rows, checked.plan.requests) == (31, 30)
        assert checked.plan.tally == {Reason.BAD_ID: 1}
        assert checked.forecast_s == 30.0
        assert checked.refusal is None
        assert [problem.line for problem in checked.plan.problems()] == [32]
    assert list(tmp_path.iterdir()) == [path]


def test_a_check_reads_standard_input_as_often_as_it_needs(tmp_path: Path) -> None:
    content = leads(tmp_path, [*pausing(2), BAD]).read_bytes()
    source = Source(name="stdin", stream=io.BytesIO(content))
    with check(
        Request(source=source, settings=Settings(), session=Session(state_dir=tmp_path))
    ) as checked:
        assert checked.plan.rows == 3
        assert len(list(checked.plan.problems())) == 1


def test_a_check_reads_a_pipe_once_only(tmp_path: Path) -> None:
    content = leads(tmp_path, [*pausing(2), BAD]).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[content], daemon=True)
    writer.start()
    with check(request_of(pipe)) as checked:
        assert len(list(checked.plan.problems())) == 1
    writer.join()


@pytest.mark.parametrize("use", [check, open_run], ids=["check", "run"])
def test_a_file_that_is_not_there_is_named_in_full(use: object, tmp_path: Path) -> None:
    path = tmp_path / "nosuch.csv"
    with pytest.raises(InputError) as caught, use(request_of(path)):  # type: ignore[operator]  # either of the two
        pass
    assert str(caught.value) == (
        f"{path}: the file can't be read: No such file or directory. "
        "Check its name and permissions."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_strict_refuses_if_any_row_is_invalid_and_names_the_first(
    rows: int, tmp_path: Path
) -> None:
    path = leads(tmp_path, [*pausing(1), *[BAD] * rows])
    with check(request_of(path, strict=True)) as checked:
        said = checked.refusal
    if not rows:
        assert said is None
        return
    count = "1 row is" if rows == 1 else "2 rows are"
    assert said == (
        f"{count} invalid, and a strict run sends nothing then. The first: leads.csv line 3, "
        'column campaignLeadId: found "bad", 3 hexadecimal digits; expected 24.'
    )
    assert refusal(request_of(path, strict=True)) == said


def test_strict_sees_unknown_tags_too(tmp_path: Path) -> None:
    path = leads(tmp_path, [(CAMPAIGN, lead_id(1), "", "Intrested")])
    assert refusal(request_of(path, strict=True)) == (
        "1 row is invalid, and a strict run sends nothing then. The first: leads.csv line 2, "
        'column aiTag: "Intrested" is not a label of this workspace. Did you mean "Interested"?'
    )


def test_mostly_invalid_rows_are_refused_unless_allowed(tmp_path: Path) -> None:
    path = leads(tmp_path, [*pausing(20), *[BAD] * 21])
    assert refusal(request_of(path)) == (
        "21 of 41 rows are invalid, more than half: probably the columns are the wrong ones. "
        'The first: leads.csv line 22, column campaignLeadId: found "bad", 3 hexadecimal digits; '
        "expected 24. "
        "Mend the file or name its columns with --map; "
        "to send the valid rows all the same, use --allow-invalid."
    )
    with open_run(request_of(path, allow_invalid=True)) as opened:
        assert judge(opened, PREFLIGHT).ready(can_ask=False).plan.requests == 20


def test_mostly_clears_are_refused_where_nobody_can_type_their_number(tmp_path: Path) -> None:
    path = leads(tmp_path, [*pausing(20, first=100), *clearing(21)])
    said = (
        "21 of the 41 rows to send clear the tag, more than half. "
        "If that is meant, use --allow-clears, or type 21 at the question."
    )
    assert refusal(request_of(path), can_ask=False) == said
    with check(request_of(path)) as checked:
        assert in_terminal(checked.refusal or "") == said


def test_the_number_to_type_is_the_one_that_was_named(tmp_path: Path) -> None:
    twice = [(CAMPAIGN, lead_id(1), "active", "null")]  # of a lead that a row above clears too
    path = leads(tmp_path, [*clearing(21), *twice])
    with open_run(request_of(path)) as opened:
        ready = judge(opened, PREFLIGHT).ready(can_ask=True)
    assert ready.plan.tags_cleared == 21
    assert ready.plan.clears_rows == 22
    assert ready.question.typed_number == 22
    with check(request_of(path)) as checked:
        assert checked.refusal is not None
        assert "type 22 at the question" in in_terminal(checked.refusal)


def test_allowed_clears_are_a_plain_question(tmp_path: Path) -> None:
    path = leads(tmp_path, clearing(21))
    with open_run(request_of(path, allow_clears=True)) as opened:
        ready = judge(opened, PREFLIGHT).ready(can_ask=False)
    assert ready.question.typed_number is None
    with check(request_of(path, allow_clears=True)) as checked:
        assert checked.refusal is None


@pytest.mark.parametrize(("can_ask", "shown"), [(True, 2), (False, 0)])
def test_leads_are_named_where_somebody_is_asked_alone(
    tmp_path: Path, *, can_ask: bool, shown: int
) -> None:
    with open_run(request_of(leads(tmp_path, clearing(2)))) as opened:
        assert len(judge(opened, PREFLIGHT).ready(can_ask=can_ask).question.diff) == shown


def test_labels_that_could_not_be_read_are_a_warning_in_the_question(tmp_path: Path) -> None:
    path = leads(tmp_path, [(CAMPAIGN, lead_id(1), "", "Anything")])
    preflight = Preflight(workspace=None, labels=None, labels_failed=True)
    with open_run(request_of(path)) as opened:
        question = judge(opened, preflight).ready(can_ask=True).question
    assert question.text == (
        "Change 1 lead in an unknown workspace (api.sendkit.ai): 1 tag set. "
        "Tag changes can start or stop e-mails. About 1 s. "
        "The labels could not be read: tags are not checked."
    )


def test_practice_says_that_its_tags_were_not_checked(tmp_path: Path) -> None:
    path = leads(tmp_path, [(CAMPAIGN, lead_id(1), "", "Anything")])
    preflight = Preflight(workspace=None, labels=("Anything",))
    with open_run(request_of(path, sandbox=True, access=None)) as opened:
        question = judge(opened, preflight).ready(can_ask=True).question
    assert question.text.endswith(
        "In a real run, tag changes can start or stop e-mails. "
        "About 1 s. This is practice: tags were not checked against your workspace's labels."
    )


def test_the_question_counts_the_rows_that_are_wrong(tmp_path: Path) -> None:
    path = leads(tmp_path, [*pausing(3), BAD, BAD])
    with open_run(request_of(path)) as opened:
        question = judge(opened, PREFLIGHT).ready(can_ask=True).question
    assert question.text == (
        "Change 3 leads in workspace Acme (api.sendkit.ai): 3 paused. About 1 s. "
        "2 of 5 rows are wrong and will not be sent."
    )


def test_who_says_yes_to_a_question_that_names_a_long_wait_waits(tmp_path: Path) -> None:
    day = Budget(name="d", limit=10, remaining=10, reset_s=40_000, window_s=86_400.0)
    preflight = replace(PREFLIGHT, budgets=(day,))
    person = Recorder(["yes"])
    with open_run(request_of(leads(tmp_path, pausing(20)))) as opened:
        ready = judge(opened, preflight).ready(can_ask=True)
        assert ready.question.warnings[0] == (
            "The server allows 10 requests in 1 d, of which 9 are left for 11 h 7 min. A yes "
            "means waiting for more. A run that asks nobody stops after 9."
        )
        unasked = confirm(person, ready, asks=False)
        assert not unasked.opened.request.settings.pace.wait
        asked = confirm(person, ready, asks=True)
        assert asked.opened.request.settings.pace.wait


def test_labels_matter_only_where_tags_are_set(tmp_path: Path) -> None:
    preflight = Preflight(workspace=None, labels=None, labels_failed=True)
    with open_run(request_of(leads(tmp_path, pausing(1)))) as opened:
        question = judge(opened, preflight).ready(can_ask=True).question
    assert "labels" not in question.text


def test_a_label_with_the_clear_words_name_is_refused(tmp_path: Path) -> None:
    preflight = Preflight(workspace=None, labels=("Null",))
    said = refusal(request_of(leads(tmp_path, pausing(1))), preflight=preflight)
    assert said.startswith('The workspace has a label "Null", and [input] clear_word = "null"')


def test_a_run_has_a_folder_with_its_own_copy_of_the_input(tmp_path: Path) -> None:
    path = leads(tmp_path, pausing(2))
    before = datetime.now(UTC)
    with open_run(request_of(path)) as opened:
        path.write_text("changed meanwhile")
        assert judge(opened, PREFLIGHT).ready(can_ask=True).plan.rows == 2
        assert opened.folder.path / opened.input.copy_name == tmp_path / "run" / "input.csv"
        assert opened.access.base_url == "https://api.sendkit.ai"
        assert opened.access.api_key.get_secret_value() == KEY
        assert opened.started_at >= before


def test_a_run_that_is_not_executed_leaves_no_trace(tmp_path: Path) -> None:
    path = leads(tmp_path, pausing(2))
    with open_run(request_of(path)):
        assert (tmp_path / "run").is_dir()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cant_be_read_as_a_table_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.touch()
    with (
        pytest.raises(InputError, match=r"leads\.csv: is empty \(0 bytes\)\."),
        open_run(request_of(path)),
    ):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_runs_without_a_folder_of_their_own_go_below_runs_dir(tmp_path: Path) -> None:
    settings = Settings.model_validate({"run": {"runs_dir": str(tmp_path / "all")}})
    path = leads(tmp_path, pausing(1))
    with open_run(request_of(path, settings=settings, out=None)) as opened:
        assert opened.folder.path.parent == tmp_path / "all"
        assert opened.folder.path.name.startswith("leads-2")


def test_the_server_is_asked_whose_key_it_is_and_for_its_labels(tmp_path: Path) -> None:
    with (
        served_by(Api(labels=("A", "B"))),
        open_run(request_of(leads(tmp_path, pausing(1)))) as opened,
    ):
        preflight = anyio.run(opened.ask)
    assert preflight == Preflight(workspace=Workspace(id="w1", name="Acme"), labels=("A", "B"))


def test_a_source_without_bytes_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="a source has a path or a stream"):
        _ = Source(name="x").bytes_from


def test_a_run_without_a_key_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    request = request_of(leads(tmp_path, pausing(1)), access=None)
    with pytest.raises(ValueError, match="needs a key"), open_run(request):
        pass


def test_a_command_is_spelled_for_a_shell() -> None:
    assert command("run", "my leads.csv", "--map", "status=a b") == (
        "sendkit-batch run 'my leads.csv' --map 'status=a b'"
    )
