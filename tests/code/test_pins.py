"""The pinned versions of .ci: all that is wanted, as pyproject.toml allows it."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="no clone of the repository")


def project() -> tuple[list[str], list[str]]:
    """What runs and builds this, and what develops it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found = tomllib.load(file)
    run, build = found["project"]["dependencies"], found["build-system"]["requires"]
    return [*run, *build], found["project"]["optional-dependencies"]["dev"]


def pins(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """The pinned requirements of a file by their name, each with its hashes."""
    text = (ROOT / ".ci" / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for line in lines:
        requirement = Requirement(re.sub(r"\s*--hash=\S+", "", line))
        found[canonicalize_name(requirement.name)] = (
            requirement,
            re.findall(r"--hash=(\S+)", line),
        )
    return found


@pytest.mark.parametrize("name", ["constraints.txt", "hashes.txt"])
def test_all_that_is_wanted_is_pinned_to_a_version_that_is_allowed(name: str) -> None:
    needed, developing = project()
    pinned = pins(name)
    for wanted in [*needed, *(developing if name == "constraints.txt" else ())]:
        asked = Requirement(wanted)
        (pin,) = pinned[canonicalize_name(asked.name)][0].specifier
        assert pin.operator == "=="
        assert asked.specifier.contains(pin.version), wanted


def test_both_files_pin_the_same_and_the_second_every_file_by_its_hash() -> None:
    constraints, hashes = pins("constraints.txt"), pins("hashes.txt")
    assert constraints.keys() >= hashes.keys()
    for name, (requirement, of_files) in hashes.items():
        assert requirement.specifier == constraints[name][0].specifier
        assert of_files
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in of_files)


@pytest.mark.parametrize("name", ["constraints.txt", "hashes.txt", "renew", "run"])
def test_no_address_of_an_index_stands_in_it(name: str) -> None:
    text = (ROOT / ".ci" / name).read_text("utf-8")
    assert "://" not in text
    assert "index" not in text
