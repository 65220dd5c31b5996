"""Settings from options over environment over a file over defaults.

Reads TOML files and nothing else: options, variables and folders are arguments. Each value keeps
its origin. All problems are reported at once, each naming the option, the variable, or the file and
key. That is why this is not pydantic-settings, which forgets where a value came from, ignores
unknown variables and takes 90 ms at every start.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from batch.errors import SettingsError
from batch.recording.runfile import RunWorkspace
from batch.settings import messages as texts
from batch.settings.layers import Layer, Value, layer_of, settings_of
from batch.settings.model import KNOWN, Settings, workspace_of
from batch.settings.options import OPTIONS
from batch.settings.origins import KEY_FILE, KEY_FROM, KEY_PLACES, RUNS_DIR, Key, Origin

CONFIG_NAME = "sendkit-batch.toml"
VARIABLE_PREFIX = "SENDKIT_BATCH_"

_KEY_OF_VARIABLE: Mapping[str, Key] = {
    f"{VARIABLE_PREFIX}{section}_{key}".upper(): (section, key)
    for section, keys in KNOWN.items()
    for key in keys
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """The settings, and where they came from.

    source: the file that was read; None without one. source_origin: whose it is.
    origins: who gave each value; keys that are not in it have their default.
    own: the settings without `source` if that is untrusted; else the same as `settings`.
    refused_key_file: the place that says where a key is and does not count; "" if none does.
    run_workspace: of the earlier run whose settings they are, if it is known. run_section: its
    section under `[workspaces]` then; "" for none.
    """

    settings: Settings
    source: Path | None
    origins: Mapping[Key, Origin] = field(default_factory=dict)
    own: Settings
    source_origin: Origin = Origin.DEFAULT
    refused_key_file: str = ""
    run_workspace: RunWorkspace | None = None
    run_section: str = ""

    def origin(self, key: Key) -> Origin:
        """Who gave this setting its value."""
        return self.origins.get(key, Origin.DEFAULT)

    def for_practice(self) -> "LoadedSettings":
        """The same without a real address, workspace or key, none of which practice ever sees."""
        settings, own = self.settings.for_practice(), self.own.for_practice()
        return replace(self, settings=settings, own=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A settings file, and whose it is."""

    path: Path
    origin: Origin


_Sections = Mapping[str, Mapping[str, object]]


def default_config_dir() -> Path | None:
    """The program's folder in the user's configuration; None for a user without a home."""
    try:
        return platformdirs.user_config_path("sendkit-batch", appauthor=False)
    except RuntimeError:
        return None


def _option_place(section: str, key: str) -> str:
    # An option has its setting's name, but for the columns, which share one.
    if section == "columns":
        return f"{OPTIONS['mapping'].flags_for('mapping')[0]} {key}"
    return OPTIONS[key].flags_for(key)[0] if key in OPTIONS else key


def _setting_place(_section: str, key: str) -> str:
    return key


def load_settings(  # noqa: PLR0913 - the layers, two with words of their own
    config: Path | None,
    overrides: _Sections,
    environ: Mapping[str, str],
    cwd: Path,
    user_config_dir: Path | None,
    *,
    typed: _Sections | None = None,
    option_name: Callable[[str, str], str] = _option_place,
    field_name: Callable[[str, str], str] = _setting_place,
    heeds_folder: bool = True,
) -> LoadedSettings:
    """The settings for one command: option over environment over file over default.

    config: the file that `--config` names; None looks for `sendkit-batch.toml` in `cwd`, then in
        `user_config_dir`, and goes without a file when there is none.
    overrides: options as sections of keys, named as in a file; None counts as not set.
        option_name: what people call the option of a section and a key.
    environ: `SENDKIT_BATCH_<SECTION>_<KEY>` in upper or lower case; a blank one is ignored.
    typed: entries on the page, over all else. field_name: the page's name for a section's key.
    heeds_folder: whether the file in `cwd` counts.
    Where the file in `cwd` says that the key is never counts; what the user's own file says does.
    Raises SettingsError with one line for each problem.
    """
    problems: list[str] = []
    file = _find_file(config, cwd, user_config_dir, heeds_folder=heeds_folder)
    in_file = _from_file(file, cwd, problems)
    said = _from_environment(environ, cwd, problems)
    said |= _from_front_end(overrides, option_name, cwd, problems, origin=Origin.OPTION)
    values = in_file | said
    values |= _from_front_end(typed or {}, field_name, cwd, problems, origin=Origin.PAGE)
    if file is None or not file.origin.is_untrusted:
        settings = settings_of(values, problems)
        return _loaded(settings, file, values, own=settings)
    own_file = _find_file(None, cwd, user_config_dir, heeds_folder=False)
    own_values = _from_file(own_file, cwd, problems) | said
    refused = _replace_untrusted_key_place(values, own_values)
    settings, own = settings_of(values, problems), settings_of(own_values, problems)
    _check_runs_dir(settings, values.get(RUNS_DIR), cwd)
    return replace(_loaded(settings, file, values, own=own), refused_key_file=refused)


