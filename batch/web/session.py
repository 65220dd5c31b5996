"""The settings and the key of one start of the page: what was said at its start, and typed since.

Whoever has the session can neither send a key elsewhere nor approve an address.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from batch.api.address import address_of
from batch.api.sendkit import Access, KeyRefusedError
from batch.errors import BatchError, DeclinedError, SettingsError
from batch.jobs.check import seen_by
from batch.jobs.gate import Keeper, named_by, open_access, open_accesses
from batch.jobs.preflight import try_key
from batch.jobs.request import NamedAccess
from batch.recording.seen_workspaces import SeenWorkspaces
from batch.redaction import KeyRedactor
from batch.settings.credentials import Credentials
from batch.settings.load import CONFIG_NAME, LoadedSettings, load_settings
from batch.settings.model import Settings
from batch.settings.origins import Key, Origin, differences
from batch.settings.save import SAVED, as_lines, save_settings, typed_news
from batch.settings.system_keyring import forget_key, keep_key, read_key, refusal_of_keyring
from batch.web.keys import (
    Typed,
    credentials_of,
    credentials_of_file,
    key_of_file_at_hand,
    key_place,
    remedy,
    told_of,
)
from batch.web.remedies import field_name, on_page

_SHORTEST_KEY = 8  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where settings and runs are found. folder: for what is uploaded; gone with the page."""

    environ: Mapping[str, str]
    cwd: Path
    config_dir: Path | None
    state_dir: Path
    folder: Path
    config: Path | None = None


