from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.recording.seen_workspaces import (
    KEPT,
    SEEN_NAME,
    SeenWorkspaces,
    keep_workspaces,
    seen_workspaces,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAMES = {"a1": ("Acme", "acme-main"), "b2": ("Beta",)}
KEY, WHERE = SecretStr("sk_user_one"), "https://api.sendkit.ai"


def keep(state_dir: Path, key: SecretStr | None = KEY, *sections: str) -> None:
    keep_workspaces(state_dir, NAMES, base_url=WHERE, key=key, sections=sections, now=lambda: NOW)


def seen(
    state_dir: Path,
    key: SecretStr | None = KEY,
    *sections: str,
    base_url: str = WHERE,
    at: datetime = NOW,
) -> SeenWorkspaces:
    return seen_workspaces(state_dir, base_url=base_url, key=key, sections=sections, now=lambda: at)


def test_workspaces_are_remembered_for_keys_and_address_alone(tmp_path: Path) -> None:
    keep(tmp_path)
    assert seen(tmp_path) == SeenWorkspaces(names=NAMES, at=NOW)
    for other in (
        seen(tmp_path, SecretStr("sk_user_two")),
        seen(tmp_path, None),
        seen(tmp_path, KEY, "Gamma"),
        seen(tmp_path, base_url="https://eu.sendkit.ai"),
        seen(tmp_path, at=NOW + KEPT + timedelta(seconds=1)),
    ):
        assert other.names is None


def test_no_key_is_in_the_file(tmp_path: Path) -> None:
    keep(tmp_path)
    assert "sk_user" not in (tmp_path / SEEN_NAME).read_text("utf-8")


def test_asking_writes_nothing(tmp_path: Path) -> None:
    assert seen(tmp_path / "state").names is None
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"x": 1}', b"\xff"])
def test_what_cannot_be_read_is_unknown_and_made_anew(tmp_path: Path, content: bytes) -> None:
    keep(tmp_path)
    (tmp_path / SEEN_NAME).write_bytes(content)
    assert seen(tmp_path).names is None
    keep(tmp_path)
    assert seen(tmp_path).names == NAMES


def test_what_others_may_have_written_does_not_count(tmp_path: Path) -> None:
    keep(tmp_path)
    (tmp_path / SEEN_NAME).chmod(0o666)
    assert seen(tmp_path).names is None


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    for number in range(105):
        keep(tmp_path, SecretStr(f"sk_user_{number}"))
    assert (tmp_path / SEEN_NAME).read_text("utf-8").count('"at"') == 100


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    keep(tmp_path / "state")
    assert seen(tmp_path / "state").names is None
