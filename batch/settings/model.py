"""Every setting: its name, default and limits, and what messages say is expected.

Frozen pydantic models, one for each section. They only check values: where a value came from, and
the text of a message, are the business of `load.py`.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from batch.api.address import check_base_url
from batch.columns import Column, column_of
from batch.errors import SettingsError
from batch.settings.values import (
    Age,
    BudgetOwner,
    FinalStates,
    Look,
    MaxErrors,
    OnConflict,
    Rate,
    SkipUnchanged,
    TransportKind,
    parse_age,
    parse_max_errors,
    parse_rate,
)

WORKSPACES = "workspaces"  # the section that has a section for each workspace
KEYRING = "keyring"  # where the key is read that is in no file
SHARED_HEADER = "shared_header"  # the type of pydantic's error; its text is the other column's name


def _no_bool(value: object) -> object:
    # A bool is an int to Python, but `concurrency = true` is a slip, not one worker.
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 pydantic takes ValueError
    return value


def _truth(value: object) -> object:
    # The environment has only texts, and nothing but these two is no slip.
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004 pydantic takes ValueError
    return value


def _address(text: str) -> str:
    try:
        return check_base_url(text)
    except SettingsError as error:
        raise ValueError("the key may not travel there") from error


def _pattern(text: str) -> str:
    try:
        takes_blank = re.fullmatch(text, "") is not None
    except re.error as error:
        raise ValueError("not a regular expression") from error
    if takes_blank:
        raise ValueError("matches a blank id")
    return text


def _time_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key if text else ""
    except (ZoneInfoNotFoundError, OSError) as error:  # OSError: a folder of zones, as "Europe"
        raise ValueError("not a time zone") from error


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a line break or a control character")
    return text


def _not_a_key(text: str) -> str:
    # Settings are copied into each run's folder, where a key must never be.
    if text.startswith("sk_"):
        raise ValueError("a key")
    return _one_line(text)


def _variable(text: str) -> str:
    if text and not (text.isascii() and text.isidentifier()):
        raise ValueError("no name of a variable")
    return text


def _key_place(text: str) -> str:
    if text not in {"", KEYRING}:
        raise ValueError("no place of a key")
    return text


Text = Annotated[str, AfterValidator(_one_line)]
KeylessText = Annotated[str, AfterValidator(_not_a_key)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
RateSetting = Annotated[Rate, PlainValidator(parse_rate), PlainSerializer(Rate.as_setting)]
AgeSetting = Annotated[Age, PlainValidator(parse_age), PlainSerializer(Age.as_setting)]
MaxErrorsSetting = Annotated[
    MaxErrors, PlainValidator(parse_max_errors), PlainSerializer(MaxErrors.as_setting)
]


class _Section(BaseModel):
    """Each field's description completes a message's "expected …"."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, validate_default=True
    )


class ApiSettings(_Section):
    """The API's address, the key and the workspace.

    api_key_file: empty, or a path that loading makes absolute.
    """

    base_url: Annotated[str, AfterValidator(_address)] = Field(
        "https://api.sendkit.ai",
        description='an address such as "https://api.sendkit.ai"; http:// only to this machine',
    )
    api_key_file: KeylessText = Field(
        "", description="the path of a file that holds the key, never the key itself"
    )
    key_from: Annotated[str, AfterValidator(_key_place)] = Field(
        "", description='"keyring", or "" for the environment or a key file'
    )
    workspace_id: KeylessText = Field("", description="the workspace's id, never a key")
    id_pattern: Annotated[str, AfterValidator(_one_line), AfterValidator(_pattern)] = Field(
        "[0-9a-fA-F]{24}",
        description="a regular expression that ids match, and a blank does not",
    )


class ColumnSettings(_Section):
    """Headers of the columns; empty where a column has its own name."""

    campaign_id: Text = Field("", alias="campaignId", description="the header of a column")
    campaign_lead_id: Text = Field("", alias="campaignLeadId", description="the header of a column")
    status: Text = Field("", description="the header of a column")
    ai_tag: Text = Field("", alias="aiTag", description="the header of a column")
    email: Text = Field("", description="the header of a column")
    campaign: Text = Field("", description="the header of a column")
    workspace: Text = Field("", description="the header of a column")

    @field_validator("campaign_lead_id", "status", "ai_tag", "email", "campaign", "workspace")
    @classmethod
    def _of_its_own(cls, header: str, info: ValidationInfo) -> str:
        for name, other in info.data.items():  # the fields above this one
            if header and header == other:
                owner = cls.model_fields[name].alias or name
                raise PydanticCustomError(SHARED_HEADER, "{owner}", {"owner": owner})
        return header

    def names(self) -> Mapping[Column, str]:
        """The columns that have another header, each with that header."""
        headers = self.model_dump(by_alias=True).items()
        return {column_of(name): header for name, header in headers if header}


