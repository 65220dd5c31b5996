"""The key and the workspace id: from the environment or a file, never from an option.

The key is wrapped the moment it is read, and no message, note or repr here ever shows it.
"""

import os
import re
import shlex
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from batch.advice import Fix, Remedy
from batch.errors import SettingsError
from batch.model import PLATFORM_PREFIX
from batch.settings.load import LoadedSettings
from batch.settings.model import KEYRING, Settings, workspace_section
from batch.settings.system_keyring import read_key

KEY_VARIABLE = "SENDKIT_API_KEY"
WORKSPACE_VARIABLE = "SENDKIT_WORKSPACE_ID"
IN_KEYRING = "The key in the keyring"  # where it comes from, in a person's words

_LONGEST_LINE = 4096  # bytes; a key is far shorter, and a wrong file may be endless
_HEADER_VALUE = re.compile(r"[!-~]{1,1000}")  # one word of printable ASCII


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The key and its workspace.

    workspace_id: set with a platform key, None with a workspace key.
    place: where the key comes from, in a person's words.
    typed_for: the address for which the key was typed on the page; "" if it was not.
    notes: warnings for the user.
    """

    api_key: SecretStr
    workspace_id: str | None
    place: str = KEY_VARIABLE
    typed_for: str = ""
    notes: tuple[str, ...] = ()


def credentials_for(
    loaded: LoadedSettings, environ: Mapping[str, str], *, several: bool = False
) -> Credentials:
    """The key for these settings. several: whether rows may name workspaces of a platform key.

    A run that is gone back to has the key of its own workspace, where the settings have one.
    Raises SettingsError.
    """
    settings, own = loaded.settings, loaded.run_workspace
    if own is None:
        return read_credentials(settings, environ, several=several)
    for name, workspace in settings.workspaces.items():
        is_own = name == loaded.run_section or own.id == workspace.workspace_id
        if workspace.has_key and (is_own or own.name.casefold() == name.casefold()):
            return read_workspace_key(settings, environ, name)
    return read_credentials(settings, environ, workspace_id=own.id)


def credentials_of_run(loaded: LoadedSettings, environ: Mapping[str, str]) -> Credentials | None:
    """The key of a run whose rows may name workspaces; None where only these have keys.

    Raises SettingsError.
    """
    settings = loaded.settings
    has_key = environ.get(KEY_VARIABLE, "").strip() or settings.api.key_from
    has_own = any(each.has_key for each in settings.workspaces.values())
    if has_own and not (has_key or settings.api.api_key_file):
        return None
    return credentials_for(loaded, environ, several=True)


def key_at_hand(loaded: LoadedSettings, environ: Mapping[str, str]) -> Credentials | None:
    """As `credentials_of_run`, but None where no key can be used, and no keyring is asked."""
    if loaded.settings.api.key_from == KEYRING and not environ.get(KEY_VARIABLE, "").strip():
        return None
    with suppress(SettingsError):
        return credentials_of_run(loaded, environ)
    return None


def read_credentials(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    several: bool = False,
    workspace_id: str = "",
) -> Credentials:
    """Read the key and, for a platform key, its workspace id.

    The key comes from `SENDKIT_API_KEY`, else from the keyring if `key_from` says so, else from
    `api_key_file`; the workspace id from `SENDKIT_WORKSPACE_ID`, else from the settings, else it is
    the given one. several: a platform key needs none. Raises SettingsError without a usable key, or
    without a workspace id that is needed.
    """
    key, key_place, notes = _read_key(settings, environ)
    place, named = WORKSPACE_VARIABLE, environ.get(WORKSPACE_VARIABLE, "").strip()
    if not named:
        named, place = settings.api.workspace_id, "workspace_id under [api]"
    workspace_id = named or workspace_id
    if not key.startswith(PLATFORM_PREFIX):
        if named:
            notes += (f"{place} is ignored: a workspace key already belongs to one workspace.",)
        return Credentials(api_key=SecretStr(key), workspace_id=None, place=key_place, notes=notes)
    if not (workspace_id or several):
        raise SettingsError(
            f"A platform key (it begins with {PLATFORM_PREFIX}) needs the id of a workspace.",
            Remedy(Fix.NAME_WORKSPACE),
        )
    if workspace_id and (
        not _HEADER_VALUE.fullmatch(workspace_id) or workspace_id.startswith("sk_")
    ):
        raise SettingsError(
            f"{place}: found what is no workspace id (not shown); "
            "expected one word without spaces, and not a key."
        )
    return Credentials(
        api_key=SecretStr(key), workspace_id=workspace_id or None, place=key_place, notes=notes
    )


def read_workspace_key(settings: Settings, environ: Mapping[str, str], name: str) -> Credentials:
    """The key of a workspace of `[workspaces]` that says where it is. Raises SettingsError."""
    own, section = settings.workspaces[name], f"[{workspace_section(name)}]"
    if own.api_key_env:
        place, notes = own.api_key_env, tuple[str, ...]()
        key = environ.get(place, "").strip()
        if not key:
            raise SettingsError(f"{section}: {place} is not set; expected the API key there.")
        key = _checked(key, place)
    else:
        key, place, notes = _read_key_file(Path(own.api_key_file), f"api_key_file under {section}")
    is_platform = key.startswith(PLATFORM_PREFIX)
    if is_platform and not own.workspace_id:
        raise SettingsError(
            f"{section}: a platform key (it begins with {PLATFORM_PREFIX}) needs workspace_id."
        )
    return Credentials(
        api_key=SecretStr(key),
        workspace_id=own.workspace_id if is_platform else None,
        place=place,
        notes=notes,
    )


def _read_key(settings: Settings, environ: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """The key, where it comes from, and notes."""
    key_file = settings.api.api_key_file
    if key := environ.get(KEY_VARIABLE, "").strip():
        return _checked(key, KEY_VARIABLE), KEY_VARIABLE, ()
    if settings.api.key_from == KEYRING:
        key = read_key(settings.api.base_url).get_secret_value()
        return _checked(key, "The keyring"), IN_KEYRING, ()
    if not key_file:
        raise SettingsError(
            f"No API key: set {KEY_VARIABLE}, or api_key_file under [api] of your own settings "
            "file, or of one that you name, to the path of a file that holds it."
        )
    return _read_key_file(Path(key_file), "api_key_file under [api]")


def _read_key_file(path: Path, setting: str) -> tuple[str, str, tuple[str, ...]]:
    """As `_read_key`. setting: what names the file."""
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError as error:
        raise SettingsError(
            f"{path}: the API key can't be read ({error.strerror}); "
            f"correct {setting} of your own settings file, or of one that "
            f"you name{f', or set {KEY_VARIABLE}' if setting.endswith('[api]') else ''}."
        ) from error
    # Bytes that are no text become characters that no key has, so no error quotes them.
    key = line.decode("utf-8-sig", errors="replace").strip()
    if not key:
        raise SettingsError(f"{path}: the first line is blank; expected the API key there.")
    notes: tuple[str, ...] = ()
    # Windows keeps its rights elsewhere; the mode says nothing there.
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        repair = f"chmod 600 {shlex.quote(str(path))}"
        notes = (f"{path} is open to other users of this machine; run: {repair}",)
    return _checked(key, str(path)), f"The key in {path}", notes


def _checked(key: str, place: str) -> str:
    if not _HEADER_VALUE.fullmatch(key) or key[0] in "\"'":
        raise SettingsError(
            f"{place}: the API key (not shown) has a space, a quote, a control character or a "
            "letter outside ASCII in it, or is longer than 1,000 characters; "
            "expected one word such as sk_…, as plain text. Copy it again."
        )
    return key
