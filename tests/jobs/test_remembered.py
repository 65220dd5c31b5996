"""Mappings of columns that somebody has confirmed: remembered, used, left and forgotten."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.columns import Column, Naming
from batch.model import Field
from batch.recording.mappings import (
    MAPPINGS_NAME,
    KnownMapping,
    forget_mappings,
    keep_mapping,
    known_mappings,
    mapping_of,
)
from batch.recording.state import default_state_dir
from batch.terminal.command_line import run_command_line
from tests.support.live_world import served
from tests.support.program import write_rows
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN, interrupting, lead_id
from tests.support.wired import confirmed as answered

HEADER = ["Kampagne", "Kontakt", "Zustand", "Notiz"]
MAPPING = ("campaignId=Kampagne", "campaignLeadId=Kontakt", "status=Zustand")
SAID = (
    'leads.csv: as you confirmed for these headers before, campaignId is "Kampagne", '
    'campaignLeadId is "Kontakt", status is "Zustand". --no-remembered ignores that.'
)


def write(folder: Path, header: list[str] | None = None, name: str = "leads.csv") -> str:
    rows = [(CAMPAIGN, lead_id(n), "paused", "x") for n in (1, 2)]
    write_rows(folder / name, header or HEADER, rows)
    return name


def confirmed(shell: Shell, tmp_path: Path) -> None:
    """Somebody has mapped the columns, and said yes."""
    write(tmp_path)
    shell.typing_lines("yes")
    assert shell.run("leads.csv", mapping=MAPPING, out=Path("first")) == 0, shell.err


def said(shell: Shell) -> str:
    """Standard error, whatever the terminal's width."""
    return " ".join(shell.err.split())


def columns_in(run: str) -> dict[str, str]:
    record = json.loads(Path(run, "run.json").read_text("utf-8"))
    return {name: header for name, header in record["settings"]["columns"].items() if header}


WANTED = {"campaignId": "Kampagne", "campaignLeadId": "Kontakt", "status": "Zustand"}


def test_a_confirmed_mapping_is_used_and_said_and_recorded_as_if_given(
    shell: Shell, tmp_path: Path
) -> None:
    confirmed(shell, tmp_path)
    shell.typing_lines("yes")
    assert shell.run("leads.csv", new=True, out=Path("second")) == 0
    assert SAID in said(shell)
    assert columns_in("second") == WANTED
    shell.typing_lines()
    assert shell.check("leads.csv") == 0
    assert SAID in said(shell)
    line = shell.last_line
    assert "--map" in line
    assert "campaignId=Kampagne" in line


def test_a_remembered_mapping_is_never_used_without_a_terminal_unless_asked_for(
    shell: Shell, tmp_path: Path
) -> None:
    confirmed(shell, tmp_path)
    shell.streams.clear()
    assert shell.check("leads.csv") == 2
    assert shell.run("leads.csv", new=True, yes=True) == 2
    assert (
        '"Notiz". --remembered uses the columns that were confirmed for these headers. By'
    ) in said(shell)
    assert shell.check("leads.csv", no_remembered=True) == 2
    assert "--remembered" not in shell.err
    assert shell.check("leads.csv", mapping=("campaignId=Nichts",)) == 2
    assert 'mapped to "Nichts", which is no column' in said(shell)
    assert shell.check("leads.csv", remembered=True) == 0
    assert shell.run("leads.csv", new=True, yes=True, remembered=True, out=Path("second")) == 0
    assert SAID in said(shell)
    assert columns_in("second") == WANTED


def test_no_remembered_leaves_it(shell: Shell, tmp_path: Path) -> None:
    confirmed(shell, tmp_path)
    shell.typing_lines()
    assert shell.check("leads.csv", no_remembered=True) == 2
    assert shell.check("leads.csv", no_remembered=True, remembered=True) == 2
    assert "--remembered and --no-remembered: expected one of them." in said(shell)


