"""Settings from options, environment and a file, each over the next, and all over the defaults.

Reads one TOML file and nothing else: options, variables and folders are handed in. All problems
are reported at once, naming the option, the variable, or the file and the key: for their sake
this is not pydantic-settings, which forgets the place of a value and ignores unknown variables
(and takes 90 ms at every start).
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from batch.errors import SettingsError
from batch.settings import messages as texts
from batch.settings.model import KNOWN, SHARED_HEADER, Settings

CONFIG_NAME = "sendkit-batch.toml"
VARIABLE_PREFIX = "SENDKIT_BATCH_"

_Key = tuple[str, str]  # section and key, spelled as in a file
_KEY_FILE: _Key = ("api", "api_key_file")
_KEY_OF_VARIABLE: Mapping[str, _Key] = {
    f"{VARIABLE_PREFIX}{section}_{key}".upper(): (section, key)
    for section, keys in KNOWN.items()
    for key in keys
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """The settings, and the file that some of them came from; None when no file was used."""

    settings: Settings
    source: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A value as it was given, how a message names its place, and where relative paths start."""

    value: object
    where: str
    folder: Path


_Layer = dict[_Key, _Given]


def default_config_dir() -> Path | None:
    """The folder of this program's settings in the user's configuration, as the system has it.

    None for a user without a home.
    """
    try:
        return platformdirs.user_config_path("sendkit-batch", appauthor=False)
    except RuntimeError:
        return None


def load_settings(
    config: Path | None,
    overrides: Mapping[str, Mapping[str, object]],
    environ: Mapping[str, str],
    cwd: Path,
    user_config_dir: Path | None,
) -> LoadedSettings:
    """The settings for one command: option over environment over file over default.

    config: the file that `--config` names; None looks for `sendkit-batch.toml` in `cwd`, then in
        `user_config_dir`, and goes without a file when there is none.
    overrides: sections of keys from options, named as in a file; None means not given.
    environ: `SENDKIT_BATCH_<SECTION>_<KEY>` is read, in any case; a blank one is not given.
    Raises SettingsError with one line for each problem.
    """
    problems: list[str] = []
    given: _Layer = {}
    source = _find_file(config, cwd, user_config_dir)
    if source is not None:
        given |= _from_file(source, _shown(source, cwd), problems)
    given |= _from_environment(environ, cwd, problems)
    given |= _from_options(overrides, cwd, problems)
    return LoadedSettings(settings=_settings_of(given, problems), source=source)


def restore_settings(public: Mapping[str, object], *, where: str) -> Settings:
    """Settings as `Settings.public` gave them; `where` names their file in messages.

    Raises SettingsError with one line for each problem.
    """
    problems: list[str] = []
    given = _layer_of(public, _file_place(where), Path(), problems)
    return _settings_of(given, problems)


def _find_file(config: Path | None, cwd: Path, user_config_dir: Path | None) -> Path | None:
    if config is not None:
        return cwd / config
    folders = [cwd] if user_config_dir is None else [cwd, user_config_dir]
    return next((path for folder in folders if (path := folder / CONFIG_NAME).is_file()), None)


def _shown(path: Path, cwd: Path) -> str:
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


def _from_file(path: Path, shown: str, problems: list[str]) -> _Layer:
    try:
        # Windows Notepad puts a byte order mark in front, which TOML does not know.
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"{shown}: can't be read ({error.strerror}); expected a settings file."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{shown}: not UTF-8 text; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(texts.wrong_toml(shown, str(error))) from error
    return _layer_of(content, _file_place(shown), path.parent, problems)


def _from_environment(environ: Mapping[str, str], cwd: Path, problems: list[str]) -> _Layer:
    layer: _Layer = {}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(VARIABLE_PREFIX) or not value.strip():
            continue
        key = _KEY_OF_VARIABLE.get(name.upper())
        if key is None:
            problems.append(texts.unknown_variable(name, _KEY_OF_VARIABLE))
        else:
            layer[key] = _Given(value=value, where=name, folder=cwd)
    return layer


def _from_options(
    overrides: Mapping[str, Mapping[str, object]], cwd: Path, problems: list[str]
) -> _Layer:
    given = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in overrides.items()
    }
    return _layer_of(given, _option_place, cwd, problems)


def _layer_of(
    content: Mapping[str, object],
    place: Callable[[str, str], str],
    folder: Path,
    problems: list[str],
) -> _Layer:
    """The known keys of a content's sections; what is not known becomes a problem."""
    layer: _Layer = {}
    for section, keys in content.items():
        if not isinstance(keys, Mapping):
            problems.append(texts.not_a_section(place("", section), section, keys))
            continue
        if section not in KNOWN:
            problems.append(texts.unknown_section(place(section, ""), section))
            continue
        for key, value in keys.items():
            where = place(section, key)
            if key in KNOWN[section]:
                layer[section, key] = _Given(value=value, where=where, folder=folder)
            else:
                problems.append(texts.unknown_key(where, key, section=section))
    return layer


def _file_place(shown: str) -> Callable[[str, str], str]:
    def place(section: str, key: str) -> str:
        return " ".join(filter(None, (shown, section and f"[{section}]", key)))

    return place


def _option_place(section: str, key: str) -> str:
    # An option has its setting's name, but for the columns, which share one.
    return f"--map {key}" if section == "columns" else f"--{key.replace('_', '-')}"


def _settings_of(given: Mapping[_Key, _Given], problems: list[str]) -> Settings:
    content: dict[str, dict[str, object]] = {}
    for (section, key), one in given.items():
        content.setdefault(section, {})[key] = one.value
    settings = Settings()
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            section, key = map(str, detail["loc"][:2])
            one = given[section, key]
            if detail["type"] == SHARED_HEADER:
                problems.append(texts.shared_header(one.where, one.value, owner=detail["msg"]))
            else:
                problems.append(texts.wrong_value(one.where, one.value, section=section, key=key))
    if problems:
        # Not from pydantic's error: its text quotes the values, and one may be a key.
        raise SettingsError("\n".join(problems))
    return _with_absolute_key_file(settings, given.get(_KEY_FILE))


def _with_absolute_key_file(settings: Settings, given: _Given | None) -> Settings:
    """A relative path starts at the folder of the settings file, or else at the current one."""
    if given is None or not settings.api.api_key_file:
        return settings
    named = os.path.expanduser(settings.api.api_key_file)  # noqa: PTH111 Path's raises without a home
    path = given.folder / named
    api = settings.api.model_copy(update={"api_key_file": str(path)})
    return settings.model_copy(update={"api": api})
