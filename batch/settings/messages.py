"""What a person reads when a setting is wrong: where it stands, what was found, what to write.

Texts only. A value that may hold a key is never quoted.
"""

import json
import re
from collections.abc import Iterable

from batch.advice import Advice, Fix, Remedy
from batch.near_names import NearNames, did_you_mean
from batch.settings.model import KNOWN, known_in, workspace_section

LONGEST_QUOTE = 60  # characters: enough to recognise a value, short enough for one line

# A key, or an address with a password in it; "task_id" and "desk_1" are neither.
_SECRET = re.compile(r"(?<![a-z])sk_|://[^/]*@", re.IGNORECASE)
_KEY_VARIABLES = ("SENDKIT_API_KEY", "SENDKIT_WORKSPACE_ID")


def quoted(value: object) -> str:
    """A value as a message shows it: as in a file, cut when long, hidden if it may be a key."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if _SECRET.search(text):
        return "what may be a key (not shown)"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def wrong_toml(shown: str, cause: str) -> str:
    """The file is no TOML; `cause` is the standard library's sentence, which quotes no value."""
    if place := re.search(r" \(at line (\d+), column (\d+)\)$", cause):
        shown = f"{shown} line {place[1]}, column {place[2]}"
        cause = cause[: place.start()]
    return (
        f"{shown}: {cause[:1].lower()}{cause[1:]}; expected lines such as rate = 5 "
        "or runs_dir = 'C:\\runs', with texts in quotes."
    )


def wrong_value(where: str, value: object, *, section: str, key: str) -> str:
    """The value of a known setting is not one that it can have."""
    expected = known_in(section)[key]
    near = did_you_mean(str(value), _choices(expected))
    return f"{where}: found {quoted(value)}; expected {expected}.{near}"


def _choices(expected: str) -> list[str]:
    """The words that a setting can be, where nothing but some words is expected."""
    between, words = expected.split('"')[::2], expected.split('"')[1::2]
    return words if set(between) <= {"", ", ", " or "} else []


def shared_header(where: str, header: object, *, owner: str) -> str:
    """One header stands for two of the columns."""
    return f"{where}: found {quoted(header)}, as for {owner}; expected a header of its own."


def unknown_key(where: str, key: str, *, section: str) -> str:
    """No setting of this name is in this section."""
    if home := _home_of(key):
        return f"{where}: no such setting here; it belongs under [{home}]."
    keys = known_in(section)
    hint = _hint(key, keys, otherwise=f"; expected {_either(keys)}")
    return f"{where}: no such setting{hint}"


def unknown_section(where: str, section: str) -> str:
    """No section has this name."""
    names = [*(f"[{name}]" for name in KNOWN), f"[{workspace_section('NAME')}]"]
    hint = _hint(f"[{section}]", names, otherwise=f"; expected {_either(names)}")
    return f"{where}: no such section{hint}"


def not_a_section(where: str, name: str, value: object) -> str:
    """A value stands where only sections can: above the first one, or under a section's name."""
    if home := _home_of(name):
        return f"{where}: stands outside a section; it belongs under [{home}]."
    if name in KNOWN:
        return f"{where}: found {quoted(value)}; expected a section: [{name}] on a line of its own."
    return f"{where}: stands outside a section, and no setting has this name."


def no_workspace(where: str, value: object) -> str:
    """What stands under `[workspaces]` is no section, or its name can't be a workspace's."""
    wanted = f"[{workspace_section('Acme')}] on a line of its own"
    return f"{where}: found {quoted(value)}; expected a section for each workspace: {wanted}."


def two_keys(where: str) -> str:
    """A workspace has its key in two places."""
    return f"{where}: found api_key_file beside it; expected one of them."


def runs_outside(where: str, value: object, *, name: str) -> Advice:
    """The folder of runs lies outside the folder whose settings file names it."""
    return Advice(
        f"{where}: found {quoted(value)}; expected a folder below this one, since the settings "
        "file of a folder may come from anybody.",
        Remedy(Fix.NAME_SETTINGS, f"./{name}"),
    )


def unknown_variable(name: str, known: Iterable[str]) -> str:
    """An environment variable with this program's prefix that stands for no setting."""
    # All variables begin alike, so that even a far one is fairly near.
    hint = _hint(
        name.upper(),
        # A name that goes on behind a whole word is another one: of API_KEY that is API_KEY_FROM.
        [*(each for each in known if not each.startswith(f"{name.upper()}_")), *_KEY_VARIABLES],
        otherwise="; config.example.toml lists all of them",
        nearness=0.8,
    )
    return f"{name}: no such setting{hint}"


def _home_of(key: str) -> str | None:
    return next((section for section, keys in KNOWN.items() if key in keys), None)


def _hint(name: str, known: Iterable[str], *, otherwise: str, nearness: float = 0.6) -> str:
    near = NearNames().nearest(name, known, cutoff=nearness)
    return f". Did you mean {near}?" if near else f"{otherwise}."


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"
