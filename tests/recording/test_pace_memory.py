from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.recording.pace_memory import KEPT, MEMORY_NAME, good_pace, keep_pace

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HERE = {"base_url": "https://api.sendkit.ai", "workspace_id": "w1"}


def keep(state_dir: Path, per_s: float, at: datetime = NOW, **where: str) -> None:
    keep_pace(state_dir, per_s, now=lambda: at, **{**HERE, **where})


def good(state_dir: Path, at: datetime = NOW, **where: str) -> float | None:
    return good_pace(state_dir, now=lambda: at, **{**HERE, **where})


def test_a_pace_is_remembered_for_its_base_address_and_workspace_alone(tmp_path: Path) -> None:
    keep(tmp_path / "state", 9.5)
    assert good(tmp_path / "state") == 9.5
    assert good(tmp_path / "state", workspace_id="w2") is None
    assert good(tmp_path / "state", base_url="https://eu.sendkit.ai") is None


def test_the_latest_pace_counts_and_others_stay(tmp_path: Path) -> None:
    keep(tmp_path, 9.5)
    keep(tmp_path, 3.0, workspace_id="w2")
    keep(tmp_path, 8.0)
    assert (good(tmp_path), good(tmp_path, workspace_id="w2")) == (8.0, 3.0)


def test_a_pace_is_forgotten_after_a_month(tmp_path: Path) -> None:
    keep(tmp_path, 9.5)
    assert good(tmp_path, NOW + KEPT) == 9.5
    assert good(tmp_path, NOW + KEPT + timedelta(seconds=1)) is None
    keep(tmp_path, 1.0, NOW + 2 * KEPT, workspace_id="w2")
    assert (tmp_path / MEMORY_NAME).read_text().count("per_s") == 1


def test_neither_address_nor_workspace_stands_in_the_file_and_only_the_user_may_read_it(
    tmp_path: Path,
) -> None:
    keep(tmp_path, 9.5)
    text = (tmp_path / MEMORY_NAME).read_text()
    assert "sendkit" not in text
    assert "w1" not in text
    assert (tmp_path / MEMORY_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"x": {"per_s": 0, "at": "2026-11-28T12:00:00Z"}}', "\x00"]
)
def test_a_file_that_cant_be_read_is_no_memory_and_is_written_anew(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / MEMORY_NAME).write_text(text)
    assert good(tmp_path) is None
    keep(tmp_path, 9.5)
    assert good(tmp_path) == 9.5


def test_what_cant_be_written_is_not_remembered_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the folder's place")
    keep(tmp_path / "state", 9.5)
    assert good(tmp_path / "state") is None
