"""Make settings and a request from the options of a command."""

import inspect
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from batch.api.sendkit import Access
from batch.columns import COLUMNS, column_of
from batch.errors import InputError, SettingsError
from batch.jobs.request import Guardrails, NamedAccess, Reading, Request, Session, Source
from batch.judging.guardrails import Range
from batch.recording.runfile import PARTS
from batch.recording.state import default_state_dir
from batch.settings.load import LoadedSettings, load_settings, restore_settings
from batch.settings.model import Settings
from batch.settings.options import OPTIONS, SHOWN_ROWS, TAKEN_BY, CliOptions
from batch.settings.values import parse_range

_Group = TypeVar("_Group")


def load_with(
    options: CliOptions,
    environ: Mapping[str, str],
    *,
    cwd: Path,
    config_dir: Path | None,
    heeds_folder: bool = True,
) -> LoadedSettings:
    """Load the settings, overridden by these options. Raises SettingsError.

    cwd, config_dir: where to look for a settings file. heeds_folder: False ignores the file in
    `cwd`, as for an earlier run.
    """
    loaded = load_settings(
        options.config, overrides_of(options), environ, cwd, config_dir, heeds_folder=heeds_folder
    )
    if not options.sandbox:
        return loaded
    return loaded.for_practice()


def overrides_of(options: CliOptions) -> dict[str, dict[str, object]]:
    """The settings that options override, as sections of keys; None for options left out.

    Raises SettingsError for a wrong `--map`.
    """
    sections: dict[str, dict[str, object]] = {"columns": _columns_of(options.mapping)}
    for name, option in OPTIONS.items():
        if option.section:
            value = getattr(options, name)
            sections.setdefault(option.section, {})[name] = None if value is False else value
    return sections


def changed_by(options: CliOptions, settings: Settings) -> Settings:
    """An earlier run's settings, overridden by the options that `resume` takes.

    Raises SettingsError.
    """
    sections: dict[str, dict[str, object]] = {}
    for name in TAKEN_BY["resume"]:
        section = OPTIONS[name].section if name in OPTIONS else ""
        if section not in {"", "api"} and getattr(options, name) not in {None, False}:
            sections.setdefault(section, {})[name] = getattr(options, name)
    return restored_with(sections, settings)


def asked_again(
    request: Request,
    *,
    settings: Settings,
    guardrails: Guardrails,
    command: str,
    out: Path | None = None,
    shown_rows: int = SHOWN_ROWS,
    config: Path | None = None,
) -> Request:
    """An earlier run's request, as somebody goes back to it.

    guardrails: of this time; whether labels are asked for stays as it was. The others: of the
    session; config: the settings file that a next command names, None for the one of before.
    """
    return replace(
        request,
        settings=settings,
        guardrails=replace(guardrails, no_tag_check=request.guardrails.no_tag_check),
        session=replace(request.session, out=out, shown_rows=shown_rows, command=command),
        options=replace(request.options, config=config or request.options.config),
    )


def restored_with(sections: Mapping[str, Mapping[str, object]], settings: Settings) -> Settings:
    """An earlier run's settings with others over them: how fast and how stubbornly it is sent.

    Where requests go stays as it was. Raises SettingsError, also for what its rows were judged by.
    """
    public = {**settings.public(), "api": {}}
    for section, keys in sections.items():
        if section in {"columns", "input"} and keys:
            raise SettingsError(
                f"[{section}]: can't be changed for a run whose rows are judged already. Leave it "
                "out, or start a new run."
            )
        if section != "api":
            public[section] = {**public.get(section, {}), **keys}
    replaced = restore_settings(public, where="options")
    return replaced.model_copy(update={"api": settings.api})