class Session:
    """One for each start of the page. All of it may be called from several threads."""

    def __init__(self, place: Place, options: Mapping[str, Mapping[str, object]]) -> None:
        """options: of the command, as sections of keys. Raises SettingsError."""
        self.place = place
        self._lock = threading.Lock()
        self._options = options
        self._typed = Typed()
        self._loaded = self._load(self._typed.overrides)
        self._secrets: set[str] = set()

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._loaded.settings

    @property
    def source(self) -> Path | None:
        """The settings file in use."""
        return self._loaded.source

    @property
    def has_own_key(self) -> bool:
        """Whether the key at hand was typed for this session, or taken from the keyring."""
        return self._typed.key is not None

    @property
    def key_told(self) -> str:
        """What came of the key's test; "" before it was tested."""
        return self._typed.key_told

    @property
    def plans_first(self) -> bool:
        """Whether the leads are read before anything is sent."""
        return self._typed.plans_first

    def change(
        self,
        overrides: Mapping[str, Mapping[str, object]],
        *,
        plans_first: bool | None = None,
        key: SecretStr | None = None,
        is_of_keyring: bool = False,
    ) -> None:
        """Take other settings for this session. Raises UsageError, and nothing is changed.

        overrides: over those of before; None leaves a setting as it is. Another address forgets
        every key, wherever it came from. key: typed beside the address, or kept for it in the
        keyring; it is tested, and not kept if the server refuses it.
        """
        before = self._typed
        merged = _merged(before.overrides, overrides)
        loaded = self._load(merged)
        if self._is_here(loaded.settings.api.base_url):
            # It was only shown, and sent back: whoever named it before is who named it.
            typed_before = before.overrides.get("api", {}).get("base_url")
            merged["api"] = {**merged.get("api", {}), "base_url": typed_before}
            loaded = self._load(merged)
            typed = before
        else:
            typed = replace(before, key=None, key_for="", is_forgotten=True, key_told="")
        plans_first = before.plans_first if plans_first is None else plans_first
        typed = replace(typed, overrides=merged, plans_first=plans_first)
        if key is not None:
            self._secrets.add(key.get_secret_value())
            key_for = loaded.settings.api.base_url
            typed = replace(typed, key=key, key_for=key_for, is_of_keyring=is_of_keyring)
            typed = self._tested(typed, loaded)
        self._put(typed, loaded, in_place_of=before)

    def take_key(
        self,
        key: SecretStr | None,
        *,
        address: str,
        workspace_id: str = "",
        is_kept: bool = False,
        is_of_keyring: bool = False,
    ) -> None:
        """Keep a key for this session once it is tested, or forget it. Raises UsageError.

        address: the one that was shown beside the key; it must be the one in force.
        is_kept: also in the keyring, for this address. is_of_keyring: whether it was kept there.
        """
        if key is None:
            with self._lock:
                self._typed = replace(self._typed, key=None, key_for="", key_told="")
            return
        self._secrets.add(key.get_secret_value())
        self._check_here(address)
        api = {"workspace_id": workspace_id or None}
        self.change({"api": api}, key=key, is_of_keyring=is_of_keyring)
        if not is_kept:
            return
        try:
            keep_key(address, key)
            told = "It is kept in this computer's keyring, for this address."
        except SettingsError as error:
            told = f"It is not kept: {error}"
        with self._lock:
            self._typed = replace(self._typed, key_told=f"{self._typed.key_told} {told}")

    def take_kept_key(self, *, address: str, workspace_id: str = "") -> None:
        """Use the key that the keyring has for an address. Raises UsageError.

        address, workspace_id: as for `take_key`.
        """
        self._check_here(address)
        key = read_key(address)
        self.take_key(key, address=address, workspace_id=workspace_id, is_of_keyring=True)

    def forget_kept_key(self, *, address: str) -> None:
        """Remove the key that the keyring has for an address. Raises UsageError."""
        self._check_here(address)
        forget_key(address)

    @cached_property
    def keyring_refusal(self) -> str:
        """Why no key can be kept in the keyring; "" if one can."""
        return refusal_of_keyring()

    def try_key(self) -> None:
        """Test the key at hand, wherever it comes from. Raises UsageError where it is refused."""
        before, loaded = self._typed, self._loaded
        self._put(self._tested(before, loaded), loaded, in_place_of=before)

    def open_gate(self, loaded: LoadedSettings | None = None) -> tuple[Access, tuple[str, ...]]:
        """Join the key with the address of these settings, or those in force; gives notes, too.

        Nobody is asked: what needs a yes is refused. Raises UsageError.
        """
        return self._open_gate(self._typed, loaded or self._loaded)

    def open_gates(
        self, loaded: LoadedSettings
    ) -> tuple[Access, tuple[NamedAccess, ...], tuple[str, ...]]:
        """The same for a file whose rows may name workspaces, with the keys of these."""
        environ = self.place.environ
        found = credentials_of_file(loaded, self._typed, environ)
        access, named = open_accesses(loaded, found, environ, self._keeper())
        for each in (access, *(each.access for each in named if each.access)):
            self._secrets.add(each.api_key.get_secret_value())
        return access, named, found.notes if found else ()

    def seen_workspaces(self, loaded: LoadedSettings) -> SeenWorkspaces | None:
        """The workspaces that rows may name, for what asks no server."""
        key = key_of_file_at_hand(loaded, self._typed, self.place.environ)
        return seen_by(loaded.settings, key, self.place.state_dir)

    def key_place(self) -> str:
        """Where the key comes from, in words; "" if there is none."""
        return key_place(self.settings, self._typed, self.place.environ)

    def hide(self, text: str) -> str:
        """The text without any key that was ever at hand."""
        for secret in self._secrets:
            # A shorter one is no key but a slip, and stands in many a word.
            if len(secret) >= _SHORTEST_KEY:
                text = KeyRedactor(secret, mark="***").without_key_in_lines(text)
        return text

    def foreign(self) -> str:
        """What comes from a settings file that may be anybody's; "" if nothing does."""
        loaded = self._loaded
        found = [
            str(each)
            for each in differences(loaded.settings, loaded.own)
            if loaded.origin(each.key) is not Origin.PAGE
        ]
        is_told = loaded.source_origin is Origin.FOLDER_FILE and found
        return f"From {named_by(loaded)}: {', '.join(found)}" if is_told else ""

    def load_with(self, overrides: Mapping[str, Mapping[str, object]]) -> LoadedSettings:
        """The settings in force with others over them, for one job. Raises SettingsError.

        overrides: None leaves a setting as it is.
        """
        return self._load(_merged(self._typed.overrides, overrides))

    def load_own(self) -> LoadedSettings:
        """The settings that count for an earlier run: what the page's start has said of them."""
        place = self.place
        return load_settings(
            place.config,
            self._options,
            place.environ,
            place.cwd,
            place.config_dir,
            heeds_folder=False,
        )

    @property
    def own_file(self) -> Path | None:
        """The user's own settings file, there or not; None where what it says does not count."""
        folder = self.place.config_dir
        own = folder and folder / CONFIG_NAME
        return own if self.source in {None, own} else None

    def save(self) -> bool:
        """Write what was typed, and may be saved, into the user's own file, if that is any news.

        What the command line or the environment says is for this start alone. Gives whether
        anything was written. Raises SettingsError where that can't be done.
        """
        if self.own_file is None:
            raise SettingsError("Nothing was saved: another file than your own is in use.")
        news = self._news()
        to_save = {key: news[key] for key in SAVED if key in news}
        if to_save:
            save_settings(self.own_file, to_save)
            self._loaded = self._load(self._typed.overrides)
        return bool(to_save)

    def lines_to_keep(self) -> str:
        """What was typed and is never saved by the page, as the lines of a file; "" for nothing."""
        news = self._news()
        is_saved = SAVED if self.own_file else ()
        return as_lines({key: news[key] for key in news if key not in is_saved})

    def _news(self) -> Mapping[Key, object]:
        """The settings that were typed, and differ from what files and defaults say."""
        place = self.place
        kept = load_settings(place.config, {}, {}, place.cwd, place.config_dir).settings
        rate = str(self._typed.overrides.get("pace", {}).get("rate") or "")
        return typed_news(self._loaded, kept, rate=rate)

    def _load(self, typed: Mapping[str, Mapping[str, object]]) -> LoadedSettings:
        place = self.place
        return load_settings(
            place.config,
            self._options,
            place.environ,
            place.cwd,
            place.config_dir,
            typed=typed,
            field_name=field_name,
        )

    def _is_here(self, address: str) -> bool:
        """Whether an address leads where the one in force does. Raises SettingsError."""
        return bool(address) and address_of(address) == address_of(self.settings.api.base_url)

    def _open_gate(
        self, typed: Typed, loaded: LoadedSettings, credentials: Credentials | None = None
    ) -> tuple[Access, tuple[str, ...]]:
        """credentials: the key to take; None for the one at hand."""
        found = credentials or credentials_of(loaded, typed, self.place.environ)
        self._secrets.add(found.api_key.get_secret_value())
        return open_access(loaded, found, self._keeper()), found.notes

    def _keeper(self) -> Keeper:
        return Keeper(state_dir=self.place.state_dir, ask=None, remedy=remedy)

    def _tested(self, typed: Typed, loaded: LoadedSettings) -> Typed:
        """The same, with what the server says of the key, which goes through the gate as always.

        Raises UsageError where there is no key, it may not be sent there, or the server refuses it.
        """
        try:
            credentials = credentials_of_file(loaded, typed, self.place.environ)
            access, _ = self._open_gate(typed, loaded, credentials)
            found = try_key(access, loaded.settings, state_dir=self.place.state_dir)
        except (KeyRefusedError, SettingsError, DeclinedError):
            raise
        except BatchError as error:  # it may be right all the same
            told = f"It could not be tested. {on_page(error)}"
        else:
            told = told_of(found)
        return replace(typed, key_told=told)

    def _check_here(self, address: str) -> None:
        """Raise SettingsError unless an address that stood beside a key is the one in force."""
        if not self._is_here(address):
            raise SettingsError(
                f"The key was not taken: the address is {self.settings.api.base_url} by now, "
                "not the one that stood beside the key. Look at it, then type the key again."
            )

    def _put(self, typed: Typed, loaded: LoadedSettings, *, in_place_of: Typed) -> None:
        """Put what was typed in force. Raises SettingsError if something else is by now."""
        with self._lock:
            if self._typed is not in_place_of:
                raise SettingsError("The settings were changed meanwhile. Look at them once more.")
            self._loaded, self._typed = loaded, typed


def _merged(
    before: Mapping[str, Mapping[str, object]], more: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, object]]:
    """Sections of keys with others over them; None leaves a value as it is."""
    merged = {section: dict(keys) for section, keys in before.items()}
    for section, keys in more.items():
        said = {key: value for key, value in keys.items() if value is not None}
        merged.setdefault(section, {}).update(said)
    return merged
