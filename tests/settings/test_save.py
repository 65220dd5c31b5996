import stat
import tomllib
from difflib import ndiff
from pathlib import Path

import pytest

from batch.errors import SettingsError
from batch.settings.model import KNOWN
from batch.settings.origins import Key
from batch.settings.save import SAVED, as_lines, save_settings

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
ALL: dict[Key, object] = {
    ("pace", "rate"): "60/min",
    ("pace", "concurrency"): 8,
    ("pace", "headroom"): 0.1,
    ("run", "runs_dir"): "/data/my runs",
    ("web", "look"): "dark",
}
# A file, and the lines of it that change: those that go, and those that come.
CASES = {
    "nothing": ("", [], ["[pace]", "rate = 5.0"]),
    "comments": (
        "# mine\n[pace] # fast\n  rate = 10  # a second, as agreed\n# the end",
        ["  rate = 10  # a second, as agreed"],
        ["  rate = 5.0  # a second, as agreed"],
    ),
    "another section": ("[run]\nruns_dir = 'x' # y\n", [], ["", "[pace]", "rate = 5.0"]),
    "dotted": ("pace.rate = 1\npace.headroom = 0.2\n", ["pace.rate = 1"], ["pace.rate = 5.0"]),
    "inline": (
        "pace = { headroom = 0.2, rate = 1 } # all\n",
        ["pace = { headroom = 0.2, rate = 1 } # all"],
        ["pace = { headroom = 0.2, rate = 5.0 } # all"],
    ),
    "the key is new": (
        "[pace]\nheadroom = 0.2 # left\n\n[run]\nruns_dir = 'x'\n",
        [],
        ["rate = 5.0"],
    ),
}  # fmt: skip


def lines_of(old: str, new: str, mark: str) -> list[str]:
    """The lines that are marked + or - between two texts."""
    found = ndiff(old.splitlines(), new.splitlines())
    return [line[2:] for line in found if line.startswith(f"{mark} ")]


@pytest.mark.parametrize(("before", "gone", "come"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
def test_only_the_lines_of_what_is_saved_change(
    tmp_path: Path, before: str, gone: list[str], come: list[str], ends: str
) -> None:
    path = tmp_path / "sendkit-batch.toml"
    before = before.replace("\n", ends)
    path.write_bytes(before.encode())
    save_settings(path, {("pace", "rate"): 5.0})
    after = path.read_bytes().decode()
    assert (lines_of(before, after, "-"), lines_of(before, after, "+")) == (gone, come)
    if before:
        assert after.count("\n") == after.count(ends)


def test_every_comment_of_the_example_stays(tmp_path: Path) -> None:
    path = tmp_path / "sendkit-batch.toml"
    before = "\ufeff" + EXAMPLE.read_text("utf-8")
    path.write_text(before, "utf-8")
    save_settings(path, ALL)
    after = path.read_text("utf-8")
    assert [line.partition(" ")[0] for line in lines_of(before, after, "+")] == [
        key for _, key in ALL
    ]
    assert len(lines_of(before, after, "-")) == len(ALL)
    wanted = tomllib.loads(before[1:])
    for (section, key), value in ALL.items():
        wanted[section][key] = value
    assert tomllib.loads(after.removeprefix("\ufeff")) == wanted


def test_a_new_file_is_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sendkit-batch.toml"
    save_settings(path, ALL)
    assert tomllib.loads(path.read_text("utf-8")) == {
        "pace": {"rate": "60/min", "concurrency": 8, "headroom": 0.1},
        "run": {"runs_dir": "/data/my runs"},
        "web": {"look": "dark"},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_an_open_file_is_closed_to_others_when_it_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "sendkit-batch.toml"
    path.write_text("[pace]\n")
    path.chmod(0o644)
    save_settings(path, ALL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


NEVER = [(s, k) for s, keys in KNOWN.items() for k in keys if (s, k) not in ALL]


@pytest.mark.parametrize("key", NEVER, ids=map(".".join, NEVER))
def test_nothing_else_is_ever_written(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "sendkit-batch.toml"
    path.write_text("# mine\n")
    with pytest.raises(SettingsError, match=f"^{key[1]}: is never written"):
        save_settings(path, {("pace", "rate"): 5, key: 1})
    assert path.read_text() == "# mine\n"
    assert set(SAVED) == set(ALL)


@pytest.mark.parametrize("content", [b"[pace\n", b"\xff\n", b"pace = 3\n"])
def test_a_file_that_cant_be_edited_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sendkit-batch.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="can't be edited without changing more of it"):
        save_settings(path, ALL)
    assert path.read_bytes() == content


def test_no_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("# mine\n")
    path = tmp_path / "sendkit-batch.toml"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="is no regular file"):
        save_settings(path, ALL)
    assert (tmp_path / "elsewhere").read_text() == "# mine\n"


def test_settings_as_the_lines_of_a_file() -> None:
    assert as_lines({("api", "workspace_id"): 'a"b', ("columns", "aiTag"): "Tag"}) == (
        '[api]\nworkspace_id = "a\\"b"\n\n[columns]\naiTag = "Tag"'
    )
