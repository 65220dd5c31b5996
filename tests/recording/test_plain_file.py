import os
from pathlib import Path

import pytest

from batch.recording.plain_file import private, read_plain
from batch.recording.timeline import TIMELINE_NAME, Timeline, read_timeline


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_nothing_but_a_regular_file_is_read_or_added_to(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "file"
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - of several kinds
        read_plain(path, most_bytes=100)
    with pytest.raises(OSError), open(path, "a", opener=private) as file:  # noqa: PT011 - an opener
        file.write("more")
    assert victim.read_text() == "precious"


def test_a_file_that_is_made_is_for_this_user_alone(tmp_path: Path) -> None:
    with open(tmp_path / "file", "a", opener=private) as file:
        file.write("text")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert read_plain(tmp_path / "file", most_bytes=4) == b"text"


def test_a_file_that_is_longer_than_any_of_ours_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("12345")
    with pytest.raises(OSError, match="Longer than 4 bytes"):
        read_plain(tmp_path / "file", most_bytes=4)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_timeline_is_not_written_through_a_link(tmp_path: Path, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / TIMELINE_NAME
    if kind == "link":
        path.symlink_to(victim)
    else:
        os.mkfifo(path)
    times = iter(range(100, 200, 20))
    with Timeline(tmp_path, clock=lambda: next(times)) as timeline:
        timeline.observe(requests=1, refused=0, is_held=False, is_away=False)
        timeline.end()
    assert victim.read_text() == "precious"
    assert read_timeline(tmp_path).is_empty()
