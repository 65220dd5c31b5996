import json
from pathlib import Path

import pytest

from batch.recording.timeline import (
    LINES_PER_SPAN,
    SCHEMA,
    TIMELINE_NAME,
    Span,
    Timeline,
    read_timeline,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def seen(timeline: Timeline, requests: int = 0, refused: int = 0, **facts: bool) -> None:
    timeline.observe(
        requests=requests, refused=refused, **{"is_held": False, "is_away": False, **facts}
    )


def test_a_span_tells_what_happened_in_it_alone(tmp_path: Path) -> None:
    clock = Clock()
    with Timeline(tmp_path, clock=clock) as timeline:
        for second, (requests, refused, held) in enumerate([(5, 0, False), (9, 1, True)], start=1):
            clock.now_s = 1_000.0 + second - 0.5
            seen(timeline, requests - 1, refused, is_held=held)
            clock.now_s = 1_000.0 + second
            seen(timeline, requests, refused, is_away=held)
        clock.now_s += 0.25
        seen(timeline, 10, 1)
        timeline.end()
    assert read_timeline(tmp_path).rows() == [
        (1_000_000, 1000, 5, 0, 0, 0),
        (1_001_000, 1000, 4, 1, 500, 500),  # held back for its first half, away for its second
        (1_002_000, 250, 1, 0, 0, 0),
    ]
    assert (tmp_path / TIMELINE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_day_takes_less_than_400_kb_and_loses_no_request(tmp_path: Path) -> None:
    clock = Clock()
    day_s, per_s = 86_400, 20
    with Timeline(tmp_path, clock=clock) as timeline:
        for second in range(1, day_s + 1):
            clock.now_s = 1_000.0 + second
            seen(timeline, second * per_s)
        timeline.end()
    spans = read_timeline(tmp_path)
    assert spans["requests"].sum() == day_s * per_s
    assert spans["ms"].sum() == day_s * 1000
    assert spans["ms"].head(LINES_PER_SPAN).to_list() == [1000] * LINES_PER_SPAN
    assert spans["ms"][LINES_PER_SPAN] == 2000
    assert (tmp_path / TIMELINE_NAME).stat().st_size < 400_000


def test_a_later_process_adds_to_what_an_earlier_one_told(tmp_path: Path) -> None:
    for began_s, requests in ((1_000.0, 7), (5_000.0, 3)):
        clock = Clock()
        clock.now_s = began_s
        with Timeline(tmp_path, clock=clock) as timeline:
            clock.now_s += 1
            seen(timeline, requests)
    assert read_timeline(tmp_path).select("at_ms", "requests").rows() == [
        (1_000_000, 7),
        (5_000_000, 3),
    ]


@pytest.mark.parametrize(
    "line", ['{"at_ms":1', "[]", "3", "", '{"at_ms":-1}', '{"at_ms":true,"ms":1}', "\x00\ufffd"]
)
def test_a_line_that_is_none_of_ours_is_left_out(tmp_path: Path, line: str) -> None:
    whole = json.dumps(dict.fromkeys(SCHEMA, 1))
    (tmp_path / TIMELINE_NAME).write_text(f"{line}\n{whole}\n{line}")
    assert read_timeline(tmp_path).rows() == [(1,) * len(Span.__slots__)]


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_timeline(tmp_path).is_empty()


def test_a_disk_that_refuses_the_file_ends_nothing_else(tmp_path: Path) -> None:
    (tmp_path / TIMELINE_NAME).mkdir()
    with Timeline(tmp_path, clock=Clock()) as timeline:
        timeline.end()
    assert list((tmp_path / TIMELINE_NAME).iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_disk_that_is_full_ends_nothing_else(tmp_path: Path) -> None:
    (tmp_path / TIMELINE_NAME).symlink_to("/dev/full")
    clock = Clock()
    with Timeline(tmp_path, clock=clock) as timeline:
        for _ in range(3):
            clock.now_s += 1
            seen(timeline)
        timeline.end()
    assert clock.now_s == 1_003.0  # all of it was told, and none of it raised
