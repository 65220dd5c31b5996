"""Layers of settings: values with their places, and the settings that they make together.

A layer is a file, the environment, a command line or a page. Reads nothing.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from batch.errors import SettingsError
from batch.settings import messages as texts
from batch.settings.model import (
    KNOWN,
    SHARED_HEADER,
    WORKSPACES,
    Settings,
    known_in,
    workspace_of,
    workspace_section,
)
from batch.settings.origins import KEY_FILE, Key, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value, how messages name its place, and the folder that relative paths start from."""

    value: object
    where: str
    folder: Path
    origin: Origin


Layer = dict[Key, Value]


def layer_of(
    content: Mapping[str, object],
    place: Callable[[str, str], str],
    folder: Path,
    problems: list[str],
    *,
    origin: Origin,
) -> Layer:
    """The values of known settings; unknown sections and keys become problems."""
    layer: Layer = {}
    for section, keys in _sections_of(content, place, problems):
        if not isinstance(keys, Mapping):
            problems.append(texts.not_a_section(place("", section), section, keys))
            continue
        if section not in KNOWN and workspace_of(section) is None:
            problems.append(texts.unknown_section(place(section, ""), section))
            continue
        for key, value in keys.items():
            where = place(section, key)
            if key in known_in(section):
                layer[section, key] = Value(value=value, where=where, folder=folder, origin=origin)
            else:
                problems.append(texts.unknown_key(where, key, section=section))
    return layer


def _sections_of(
    content: Mapping[str, object], place: Callable[[str, str], str], problems: list[str]
) -> Iterator[tuple[str, object]]:
    """Each section with its settings, those of workspaces among them."""
    for section, keys in content.items():
        if section != WORKSPACES or not isinstance(keys, Mapping):
            yield section, keys
            continue
        for name, own in keys.items():
            # A key that somebody took for a name would be shown wherever the workspace is.
            is_name = name.strip() and name.isprintable() and not name.startswith("sk_")
            if isinstance(own, Mapping) and is_name:
                yield workspace_section(name), own
            else:
                problems.append(texts.no_workspace(place(section, ""), {name: own}))


def settings_of(values: Mapping[Key, Value], problems: list[str]) -> Settings:
    """The settings that these values make. Raises SettingsError with all problems."""
    content: dict[str, dict[str, Any]] = {WORKSPACES: {}}
    for (section, key), one in values.items():
        name = workspace_of(section)
        place = content if name is None else content[WORKSPACES]
        place.setdefault(name or section, {})[key] = one.value
    settings = Settings()
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            section, key, *rest = map(str, detail["loc"])
            if section == WORKSPACES:
                section, key = workspace_section(key), rest[0]
            one = values[section, key]
            if detail["type"] == SHARED_HEADER:
                problems.append(texts.shared_header(one.where, one.value, owner=detail["msg"]))
            else:
                problems.append(texts.wrong_value(one.where, one.value, section=section, key=key))
    for name, own in settings.workspaces.items():
        if own.api_key_env and own.api_key_file:
            problems.append(texts.two_keys(values[workspace_section(name), "api_key_env"].where))
    if problems:
        # Not from pydantic's error: its text quotes the values, and one may be a key.
        raise SettingsError("\n".join(problems))
    return _with_whole_paths(settings, values)


def _with_whole_paths(settings: Settings, values: Mapping[Key, Value]) -> Settings:
    """Key files named from the folder of the settings file, or else from the current one."""
    update: dict[str, Any] = {}
    if settings.api.api_key_file:
        path = _path_of(settings.api.api_key_file, values[KEY_FILE])
        update["api"] = settings.api.model_copy(update={"api_key_file": path})
    for name, own in settings.workspaces.items():
        if own.api_key_file:
            path = _path_of(own.api_key_file, values[workspace_section(name), "api_key_file"])
            update.setdefault(WORKSPACES, {**settings.workspaces})[name] = own.model_copy(
                update={"api_key_file": path}
            )
    return settings.model_copy(update=update)


def _path_of(key_file: str, value: Value) -> str:
    named = os.path.expanduser(key_file)  # noqa: PTH111 Path's raises without a home
    return str(value.folder / named)