@pytest.mark.parametrize(
    "header",
    [
        [*HEADER[:3], "notiz"],
        [*HEADER[:3], "Notiz "],
        [*HEADER[:3]],
        [HEADER[1], HEADER[0], *HEADER[2:]],
    ],
    ids=str,
)
def test_it_is_bound_to_the_exact_headers(header: list[str], shell: Shell, tmp_path: Path) -> None:
    confirmed(shell, tmp_path)
    rows = [(CAMPAIGN, lead_id(n), "paused", "x")[: len(header)] for n in (1, 2)]
    write_rows(tmp_path / "leads.csv", header, rows)
    shell.typing_lines()
    assert shell.check("leads.csv") == 2
    assert "as you confirmed" not in said(shell)


def test_a_run_with_a_remembered_mapping_is_gone_on_with_by_its_folder(
    shell: Shell, tmp_path: Path
) -> None:
    confirmed(shell, tmp_path)
    write_rows(
        tmp_path / "leads.csv", HEADER, [(CAMPAIGN, lead_id(n), "paused", "") for n in range(300)]
    )
    shell.api.answer = interrupting(5)
    shell.typing_lines("yes")
    assert shell.run("leads.csv", new=True, out=Path("second")) == 143
    shell.api.answer = answered
    shell.typing_lines("yes", "yes")
    assert shell.run("leads.csv", out=Path("second")) == 0, shell.err
    assert "finished: 300 success" in said(shell)


@pytest.mark.parametrize("answer", ["no", ""])
def test_only_a_yes_at_the_question_is_remembered(
    answer: str, shell: Shell, tmp_path: Path
) -> None:
    write(tmp_path)
    shell.typing_lines(answer)
    assert shell.run("leads.csv", mapping=MAPPING) == 2
    shell.streams.clear()
    assert shell.run("leads.csv", mapping=MAPPING, yes=True, out=Path("first")) == 0
    assert known_mappings(default_state_dir()) == []


def test_a_yes_to_a_plan_is_remembered(shell: Shell, tmp_path: Path) -> None:
    write(tmp_path)
    maps = [word for each in MAPPING for word in ("--map", each)]
    leads = [(CAMPAIGN, lead_id(n), "active", "") for n in (1, 2)]

    def do(*words: str) -> int:
        shell.monkeypatch.setattr(sys, "argv", ["sendkit-batch", *words])
        return shell.do(run_command_line)

    with served(tmp_path, leads) as sandbox:
        shell.monkeypatch.setenv("SENDKIT_API_KEY", sandbox.api_key)
        to = ("--base-url", sandbox.base_url)
        assert do("plan", "leads.csv", *to, "--out", "plan", *maps) == 0, shell.err
        assert known_mappings(default_state_dir()) == []
        shell.typing_lines("yes")
        assert do("apply", "plan") == 0, shell.err
    (known,) = known_mappings(default_state_dir())
    assert known.columns == WANTED


def test_practice_remembers_nothing(shell: Shell, tmp_path: Path) -> None:
    write(tmp_path)
    shell.typing_lines("yes")
    shell.run("leads.csv", mapping=MAPPING, sandbox=True, out=Path("first"))
    assert known_mappings(default_state_dir()) == []


