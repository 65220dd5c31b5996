import signal
from pathlib import Path

import pytest

from batch.errors import UsageError
from batch.reading.table import Table
from batch.terminal import endings, summary
from batch.terminal.console import typed
from tests.support.shell import Shell, both, refused, rise, rise_always
from tests.support.wired import KEY, pausing


def test_a_question_without_an_answer_leaves_no_open_line(shell: Shell) -> None:
    shell.typing("")
    shell.run(shell.leads(pausing(1)))
    assert "Send 1 change? [y/N] \nNothing was sent" in shell.err


def test_the_last_line_is_one_line_whatever_a_folder_is_called(shell: Shell) -> None:
    out = Path("two\nlines " + "x" * 200)
    assert shell.run(shell.leads(pausing(1)), yes=True, out=out, as_json=True) == 0
    assert shell.last_line == (
        "finished: 1 success, 0 error, 0 skipped, 0 unsent; "
        f"two\\nlines {'x' * 200}/results.csv; next: nothing to do"
    )
    assert shell.answer["run"] == str(out)


def test_a_message_of_several_lines_keeps_them_before_the_last_line(shell: Shell) -> None:
    (shell.cwd / "sendkit-batch.toml").write_text("[pace]\nrte = 1\nconcurency = 2\n")
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 2
    assert len(shell.err.splitlines()) == 3
    assert "[pace] rte" in shell.err
    assert shell.answer["exit_code"] == 2


def test_a_name_that_would_steer_the_terminal_does_not(shell: Shell) -> None:
    assert shell.run("no\x1b[2Jsuch.csv", yes=True) == 2
    assert "\x1b" not in shell.err
    assert "no\\x1b[2Jsuch.csv: the file can't be read" in shell.err


@pytest.mark.parametrize("in_file", [False, True], ids=["key in environment", "key in file"])
def test_an_unexpected_error_before_sending_is_shown_without_the_key(
    shell: Shell, *, in_file: bool
) -> None:
    if in_file:
        shell.monkeypatch.delenv("SENDKIT_API_KEY")
        own = shell.cwd / ".config" / "sendkit-batch"
        own.mkdir(parents=True)
        (own / "key").write_text(KEY)
        (own / "sendkit-batch.toml").write_text('[api]\napi_key_file = "key"\n')
    shell.api.look_up = rise(LookupError(f"no such thing: [/] {KEY}"))
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 3
    assert KEY not in shell.err + shell.out
    assert "LookupError: no such thing: [/] ***" in shell.err
    assert shell.err.splitlines()[-2:] == [
        "Unexpected error; nothing was sent. Please report what stands above.",
        "failed: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
    ]
    assert shell.answer["exit_code"] == 3
    assert not (shell.cwd / "runs").exists()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_command_line_that_is_none_is_refused(shell: Shell, *, as_json: bool) -> None:
    message = "No such option: --nope."
    assert shell.do(lambda it: endings.refuse(message, it, quiet=False, as_json=as_json)) == 2
    assert shell.err.splitlines() == refused("No such option: --nope.")
    if as_json:
        assert shell.answer["message"] == "No such option: --nope."
    else:
        assert shell.out == ""


def test_an_error_while_results_are_shown_leaves_what_the_run_came_to(shell: Shell) -> None:
    broken = rise_always(LookupError(f"odd {KEY}"))
    shell.monkeypatch.setattr(summary, "log_outcome", broken)
    assert shell.run(shell.leads(pausing(3)), yes=True, out=Path("out"), as_json=True) == 3
    traceback = Path("out/error.txt").read_text(encoding="utf-8")
    assert "LookupError: odd ***" in traceback
    assert KEY not in traceback + shell.err + shell.out
    message = (
        "Unexpected error: LookupError: odd ***. "
        "Its traceback is in out/error.txt; please report it."
    )
    assert shell.err.splitlines()[-2:] == [
        f"The sending had ended before this happened. {message}",
        "failed: 3 success, 0 error, 0 skipped, 0 unsent; out/results.csv; next: nothing to do",
    ]
    assert (shell.answer["success"], shell.answer["exit_code"]) == (3, 3)
    assert shell.answer["message"] == message


def test_an_error_of_ours_after_sending_is_no_refusal(shell: Shell) -> None:
    error = UsageError("The practice sandbox can't be ended.")
    shell.monkeypatch.setattr(Table, "close", rise_always(error))
    assert shell.run(shell.leads(pausing(3)), yes=True, out=Path("out")) == 3
    assert shell.err.splitlines()[-2:] == [
        "The sending had ended before this happened. The practice sandbox can't be ended.",
        "failed: 3 success, 0 error, 0 skipped, 0 unsent; out/results.csv; next: nothing to do",
    ]


@both
def test_an_interrupt_after_the_last_line_changes_nothing(
    shell: Shell, number: signal.Signals
) -> None:
    shell.before_text["refused: "] = lambda: signal.raise_signal(number)
    assert shell.check("nosuch.csv") == 2
    assert shell.last_line.startswith("refused: ")
    signal.raise_signal(number)


def test_colours_that_are_asked_for_break_no_line_of_a_log(shell: Shell) -> None:
    shell.monkeypatch.setenv("FORCE_COLOR", "1")
    name = "long " * 40 + ".csv"
    shell.check(name)
    assert f"{name}: the file can't be read: No such file" in shell.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "/home/ann/my leads.csv", "--rate", "60/min"), "run 'my leads.csv' --rate 60/min"),
        (("run", "-", "--rate=60/min", "--out=/srv/ann/out"), "run - --rate=60/min --out=out"),
        (("plan", "a.csv", "--base-url", "https://x.example/api"), "plan a.csv --base-url https://x.example/api"),
        (("resume", "C:\\Users\\ann\\runs\\x"), "resume x"),
        (("apply", "runs/x/"), "apply x"),
        ((), ""),
    ],
)  # fmt: skip
def test_a_command_is_told_without_the_folders_of_its_paths(
    words: tuple[str, ...], told: str
) -> None:
    assert typed(words) == f"sendkit-batch {told}".strip()
