"""Write a few settings into the user's own settings file, and leave everything else in it alone.

What is said there counts as said by the user, for tonight's job, too. So nothing is ever written
that decides where a key goes or what is sent, or that lifts a guardrail: whoever holds the page's
session could do so.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from batch.errors import SettingsError
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.plain_file import is_plain
from batch.settings.load import LoadedSettings
from batch.settings.model import Settings
from batch.settings.origins import RATE, RUNS_DIR, Key, Origin

# All that is ever written.
SAVED: tuple[Key, ...] = (
    RATE,
    ("pace", "concurrency"),
    ("pace", "headroom"),
    RUNS_DIR,
    ("web", "look"),
)
_BOM = "\ufeff"  # Windows Notepad puts it in front


def save_settings(path: Path, values: Mapping[Key, object]) -> None:
    """Set these keys in a settings file, which is made if need be; this user alone can read it.

    Only their own lines change. Raises SettingsError for any other key and for a file that can't be
    edited, and RunError when the disk fails; then nothing is changed.
    """
    if others := [key for _, key in values.keys() - set(SAVED)]:
        raise SettingsError(f"{', '.join(sorted(others))}: is never written. Write it yourself.")
    if path.is_symlink() or (path.exists() and not is_plain(path)):
        raise SettingsError(f"{path}: is no regular file. Write the lines yourself.")
    with disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
    with AtomicFile(path) as new_file:
        new_file.write(_edited(before, values, name=str(path)))
        new_file.publish()


def typed_news(loaded: LoadedSettings, kept: Settings, *, rate: str) -> dict[Key, object]:
    """The settings that were typed on the page, and are others than those that are kept.

    kept: what files and defaults say. rate: as it was typed; it stands in place of the odd number a
    second that a text such as "100/min" comes to.
    """
    before = kept.model_dump(mode="json", by_alias=True)
    news: dict[Key, object] = {
        (section, name): value
        for section, keys in loaded.settings.model_dump(mode="json", by_alias=True).items()
        for name, value in keys.items()
        if loaded.origin((section, name)) is Origin.PAGE and value != before[section][name]
    }
    return {**news, RATE: rate} if RATE in news and "/" in rate else news


def as_lines(values: Mapping[Key, object]) -> str:
    """Settings as the lines of a settings file."""
    document = tomlkit.document()
    _set(document, values)
    return tomlkit.dumps(document).strip()


def _edited(content: bytes, values: Mapping[Key, object], *, name: str) -> bytes:
    """A settings file with these values. Raises SettingsError unless just they have changed."""
    refusal = f"{name}: can't be edited without changing more of it. Write the lines yourself."
    try:
        text = content.decode("utf-8")
        plain = text.removeprefix(_BOM)
        document = tomlkit.parse(plain)
        _set(document, values)
        edited = tomlkit.dumps(document)
        wanted = tomllib.loads(plain)
        for (section, key), value in values.items():
            wanted.setdefault(section, {})[key] = value
        is_so = tomllib.loads(edited) == wanted
    except (UnicodeDecodeError, TOMLKitError, tomllib.TOMLDecodeError, TypeError) as error:
        raise SettingsError(refusal) from error
    if not is_so:
        raise SettingsError(refusal)
    if 0 < plain.count("\n") == plain.count("\r\n"):  # Windows' line ends, for new lines too
        edited = edited.replace("\r\n", "\n").replace("\n", "\r\n")
    return (text[: len(text) - len(plain)] + edited).encode()


def _set(document: tomlkit.TOMLDocument, values: Mapping[Key, object]) -> None:
    for (section, key), value in values.items():
        document.setdefault(section, tomlkit.table())[key] = value
