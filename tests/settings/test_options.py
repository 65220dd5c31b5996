from dataclasses import fields

import pytest

from batch.jobs.request import Guardrails, Reading, Session
from batch.settings.declarations import Argument, Option, Repeat
from batch.settings.model import KNOWN
from batch.settings.options import OPTIONS, TAKEN_BY, CliOptions, declaration


def test_every_field_is_taken_by_a_command_and_nothing_else_is() -> None:
    taken = {name for names in TAKEN_BY.values() for name in names}
    assert taken == {each.name for each in fields(CliOptions)}


@pytest.mark.parametrize("name", [name for name, each in OPTIONS.items() if each.section])
def test_an_option_that_overrides_a_setting_has_its_name(name: str) -> None:
    assert name in KNOWN[OPTIONS[name].section]


@pytest.mark.parametrize(
    "name", [name for name, each in OPTIONS.items() if each.repeat is not Repeat.NEVER]
)
def test_an_option_that_is_repeated_is_one_of_run(name: str) -> None:
    assert name in TAKEN_BY["run"]


def test_the_parts_of_a_request_are_options_by_their_names() -> None:
    parts = {each.name for part in (Reading, Guardrails, Session) for each in fields(part)}
    assert parts - OPTIONS.keys() == {
        "state_dir",
        "access",
        "workspaces",
        "section",
        "command",
        "faults",
        "practice",
        "remembers",
        "makes_parts",
        "seen",
        "is_confirmed",
    }


@pytest.mark.parametrize(
    ("command", "help_"),
    [
        ("run", "The run's folder, new or empty; else one below runs/."),
        ("retry", "The run's folder, new or empty; else one below runs/."),
        ("report", "Write the files here, for example when the run's folder is read-only."),
        ("export", "The file to write, .csv or .xlsx."),
    ],
)
def test_an_option_may_mean_something_else_to_some_commands(command: str, help_: str) -> None:
    assert declaration("out", command).help == help_


def test_an_option_is_typed_by_its_first_flag() -> None:
    option = OPTIONS["mapping"]
    assert list(option.words_for("mapping", ("status=S", "aiTag=T"))) == [
        ("--map", "status=S"), ("--map", "aiTag=T"),
    ]  # fmt: skip
    assert list(OPTIONS["yes"].words_for("yes", True)) == [("--yes",)]
    assert list(OPTIONS["rate"].words_for("rate", "60/min")) == [("--rate", "60/min")]
    assert [*option.words_for("mapping", ()), *OPTIONS["yes"].words_for("yes", False)] == []
    assert list(OPTIONS["rate"].words_for("rate", None)) == []


def test_an_option_whose_value_is_nothing_at_all_is_typed_all_the_same() -> None:
    assert list(OPTIONS["rate"].words_for("rate", "")) == [("--rate", "")]


def test_what_a_command_takes_first_is_an_argument_if_it_has_any() -> None:
    for command, (first, *others) in TAKEN_BY.items():
        second = {"index"} if command == "part" else set()
        assert all(
            isinstance(declaration(name, command), Option) for name in others if name not in second
        )
        has_argument = isinstance(declaration(first, command), Argument)
        assert has_argument == (command not in {"web", "demo", "runs", "prune"})
