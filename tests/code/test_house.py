import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT, House, measure

TEXT = '''"""A module."""


def shown() -> int:
    """Twice what is hidden, and once what is used twice."""
    return _once() + _twice() + _twice()


def _once() -> int:
    return 1


def _twice() -> int:
    return _never.of("_once")


async def _never() -> None: ...


class Thing:
    def __eq__(self, other: object) -> bool:
        return self._own(other)

    def _own(self, other: object) -> bool:
        return bool(other)

    def bare(self) -> None: ...
'''


def test_a_house_is_measured(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text(TEXT, "utf-8")
    (tmp_path / "__init__.py").touch()
    (tmp_path / "page.html").write_text("def _no(): ...\n", "utf-8")
    assert measure(tmp_path) == House(
        files=[0, TEXT.count("\n")],
        functions=[3, 2, 2, 1, 2, 2, 1],
        longest="room/a.py:4 shown",
        used_once=3,  # _once, _never and _own
        documented=1,
        public=2,
    )


def test_a_folder_without_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found no Python file\.$"):
        measure(tmp_path)


def test_the_figures_of_the_program_are_printed() -> None:
    words = (sys.executable, "-m", "tests.house")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    first, *more = done.stdout.splitlines()
    assert first.startswith("batch: ")
    assert len(more) == 4
    assert "per 1,000 lines" in done.stdout
