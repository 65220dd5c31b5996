import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.errors import UsageError
from batch.jobs.check import write_problems
from batch.judging.plan import Problem
from batch.model import Field, Reason

PROBLEMS = (
    Problem(
        line=41,
        column=Field.STATUS,
        reason=Reason.BAD_STATUS,
        found="=1+1",
        message='found "=1+1"; expected active or paused.',
    ),
    Problem(line=42, column=None, reason=Reason.CONFLICT, found="", message="Two\nlines."),
)


def test_every_problem_is_a_line_that_no_spreadsheet_program_calculates(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    write_problems(iter(PROBLEMS), path, read_from=tmp_path / "leads.csv")
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "column", "reason", "found", "message"],
            ["41", "status", "bad_status", "'=1+1", 'found "=1+1"; expected active or paused.'],
            ["42", "", "conflict", "", "Two\nlines."],
        ]


def test_the_list_is_for_its_owner_alone_whoever_may_read_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    path.write_text("old")
    path.chmod(0o644)
    write_problems(iter(PROBLEMS), path, read_from=None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["problems.csv"]


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, kind: str) -> None:
    path, elsewhere = tmp_path / "problems.csv", tmp_path / "elsewhere"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
    if kind == "link":
        elsewhere.write_text("kept")
    with pytest.raises(UsageError) as caught:
        write_problems(iter(PROBLEMS), path, read_from=None)
    assert str(caught.value) == f"{path}: is a link or no plain file. Name another file."
    assert elsewhere.exists() == (kind == "link")
    assert kind != "link" or elsewhere.read_text() == "kept"


def test_another_name_of_a_file_keeps_what_it_had(tmp_path: Path) -> None:
    path, other = tmp_path / "problems.csv", tmp_path / "other"
    other.write_text("kept")
    path.hardlink_to(other)
    write_problems(iter(PROBLEMS), path, read_from=None)
    assert other.read_text() == "kept"


def test_problems_that_break_off_leave_the_older_list(tmp_path: Path) -> None:
    def broken() -> Iterator[Problem]:
        yield PROBLEMS[0]
        raise ValueError("no more")

    path = tmp_path / "problems.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match="no more"):
        write_problems(broken(), path, read_from=None)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["problems.csv"]


def test_without_problems_there_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    write_problems((), path, read_from=None)
    assert path.read_text("utf-8-sig") == "line,column,reason,found,message\n"


def test_an_older_list_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "problems.csv"
    path.write_text("old " * 1000)
    leads = tmp_path / "leads.csv"
    leads.touch()
    write_problems((), path, read_from=leads)
    assert path.read_text("utf-8-sig") == "line,column,reason,found,message\n"


def test_a_place_that_cant_be_written_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "nosuch" / "problems.csv"
    with pytest.raises(UsageError) as caught:
        write_problems(PROBLEMS, path, read_from=None)
    assert str(caught.value) == (
        f"{path}: the problems can't be written: No such file or directory. Name another file."
    )


def test_the_spreadsheet_itself_is_not_overwritten(tmp_path: Path) -> None:
    leads = tmp_path / "leads.csv"
    leads.write_text("precious")
    other_name = tmp_path / "link.csv"
    other_name.symlink_to(leads)

    def problems() -> Iterator[Problem]:
        raise AssertionError("nothing is to be read")
        yield

    with pytest.raises(UsageError) as caught:
        write_problems(problems(), other_name, read_from=leads)
    assert str(caught.value) == (
        f"{other_name}: is the spreadsheet itself; expected another file for its problems."
    )
    assert leads.read_text() == "precious"
