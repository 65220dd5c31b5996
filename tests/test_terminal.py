import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from batch.reading.table import Table
from batch.terminal import commands as terminal
from batch.terminal.given import Given
from batch.terminal.signals import INTERRUPTS
from tests.wired import (
    CAMPAIGN,
    KEY,
    Api,
    confirmed,
    lead_id,
    pausing,
    served_by,
    write_leads,
)

BAD = (CAMPAIGN, "bad", "paused", "")
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", INTERRUPTS)


class Stream(io.StringIO):
    """What is printed; each of `before_text` happens once, when its text is about to be printed."""

    def __init__(self, before_text: dict[str, Callable[[], object]]) -> None:
        super().__init__()
        self.is_terminal = False
        self._before_text = before_text

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        for awaited in [each for each in self._before_text if each in text]:
            self._before_text.pop(awaited)()
        return super().write(text)


class Stdin:
    """Standard input: bytes to read first, then a line that somebody types."""

    def __init__(self, content: io.BytesIO, type_line: Callable[[], str] | None = None) -> None:
        self.buffer = content
        self.is_terminal = type_line is not None
        self.readline = type_line or (lambda: "")

    def isatty(self) -> bool:
        return self.is_terminal


@dataclass
class Shell:
    """A shell in `cwd` with the API behind it, and what the last command in it printed.

    streams: other ones than usual, as sys has them.
    """

    cwd: Path
    monkeypatch: pytest.MonkeyPatch
    api: Api = field(default_factory=Api)
    streams: dict[str, object] = field(default_factory=dict)
    before_text: dict[str, Callable[[], object]] = field(default_factory=dict)
    printed: dict[str, Stream] = field(default_factory=dict)

    def typing(self, line: str | Callable[[], str], content: bytes = b"") -> None:
        """Somebody sits at a terminal and will type this line."""
        type_line = line if callable(line) else lambda: line
        self.streams["stdin"] = Stdin(io.BytesIO(content), type_line)

    def do(self, command: Callable[[], int], *, api: Api | None = None) -> int:
        self.printed = {name: Stream(self.before_text) for name in ("stdout", "stderr")}
        streams = {"stdin": Stdin(io.BytesIO()), **self.printed, **self.streams}
        stdin = streams["stdin"]
        self.printed["stderr"].is_terminal = isinstance(stdin, Stdin) and stdin.is_terminal
        for name, stream in streams.items():
            self.monkeypatch.setattr(sys, name, stream)
        with served_by(api) if api else nullcontext():
            return command()

    def leads(self, rows: Sequence[tuple[str, ...]], *, name: str = "leads.csv") -> str:
        write_leads(self.cwd / name, rows)
        return name

    def run(self, file: str, **options: Any) -> int:  # noqa: ANN401 - the fields of Given
        given = Given(file=file, rate="1000", **options)
        return self.do(lambda: terminal.run(given), api=None if given.sandbox else self.api)

    def check(self, file: str, **options: Any) -> int:  # noqa: ANN401 - the fields of Given
        return self.do(lambda: terminal.check(Given(file=file, **options)))

    @property
    def out(self) -> str:
        return self.printed["stdout"].getvalue()

    @property
    def err(self) -> str:
        return self.printed["stderr"].getvalue()

    @property
    def last_line(self) -> str:
        assert self.err.endswith("\n")
        return self.err.splitlines()[-1]

    @property
    def answer(self) -> dict[str, Any]:
        """Standard output as one JSON object and nothing else."""
        assert self.out.count("\n") == 1
        answer: dict[str, Any] = json.loads(self.out)
        return answer


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENDKIT_API_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("TERM", "dumb")  # log lines, also on a terminal
    for name in ("SENDKIT_WORKSPACE_ID", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path, monkeypatch)


def rise(error: BaseException) -> Callable[[], Any]:
    def fails() -> None:
        raise error

    return fails


def refused(message: str) -> list[str]:
    """The end of standard error where nothing was sent."""
    return [
        message,
        (
            "refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; "
            "next: mend what is said above, and run it again"
        ),
    ]


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
    assert names == {"run.json", "input.csv", "journal.sqlite", "results.csv", "failed.csv"}