class InputSettings(_Section):
    """How the spreadsheet is read."""

    clear_word: Text = Field("null", min_length=1, description='a word such as "null"')
    on_conflict: OnConflict = Field(OnConflict.ERROR, description='"error" or "last-wins"')


class PaceSettings(_Section):
    """How fast requests leave."""

    rate: RateSetting = Field(
        Rate.AUTO,
        description='"auto", a number a second that is more than 0, or a text such as "60/min"',
    )
    concurrency: Whole = Field(
        32, ge=1, le=1000, description="a whole number of workers from 1 to 1000"
    )
    headroom: Number = Field(
        0.05, ge=0, lt=1, description="a share from 0 to less than 1, such as 0.05"
    )
    max_wait_s: Number = Field(900, ge=0, description="seconds, 0 or more")
    wait: Truth = Field(default=False, description="true or false")
    daily: Whole = Field(0, ge=0, description="a whole number of requests a day, 0 for no limit")
    time_zone: Annotated[Text, AfterValidator(_time_zone)] = Field(
        "", description='a time zone such as "Europe/Berlin", or "" for this machine\'s own'
    )
    budget: BudgetOwner = Field(BudgetOwner.AUTO, description='"auto", "workspace", "key" or "all"')

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone whose days count; None for the machine's own."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    @property
    def longest_wait_s(self) -> float:
        """Seconds that a server may make a job wait; then it stops."""
        return math.inf if self.wait else self.max_wait_s


class RetrySettings(_Section):
    """How hard a row is tried."""

    max_attempts: Whole = Field(5, ge=1, description="a whole number of attempts, 1 or more")
    max_elapsed_s: Number = Field(300, ge=0, description="seconds, 0 or more")
    backoff_base_s: Number = Field(0.5, ge=0, description="seconds, 0 or more")
    backoff_max_s: Number = Field(30, ge=0, description="seconds, 0 or more")
    budget_share: Number = Field(0.10, ge=0, le=1, description="a share from 0 to 1, such as 0.10")
    budget_floor: Whole = Field(100, ge=0, description="a whole number of retries, 0 or more")
    max_outage_s: Number = Field(900, ge=0, description="seconds, 0 or more")


class HttpSettings(_Section):
    """How long one attempt may take, and what carries it."""

    connect_timeout_s: Number = Field(10, gt=0, description="seconds, more than 0")
    write_timeout_s: Number = Field(10, gt=0, description="seconds, more than 0")
    read_timeout_s: Number = Field(30, gt=0, description="seconds, more than 0")
    attempt_timeout_s: Number = Field(40, gt=0, description="seconds, more than 0")
    transport: TransportKind = Field(TransportKind.FAST, description='"fast" or "stock"')


class RunSettings(_Section):
    """Where runs are kept, and when one stops early."""

    runs_dir: Text = Field("runs", min_length=1, description="the path of a folder")
    max_errors: MaxErrorsSetting = Field(
        MaxErrors(share=0.5),
        description='a whole number of rows, or a percentage up to 100 such as "50%"',
    )
    tag_change_limit: Whole = Field(0, ge=0, description="a whole number of leads, 0 for no limit")
    tag_change_limit_total: Whole = Field(
        0, ge=0, description="a whole number of leads, 0 for no limit"
    )
    skip_unchanged: SkipUnchanged = Field(
        SkipUnchanged.AUTO, description='"auto", "always" or "never"'
    )
    final_states: FinalStates = Field(FinalStates.LEAVE, description='"leave" or "send"')
    keep_before: Truth = Field(default=False, description="true or false")
    snapshot_age: AgeSetting = Field(
        Age(seconds=3600), description='an age such as "1h" or "30min"'
    )
    plan_age: AgeSetting = Field(Age(seconds=86400), description='an age such as "24h" or "2d"')
    resume_within_h: Number = Field(24, gt=0, description="hours, more than 0")


