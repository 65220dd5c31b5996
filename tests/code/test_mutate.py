import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.mutate.rooms import ROOMS, ROOT, Room
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