def test_json_is_the_report(shell: Shell) -> None:
    assert shell.run(shell.leads([*pausing(1), BAD]), yes=True, as_json=True) == 1
    assert shell.answer["exit_code"] == 1
    assert shell.answer["reasons"] == {"applied": 1, "bad_id": 1}
    told = shell.last_line.rpartition("next: ")[2]
    assert told == f"mend the rows in failed.csv, then {shell.answer['next_command']}"


def test_quiet_is_the_last_line_alone(shell: Shell) -> None:
    assert shell.run(shell.leads(pausing(1)), yes=True, quiet=True) == 0
    assert shell.err.count("\n") == 1


@pytest.mark.parametrize("line", ["y\n", "YES\n", " y \n"])
def test_a_yes_at_the_question_sends(shell: Shell, line: str) -> None:
    shell.typing(line)
    assert shell.run(shell.leads(pausing(2)), quiet=True) == 0
    assert len(shell.api.changes) == 2
    assert shell.err.startswith(
        "Change 2 leads in workspace Acme (api.sendkit.ai): 2 paused. About 1 s.\nGo on? [y/N] "
    )


@pytest.mark.parametrize("line", ["\n", "n\n", "no\n", "yess\n", "", "3\n"])
def test_all_else_at_the_question_sends_nothing(shell: Shell, line: str) -> None:
    shell.typing(line)
    assert shell.run(shell.leads(pausing(2)), as_json=True) == 2
    assert shell.api.changes == []
    end = refused("Nothing was sent: the question was not answered with yes.")
    assert shell.err.endswith("\n".join([*end, ""]))
    assert shell.answer["state"] == "refused"
    assert not (shell.cwd / "runs").exists()


def test_a_question_without_an_answer_leaves_no_open_line(shell: Shell) -> None:
    shell.typing("")
    shell.run(shell.leads(pausing(1)))
    assert "Go on? [y/N] \nNothing was sent" in shell.err


@pytest.mark.parametrize(
    ("line", "exit_code"), [("1022\n", 0), ("1,022\n", 0), ("y\n", 2), ("22\n", 2), ("\n", 2)]
)
def test_mostly_clears_need_their_number_typed(shell: Shell, line: str, exit_code: int) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "null") for n in range(1022)]
    shell.typing(line)
    assert shell.run(shell.leads(rows), quiet=True) == exit_code
    assert "Most rows clear the tag. Type 1022 to go on: " in shell.err
    assert bool(shell.api.changes) is (exit_code == 0)


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


@pytest.mark.parametrize("in_file", [False, True], ids=["key in environment", "key in file"])
def test_an_unexpected_error_before_sending_is_shown_without_the_key(
    shell: Shell, *, in_file: bool
) -> None:
    if in_file:
        shell.monkeypatch.delenv("SENDKIT_API_KEY")
        (shell.cwd / "key").write_text(KEY)
        (shell.cwd / "sendkit-batch.toml").write_text('[api]\napi_key_file = "key"\n')
    shell.api.look_up = rise(LookupError(f"no such thing: [/] {KEY}"))
    assert shell.run(shell.leads(pausing(1)), yes=True, as_json=True) == 3
    assert KEY not in shell.err + shell.out
    assert "LookupError: no such thing: [/] ***" in shell.err
    assert shell.err.splitlines()[-2:] == [
        "Unexpected error. Please report what stands above.",
        "failed: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
    ]
    assert shell.answer["exit_code"] == 3
    assert not (shell.cwd / "runs").exists()


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


def test_what_a_console_cant_encode_is_escaped(shell: Shell) -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    shell.streams["stdout"] = stdout
    assert shell.check(shell.leads([(CAMPAIGN, "é→", "paused", "")])) == 2
    stdout.flush()
    assert b'found "\\xe9\\u2192"; expected 24 hexadecimal digits.' in raw.getvalue()


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
    assert shell.run(shell.leads([(CAMPAIGN, lead_id(1), "", "Any")]), yes=True) == 0
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


