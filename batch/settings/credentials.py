"""The key and the workspace id: from the environment or a file, never from an option.

The key is wrapped the moment it is read, and no message, note or repr here ever shows it.
"""

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from batch.advice import Fix, Remedy
from batch.errors import SettingsError
from batch.settings.model import KEYRING, Settings
from batch.settings.system_keyring import read_key

KEY_VARIABLE = "SENDKIT_API_KEY"
WORKSPACE_VARIABLE = "SENDKIT_WORKSPACE_ID"
IN_KEYRING = "The key in the keyring"  # where it comes from, in a person's words
PLATFORM_PREFIX = "sk_user_"

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


def read_credentials(settings: Settings, environ: Mapping[str, str]) -> Credentials:
    """Read the key and, for a platform key, its workspace id.

    The key comes from `SENDKIT_API_KEY`, else from the keyring if `key_from` says so, else from
    `api_key_file`; the workspace id from `SENDKIT_WORKSPACE_ID`, else from the settings.
    Raises SettingsError without a usable key, or without a workspace id for a platform key.
    """
    key, key_place, notes = _read_key(settings, environ)
    workspace_id, place = environ.get(WORKSPACE_VARIABLE, "").strip(), WORKSPACE_VARIABLE
    if not workspace_id:
        workspace_id, place = settings.api.workspace_id, "workspace_id under [api]"
    if not key.startswith(PLATFORM_PREFIX):
        if workspace_id:
            notes += (f"{place} is ignored: a workspace key already belongs to one workspace.",)
        return Credentials(api_key=SecretStr(key), workspace_id=None, place=key_place, notes=notes)
    if not workspace_id:
        raise SettingsError(
            f"A platform key (it begins with {PLATFORM_PREFIX}) needs the id of a workspace.",
            Remedy(Fix.NAME_WORKSPACE),
        )
    if not _HEADER_VALUE.fullmatch(workspace_id) or workspace_id.startswith("sk_"):
        raise SettingsError(
            f"{place}: found what is no workspace id (not shown); "
            "expected one word without spaces, and not a key."
        )
    return Credentials(
        api_key=SecretStr(key), workspace_id=workspace_id, place=key_place, notes=notes
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
    path = Path(key_file)
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError as error:
        raise SettingsError(
            f"{path}: the API key can't be read ({error.strerror}); "
            f"correct api_key_file under [api] of your own settings file, or of one that "
            f"you name, or set {KEY_VARIABLE}."
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