class WebSettings(_Section):
    """The local page."""

    look: Look = Field(Look.SYSTEM, description='"system", "light" or "dark"')


def _expected(section: type[_Section], name: str) -> str:
    return section.model_fields[name].description or ""


def _per_s(rate: Rate) -> float:
    return rate.per_s or math.inf


class WorkspaceSettings(_Section):
    """A workspace that rows may name; what is None is as for the whole run.

    api_key_env, api_key_file: where its key is; both empty where a platform key reaches it.
    """

    workspace_id: KeylessText = Field("", description="the workspace's id, never a key")
    api_key_env: Annotated[KeylessText, AfterValidator(_variable)] = Field(
        "", description="the name of the environment variable that holds the key, never the key"
    )
    api_key_file: KeylessText = Field(
        "", description="the path of a file that holds the key, never the key itself"
    )
    rate: RateSetting | None = Field(None, description=_expected(PaceSettings, "rate"))
    headroom: Annotated[Number, Field(ge=0, lt=1)] | None = Field(
        None, description=_expected(PaceSettings, "headroom")
    )
    daily: Annotated[Whole, Field(ge=0)] | None = Field(
        None, description=_expected(PaceSettings, "daily")
    )

    @property
    def has_key(self) -> bool:
        """Whether it says where a key of its own is."""
        return bool(self.api_key_env or self.api_key_file)


class Settings(BaseModel):
    """All settings, frozen; those left out have their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api: ApiSettings = ApiSettings()
    columns: ColumnSettings = ColumnSettings()
    input: InputSettings = InputSettings()
    pace: PaceSettings = PaceSettings()
    retry: RetrySettings = RetrySettings()
    http: HttpSettings = HttpSettings()
    run: RunSettings = RunSettings()
    web: WebSettings = WebSettings()
    workspaces: Mapping[str, WorkspaceSettings] = {}

    def with_columns(self, columns: Mapping[Column, str]) -> "Settings":
        """The same with these headers for the columns. Raises ValidationError."""
        named = {str(column): header for column, header in columns.items()}
        return self.model_copy(update={"columns": ColumnSettings.model_validate(named)})

    def public(self) -> dict[str, Any]:
        """The settings as plain values for run.json, without secrets.

        `restore_settings` reads them back. Where the key comes from is left out, since nothing that
        a run's folder says of it would count, and so are the workspaces and how the page looks.
        """
        hidden: dict[str, Any] = {"api": {"api_key_file", "key_from"}}
        return self.model_dump(
            mode="json", by_alias=True, exclude={**hidden, "web": True, WORKSPACES: True}
        )

    def for_workspace(self, own: WorkspaceSettings) -> "Settings":
        """The run's settings for one workspace. Of two rates the slower holds."""
        pace = self.pace
        slower = min(pace.rate, own.rate or Rate.AUTO, key=_per_s)
        update = {
            "rate": slower,
            "headroom": pace.headroom if own.headroom is None else own.headroom,
            "daily": pace.daily if own.daily is None else own.daily,
        }
        return self.model_copy(update={"pace": pace.model_copy(update=update)})

    def for_practice(self) -> "Settings":
        """The same without a real address, workspace or key, none of which practice ever sees."""
        api = ApiSettings(id_pattern=self.api.id_pattern)
        return self.model_copy(update={"api": api, WORKSPACES: {}})


# Each section's keys, as in a settings file, with what is expected of their values.
KNOWN: Mapping[str, Mapping[str, str]] = {
    section: {
        field.alias or name: field.description or ""
        for name, field in type(defaults).model_fields.items()
    }
    for section, defaults in Settings()
    if isinstance(defaults, _Section)
}
# The same of each workspace's section.
OF_WORKSPACE: Mapping[str, str] = {
    name: field.description or "" for name, field in WorkspaceSettings.model_fields.items()
}


def workspace_section(name: str) -> str:
    """The section of a workspace, as a settings file has it between its brackets."""
    return f'{WORKSPACES}."{name}"'


def workspace_of(section: str) -> str | None:
    """The workspace whose section this is; None if it is none's."""
    is_one = section.startswith(f'{WORKSPACES}."')
    return section.removeprefix(f'{WORKSPACES}."')[:-1] if is_one else None


def known_in(section: str) -> Mapping[str, str]:
    """The settings of a section, with what is expected of their values."""
    return KNOWN[section] if workspace_of(section) is None else OF_WORKSPACE
