import io
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from batch.jobs import cells
from batch.reading.table import Table
from tests.support.shell import BAD, EXIT_CODES, Shell, Stdin, both, refused, rise
from tests.support.wired import CAMPAIGN, confirmed, lead_id, pausing


def test_a_run_that_is_confirmed_in_advance_tells_what_it_does(shell: Shell) -> None:
    assert shell.run(shell.leads(pausing(3)), yes=True, out=Path("out")) == 0
    assert shell.err.splitlines()[0] == (
        "Change 3 leads in workspace Acme (api.sendkit.ai): 3 paused. About 1 s."
    )
    assert shell.last_line == (
        "finished: 3 success, 0 error, 0 skipped, 0 unsent; out/results.csv; next: nothing to do"
    )
    assert "results: out/results.csv" in shell.err
    assert shell.out == ""
    names = {path.name for path in Path("out").iterdir()}
    assert names == {
        "run.json", "input.csv", "plan.parquet", "journal.sqlite", "timeline.jsonl", "results.csv",
        "failed.csv", "report.html",
    }  # fmt: skip


def test_json_is_the_report(shell: Shell) -> None:
    assert shell.run(shell.leads([*pausing(1), BAD]), yes=True, as_json=True) == 1
    assert shell.answer["exit_code"] == 1
    assert shell.answer["reasons"] == {"applied": 1, "bad_id": 1}
    told = shell.last_line.rpartition("next: ")[2]
    assert told == f"fix the rows in failed.csv, then {shell.answer['next_command']}"


def test_quiet_is_the_last_line_alone(shell: Shell) -> None:
    assert shell.run(shell.leads(pausing(1)), yes=True, quiet=True) == 0
    assert shell.err.count("\n") == 1


@pytest.mark.parametrize("line", ["y\n", "YES\n", " y \n"])
def test_a_yes_at_the_question_sends(shell: Shell, line: str) -> None:
    shell.typing(line)
    assert shell.run(shell.leads(pausing(2)), quiet=True) == 0
    assert len(shell.api.changes) == 2
    assert (
        "Change 2 leads in workspace Acme (api.sendkit.ai): 2 paused.\nSend 2 changes? [y/N] "
    ) in shell.err


@pytest.mark.parametrize("line", ["\n", "n\n", "no\n", "yess\n", "", "3\n"])
def test_all_else_at_the_question_sends_nothing(shell: Shell, line: str) -> None:
    shell.typing(line)
    assert shell.run(shell.leads(pausing(2)), as_json=True) == 2
    assert shell.api.changes == []
    end = refused("Nothing was sent: the question was not answered with yes.", declined=True)
    assert shell.err.endswith("\n".join([*end, ""]))
    assert shell.answer["state"] == "refused"
    assert not (shell.cwd / "runs").exists()


@pytest.mark.parametrize(
    ("line", "exit_code"), [("1022\n", 0), ("1,022\n", 0), ("y\n", 2), ("22\n", 2), ("\n", 2)]
)
def test_mostly_clears_need_their_number_typed(shell: Shell, line: str, exit_code: int) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "null") for n in range(1022)]
    shell.typing(line)
    assert shell.run(shell.leads(rows), quiet=True) == exit_code
    assert "1,022 of the 1,022 rows to send clear the tag, more than half." in shell.err
    assert "\nType 1022 to send 1,022 changes: " in shell.err
    assert bool(shell.api.changes) is (exit_code == 0)


@pytest.mark.parametrize(("line", "exit_code"), [("3\n", 0), ("y\n", 2), ("2\n", 2)])
def test_more_tag_changes_than_the_limit_need_their_number_typed(
    shell: Shell, line: str, exit_code: int
) -> None:
    limited(shell, 2)
    shell.typing(line)
    assert shell.run(shell.leads(tagging(3))) == exit_code
    assert "3 leads' tags would change, more than the 2 of tag_change_limit" in shell.err
    assert "\nType 3 to send 3 changes: " in shell.err
    declined = "Nothing was sent: the question was not answered with 3."
    assert (declined in shell.err) is (exit_code == 2)
    assert len(shell.api.changes) == (3 if exit_code == 0 else 0)


@pytest.mark.parametrize(
    ("expected", "exit_code"), [("3", 0), ("2-4", 0), ("4", 2), ("0-2", 2), ("three", 2)]
)
def test_a_script_names_how_many_tags_are_to_change(
    shell: Shell, expected: str, exit_code: int
) -> None:
    limited(shell, 2)
    path = shell.leads(tagging(3))
    assert shell.run(path, yes=True, expect_changes=expected) == exit_code
    assert len(shell.api.changes) == (3 if exit_code == 0 else 0)


