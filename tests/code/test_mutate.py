import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.mutate.rooms import ROOMS, ROOT, Room
from tests.mutate.swap import swap
from tests.mutate.verdicts import Verdict, read_verdicts, report


def _verdict(name: str, noticed: str | None) -> Verdict:
    return Verdict(
        name=name, path="batch/lines.py", line=7, change="-a\n+b", tests=3, noticed=noticed
    )


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_has_files_and_tests(name: str) -> None:
    room = ROOMS[name]
    assert room.files()
    assert [path for path in (*room.tests, *room.last) if not (ROOT / path).exists()] == []


def test_a_file_that_is_gone_is_named() -> None:
    with pytest.raises(ValueError, match=r"^batch/none/\*\.py: no such file; the table of rooms"):
        Room(sources=("batch/none/*.py",), tests=()).files()


def test_a_record_that_was_broken_off_is_gone_on_with(tmp_path: Path) -> None:
    kept = tmp_path / "sending-1.jsonl"
    assert read_verdicts(kept) == {}
    first = _verdict("aa", "tests/test_lines.py::test_one")
    kept.write_text(json.dumps(asdict(first)) + '\n{"name": "bb", "pa', "utf-8")
    assert read_verdicts(kept) == {"aa": first}


def test_the_score_leaves_out_what_changes_nothing_and_shows_what_survived() -> None:
    verdicts = [_verdict("aa", "time"), _verdict("bb", None), _verdict("cc", None)]
    assert report(verdicts, {"bb": "a longer wait of none"}) == (
        "batch/lines.py:7 cc SURVIVED 3 tests\n-a\n+b\n"
        "3 mutants: 1 noticed (1 by time), 1 survived, 1 change nothing. Score 50.0%"
    )


SWAPPED = """
from functools import cache

LIMIT = 3


class Other:
    pass


class Thing:
    @property
    def shown(self):
        return [each for each in (1, 2) if each > 1]


@cache
def first(a, b=LIMIT):
    return a + b


def limit():
    return LIMIT


def made(a):
    return lambda: a
"""


@pytest.mark.parametrize(
    ("old", "new", "is_swapped"),
    [
        ("each > 1", "each > 0", True),
        ("a + b", "a - b", True),
        ("lambda: a", "lambda: None", True),
        ("LIMIT = 3", "LIMIT = 4", True),
        ("pass", "pass; more = 1", False),
        ("b=LIMIT", "b=None", False),
        ("def made", "def shown", False),
        ("a + b", "a + b", False),
    ],
)
def test_code_is_swapped_in_whatever_has_loaded_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, *, is_swapped: bool
) -> None:
    path = tmp_path / "swapped.py"
    path.write_text(SWAPPED, "utf-8")
    spec = importlib.util.spec_from_file_location("swapped", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "swapped", module)
    first, made, thing = module.first, module.made, module.Thing()

    assert swap(str(path), SWAPPED, SWAPPED.replace(old, new)) is is_swapped

    told = (thing.shown, first(2), made(7)(), module.limit())
    before = ([2], 5, 7, 3)
    assert sum(a != b for a, b in zip(told, before, strict=True)) == is_swapped