def test_what_is_said_now_stands_above_what_is_remembered(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(shell, tmp_path)
    shell.typing_lines()
    assert shell.check("leads.csv", mapping=("status=Notiz",)) == 2
    assert 'campaignLeadId is "Kontakt". --no' in said(shell)
    assert "bad_status" in shell.out
    monkeypatch.setenv("SENDKIT_BATCH_COLUMNS_AITAG", "Zustand")
    shell.typing_lines()
    assert shell.check("leads.csv") == 0
    assert 'campaignLeadId is "Kontakt". --no' in said(shell)
    assert "tags set" in shell.out
    (tmp_path / "sendkit-batch.toml").write_text('[columns]\nstatus = "Notiz"\n', "utf-8")
    monkeypatch.delenv("SENDKIT_BATCH_COLUMNS_AITAG")
    shell.typing_lines()
    assert shell.check("leads.csv") == 2
    assert "bad_status" in shell.out


def test_mappings_are_listed_and_forgotten(shell: Shell, tmp_path: Path) -> None:
    assert shell.words("mappings") == 0
    assert shell.last_line == "listed: 0 mappings; next: nothing to do"
    confirmed(shell, tmp_path)
    (known,) = known_mappings(default_state_dir())
    shell.streams.clear()
    assert shell.words("mappings") == 0
    assert shell.out == (
        f'{known.id}  confirmed {known.since} UTC  campaignId is "Kampagne", campaignLeadId is '
        '"Kontakt", status is "Zustand"; in a file of "Kampagne", "Kontakt", "Zustand", "Notiz"\n'
    )
    assert shell.last_line.endswith("next: sendkit-batch mappings ID --forget forgets one")
    assert shell.words("mappings", "--json") == 0
    assert shell.answer["mappings"][0]["columns"] == WANTED
    assert shell.words("mappings", "--forget", "nothing") == 2
    assert shell.words("mappings", known.id) == 2
    assert shell.words("mappings", known.id, "--forget") == 0
    assert shell.last_line == "forgotten: 1 mapping; next: nothing to do"
    shell.typing_lines()
    assert shell.check("leads.csv") == 2
    shell.streams.clear()
    assert shell.words("mappings", "--forget") == 0
    assert shell.last_line == ("forgotten: nothing, as nothing was remembered; next: nothing to do")


def test_hostile_names_are_listed_without_control_characters(shell: Shell) -> None:
    keep_mapping(default_state_dir(), ("\x1b[31m\n" + "x" * 99, "b"), {Field.STATUS: "b"})
    assert shell.words("mappings") == 0
    assert "\x1b" not in shell.out
    assert shell.out.count("\n") == 1


# --- The file ---

COLUMNS: dict[Column, str] = {Field.CAMPAIGN_ID: "a", Naming.EMAIL: "#2"}


def test_mappings_are_kept_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    keep_mapping(folder, ("a", ""), COLUMNS)
    path = folder / MAPPINGS_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    found = mapping_of(folder, ["a", ""])
    assert found is not None
    assert (found.headers, found.columns) == (("a", ""), COLUMNS)
    assert mapping_of(folder, ["", "a"]) is None
    keep_mapping(folder, ("a", ""), {Field.STATUS: "a"})
    assert [each.columns for each in known_mappings(folder)] == [{Field.STATUS: "a"}]


def by_others(path: Path) -> None:
    path.chmod(0o622)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".there"))
    path.symlink_to(path.with_suffix(".there"))


def in_a_folder_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are POSIX")
@pytest.mark.parametrize("spoil", [by_others, linked, in_a_folder_of_others])
def test_a_file_that_others_may_write_is_ignored(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    keep_mapping(folder, ("a", ""), COLUMNS)
    spoil(folder / MAPPINGS_NAME)
    assert known_mappings(folder) == []


@pytest.mark.parametrize(
    "line",
    [
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"headers": "ab", "columns": [], "since": "x"}',
        b'{"headers": [1], "columns": {"status": "b"}, "since": "x"}',
        b'{"headers": ["a"], "columns": {"nothing": "b"}, "since": "x"}',
        b'{"headers": ["a"], "columns": {"status": 1}, "since": "x"}',
        b'{"headers": ["a"], "columns": {"status": "a\\u001b"}, "since": "x"}',
        b'{"headers": ["a"], "columns": {"status": "a", "aiTag": "a"}, "since": "x"}',
        b'{"headers": ["a"], "columns": {}, "since": "x"}',
    ],
)
def test_a_line_that_is_no_mapping_is_passed_over(tmp_path: Path, line: bytes) -> None:
    folder = tmp_path / "state"
    keep_mapping(folder, ("a", "b"), COLUMNS)
    path = folder / MAPPINGS_NAME
    path.write_bytes(line + b"\n" + path.read_bytes())
    assert [each.headers for each in known_mappings(folder)] == [("a", "b")]


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.recording.mappings._MOST", 2)
    for name in "abc":
        keep_mapping(tmp_path / "state", (name,), {Field.STATUS: name})
    assert [each.headers for each in known_mappings(tmp_path / "state")] == [("b",), ("c",)]
    keep_mapping(tmp_path / "state", ("x" * 100_001,), {Field.STATUS: "x"})
    assert len(known_mappings(tmp_path / "state")) == 2
    assert forget_mappings(tmp_path / "state", None) == 2
    assert KnownMapping(headers=("b",), columns={}, since="").id.isalnum()
