"""A command's options as fields of a form: made of their declarations, and read back from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_type_hints

from batch.errors import BatchError
from batch.settings.model import Settings
from batch.settings.options import OPTIONS, TAKEN_BY, CliOptions, declaration
from batch.web.remedies import on_page

# What stands behind "More options", for the commands that take it. What else a command takes has a
# place of its own on the page, or no meaning there: the test of this file says which.
_OFFERED = (
    "strict", "allow_invalid", "on_conflict", "final_states", "expect_changes", "canary", "force",
    "max_errors", "keep_before", "skip_unchanged", "no_tag_check", "wait",
    "skip_failed_workspaces",
)  # fmt: skip
_DEFAULTS = Settings()
_SWITCHES = {name for name, hint in get_type_hints(CliOptions).items() if hint is bool}

Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionField:
    """An option in a form.

    choices: of a closed set; empty for a text or a switch. standing: what counts where nothing is
    typed; "" where nothing does. is_fixed: a switch that the settings have on already.
    problem: what is wrong with the value.
    """

    name: str
    label: str
    help: str
    value: str
    choices: tuple[str, ...] = ()
    standing: str = ""
    is_switch: bool = False
    is_fixed: bool = False
    problem: str = ""


def offered(command: str) -> tuple[str, ...]:
    """The options of a command that are offered, in the order of its form."""
    return tuple(name for name in _OFFERED if name in TAKEN_BY[command])


def typed_in(form: Typed, commands: Iterable[str]) -> dict[str, str]:
    """What a form says of the offered options of these commands; what is blank is left out."""
    names = dict.fromkeys(name for command in commands for name in offered(command))
    return {name: value for name in names if (value := form.get(name, "").strip())}


def options_of(typed: Typed) -> CliOptions:
    """The same as options of a command line."""
    values = {name: True if name in _SWITCHES else value for name, value in typed.items()}
    return CliOptions(**values)  # type: ignore[arg-type]  # each is a text or a switch


def problems_of(typed: Typed, check: Callable[[CliOptions], object]) -> dict[str, str]:
    """What is wrong with each value, without the option's name. check: raises for a wrong one."""
    found = {}
    for name, value in typed.items():
        try:
            check(options_of({name: value}))
        except BatchError as error:
            said = on_page(error).partition(": ")[2]
            found[name] = said[:1].upper() + said[1:]
    return found


def fields_of(
    command: str, standing: Mapping[str, Any], typed: Typed, problems: Mapping[str, str]
) -> list[OptionField]:
    """The offered options of a command, as they stand in its form.

    standing: the settings that count where nothing is typed, as `Settings.public` gives them.
    """
    fields = []
    for name in offered(command):
        value = standing.get(OPTIONS[name].section, {}).get(name, "")
        is_switch = name in _SWITCHES
        fields.append(
            OptionField(
                name=name,
                label=name.replace("_", " ").capitalize(),
                help=declaration(name, command).help,
                value=typed.get(name, ""),
                choices=_choices(name),
                standing="" if is_switch else str(value),
                is_switch=is_switch,
                is_fixed=value is True,
                problem=problems.get(name, ""),
            )
        )
    return fields


def _choices(name: str) -> tuple[str, ...]:
    """The values of an option that stands for a setting with a closed set of them."""
    section = OPTIONS[name].section
    value = getattr(getattr(_DEFAULTS, section), name) if section else None
    return tuple(type(value)) if isinstance(value, StrEnum) else ()
