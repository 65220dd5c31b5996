import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.main

from batch import __version__, cli
from batch.recording.state import default_state_dir
from batch.settings.options import TAKEN_BY, CliOptions
from batch.terminal import checking, command_line, commands
from batch.terminal.signals import Interrupts
from tests.recording.test_history import recorded, remember
from tests.support.in_process import sendkit_batch

COMMANDS = (
    "run",
    "check",
    "resume",
    "retry",
    "results",
    "report",
    "runs",
    "demo",
    "sandbox",
    "help",
)
HEAVY = (
    "asyncio",
    "polars",
    "httpx",
    "pydantic",
    "anyio",
    "starlette",
    "uvicorn",
    "jinja2",
    "batch.jobs.opening",
)


def main(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """The exit code of a command line."""
    monkeypatch.setattr(sys, "argv", ["sendkit-batch", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def parameters() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(command_line.app)
    for name, command in group.commands.items():
        for parameter in command.params:
            yield f"{name} {parameter.name}", parameter


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"]])
def test_help_is_instant_for_it_imports_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\n"
        "from batch.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        f"    print('loaded', [n for n in {HEAVY!r} if n in sys.modules], end.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("loaded [] 0\n")
    assert done.stderr == ""


def test_every_command_is_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch, "--help") == 0
    out = capsys.readouterr().out
    assert all(f" {command} " in out for command in COMMANDS)


@pytest.mark.parametrize(("name", "parameter"), list(parameters()), ids=str)
def test_every_option_has_help_that_is_a_sentence(name: str, parameter: Any) -> None:  # noqa: ANN401 - Typer's own class of it is private
    assert parameter.help, name
    assert parameter.help.endswith((".", "stdin.")), name


def test_the_options_of_a_run_are_those_of_the_contract() -> None:
    flags = {
        flag
        for name, parameter in parameters()
        if name.startswith("run ")
        for flag in parameter.opts
        if flag.startswith("--")
    }
    assert flags == {
        "--config", "--base-url", "--rate", "--concurrency", "--out", "--new", "--yes", "--dry-run",
        "--strict", "--on-conflict", "--allow-invalid", "--allow-clears", "--max-errors", "--map",
        "--sheet", "--encoding", "--delimiter", "--no-tag-check", "--json", "--quiet", "--sandbox",
        "--expect-changes", "--skip-unchanged", "--final-states", "--keep-before", "--canary",
        "--campaign", "--workspace", "--skip-failed-workspaces", "--open",
        "--header-row", "--daily", "--wait", "--on",
        "--remembered",
        "--no-remembered",
        "--show",
    }  # fmt: skip


RUN_WORDS = (
    "run", "leads.csv", "--config", "c.toml", "--base-url", "http://127.0.0.1", "--rate", "5",
    "--concurrency", "8", "--out", "o", "--new", "--yes", "--dry-run", "--strict", "--on-conflict",
    "last-wins", "--allow-invalid", "--allow-clears", "--max-errors", "9", "--map", "status=S",
    "--map", "aiTag=T", "--sheet", "One", "--encoding", "cp1252", "--delimiter", "tab",
    "--no-tag-check", "--json", "--quiet", "--sandbox", "--expect-changes", "3",
    "--skip-unchanged", "always", "--final-states", "send", "--keep-before", "--canary", "20",
    "--campaign", "Spring", "--open", "--header-row", "3", "--remembered", "--no-remembered",
    "--daily", "50000", "--wait", "--show", "9", "--workspace", "Acme", "--skip-failed-workspaces",
    "--on", "parts",
)  # fmt: skip
CHECK_WORDS = (
    "check", "leads.csv", "--config", "c.toml", "--rate", "5", "--strict", "--on-conflict",
    "last-wins", "--allow-invalid", "--allow-clears", "--map", "status=S", "--sheet", "One",
    "--encoding", "cp1252", "--delimiter", "tab", "--problems", "p.csv", "--json", "--quiet",
    "--campaign", "Spring", "--workspace", "Acme", "--header-row", "3", "--remembered",
    "--no-remembered",
)  # fmt: skip


@pytest.mark.parametrize("words", [RUN_WORDS, CHECK_WORDS], ids=["run", "check"])
def test_every_option_reaches_the_command(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    taken: list[CliOptions] = []

    def command(options: CliOptions, _: Interrupts) -> int:
        taken.append(options)
        return 3

    monkeypatch.setattr(checking if words[0] == "check" else commands, words[0], command)
    assert main(monkeypatch, *words) == 3
    (options,) = taken
    untouched = CliOptions(file="leads.csv")
    reached = {
        name for name in CliOptions.__slots__ if getattr(options, name) != getattr(untouched, name)
    }
    assert {"file", *reached} == set(TAKEN_BY[words[0]])


@pytest.mark.parametrize("exit_code", [0, 1, 2, 3, 130, 143])
def test_the_exit_code_of_a_command_is_the_programs(
    monkeypatch: pytest.MonkeyPatch, exit_code: int
) -> None:
    monkeypatch.setattr("batch.terminal.demo.demo", lambda *_: exit_code)
    assert main(monkeypatch, "demo") == exit_code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run x.csv --zzz --json", "No such option: --zzz."),
        ("run --json", "Missing argument 'FILE'."),
        (
            "run x.csv --concurency 5 --json",
            "No such option: --concurency. Did you mean --concurrency?",
        ),
        ("check x.csv --strickt --json", "No such option: --strickt. Did you mean --strict?"),
        ("runs --jsom --json", "No such option: --jsom. Did you mean --json?"),
        ("undo x --forse --json", "No such option: --forse."),
        ("nope --json", "No such command: nope."),
        ("runn --json", "No such command: runn. Did you mean run?"),
        ("verfy --json", "No such command: verfy. Did you mean verify?"),
        ("\x1b[2J --json", "No such command: \\x1b[2J."),
        ("check --json x.csv --rate", "Option '--rate' requires an argument."),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_one_json_object_and_a_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    message += " Add --help to see what there is."
    assert main(monkeypatch, *words.split()) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["message"] == message
    assert err.splitlines() == [
        message,
        (
            "refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; "
            "next: fix what is said above, and run it again"
        ),
    ]


def test_without_any_word_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch) == 2
    out, err = capsys.readouterr()
    assert "Usage: " in out + err


def test_the_version_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch, "--version") == 0
    first, python, *libraries = capsys.readouterr().out.splitlines()
    assert first == f"sendkit-batch {__version__}"
    assert python.startswith(f"Python {platform.python_version()}, ")
    assert {f"{name} {version(name)}" for name in ("polars", "httpx")} < set(libraries)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("res", ["resume", "results"]),
        ("run --conc", ["--concurrency"]),
        ("runs pru", ["prune"]),
    ],
)
def test_words_can_be_completed_in_bash(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    completed: list[str],
) -> None:
    monkeypatch.setenv("_SENDKIT_BATCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"sendkit-batch {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    assert main(monkeypatch) == 0
    assert capsys.readouterr().out.split() == completed


def test_the_names_of_runs_are_completed_the_newest_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    for name in ("leads-1", "leads-2", "gone"):
        remember(default_state_dir(), recorded(tmp_path / "runs" / name))
    shutil.rmtree(tmp_path / "runs" / "gone")
    monkeypatch.setenv("_SENDKIT_BATCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "sendkit-batch undo l")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert main(monkeypatch) == 0
    assert capsys.readouterr().out.split() == ["latest", "leads-2", "leads-1"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_the_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shell: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    assert main(monkeypatch, "--install-completion") == 0
    written = [path.read_text() for path in tmp_path.rglob("*sendkit-batch*")]
    assert any("_SENDKIT_BATCH_COMPLETE=complete_" in text for text in written)


def test_the_sandbox_has_options_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch, "sandbox", "--help") == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: sendkit-batch sandbox ")
    assert "--fault" in out


@pytest.mark.parametrize("typed", ["0", "1001", "-1", "x", "1.5"])
def test_a_number_out_of_its_bounds_is_told_with_what_is_expected(
    typed: str, tmp_path: Path
) -> None:
    ran = sendkit_batch("check", "leads.csv", "--header-row", typed, cwd=tmp_path)
    assert ran.exit_code == 2
    assert f"'--header-row': found \"{typed}\"; expected a whole number from 1 to 1000." in ran.err