def test_a_script_that_names_no_number_sends_nothing_above_the_limit(shell: Shell) -> None:
    limited(shell, 2)
    assert shell.run(shell.leads(tagging(3)), yes=True) == 2
    assert shell.api.changes == []
    assert shell.run(shell.leads(tagging(2)), yes=True) == 0


@pytest.mark.parametrize(
    ("own", "total", "told"),
    [
        (2, 1, "more than the 1 of tag_change_limit_total"),
        (1, 2, "more than the 1 of tag_change_limit;"),
        (0, 2, "more than the 2 of tag_change_limit_total"),
        (3, 3, ""),
    ],
)
def test_of_one_workspace_the_lower_of_both_limits_counts(
    shell: Shell, own: int, total: int, told: str
) -> None:
    limited(shell, own, total=total)
    assert shell.run(shell.leads(tagging(3)), yes=True) == (2 if told else 0)
    assert told in shell.err


def test_a_check_leads_to_a_run_that_asks_for_the_number(shell: Shell) -> None:
    limited(shell, 2)
    assert shell.check(shell.leads(tagging(3))) == 0
    assert "3 leads' tags would change, more than the 2 of tag_change_limit" in shell.out
    assert shell.last_line.endswith("next: sendkit-batch run leads.csv")


def test_a_check_holds_all_workspaces_against_the_limit_of_all(shell: Shell) -> None:
    limited(shell, 2, total=3)
    with (shell.cwd / "sendkit-batch.toml").open("a") as file:
        file.write('[workspaces."Acme"]\napi_key_env = "ACME"\n')
    text = "workspace,campaignId,campaignLeadId,aiTag\n"
    for count in (3, 4):
        rows = [f"Acme,{campaign},{lead},{tag}\n" for campaign, lead, _, tag in tagging(count)]
        (shell.cwd / "leads.csv").write_text(text + "".join(rows))
        config = shell.cwd / "sendkit-batch.toml"
        assert shell.check("leads.csv", config=config) == 0
        told = "4 leads' tags would change, more than the 3 of tag_change_limit_total"
        assert (told in shell.out) is (count == 4)
        assert "of tag_change_limit;" not in shell.out


def limited(shell: Shell, limit: int, *, total: int = 0) -> None:
    """Set how many tags may change without a number."""
    limits = f"tag_change_limit = {limit}\ntag_change_limit_total = {total}\n"
    settings = f"[run]\n{limits}[pace]\nrate = 1000\n"
    (shell.cwd / "sendkit-batch.toml").write_text(settings)


def tagging(count: int) -> list[tuple[str, ...]]:
    return [(CAMPAIGN, lead_id(n), "", "Interested") for n in range(count)]


def test_standard_input_can_be_the_spreadsheet_and_then_the_answer(shell: Shell) -> None:
    content = (shell.cwd / shell.leads(pausing(2))).read_bytes()
    shell.typing("y\n", content)
    assert shell.run("-") == 0
    assert len(shell.api.changes) == 2


def test_without_a_terminal_nobody_is_asked(shell: Shell) -> None:
    assert shell.run(shell.leads(pausing(1))) == 2
    assert shell.err.splitlines() == refused(
        "Nothing was sent: there is no terminal to ask. Add --yes to send without asking, "
        "or --dry-run to see what would be sent."
    )


def test_a_terminal_at_one_end_alone_is_none(shell: Shell) -> None:
    shell.typing("y\n")
    shell.streams["stderr"] = io.StringIO()
    assert shell.run(shell.leads(pausing(1))) == 2
    assert shell.api.changes == []


def test_a_closed_standard_input_is_no_terminal(shell: Shell) -> None:
    shell.streams["stdin"] = None
    assert shell.run(shell.leads(pausing(1))) == 2
    assert "there is no terminal to ask" in shell.err


def test_closed_outputs_do_not_disturb_a_run(shell: Shell) -> None:
    shell.streams.update(stdout=None, stderr=None)
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 0


def test_nothing_to_change_is_not_asked_about(shell: Shell) -> None:
    shell.typing(rise(AssertionError("nobody is asked")))
    assert shell.run(shell.leads([(CAMPAIGN, lead_id(1), "", "")])) == 0
    assert "Nothing to change in workspace Acme (api.sendkit.ai)." in shell.err


