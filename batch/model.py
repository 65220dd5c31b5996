"""The types that every layer shares: a change, its outcome, and counts of outcomes.

Values only: nothing here reads, sends or decides.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import Self


class Field(StrEnum):
    """The four columns that this program reads; their spelling is the API's and the header's."""

    CAMPAIGN_ID = "campaignId"
    CAMPAIGN_LEAD_ID = "campaignLeadId"
    STATUS = "status"
    AI_TAG = "aiTag"


class Status(StrEnum):
    """What a campaign lead's status may be set to."""

    ACTIVE = "active"
    PAUSED = "paused"


PLATFORM_PREFIX = "sk_user_"  # of keys that act across workspaces

# All values of a campaign lead's status. Of leads in a final one nothing is sent any more.
COMPLETED = "completed"
FINAL_STATUSES = (COMPLETED, "bounced", "unsubscribed", "replied", "removed")
# What a change of a tag may do to a lead; a lead that was skipped stays where it is.
MOVES = ("enrolled", "switched", "exited")
SKIPPED_IN_PROGRESS = "skippedInProgress"
LEAD_STATUSES = ("pending", *Status, *FINAL_STATUSES)


class Result(StrEnum):
    """What became of a row, in one word; the four counts add up to the input's rows."""

    SUCCESS = "success"
    ERROR = "error"
    SKIPPED = "skipped"
    UNSENT = "unsent"


class Found(StrEnum):
    """How an error came to light, in the manual's words."""

    JUDGED = "found before sending"
    READ = "found when the lead was read"
    ANSWERED = "answered"
    GIVEN_UP = "given up"


class Trait(Flag):
    """Properties of some reasons."""

    NONE = 0
    CHANGES_NOTHING = auto()  # the server refused the request, or never got one
    MAY_PASS = auto()
    TO_MEND = auto()


