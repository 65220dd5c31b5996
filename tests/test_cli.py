"""The entrance, in processes of its own: what holds before anything is loaded, and at the end."""

import ast
import json
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import batch
from batch import __version__
from batch.terminal.signals import INTERRUPTS
from tests.support.program import CAMPAIGN, command, environment, lead_id, write_rows

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
FULL = Path("/dev/full")
both = pytest.mark.parametrize("number", INTERRUPTS)
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is full")

# A process that gets a signal just when it loads a module, and then runs the program.
SIGNAL_WHILE_LOADING = """
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal({number})

sys.meta_path.insert(0, Finder())
from batch.cli import main
main()
"""

# A process that gets a signal when the program has returned and Python ends.
SIGNAL_AT_THE_END = """
import atexit, signal

atexit.register(signal.raise_signal, {number})
from batch.cli import main
main()
"""


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    row = (CAMPAIGN, lead_id(1), "paused", "")
    header = ("campaignId", "campaignLeadId", "status", "aiTag")
    return write_rows(tmp_path / "leads.csv", header, [row])


def ran(program: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        env=environment(cwd),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.sampled(3)
@both
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("typer", "check leads.csv --json"),
        ("batch.terminal.console", "check leads.csv --json"),
        ("polars", "run leads.csv --sandbox --json"),
        ("httpx", "run leads.csv --sandbox --json"),
    ],
)
def test_a_signal_while_the_program_loads_is_told_as_any_other(
    leads: Path, number: signal.Signals, module: str, words: str
) -> None:
    program = SIGNAL_WHILE_LOADING.format(module=module, number=int(number))
    done = ran(program, *words.split(), cwd=leads.parent)
    assert done.returncode == EXIT_CODES[number]
    word = "Interrupted" if number == signal.SIGINT else "Ended"
    assert done.stderr.splitlines() == [
        f"{word} before sending.",
        "interrupted: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
    ]
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["exit_code"]) == ("interrupted", EXIT_CODES[number])
    assert not (leads.parent / "runs").exists()


@pytest.mark.sampled(2)
@both
@pytest.mark.parametrize(
    ("words", "exit_code"), [("check leads.csv", 0), ("check nosuch.csv", 2), ("nope", 2)]
)
def test_a_signal_after_the_last_line_does_not_change_the_code_that_it_told(
    leads: Path, number: signal.Signals, words: str, exit_code: int
) -> None:
    program = SIGNAL_AT_THE_END.format(number=int(number))
    done = ran(program, *words.split(), cwd=leads.parent)
    assert done.returncode == exit_code
    assert "Traceback" not in done.stderr


@pytest.mark.sampled(3)
@needs_full
@pytest.mark.parametrize("words", ["--help", "--version", "check leads.csv --json", "nope"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_under_a_stream_changes_no_exit_code(
    leads: Path, words: str, stream: str
) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            command(*words.split()),
            cwd=leads.parent,
            env=environment(leads.parent),
            stdout=full if stream == "stdout" else subprocess.PIPE,
            stderr=full if stream == "stderr" else subprocess.PIPE,
            check=False,
        )
    assert done.returncode == (2 if words == "nope" else 0)
    assert b"Traceback" not in (done.stderr or b"")


def test_the_sandbox_has_its_own_way_with_signals(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("sandbox", "--port", "0"),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Sandbox on http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_the_command_is_the_same_as_a_module_and_as_a_script() -> None:
    script = Path(sys.executable).with_name("sendkit-batch")
    for words in ([str(script)], [sys.executable, "-m", "batch"]):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(f"sendkit-batch {__version__}\n")


def test_a_python_that_is_too_old_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = Path(batch.__file__)
    for name in ("__init__.py", "__main__.py"):  # what an older one compiles first
        ast.parse((package.parent / name).read_text("utf-8"), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(package))
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"sendkit-batch needs Python 3.11 or later. This is Python 3.10: {sys.executable}\n"
    )
