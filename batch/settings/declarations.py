"""How an option is declared: its help, and what the program does with it.

Imports nothing heavy: `--help` is instant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

Words = tuple[str, ...]  # an option as typed: its flag, and its value if it takes one


class Panel(StrEnum):
    """The part of a command's help in which an option is listed."""

    INPUT = "Input"
    SENDING = "Sending"
    SAFETY = "Safety"
    OUTPUT = "Output"
    OTHER = ""  # Typer's own, "Options"


class Repeat(Enum):
    """When a printed next command repeats an option."""

    NEVER = auto()
    FILE = auto()  # about the same file only
    ALWAYS = auto()  # about the same file, and about failed rows that are fed back in


@dataclass(frozen=True, slots=True)
class Argument:
    """A word of the command line without a flag. It may be left out if its default is None."""

    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class Option:
    """What is declared of an option, beside its type and its default.

    flags: how it is typed; by default `--` and the field's name.
    section: where the setting of the same name stands that this option outranks; "" for none.
    bounds: the least and the largest number.
    only: the commands for which the option means this; empty for all others.
    """

    help: str
    panel: Panel = Panel.OTHER
    repeat: Repeat = Repeat.NEVER
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    section: str = ""
    bounds: tuple[int, int] | None = None
    only: tuple[str, ...] = ()

    def flags_for(self, name: str) -> tuple[str, ...]:
        """The flags as typed. name: the option's field."""
        return self.flags or ("--" + name.replace("_", "-"),)

    def words_for(self, name: str, value: object) -> Iterator[Words]:
        """The option as typed with a value: nothing if it was left out, one for each of several."""
        flag = self.flags_for(name)[0]
        match value:
            case None | False:
                return
            case True:
                yield (flag,)
            case tuple():
                yield from ((flag, str(each)) for each in value)
            case _:
                yield (flag, str(value))