@pytest.mark.parametrize(
    ("rows", "options", "exit_code"),
    [
        (pausing(1), {}, 0),
        ([*pausing(1), BAD], {}, 1),
        ([*pausing(1), BAD], {"strict": True}, 2),
        ([*pausing(1), *[BAD] * 21], {}, 2),
    ],
    ids=["no errors", "errors", "strict", "mostly invalid"],
)
def test_a_dry_run_ends_as_the_run_would_and_writes_nothing(
    shell: Shell, rows: list[tuple[str, ...]], options: dict[str, Any], exit_code: int
) -> None:
    leads = shell.leads(rows)
    shell.monkeypatch.delenv("SENDKIT_API_KEY")
    assert shell.run(leads, dry_run=True, as_json=True, **options) == exit_code
    assert (shell.answer["state"], shell.answer["exit_code"]) == ("dry_run", exit_code)
    assert bool(shell.answer["message"]) is (exit_code == 2)
    assert [path.name for path in shell.cwd.iterdir()] == [leads]
    mend = "mend the problems, then " if exit_code else ""
    assert shell.last_line.endswith(
        f"no results; next: {mend}sendkit-batch run leads.csv --rate 1000"
    )


def test_a_dry_run_names_the_command_that_writes_all_problems(shell: Shell) -> None:
    leads = shell.leads([*pausing(30), *[BAD] * 21])
    assert shell.run(leads, dry_run=True) == 1
    assert "… and 1 more; check --problems FILE writes all of them." in shell.out


def test_check_ends_with_the_command_that_reads_the_file_the_same_way(shell: Shell) -> None:
    header = (shell.cwd / shell.leads(pausing(1))).read_text()
    (shell.cwd / "my leads.csv").write_text(header.replace("status", "What"))
    options = {"mapping": ("status=What",), "delimiter": "comma"}
    assert shell.check("my leads.csv", **options) == 0
    assert shell.last_line == (
        "checked: 0 success, 0 error, 0 skipped, 1 unsent; no results; next: "
        "sendkit-batch run 'my leads.csv' --delimiter comma --map status=What"
    )


def test_check_reads_standard_input(shell: Shell) -> None:
    content = (shell.cwd / shell.leads([*pausing(1), BAD])).read_bytes()
    shell.streams["stdin"] = Stdin(io.BytesIO(content))
    assert shell.check("-", as_json=True, problems=Path("all.csv")) == 2
    assert shell.answer["reasons"] == {"bad_id": 1, "not_reached": 1}
    assert len((shell.cwd / "all.csv").read_text("utf-8-sig").splitlines()) == 2
    assert "All problems are in all.csv" in shell.err
    assert shell.last_line.endswith("next: mend the problems, then sendkit-batch run -")


def test_check_does_not_overwrite_the_spreadsheet_with_its_problems(shell: Shell) -> None:
    leads = shell.leads([BAD])
    before = (shell.cwd / leads).read_bytes()
    assert shell.check(leads, problems=Path(leads), as_json=True) == 2
    assert (shell.cwd / leads).read_bytes() == before
    assert shell.answer["state"] == "refused"


def test_check_of_a_file_that_is_not_there_is_one_json_object_too(shell: Shell) -> None:
    assert shell.check("nosuch.csv", as_json=True) == 2
    message = (
        "nosuch.csv: the file can't be read: No such file or directory. "
        "Check its name and its rights."
    )
    assert shell.err.splitlines() == refused(message)
    assert shell.answer["message"] == message


def test_the_demo_sees_no_settings_and_no_environment(shell: Shell) -> None:
    (shell.cwd / "sendkit-batch.toml").write_text("[no]\nsuch = 1\n")
    shell.monkeypatch.setenv("SENDKIT_BATCH_NO_SUCH", "1")
    assert shell.do(lambda: terminal.demo(rate="1000", quiet=True)) == 0
    assert shell.last_line.startswith("finished: 20 success, 0 error, 0 skipped, 0 unsent; runs/")


def test_a_demo_with_a_wrong_option_is_refused(shell: Shell) -> None:
    assert shell.do(lambda: terminal.demo(rate="never", quiet=False)) == 2
    assert "--rate: found " in shell.err
    assert not (shell.cwd / "runs").exists()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_command_line_that_is_none_is_refused(shell: Shell, *, as_json: bool) -> None:
    assert (
        shell.do(lambda: terminal.refuse("No such option: --nope.", as_json=as_json, exit_code=2))
        == 2
    )
    assert shell.err.splitlines() == refused("No such option: --nope.")
    if as_json:
        assert shell.answer["message"] == "No such option: --nope."
    else:
        assert shell.out == ""


def test_two_headers_for_one_field_are_refused(shell: Shell) -> None:
    mapping = ("status=A", "status=B")
    assert shell.run(shell.leads(pausing(1)), yes=True, mapping=mapping) == 2
    assert '--map: found two headers for status, "A" and "B"; expected one.' in shell.err
