"""Every option of the sandbox, once: the dataclass, to and from a command line."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints


class SandboxError(Exception):
    """The sandbox can't start; the text says what is wrong and what to do."""


Choice = TypeVar("Choice", bound=StrEnum)


def choose(flag: str, word: str, choices: type[Choice]) -> Choice:
    """The member that an option's word names. SandboxError lists them."""
    if word not in list(choices):
        raise SandboxError(f'{flag}: found "{word}"; expected {", ".join(choices)}.')
    return choices(word)


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """An option's help. flag: its name, if not the field's."""

    text: str
    metavar: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox behaves. Each field is an option: `rate_limit` is `--rate-limit`.

    A field that holds a tuple is given once for each value, in the singular: `--label A --label B`.
    """

    port: Annotated[int, OptionHelp("loopback port; 0 takes a free one", "PORT")] = 0
    seed_csv: Annotated[
        Path | None,
        OptionHelp(
            "leads to know: campaignId, campaignLeadId, and optionally status, aiTag, email, "
            "firstName, lastName, companyName, campaignName, currentSequenceStep, subsequence, "
            "subsequenceMailed (yes or no), fault, workspace (its name; blank for the first)",
            "FILE",
        ),
    ] = None
    key: Annotated[
        str | None,
        OptionHelp(
            "its key, for scripts that must know it before it starts, as sk_practice_1; else one "
            "is made at random. It opens this sandbox alone: never give a real one here",
            "KEY",
        ),
    ] = None
    campaigns: Annotated[int, OptionHelp("campaigns to make when no file is given", "N")] = 3
    leads: Annotated[int, OptionHelp("leads to make in each of them", "N")] = 100
    labels: Annotated[
        tuple[str, ...],
        OptionHelp(
            "a label of each workspace with leads; those of its leads' tags are added",
            "NAME",
            "--label",
        ),
    ] = ()
    labels_file: Annotated[Path | None, OptionHelp("more labels, one a line, in UTF-8", "FILE")] = (
        None
    )
    workspaces: Annotated[
        tuple[str, ...],
        OptionHelp(
            "a workspace; the first has the leads, others have those that a file gives them",
            "NAME",
            "--workspace",
        ),
    ] = ("Sandbox",)
    made_workspaces: Annotated[
        int,
        OptionHelp(
            "so many workspaces in their place, each with leads of its own: Workspace 1 and so on",
            "N",
            "--workspaces",
        ),
    ] = 0
    workspace_labels: Annotated[
        tuple[str, ...],
        OptionHelp(
            "a label of this workspace alone, as Acme=Interested",
            "WORKSPACE=LABEL",
            "--workspace-label",
        ),
    ] = ()
    subsequences: Annotated[
        tuple[str, ...],
        OptionHelp("this label moves a lead into subsequence NAME", "LABEL=NAME", "--subsequence"),
    ] = ()
    skip_in_progress: Annotated[
        bool,
        OptionHelp(
            "subsequences send their e-mail at once: a lead that is in one is neither switched to "
            "another nor taken out"
        ),
    ] = False
    moved_status: Annotated[
        str | None, OptionHelp("the status of a lead that was moved into a subsequence", "STATUS")
    ] = None
    webhooks: Annotated[
        tuple[str, ...],
        OptionHelp(
            "an active webhook of the workspace that hears of lead.tag_changed",
            "NAME=URL",
            "--webhook",
        ),
    ] = ()
    rate_limit: Annotated[
        str | None,
        OptionHelp(
            "for each budget: fixed:100/10s, sliding:60/min or bucket:10/s,burst=20; several at "
            "once with + between them, as fixed:60/min+fixed:1000/h",
            "SPEC",
        ),
    ] = None
    limit_by: Annotated[
        str,
        OptionHelp(
            "whose a budget is: key, workspace (all its keys together), or all (one for all of "
            "them)",
            "WHOSE",
        ),
    ] = "key"
    headers: Annotated[
        str,
        OptionHelp(
            "how the limit is told: none, or some of ietf, ratelimit, x-delta, x-ms, x-unix, "
            "x-unix-floor, x-unix-ms, x-iso, x-js (JavaScript's dates), x-grouped (1,200), "
            "x-negative (-1 remains), x-named (-Minute, -Hour), x-no-reset, retry-after, "
            "retry-after-date, and on every answer retry-after-always, retry-after-fraction, "
            "retry-after-text, with commas between them",
            "LIST",
        ),
    ] = "ietf,retry-after"
    refusal: Annotated[
        str,
        OptionHelp(
            "how a request over the limit is refused: 429, plain (text alone), body (retry_after "
            "in it), nested (error.retry_after) or 200 (success false and a code)",
            "HOW",
        ),
    ] = "429"
    faults: Annotated[
        tuple[str, ...],
        OptionHelp("what goes wrong, as status=503,every=10; see below", "SPEC", "--fault"),
    ] = ()
    random_seed: Annotated[int, OptionHelp("seed of faults that hit a share of requests", "N")] = 0
    error_body: Annotated[
        str,
        OptionHelp("shape of an error's body: documented, text, object, message or html", "SHAPE"),
    ] = "documented"
    enrollment: Annotated[
        str, OptionHelp("where an answer tells that a lead was moved: data or top", "WHERE")
    ] = "data"
    next_cursor: Annotated[
        str,
        OptionHelp(
            "where a page names the next: pagination, top, meta, has-more, none, or ignored (no "
            "cursor is known, and each page is the first)",
            "WHERE",
        ),
    ] = "pagination"
    page_total: Annotated[
        bool, OptionHelp("a page tells how much there is: pagination.total and pagination.pages")
    ] = False
    max_page: Annotated[int, OptionHelp("largest limit of a page", "N")] = 100
    page_shift: Annotated[
        int,
        OptionHelp(
            "leads that a page passes over, or shows again if negative, the first time it is read",
            "N",
        ),
    ] = 0
    max_action: Annotated[int, OptionHelp("longest list of leads in a bulk action", "N")] = 1000
    id_pattern: Annotated[str, OptionHelp("what an id looks like", "REGEX")] = "[0-9a-f]{24}"
    log: Annotated[Path | None, OptionHelp("append a JSON line for each request here", "FILE")] = (
        None
    )
    ready_file: Annotated[
        Path | None,
        OptionHelp(
            "written once it listens: address, keys and process id, as JSON, for you alone", "FILE"
        ),
    ] = None
    exit_with_stdin: Annotated[
        bool, OptionHelp("end when standard input ends, as it does with the parent process")
    ] = False

    @classmethod
    def from_argv(cls, argv: Sequence[str], *, prog: str, epilog: str = "") -> "Options":
        """The options of a command line; argparse ends the process on a wrong one.

        prog: the command's name in its help. epilog: the help's end.
        """
        parser = argparse.ArgumentParser(
            prog=prog,
            description="SendKit's API, faked on this machine.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for option in _options():
            option.add_to(parser)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in vars(parser.parse_args(argv)).items()
        }
        return cls(**values)

    def to_argv(self) -> list[str]:
        """The command line for these options; defaults are left out."""
        return [
            word
            for option in _options()
            if getattr(self, option.name) != option.default
            for word in option.spell(getattr(self, option.name))
        ]


_PARSERS: Mapping[object, type] = {int: int, Path | None: Path}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Option:
    """A field of Options as it stands on a command line."""

    name: str
    kind: object
    default: object
    help: OptionHelp

    @property
    def flag(self) -> str:
        return self.help.flag or "--" + self.name.replace("_", "-")

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add it to a parser; without it, the field's default applies."""
        settings: dict[str, Any] = {
            "dest": self.name,
            "default": argparse.SUPPRESS,
            "help": self.help.text.replace("%", "%%"),
        }
        if self.kind is bool:
            parser.add_argument(self.flag, action="store_true", **settings)
            return
        parser.add_argument(
            self.flag,
            action="append" if self.kind == tuple[str, ...] else "store",
            type=_PARSERS.get(self.kind, str),
            metavar=self.help.metavar,
            **settings,
        )

    def spell(self, value: object) -> list[str]:
        """Its words on a command line, for this value."""
        if value is True:
            return [self.flag]
        values = value if isinstance(value, tuple) else (value,)
        return [f"{self.flag}={one}" for one in values]


def _options() -> Iterator[_Option]:
    hints = get_type_hints(Options, include_extras=True)
    for field in fields(Options):
        kind, option_help = get_args(hints[field.name])
        yield _Option(name=field.name, kind=kind, default=field.default, help=option_help)
