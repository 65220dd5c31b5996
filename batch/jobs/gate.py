"""The gate: the only place where a key is joined with an address, and made a client.

Whatever sends or reads goes through here, before its first request. A key goes where this user has
said: an address of the program, of an option, the environment, `--config`, the user's own settings
or list of runs, one that was typed on the page with the key, or one approved before for this key.
What only a file that lies about has named is asked about. Sends nothing, and shows nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from batch.api.address import address_of
from batch.api.sendkit import Access, SendKit, Timeouts
from batch.api.transport import make_transport
from batch.errors import DeclinedError, RunError, SettingsError, UnaskedError
from batch.jobs.request import NamedAccess
from batch.recording.approvals import approve, is_approved, is_for_another_key, keep_typed
from batch.recording.daily_quota import DailyQuota
from batch.sandbox.process import Sandbox
from batch.settings.credentials import Credentials, read_workspace_key
from batch.settings.load import CONFIG_NAME, LoadedSettings
from batch.settings.model import ApiSettings, Settings, workspace_section
from batch.settings.origins import ADDRESS, Difference, Origin, differences

BUILT_IN = ApiSettings().base_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What nobody but a file that lies about has said, and what somebody must say yes to.

    key: where it comes from, as people call it. base_url: where it would go.
    named_by: the file. is_run: whether that is a run's record, else it is a settings file.
    is_address: whether the address is in doubt. values: the settings that are.
    """

    key: str
    base_url: str
    named_by: str
    is_run: bool
    is_address: bool
    values: tuple[Difference, ...]

    def __str__(self) -> str:
        """What would happen, in a sentence or two."""
        said = ", ".join(map(str, self.values))
        if not self.is_address:
            return f"{self.key} would go to {self.base_url} with what {self.named_by} says: {said}."
        where = f"{self.key} would go to {self.base_url}, named by {self.named_by}."
        return f"{where} That file also says: {said}." if said else where


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Who is asked at the gate, and what else can be done.

    ask: puts the question, and gives the answer; None where nobody can be asked.
    remedy: what to do instead of answering, in words of the front end.
    """

    state_dir: Path
    ask: Callable[[Doubt], bool] | None
    remedy: Callable[[Doubt], str]


def open_access(loaded: LoadedSettings, credentials: Credentials, keeper: Keeper) -> Access:
    """The key and the address that it goes to, once both belong together.

    Raises DeclinedError where that is in doubt and nobody says yes. A yes is kept for this key,
    this address and these settings; where it can't be kept, it holds for now.
    """
    state_dir = keeper.state_dir
    doubt = doubt_of(loaded, credentials, state_dir=state_dir)
    base_url, key = loaded.settings.api.base_url, credentials.api_key
    untyped = replace(credentials, typed_for="")
    if credentials.typed_for and not _is_said(loaded, untyped, state_dir):
        keep_typed(state_dir, key=key, address=address_of(base_url))
    if doubt is not None:
        if keeper.ask is None:
            raise UnaskedError(f"Nothing was sent. {doubt} {keeper.remedy(doubt)}")
        if not keeper.ask(doubt):
            raise DeclinedError("Nothing was sent: the question was not answered with yes.")
        with suppress(RunError, SettingsError):
            approve(
                state_dir,
                key=key,
                address=address_of(base_url),
                also=_said(loaded, doubt.values),
            )
    return Access(base_url=base_url, api_key=key, workspace_id=credentials.workspace_id)


def open_accesses(
    loaded: LoadedSettings,
    credentials: Credentials | None,
    environ: Mapping[str, str],
    keeper: Keeper,
) -> tuple[Access, tuple[NamedAccess, ...]]:
    """The key of a run, and those of the workspaces that have keys of their own.

    credentials: as `credentials_of_run` gives them; where there are none the first workspace's key
    is the run's, too. Each is as `open_access` gives it; a workspace's key that can't be read
    stands in its failure. Raises DeclinedError, and SettingsError where no key can be read.
    """
    access = open_access(loaded, credentials, keeper) if credentials else None
    found = []
    for name, own in loaded.settings.workspaces.items():
        if not own.has_key:
            continue
        opened, failure = None, ""
        try:
            its_own = read_workspace_key(loaded.settings, environ, name)
        except SettingsError as error:
            failure = str(error).removeprefix(f"[{workspace_section(name)}]: ")
        else:
            opened = open_access(loaded, its_own, keeper)
        found.append(
            NamedAccess(name=name, access=opened, workspace_id=own.workspace_id, failure=failure)
        )
    access = access or next((each.access for each in found if each.access), None)
    if access is None:
        failures = (f"[{workspace_section(each.name)}]: {each.failure}" for each in found)
        raise SettingsError("\n".join(failures))
    return access, tuple(found)


def open_practice(sandbox: Sandbox) -> Access:
    """The way to a practice sandbox: its own address with its own key, so nothing is in doubt."""
    return Access(base_url=sandbox.base_url, api_key=SecretStr(sandbox.api_key), workspace_id=None)


def doubt_of(loaded: LoadedSettings, credentials: Credentials, *, state_dir: Path) -> Doubt | None:
    """What must be asked before this key goes out; None where nothing must."""
    base_url, key = loaded.settings.api.base_url, credentials.api_key
    approved = partial(is_approved, state_dir, key=key, address=address_of(base_url))
    values = () if _is_confirmed_run(loaded) else _guarded(loaded)
    if values and approved(also=_said(loaded, values)):
        values = ()
    is_address = not _is_said(loaded, credentials, state_dir) and not approved()
    if not (is_address or values):
        return None
    return Doubt(
        key=credentials.place,
        base_url=base_url,
        named_by=named_by(loaded),
        is_run=loaded.source_origin in {Origin.LISTED_RUN, Origin.UNLISTED_RUN},
        is_address=is_address,
        values=values,
    )


def named_by(loaded: LoadedSettings) -> str:
    """The file that settings came from, as people call it."""
    if loaded.source_origin is Origin.FOLDER_FILE:
        return f"./{CONFIG_NAME}"
    return str(loaded.source) if loaded.source else "the page"


def _is_said(loaded: LoadedSettings, credentials: Credentials, state_dir: Path) -> bool:
    """Whether this user has said that a key may go to the address.

    A run of the user's own has said so, unless it was begun on the page with another key: whoever
    has a session of the page must not approve an address for the environment's key.
    """
    address, origin = address_of(loaded.settings.api.base_url), loaded.origin(ADDRESS)
    if credentials.typed_for and address_of(credentials.typed_for) == address:
        return True
    if origin is Origin.PAGE:  # it was typed, but not with this key
        return False
    if address == address_of(BUILT_IN):
        return True
    if origin is Origin.LISTED_RUN:
        key = credentials.api_key
        return not is_for_another_key(state_dir, key=key, address=address)
    return not origin.is_untrusted or address == address_of(loaded.own.api.base_url)


def _guarded(loaded: LoadedSettings) -> tuple[Difference, ...]:
    """The settings that need a yes; what was typed on the page has the user's already."""
    return tuple(
        each
        for each in differences(loaded.settings, loaded.own)
        if each.is_guarded and loaded.origin(each.key) is not Origin.PAGE
    )


