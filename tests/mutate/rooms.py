"""What each room is made of, and which tests are its own."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PERFORMANCE: frozenset[str] = frozenset()  # constants that no result depends on
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room of the program.

    sources: patterns of the files to break. tests: files and folders with its unit tests, whose
    coverage says which of them runs a line. last: whole-program tests, for lines that none of those
    run.
    """

    sources: Sequence[str]
    tests: Sequence[str]
    last: Sequence[str] = ("tests/program/test_program.py",)

    def files(self) -> Sequence[str]:
        """The paths of the files to break. Raises ValueError for a pattern that fits none."""
        found: list[str] = []
        for pattern in self.sources:
            paths = sorted(ROOT.glob(pattern))
            if not paths:
                raise ValueError(f"{pattern}: no such file; the table of rooms is behind.")
            found += [str(path.relative_to(ROOT)) for path in paths]
        return [path for path in found if not path.endswith("__init__.py")]

    def around(self) -> Sequence[str]:
        """The paths of all files in their folders, which use their constants."""
        folders = {Path(path).parent for path in self.files()}
        paths = {path for each in folders for path in (ROOT / each).rglob("*.py")}
        return sorted(str(path.relative_to(ROOT)) for path in paths)


ROOMS: Mapping[str, Room] = {
    "sending": Room(
        sources=("batch/sending/*.py", "batch/sending/pace/*.py"), tests=("tests/sending",)
    ),
    "answer": Room(
        sources=(
            "batch/api/answer.py",
            "batch/api/budgets.py",
            "batch/api/excerpt.py",
            "batch/api/exchange.py",
            "batch/api/headers.py",
            "batch/api/wire.py",
        ),
        tests=("tests/api",),
    ),
    "reading": Room(
        sources=(
            "batch/reading/delimited.py",
            "batch/reading/records.py",
            "batch/reading/sheet_xml.py",
            "batch/reading/swallowed.py",
            "batch/reading/xlsx.py",
        ),
        tests=("tests/reading",),
    ),
    "journal": Room(
        sources=("batch/recording/group_commit.py", "batch/recording/journal*.py"),
        tests=("tests/recording",),
    ),
    "plan": Room(
        sources=("batch/recording/plan_*.py",),
        tests=("tests/recording", "tests/program/test_forged_plan.py"),
    ),
    "judging": Room(sources=("batch/judging/*.py",), tests=("tests/judging",)),
}


def equivalent() -> Mapping[str, str]:
    """The reason of each mutant that was looked at and found to change nothing, by its name."""
    entries = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", [])
    return {str(each["name"]): str(each["reason"]) for each in entries}
