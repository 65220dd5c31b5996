"""What was given on the command line, turned into settings and a request."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from batch.api.sendkit import Access
from batch.columns import COLUMNS
from batch.errors import InputError, SettingsError
from batch.jobs.request import Option, Request, Source
from batch.judging.brakes import Range
from batch.recording.state import default_state_dir
from batch.settings.load import LoadedSettings, load_settings, restore_settings
from batch.settings.model import ApiSettings, Settings
from batch.settings.values import parse_range

STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class CliOptions:
    """The options of a command, as typed; None or False where they were left out."""

    file: str
    config: Path | None = None
    base_url: str | None = None
    rate: str | None = None
    concurrency: str | None = None
    out: Path | None = None
    new: bool = False
    yes: bool = False
    dry_run: bool = False
    strict: bool = False
    on_conflict: str | None = None
    allow_invalid: bool = False
    allow_clears: bool = False
    expect_changes: str | None = None
    max_errors: str | None = None
    skip_unchanged: str | None = None
    keep_before: bool = False
    force: bool = False
    canary: str | None = None
    mapping: tuple[str, ...] = ()
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    campaign: str | None = None
    no_tag_check: bool = False
    as_json: bool = False
    quiet: bool = False
    opens: bool = False
    sandbox: bool = False
    problems: Path | None = None

    def load(
        self,
        environ: Mapping[str, str],
        *,
        cwd: Path,
        config_dir: Path | None,
        heeds_folder: bool = True,
    ) -> LoadedSettings:
        """The settings, with these options over them. Raises SettingsError.

        cwd, config_dir: where a settings file is looked for. heeds_folder: whether that of `cwd`
        counts, which it does not for an earlier run.
        """
        overrides: dict[str, Mapping[str, object]] = {
            "api": {"base_url": self.base_url},
            "columns": _mapped(self.mapping),
            "input": {"on_conflict": self.on_conflict},
            "pace": {"rate": self.rate, "concurrency": self.concurrency},
            "run": {
                "max_errors": self.max_errors,
                "skip_unchanged": self.skip_unchanged,
                "keep_before": self.keep_before or None,
            },
        }
        loaded = load_settings(
            self.config, overrides, environ, cwd, config_dir, heeds_folder=heeds_folder
        )
        if not self.sandbox:
            return loaded
        # Practice never sees the real address or key file, wherever they were set.
        api = ApiSettings(id_pattern=loaded.settings.api.id_pattern)
        return replace(loaded, settings=loaded.settings.model_copy(update={"api": api}))

    def replaced(self, settings: Settings) -> Settings:
        """An earlier run's settings with what may be changed of them. Raises SettingsError."""
        public = {**settings.public(), "api": {}}  # nothing of which can be changed
        for section, key, value in (
            ("pace", "rate", self.rate),
            ("pace", "concurrency", self.concurrency),
            ("run", "max_errors", self.max_errors),
        ):
            if value is not None:
                public[section][key] = value
        replaced = restore_settings(public, where="options")
        return replaced.model_copy(update={"api": settings.api})

    def request(self, loaded: LoadedSettings, access: Access | None) -> Request:
        """What is asked of the use cases. access: None where no server is asked."""
        return Request(
            source=self._source(),
            settings=loaded.settings,
            state_dir=default_state_dir(),
            out=self.out,
            sheet=self.sheet,
            encoding=self.encoding,
            delimiter=self.delimiter,
            campaign=_named_campaign(self.campaign),
            strict=self.strict,
            allow_invalid=self.allow_invalid,
            allow_clears=self.allow_clears,
            expect_changes=expected_changes(self.expect_changes),
            canary=self.canary_size,
            tag_check=not self.no_tag_check,
            sandbox=self.sandbox,
            access=access,
            reading_options=self._reading(),
            repeated_options=self.repeated_options(),
        )

    @property
    def key_options(self) -> tuple[str, ...]:
        """What a next command on the same run needs to find the key."""
        return ("--config", str(self.config)) if self.config else ()

    @property
    def canary_size(self) -> int:
        """How many changes go alone first; 0 for none. Raises SettingsError."""
        if self.canary is None:
            return 0
        if not re.fullmatch(r"0*[1-9][0-9]{0,8}", self.canary.strip()):
            raise SettingsError(
                f"--canary: found {self.canary!r}; expected a whole number of 1 or more."
            )
        return int(self.canary)

    @property
    def path(self) -> Path | None:
        """The spreadsheet's path; None for standard input."""
        return None if self.file == STDIN else Path(self.file)

    def _source(self) -> Source:
        if self.path is None:
            if sys.stdin is None:
                raise InputError("stdin: is closed; expected a spreadsheet there. Name a file.")
            return Source(name="stdin", stream=sys.stdin.buffer)
        return Source(name=self.path.name, path=self.path)

    def _reading(self) -> tuple[str, ...]:
        """The options that are about this very file: how to read it, and what it holds."""
        spelled = {
            "--sheet": self.sheet,
            "--encoding": self.encoding,
            "--delimiter": self.delimiter,
            "--expect-changes": self.expect_changes,
        }
        options = (
            *_spelled(spelled),
            *(("--map", each) for each in self.mapping),
            *([("--allow-invalid",)] if self.allow_invalid else []),
        )
        return tuple(word for option in options for word in option)

    def repeated_options(self) -> tuple[Option, ...]:
        """The options that mean the same for this file and for what is fed back in of it."""
        spelled = {
            "--config": self.config,
            "--base-url": self.base_url,
            "--rate": self.rate,
            "--concurrency": self.concurrency,
            "--on-conflict": self.on_conflict,
            "--max-errors": self.max_errors,
            "--skip-unchanged": self.skip_unchanged,
            "--canary": self.canary,
        }
        flags = {
            "--keep-before": self.keep_before,
            "--strict": self.strict,
            "--allow-clears": self.allow_clears,
            "--no-tag-check": self.no_tag_check,
        }
        return (*_spelled(spelled), *((flag,) for flag, is_on in flags.items() if is_on))


def _named_campaign(text: str | None) -> str | None:
    """One campaign for all rows, by name or id. Raises SettingsError for a blank one."""
    if text is None or text.strip():
        return None if text is None else text.strip()
    raise SettingsError("--campaign: found nothing; expected a campaign's name or id.")


def expected_changes(text: str | None) -> Range | None:
    """How many tags are to change. Raises SettingsError."""
    if text is None:
        return None
    try:
        least, most = parse_range(text)
    except ValueError as error:
        raise SettingsError(
            f"--expect-changes: found {text!r}; expected a number, or a range as 100-150."
        ) from error
    return Range(least=least, most=most)


def _spelled(options: Mapping[str, object]) -> tuple[Option, ...]:
    """The options that have a value."""
    return tuple((flag, str(value)) for flag, value in options.items() if value is not None)


def _mapped(mapping: tuple[str, ...]) -> dict[str, object]:
    """`--map` options as a `[columns]` section."""
    columns: dict[str, object] = {}
    for each in mapping:
        name, equals, header = each.partition("=")
        known = {column.lower(): column.value for column in COLUMNS}
        field = known.get(name.strip().lower())
        header = header.strip().strip("\"'")
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