def _is_confirmed_run(loaded: LoadedSettings) -> bool:
    """Whether an option has confirmed the address of just this run, and so what is sent there."""
    is_strangers = loaded.source_origin is Origin.UNLISTED_RUN
    return is_strangers and loaded.origin(ADDRESS) is Origin.OPTION


def _said(loaded: LoadedSettings, values: tuple[Difference, ...]) -> tuple[str, ...]:
    """What a yes is about beside key and address: the settings, and the very file they are from."""
    if not values:
        return ()
    source = str(loaded.source.resolve()) if loaded.source else ""
    return (source, *(f"{'.'.join(each.key)} = {each.value!r}" for each in values))


def make_client(
    access: Access, settings: Settings, *, connections: int, quota: DailyQuota | None
) -> SendKit:
    """A client of the API with as many connections; to be entered.

    quota: by which its requests are counted; None for practice, whose sandbox is on this machine:
    no proxy stands before it either.
    """
    http = settings.http
    return SendKit(
        access,
        timeouts=Timeouts(
            connect_s=http.connect_timeout_s,
            write_s=http.write_timeout_s,
            read_s=http.read_timeout_s,
            attempt_s=http.attempt_timeout_s,
        ),
        transport=make_transport(
            connections=connections,
            base_url=access.base_url,
            use_environment_proxy=quota is not None,
            kind=http.transport,
        ),
        meter=quota,
    )


def daily_quota(access: Access, settings: Settings, state_dir: Path) -> DailyQuota:
    """The quota of a day that the settings ask for, with the counts of all runs."""
    return DailyQuota(
        state_dir,
        limit=settings.pace.daily,
        zone=settings.pace.zone,
        base_url=access.base_url,
        key=access.api_key,
        workspace_id=access.workspace_id,
    )
