import io
from pathlib import Path
from typing import Any

import pytest

from tests.support.shell import BAD, Shell, Stdin, refused
from tests.support.wired import CAMPAIGN, pausing


def test_what_a_console_cant_encode_is_escaped(shell: Shell) -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    shell.streams["stdout"] = stdout
    assert shell.check(shell.leads([(CAMPAIGN, "é→", "paused", "")])) == 2
    stdout.flush()
    assert b'found "\\xe9\\u2192"; expected 24 hexadecimal digits.' in raw.getvalue()


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
    fix = "fix the problems, then " if exit_code else ""
    strict = " --strict" if "strict" in options else ""
    assert shell.last_line.endswith(
        f"no results; next: {fix}sendkit-batch run leads.csv --rate 1000{strict}"
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
    assert shell.last_line.endswith("next: fix the problems, then sendkit-batch run -")


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
        "Check its name and permissions."
    )
    assert shell.err.splitlines() == refused(message)
    assert shell.answer["message"] == message
