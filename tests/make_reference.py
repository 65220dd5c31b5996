"""Makes the manual's references of commands, settings and reasons: python -m tests.make_reference

Commands and options come from the command line itself, settings from config.example.toml (which a
test holds equal to the defaults), reasons from `Reason` and `wording/reasons.py`.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from batch.model import Reason, Result
from batch.settings.model import WORKSPACES, workspace_section
from batch.terminal.command_line import app
from batch.wording.reasons import REASON_WORDS

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "batch" / "manual"
_EXAMPLE = ROOT / "config.example.toml"
_PANELS = ("Input", "Sending", "Safety", "Output", "Options")  # "Options" is Typer's own

_SANDBOX = (
    "`sandbox` has options of its own: `sendkit-batch sandbox --help` lists them and its faults."
)
_RANKS = (
    "An option outranks the environment variable `SENDKIT_BATCH_<SECTION>_<KEY>` (as "
    "`SENDKIT_BATCH_PACE_RATE`), which outranks the settings file. "
    "[Automation](automation.md#settings) says which file counts; "
    "*this file* below is that one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """A command: its words with its arguments, its sentence, its parameters as Typer has them."""

    words: str
    help: str
    options: tuple[Any, ...]

    @property
    def name(self) -> str:
        return self.words.partition(" ")[0] if self.words[:4] != "runs" else self.words


def commands_page() -> str:
    """The page `commands`."""
    found = list(_commands(typer.main.get_command(app)))
    lines = [
        "# Commands",
        "",
        "Every command and every option.",
        "",
        (
            "`sendkit-batch COMMAND --help` says the same for one command. "
            "`sendkit-batch --install-completion` makes bash, zsh or fish complete commands, "
            "options and the names of runs; `--show-completion` prints what that installs. "
            "`--version` prints "
            "the versions of the program, Python and the libraries."
        ),
        "",
        *_table(("command", "what it does"), ((f"`{c.words}`", c.help) for c in found)),
    ]
    for panel, rows in _options(found).items():
        table = _table(("option", "what it does", "commands"), rows)
        lines += ["", f"## {'More options' if panel == 'Options' else panel}", "", *table]
    return "\n".join([*lines, "", _SANDBOX]) + "\n"


def settings_page() -> str:
    """The page `settings`."""
    lines = [
        "# Settings",
        "",
        "Every setting with its default and what it means.",
        "",
        _RANKS,
    ]
    for section, settings in _settings().items():
        lines += ["", f"## [{section}]", ""]
        for key, default, text in settings:
            lines += [f"- `{key} = {default}`: {text}"] if key else [text, ""]
    return "\n".join(lines) + "\n"


def reasons_table() -> str:
    """The table of *Reasons* on the page `results`."""
    rows = [(_group(each), f"`{each}`", REASON_WORDS[each].meaning) for each in Reason]
    shown = [
        ("" if n and rows[n - 1][0] == group else group, word, text)
        for n, (group, word, text) in enumerate(rows)
    ]
    return "\n".join(_table(("result", "reason", "what it means"), shown))


def with_reasons(page: str) -> str:
    """The page `results` with the table of today's reasons."""
    before, heading, after = page.partition("## Reasons\n\n")
    _, blank, after = after.partition("\n\n")
    return before + heading + reasons_table() + blank + after


def pages() -> dict[Path, str]:
    """What the manual's pages with references must hold."""
    results = MANUAL / "results.md"
    return {
        MANUAL / "commands.md": commands_page(),
        MANUAL / "settings.md": settings_page(),
        results: with_reasons(results.read_text("utf-8")),
    }


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]


def _commands(group: Any, prefix: str = "") -> Iterator[_Command]:  # noqa: ANN401 - Typer's own class of it is private
    for name, command in group.commands.items():
        if command.hidden:
            continue
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        words = [prefix + name, *(each.metavar or each.name.upper() for each in arguments)]
        yield _Command(
            words=" ".join(words),
            help=command.help.split("\n\n")[0].replace("\n", " "),
            options=tuple(each for each in command.params if each.param_type_name == "option"),
        )
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} ")


def _options(commands: Iterable[_Command]) -> dict[str, list[tuple[str, str, str]]]:
    """By panel: each option once, with the commands that take it."""
    takers: dict[tuple[str, str, str], list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.name == "help":
                continue
            panel = option.rich_help_panel or _PANELS[-1]
            names = ", ".join(f"`{each}`" for each in option.opts)
            takers.setdefault((panel, names, option.help), []).append(f"`{command.name}`")
    return {
        wanted: [
            (names, text, ", ".join(taken))
            for (panel, names, text), taken in takers.items()
            if panel == wanted
        ]
        for wanted in _PANELS
        if any(panel == wanted for panel, _, _ in takers)
    }


def _settings() -> Mapping[str, list[tuple[str, str, str]]]:
    """By section: each key with its default as the file spells it, and the remark before it.

    A remark that stands by itself has no key: it is about the section.
    """
    # What stands there as a remark without a blank is a setting that has no default.
    example = re.sub(r"(?m)^#(?=\S)", "", _EXAMPLE.read_text("utf-8"))
    found: dict[str, list[tuple[str, str, str]]] = {}
    section, remark = "", list[str]()
    for line in example.splitlines():
        if line.startswith("["):
            section, remark = line.strip("[]"), []
            found[section] = []
        elif line.startswith("#"):
            remark.append(line.removeprefix("#").strip())
        elif section and (line or remark):
            key, _, default = line.partition(" = ")
            text = " ".join(remark).rstrip(":")
            found[section].append((key, default, text if text[-1] in ".…" else f"{text}."))
            remark = []
    content = tomllib.loads(example)
    workspaces = {workspace_section(n): keys for n, keys in content.pop(WORKSPACES).items()}
    assert {name: [key for key, *_ in keys if key] for name, keys in found.items()} == {
        name: list(keys) for name, keys in {**content, **workspaces}.items()
    }
    return found


def _group(reason: Reason) -> str:
    """The result of a reason, with how it comes to be."""
    if reason.result is Result.UNSENT:
        return "unsent, because the run ended first"
    return f"{reason.result}, {reason.found}" if reason.found else reason.result.value


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