def request_of(
    options: CliOptions,
    loaded: LoadedSettings,
    access: Access | None,
    *,
    workspaces: tuple[NamedAccess, ...] = (),
    is_watched: bool = False,
) -> Request:
    """The request that options make. Raises UsageError.

    access: None if no server is asked. workspaces: those with keys of their own. is_watched:
    whether somebody sits at a terminal, and hears which columns are used because they were
    confirmed before.
    """
    if options.remembered and options.no_remembered:
        raise SettingsError("--remembered and --no-remembered: expected one of them.")
    campaign = options.campaign and options.campaign.strip()
    if campaign == "":
        raise SettingsError("--campaign: found nothing; expected a campaign's name or id.")
    options = replace(options, campaign=campaign)
    return Request(
        source=_source_of(options),
        settings=loaded.settings,
        session=_taken(
            Session,
            options,
            state_dir=default_state_dir(),
            access=access,
            workspaces=workspaces,
            remembers=options.remembered or (is_watched and not options.no_remembered),
            makes_parts=_makes_parts(options.on),
        ),
        reading=reading_of(options),
        guardrails=guardrails_of(options),
        options=options,
        mapped=frozenset(map(column_of, _columns_of(options.mapping))),
    )


def reading_of(options: CliOptions) -> Reading:
    """How to read the file."""
    return _taken(Reading, options)


def guardrails_of(options: CliOptions) -> Guardrails:
    """What the options demand and allow. Raises SettingsError."""
    return _taken(
        Guardrails,
        options,
        expect_changes=_expected_changes(options.expect_changes),
        canary=_canary_size(options.canary),
    )


def _taken(group: Callable[..., _Group], options: CliOptions, **others: object) -> _Group:
    """Make a part of a request: the others as given, each other field from its namesake option."""
    taken = inspect.signature(group).parameters.keys() & OPTIONS.keys()
    return group(**{name: getattr(options, name) for name in taken} | others)


def _makes_parts(text: str | None) -> bool:
    """Whether a run only makes its parts. Raises SettingsError."""
    if text not in {None, PARTS}:
        raise SettingsError(f"--on: found {text!r}; expected {PARTS}.")
    return text == PARTS


def _canary_size(text: str | None) -> int:
    """How many changes to send first; 0 for none. Raises SettingsError."""
    if text is None:
        return 0
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text.strip()):
        raise SettingsError(f"--canary: found {text!r}; expected a whole number of 1 or more.")
    return int(text)


def _expected_changes(text: str | None) -> Range | None:
    """How many tags should change; None if nobody said. Raises SettingsError."""
    if text is None:
        return None
    try:
        least, most = parse_range(text)
    except ValueError as error:
        raise SettingsError(
            f"--expect-changes: found {text!r}; expected a number, or a range as 100-150."
        ) from error
    return Range(least=least, most=most)


def _source_of(options: CliOptions) -> Source:
    if options.path is not None:
        return Source(name=options.path.name, path=options.path)
    if sys.stdin is None:
        raise InputError("stdin: is closed; expected a spreadsheet there. Name a file.")
    return Source(name="stdin", stream=sys.stdin.buffer)


def _columns_of(mapping: tuple[str, ...]) -> dict[str, object]:
    """`--map` options as a `[columns]` section."""
    columns: dict[str, object] = {}
    for each in mapping:
        name, equals, header = each.partition("=")
        known = {column.lower(): column.value for column in COLUMNS}
        field = known.get(name.strip().lower())
        header = header.strip().strip("\"'")
        if field is None and (swapped := known.get(header.lower())):
            raise SettingsError(
                f"--map: found {each!r}, the wrong way round; expected the column's name first: "
                f"--map {swapped}={shlex.quote(name.strip())}"
            )
        if field is None or not equals or not header:
            raise SettingsError(
                f"--map: found {each!r}; expected a column's name, = and a header, "
                f'as campaignId="Campaign". The names are {", ".join(COLUMNS)}.'
            )
        if columns.get(field, header) != header:
            raise SettingsError(
                f'--map: found two headers for {field}, "{columns[field]}" and "{header}"; '
                "expected one."
            )
        columns[field] = header
    return columns