class Reason(StrEnum):
    """Why a row has its result. The words are a promise to users: later versions only add.

    A new one needs a line here and its sentences in `wording/reasons.py`; the manual's table is
    made of both (`python -m tests.make_reference`).

    result: the result that it belongs to. found: how it came to light; None if it is no error.
    changes_nothing: whether an attempt that came to this has certainly changed nothing. may_pass:
    whether another time may end otherwise, with nothing mended in the spreadsheet. is_to_mend:
    whether it ends the same as long as the row stays as it is; so do all that were judged wrong.
    """

    APPLIED = "applied", Result.SUCCESS
    APPLIED_IN_PART = "applied_in_part", Result.SUCCESS

    BLANK_ROW = "blank_row", Result.SKIPPED
    NOTHING_TO_CHANGE = "nothing_to_change", Result.SKIPPED
    NOT_DATA = "not_data", Result.SKIPPED
    DUPLICATE = "duplicate", Result.SKIPPED
    SUPERSEDED = "superseded", Result.SKIPPED
    ALREADY_SO = "already_so", Result.SKIPPED
    FINAL_STATE = "final_state", Result.SKIPPED

    MISSING_ID = "missing_id", Found.JUDGED
    BAD_ID = "bad_id", Found.JUDGED
    BAD_STATUS = "bad_status", Found.JUDGED
    BAD_CELL = "bad_cell", Found.JUDGED
    MISSING_WORKSPACE = "missing_workspace", Found.JUDGED
    UNKNOWN_WORKSPACE = "unknown_workspace", Found.JUDGED
    AMBIGUOUS_WORKSPACE = "ambiguous_workspace", Found.JUDGED
    UNKNOWN_CAMPAIGN = "unknown_campaign", Found.JUDGED
    UNKNOWN_LEAD = "unknown_lead", Found.JUDGED
    AMBIGUOUS_LEAD = "ambiguous_lead", Found.JUDGED
    UNKNOWN_TAG = "unknown_tag", Found.JUDGED
    CONFLICT = "conflict", Found.JUDGED
    BEFORE_UNKNOWN = "before_unknown", Found.JUDGED

    DRIFTED = "drifted", Found.READ
    CHANGED_SINCE = "changed_since", Found.READ

    BAD_REQUEST = "bad_request", Found.ANSWERED, Trait.CHANGES_NOTHING | Trait.TO_MEND
    FORBIDDEN = "forbidden", Found.ANSWERED, Trait.CHANGES_NOTHING | Trait.MAY_PASS
    NOT_FOUND = "not_found", Found.ANSWERED, Trait.CHANGES_NOTHING | Trait.TO_MEND
    REJECTED = "rejected", Found.ANSWERED, Trait.CHANGES_NOTHING
    REDIRECTED = "redirected", Found.ANSWERED, Trait.CHANGES_NOTHING
    NOT_APPLIED = "not_applied", Found.ANSWERED
    SUCCESS_FALSE = "success_false", Found.ANSWERED
    NOT_JSON = "not_json", Found.ANSWERED
    EMPTY_ANSWER = "empty_answer", Found.ANSWERED
    OVERSIZED_ANSWER = "oversized_answer", Found.ANSWERED

    RATE_LIMITED = "rate_limited", Found.GIVEN_UP, Trait.CHANGES_NOTHING | Trait.MAY_PASS
    # A 5xx may come after the change was made.
    SERVER_ERROR = "server_error", Found.GIVEN_UP, Trait.MAY_PASS
    NOT_CONNECTED = "not_connected", Found.GIVEN_UP, Trait.CHANGES_NOTHING | Trait.MAY_PASS
    NO_ANSWER = "no_answer", Found.GIVEN_UP, Trait.MAY_PASS

    NOT_REACHED = "not_reached", Result.UNSENT
    IN_FLIGHT = "in_flight", Result.UNSENT
    STOPPED = "stopped", Result.UNSENT

    result: Result
    found: Found | None
    changes_nothing: bool
    may_pass: bool
    is_to_mend: bool

    # The defaults are for looking a member up by its word.
    def __new__(
        cls, word: str, kind: Result | Found = Result.ERROR, traits: Trait = Trait.NONE
    ) -> Self:
        """A word with what is true of it. kind: its result, or how the error came to light."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.found = kind if isinstance(kind, Found) else None
        reason.result = Result.ERROR if isinstance(kind, Found) else kind
        reason.changes_nothing = Trait.CHANGES_NOTHING in traits
        reason.may_pass = Trait.MAY_PASS in traits
        reason.is_to_mend = kind is Found.JUDGED or Trait.TO_MEND in traits
        return reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One request to make: what one or more rows ask for one campaign lead.

    lines: the input lines that share this request's outcome, the carrying one first.
    status: the status to set, or None to leave it.
    ai_tag: the label to set, or None to leave it; with clear_tag it is None and JSON null is sent.
    left: what of the rows is not sent, in a sentence; "" where all of it is.
    earlier: its outcome so far, if earlier processes tried it; the new outcome adds to that.
    """

    lines: tuple[int, ...]
    campaign_id: str
    campaign_lead_id: str
    status: Status | None = None
    ai_tag: str | None = None
    clear_tag: bool = False
    left: str = ""
    earlier: "Outcome | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What the server did with some leads, because their tag changed.

    action: one of MOVES, SKIPPED_IN_PROGRESS, or another word of the server's. subsequence: its
    name; "" if the server gave none.
    """

    action: str
    subsequence: str
    leads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of the workspace. name: fit to be shown; the id where it has none."""

    id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Who hears of what happens in a workspace. name, host: fit to be shown."""

    name: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Who hears of changed tags, as far as it was read. has_more: whether more may follow."""

    active: tuple[Webhook, ...] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLead:
    """A campaign lead as the API shows it now.

    campaign_lead_id: what changes are addressed to. lead_id: the lead's own id, which people
    mistake for the other. status: one of the API's eight. ai_tag: None if it has none.
    """

    campaign_lead_id: str
    lead_id: str
    email: str
    first_name: str
    last_name: str
    company: str
    status: str
    ai_tag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget of requests, by one answer; None where the answer doesn't say.

    name: tells several budgets of one server apart.
    limit: requests that a window of time admits. window_s: its seconds, where they are named.
    remaining: requests that are left now. reset_s: seconds until the budget is whole again, which
    servers round up to whole seconds. reset_at: the same as a Unix time, if the answer has one.
    is_unit_known: False while reset_s may be milliseconds as well.
    """

    name: str
    limit: int
    remaining: int
    reset_s: float
    reset_at: float | None = None
    window_s: float | None = None
    is_unit_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one attempt: the server's answer, or the fault in its place.

    reason: what this attempt alone would make of the row; for a 401 `rejected`.
    message: one short line without control characters, fit for a cell.
    elapsed_ms: from the attempt's start to its answer or fault.
    sent_at_ms: the attempt's start, Unix time in milliseconds, UTC.
    retry_after_s: seconds that the server asked all to wait; None if it did not, or if the answer
        is final: `Retry-After` is no order there.
    budgets: the server's budgets by its headers.
    server_ai_tag: the tag that the answer names, "null" for JSON null, None if it does not say.
    subsequence: as "enrolled: Name"; None if the answer names none.
    request_id: what the server has logged the request by; "" if it names none.
    """

    reason: Reason
    message: str = ""
    http_status: int | None = None
    elapsed_ms: int = 0
    sent_at_ms: int = 0
    retry_after_s: float | None = None
    budgets: tuple[Budget, ...] = ()
    server_status: str | None = None
    server_ai_tag: str | None = None
    subsequence: str | None = None
    request_id: str = ""

    @property
    def went_out(self) -> bool:
        """Whether a request may have reached the server."""
        return self.reason is not Reason.NOT_CONNECTED

    @property
    def in_doubt(self) -> bool:
        """Whether the change may have been made, and the answer (or its absence) can't tell."""
        return self.reason is not Reason.APPLIED and not self.reason.changes_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a row, as it is kept.

    number: which of the row's attempts it is, from 1 on, those of earlier processes counted.
    sent_at_ms: its start, Unix time in milliseconds, UTC. elapsed_ms: to its answer or fault.
    message: the fault, or what the server said; "" for a success. The rest as Answer has it.
    """

    number: int
    sent_at_ms: int
    elapsed_ms: int
    http_status: int | None
    message: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is recorded for the rows of one change, or for one judged row.

    lines: the input lines that it is recorded for.
    attempts: every attempt made, 429s too.
    elapsed_ms: the last attempt's; None when there was none.
    sent_at_ms: the first attempt's start, Unix time in milliseconds, UTC; None when never sent.
    in_doubt: whether any attempt left open whether the change was made, whatever came later.
    made: this process's attempts, the outcome's own the last; empty for a row that succeeded at
        once, whose outcome says all of it, and without some in the middle of very many.
    """

    lines: tuple[int, ...]
    reason: Reason
    message: str = ""
    http_status: int | None = None
    attempts: int = 0
    elapsed_ms: int | None = None
    sent_at_ms: int | None = None
    server_status: str | None = None
    server_ai_tag: str | None = None
    subsequence: str | None = None
    in_doubt: bool = False
    made: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Lines whose requests may be on their way from now on, until they have an outcome."""

    lines: tuple[int, ...]


MOST_ATTEMPTS = 50  # that are kept of one row: the first ones and the last; the others are counted
Entry = Outcome | Claim  # what a journal records


class Tally(Counter[Reason]):
    """Rows counted by reason; the four results are sums over it."""

    def of(self, result: Result) -> int:
        """Rows with this result."""
        return sum(n for reason, n in self.items() if reason.result is result)

    @property
    def success(self) -> int:
        """Rows that the server confirmed."""
        return self.of(Result.SUCCESS)

    @property
    def error(self) -> int:
        """Rows judged, answered or given up as wrong."""
        return self.of(Result.ERROR)

    @property
    def may_pass(self) -> int:
        """Rows that another time may end otherwise, with nothing mended in the spreadsheet."""
        return sum(n for reason, n in self.items() if reason.may_pass)

    @property
    def to_mend(self) -> int:
        """Rows that end the same as long as they stay as they are."""
        return sum(n for reason, n in self.items() if reason.is_to_mend)

    @property
    def skipped(self) -> int:
        """Rows that needed no request."""
        return self.of(Result.SKIPPED)

    @property
    def unsent(self) -> int:
        """Rows left behind without a final outcome."""
        return self.of(Result.UNSENT)