def test_a_header_without_rows_is_warned_of(shell: Shell) -> None:
    shell.typing(rise(AssertionError("nobody is asked")))
    assert shell.run(shell.leads([])) == 0
    assert "leads.csv has a header and no rows." in shell.err
    assert shell.last_line.startswith("finished: 0 success, 0 error, 0 skipped, 0 unsent; runs/")


def test_practice_on_a_terminal_refuses_mostly_clears_as_it_does_elsewhere(shell: Shell) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "null") for n in range(21)]
    shell.typing(rise(AssertionError("nobody is asked")))
    leads = shell.leads(rows)
    assert shell.run(leads, sandbox=True) == 2
    assert "21 of the 21 rows to send clear the tag, more than half." in shell.err


def test_names_in_brackets_are_shown_as_they_are(shell: Shell) -> None:
    shell.api.workspace = "[bold]Acme[/] :bug:"
    name = shell.leads([*pausing(1), (CAMPAIGN, "[red]:bug:[/]", "paused", "")], name="[red]x.csv")
    assert shell.run(name, yes=True) == 1
    assert "workspace [bold]Acme[/] :bug: (api.sendkit.ai)" in shell.err
    assert 'found "[red]:bug:[/]"; expected 24 hexadecimal digits.' in shell.err
    assert "results: runs/[red]x-2" in shell.err
    assert shell.check(name) == 2
    assert shell.out.startswith("[red]x.csv: 2 rows")
    assert 'found "[red]:bug:[/]"; expected 24 hexadecimal digits.' in shell.out


def test_a_stop_whose_words_look_like_markup_ends_as_any_other(shell: Shell) -> None:
    shell.api.answer = lambda _: httpx.Response(403, json={"error": "[/nope] no"})
    assert shell.run(shell.leads(pausing(9)), yes=True) == 3
    assert "(403) before any row succeeded: [/nope] no; does the key" in shell.err
    assert shell.last_line.startswith("stopped: 0 success, 0 error, 0 skipped, 9 unsent; runs/")


@both
def test_an_interrupt_while_the_server_is_asked_sends_nothing(
    shell: Shell, number: signal.Signals
) -> None:
    shell.api.look_up = lambda: signal.raise_signal(number)
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == EXIT_CODES[number]
    word = "Interrupted" if number == signal.SIGINT else "Ended"
    assert shell.err.splitlines() == [
        f"{word} before sending.",
        "interrupted: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
    ]
    assert shell.answer["exit_code"] == EXIT_CODES[number]
    assert shell.answer["state"] == "interrupted"
    assert not (shell.cwd / "runs").exists()


@both
def test_an_interrupt_at_the_question_sends_nothing(shell: Shell, number: signal.Signals) -> None:
    def interrupted() -> str:
        signal.raise_signal(number)
        return "y\n"

    shell.typing(interrupted)
    assert shell.run(shell.leads(pausing(1)), as_json=True) == EXIT_CODES[number]
    assert shell.answer["exit_code"] == EXIT_CODES[number]
    assert shell.api.changes == []
    assert not (shell.cwd / "runs").exists()