def restore_settings(public: Mapping[str, object], *, where: str) -> Settings:
    """Read settings back that `Settings.public` gave. where: names their file in messages.

    A key file, which earlier versions wrote there, is dropped: it counts from no run's folder.
    Raises SettingsError with one line for each problem.
    """
    problems: list[str] = []
    values = layer_of(public, _file_place(where), Path(), problems, origin=Origin.UNLISTED_RUN)
    values.pop(KEY_FILE, None)
    values.pop(KEY_FROM, None)
    return settings_of(values, problems)


def _find_file(
    config: Path | None, cwd: Path, user_config_dir: Path | None, *, heeds_folder: bool
) -> _File | None:
    if config is not None:
        return _File(path=cwd / config, origin=Origin.CONFIG)
    here, own = cwd / CONFIG_NAME, user_config_dir and user_config_dir / CONFIG_NAME
    if heeds_folder and here.is_file() and not (own and own.is_file() and here.samefile(own)):
        return _File(path=here, origin=Origin.FOLDER_FILE)
    return _File(path=own, origin=Origin.USER_FILE) if own and own.is_file() else None


def _loaded(
    settings: Settings, file: _File | None, values: Layer, *, own: Settings
) -> LoadedSettings:
    return LoadedSettings(
        settings=settings,
        source=file.path if file else None,
        source_origin=file.origin if file else Origin.DEFAULT,
        origins={key: one.origin for key, one in values.items()},
        own=own,
    )


def _replace_untrusted_key_place(values: Layer, own: Layer) -> str:
    """Replace what an untrusted file says of where the key is by what the user's own says.

    The user's own workspaces count, too: their keys do. Gives the place that says where a key is
    and is refused; "" if none is.
    """
    place = values.get(KEY_FROM)
    if place is not None and place.origin.is_untrusted:
        del values[KEY_FROM]
    if KEY_FROM in own:
        values.setdefault(KEY_FROM, own[KEY_FROM])
    named = values.get(KEY_FILE)
    if named is None or not named.origin.is_untrusted:
        refused = ""
    else:
        refused = named.where if str(named.value).strip() else ""
        del values[KEY_FILE]
    if KEY_FILE in own:
        values.setdefault(KEY_FILE, own[KEY_FILE])
    for key, one in list(values.items()):
        if workspace_of(key[0]) and key[1] in KEY_PLACES and one.origin.is_untrusted:
            refused = refused or one.where
            del values[key]
    for key, one in own.items():
        if workspace_of(key[0]):
            values.setdefault(key, one)
    return refused


def _check_runs_dir(settings: Settings, runs_dir: Value | None, cwd: Path) -> None:
    """Raise SettingsError if an untrusted file puts runs outside its folder."""
    if runs_dir is None or not runs_dir.origin.is_untrusted:
        return
    if not (cwd / settings.run.runs_dir).resolve().is_relative_to(cwd.resolve()):
        raise SettingsError(texts.runs_outside(runs_dir.where, runs_dir.value, name=CONFIG_NAME))


def _from_file(file: _File | None, cwd: Path, problems: list[str]) -> Layer:
    if file is None:
        return {}
    path = file.path
    shown = str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)
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
    return layer_of(content, _file_place(shown), path.parent, problems, origin=file.origin)


def _file_place(shown: str) -> Callable[[str, str], str]:
    def place(section: str, key: str) -> str:
        return " ".join(filter(None, (shown, section and f"[{section}]", key)))

    return place


def _from_environment(environ: Mapping[str, str], cwd: Path, problems: list[str]) -> Layer:
    layer: Layer = {}
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(VARIABLE_PREFIX) or not value.strip():
            continue
        key = _KEY_OF_VARIABLE.get(name.upper())
        if key is None:
            problems.append(texts.unknown_variable(name, _KEY_OF_VARIABLE))
        else:
            layer[key] = Value(value=value, where=name, folder=cwd, origin=Origin.ENVIRONMENT)
    return layer


def _from_front_end(
    overrides: _Sections,
    place: Callable[[str, str], str],
    cwd: Path,
    problems: list[str],
    *,
    origin: Origin,
) -> Layer:
    values = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in overrides.items()
    }
    return layer_of(values, place, cwd, problems, origin=origin)