@both
def test_an_interrupt_while_the_input_is_copied_leaves_no_trace(
    shell: Shell, number: signal.Signals
) -> None:
    class Interrupted(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            signal.raise_signal(number)
            return b""

    shell.streams["stdin"] = Stdin(Interrupted())
    assert shell.run("-", yes=True, as_json=True) == EXIT_CODES[number]
    assert shell.answer["state"] == "interrupted"
    assert not (shell.cwd / "runs").exists()


@both
@pytest.mark.parametrize("error", [None, TypeError("'str' is not a data type")])
def test_an_interrupt_that_compiled_code_drops_or_renames_sends_nothing(
    shell: Shell, number: signal.Signals, error: Exception | None
) -> None:
    def dropped(*_: object) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        if error:
            raise error

    shell.monkeypatch.setattr(cells, "check_rules", dropped)
    leads = shell.leads(pausing(1))
    runs: list[Callable[[], int]] = [
        lambda: shell.run(leads, yes=True),
        lambda: shell.check(leads),
    ]
    for run in runs:
        assert run() == EXIT_CODES[number]
        word = "Interrupted" if number == signal.SIGINT else "Ended"
        assert shell.err.splitlines()[-2:] == [
            f"{word} before sending.",
            "interrupted: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
        ]
    assert shell.api.changes == []
    assert not (shell.cwd / "runs").exists()


@both
def test_an_interrupt_while_sending_is_told_with_its_results(
    shell: Shell, number: signal.Signals
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if len(shell.api.changes) == 2:
            signal.raise_signal(number)
        return confirmed(request)

    shell.api.answer = answer
    exit_code = shell.run(shell.leads(pausing(400)), yes=True, as_json=True, concurrency=1)
    assert exit_code == EXIT_CODES[number]
    assert shell.answer["state"] == "interrupted"
    assert shell.answer["success"] < 400
    assert shell.answer["success"] + shell.answer["unsent"] == 400
    assert shell.last_line.startswith("interrupted: ")
    assert "next: sendkit-batch resume runs/leads-" in shell.last_line


@both
def test_an_interrupt_while_results_are_told_still_ends_with_the_last_line(
    shell: Shell, number: signal.Signals
) -> None:
    shell.before_text["Sum: "] = lambda: signal.raise_signal(number)
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 0
    assert shell.answer["state"] == "finished"
    assert shell.last_line.startswith("finished: 1 success")


@both
def test_an_interrupt_while_all_is_tidied_up_changes_nothing(
    shell: Shell, number: signal.Signals
) -> None:
    close = Table.close

    def interrupted(self: Table) -> None:
        signal.raise_signal(number)
        close(self)

    shell.monkeypatch.setattr(Table, "close", interrupted)
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 0
    assert shell.answer["state"] == "finished"


def test_a_disk_that_is_full_at_the_start_is_exit_3_and_leaves_no_trace(shell: Shell) -> None:
    def block() -> None:
        (shell.cwd / "out" / "run.json").mkdir()

    shell.api.look_up = block
    assert shell.run(shell.leads(pausing(1)), yes=True, out=Path("out"), as_json=True) == 3
    assert shell.answer["message"].startswith("out/run.json: can't be written: ")
    assert shell.last_line == (
        "failed: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again"
    )


def test_a_reader_that_leaves_does_not_stop_the_run(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stderr:
        shell.streams["stderr"] = stderr
        assert shell.run(shell.leads(pausing(3)), yes=True) == 0
    (folder,) = (shell.cwd / "runs").iterdir()
    assert len((folder / "results.csv").read_text("utf-8-sig").splitlines()) == 4


def test_the_settings_file_is_named_whatever_the_command(shell: Shell) -> None:
    (shell.cwd / "sendkit-batch.toml").touch()
    leads = shell.leads(pausing(1))
    commands: list[Callable[[], int]] = [
        lambda: shell.run(leads, yes=True),
        lambda: shell.run(leads, dry_run=True),
        lambda: shell.check(leads),
    ]
    for command in commands:
        assert command() == 0
        assert shell.err.splitlines()[0] == f"Settings: {shell.cwd}/sendkit-batch.toml"


def test_notes_about_the_key_and_the_server_are_told(shell: Shell) -> None:
    shell.monkeypatch.setenv("SENDKIT_WORKSPACE_ID", "w9")
    shell.monkeypatch.setattr(shell.api, "tags", lambda _: httpx.Response(404))
    leads, out = shell.leads([(CAMPAIGN, lead_id(1), "", "Any")]), Path("out")
    assert shell.run(leads, yes=True, out=out) == 0
    assert "the workspace&#39;s labels could not be read" in (out / "report.html").read_text(
        "utf-8"
    )
    assert "SENDKIT_WORKSPACE_ID is ignored: a workspace key already" in shell.err
    assert "The workspace's labels could not be read, tags are not checked: " in shell.err


def test_notes_about_the_file_are_told(shell: Shell) -> None:
    path = shell.cwd / shell.leads([(CAMPAIGN, lead_id(1), "", "Größe")])
    path.write_bytes(path.read_text("utf-8").encode("cp1252"))
    shell.api.labels = ("Größe",)
    assert shell.run(path.name, yes=True) == 0
    assert "cp1252" in shell.err.splitlines()[0]
    assert shell.check(path.name) == 0
    assert "cp1252" in shell.err.splitlines()[0]


def test_two_headers_for_one_field_are_refused(shell: Shell) -> None:
    mapping = ("status=A", "status=B")
    assert shell.run(shell.leads(pausing(1)), yes=True, mapping=mapping) == 2
    assert '--map: found two headers for status, "A" and "B"; expected one.' in shell.err
