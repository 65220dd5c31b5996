"""What can go wrong on demand: how a fault is spelled, which requests it hits.

A spelling is a kind, then words with commas between them:
`status=429,every=10`. Kinds:

- `status=503`: an error with this status. `html=502`: the same as a proxy's
  HTML page.
- `drop`: the connection is reset. `close-before`, `close-after`: it is closed
  without an answer, before or after the change was applied. `stall`: no answer
  ever.
- `slow=0.5`: the right answer, after these seconds. `drip=0.5`: the right
  answer, a byte each time. `cut`: half of the right answer, then the
  connection is closed.
- `garbage`, `empty`, `oversized=1000000` (bytes), `success-false`: a 200 with
  such a body.
- `wrong-data=_id` (or campaignId, status, aiTag): a 200 in which this field is
  another's.
- `bare`: a 200 that says success and shows no record; nothing was applied
  unless told.
- `unchanged`: a 200 that shows the record as it was; nothing was applied.
- `redirect=307`: to another path of this server.

Words, all optional: `on=tags` (the call that it hits: patch, action, leads,
campaign, campaigns, tags, webhooks, workspaces, account or unknown, or any for all of them;
patch unless given), `leads=ID;ID` (these only), `workspace=NAME;NAME` (or an id: requests of
these only), `after=N` (the first N requests are spared),
`every=N` (each N-th), `share=0.1` (of them, at random), `times=N` (at most N
times for each lead), `total=N` (at most N times), `delay=S` (seconds before
it), `applied=yes` or `no` (whether the change is made all the same),
`retry_after=5` (that text as Retry-After) or `retry_after=date:5` (as an HTTP
date, so many seconds from now).
"""

import random
import re
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from batch.sandbox.options import SandboxError


class Operation(StrEnum):
    """A call of the API; faults and the log name it so."""

    PATCH = "patch"
    ACTION = "action"
    LEADS = "leads"
    CAMPAIGN = "campaign"
    CAMPAIGNS = "campaigns"
    TAGS = "tags"
    WEBHOOKS = "webhooks"
    WORKSPACES = "workspaces"
    ACCOUNT = "account"
    UNKNOWN = "unknown"  # no route of the API


class Kind(StrEnum):
    """A way to go wrong; the module's docstring explains each."""

    STATUS = "status"
    HTML = "html"
    DROP = "drop"
    CLOSE_BEFORE = "close-before"
    CLOSE_AFTER = "close-after"
    STALL = "stall"
    SLOW = "slow"
    DRIP = "drip"
    CUT = "cut"
    GARBAGE = "garbage"
    EMPTY = "empty"
    OVERSIZED = "oversized"
    SUCCESS_FALSE = "success-false"
    WRONG_DATA = "wrong-data"
    BARE = "bare"
    UNCHANGED = "unchanged"
    REDIRECT = "redirect"


# What may follow a kind's equals sign, and what stands there when nothing does (None: it must).
_STATUS = r"[1-5]\d\d"
_SECONDS = r"\d+(?:\.\d+)?"
_VALUES: Mapping[Kind, tuple[str, str | None]] = {
    Kind.STATUS: (_STATUS, None),
    Kind.HTML: (_STATUS, "502"),
    Kind.SLOW: (_SECONDS, None),
    Kind.DRIP: (_SECONDS, None),
    Kind.OVERSIZED: (r"\d+", "1000000"),
    Kind.WRONG_DATA: ("_id|campaignId|status|aiTag", "_id"),
    Kind.REDIRECT: (r"3\d\d", "307"),
}
_APPLIED_UNLESS_TOLD = {Kind.CLOSE_AFTER, Kind.SLOW, Kind.DRIP, Kind.CUT, Kind.WRONG_DATA}
_FIXED_APPLIED = {Kind.CLOSE_AFTER, Kind.CLOSE_BEFORE, Kind.UNCHANGED, Kind.DROP}
_ANY = "any"
_WORDS: Mapping[str, str] = {
    "on": "|".join([*Operation, _ANY]),
    "leads": r"[\w;-]+",
    "workspace": ".+",
    "after": r"\d+",
    "every": r"[1-9]\d*",
    "share": r"0(?:\.\d+)?|1(?:\.0+)?",
    "times": r"\d+",
    "total": r"\d+",
    "delay": _SECONDS,
    "applied": "yes|no",
    "retry_after": ".+",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, and the requests that it hits.

    value: what follows the kind's equals sign, as "503" or "_id"; empty for kinds without one.
    applied: whether the request takes effect nonetheless.
    on: the call that it hits; None for any. total, times: None for no limit. leads: None for all.
    workspaces: names, in lower case, or ids; None for all.
    """

    kind: Kind
    value: str = ""
    applied: bool = False
    delay_s: float = 0.0
    retry_after: str | None = None
    on: Operation | None = Operation.PATCH
    leads: frozenset[str] | None = None
    workspaces: frozenset[str] | None = None
    after: int = 0
    every: int = 1
    share: float = 1.0
    times: int | None = None
    total: int | None = None


@lru_cache(maxsize=1000)
def parse_fault(spec: str) -> Fault:
    """The fault of this spelling. SandboxError says which part is wrong."""
    head, *rest = spec.split(",")
    name, _, value = head.partition("=")
    if name not in list(Kind):
        raise _wrong(spec, head, f"one of {', '.join(Kind)}")
    kind = Kind(name)
    pattern, default = _VALUES.get(kind, ("", ""))
    value = value or default or ""
    if not re.fullmatch(pattern, value):
        raise _wrong(spec, head, f"{kind}={pattern}" if pattern else f"{kind} alone")
    words: dict[str, str] = {}
    for part in rest:
        word, _, value_of_word = part.partition("=")
        if word not in _WORDS:
            raise _wrong(spec, part, f"one of {', '.join(_WORDS)}")
        if not re.fullmatch(_WORDS[word], value_of_word):
            raise _wrong(spec, part, f"{word}={_WORDS[word]}")
        words[word] = value_of_word
    if kind in _FIXED_APPLIED and "applied" in words:
        raise _wrong(spec, "applied", f"nothing: {kind} says itself whether it is applied")
    return _build(kind, value, words)


def _build(kind: Kind, value: str, words: Mapping[str, str]) -> Fault:
    on = words.get("on", Operation.PATCH)
    workspaces = words["workspace"].casefold().split(";") if "workspace" in words else None
    applied = words["applied"] == "yes" if "applied" in words else kind in _APPLIED_UNLESS_TOLD
    return Fault(
        kind=kind,
        value=value,
        applied=applied,
        delay_s=float(words.get("delay", 0)) + (float(value) if kind is Kind.SLOW else 0),
        retry_after=words.get("retry_after"),
        on=None if on == _ANY else Operation(on),
        leads=frozenset(words["leads"].split(";")) if "leads" in words else None,
        workspaces=None if workspaces is None else frozenset(workspaces),
        after=int(words.get("after", 0)),
        every=int(words.get("every", 1)),
        share=float(words.get("share", 1)),
        times=int(words["times"]) if "times" in words else None,
        total=int(words["total"]) if "total" in words else None,
    )


def _wrong(spec: str, found: str, expected: str) -> SandboxError:
    return SandboxError(f'fault "{spec}": found "{found}"; expected {expected}.')


class Rule:
    """One fault, and how many requests it has seen and hit."""

    def __init__(self, fault: Fault, *, seed: str) -> None:
        self.fault = fault
        self._random = random.Random(seed)  # noqa: S311 - which requests fail is no secret
        self._seen = 0
        self._hits = 0
        self._hits_of: Counter[str] = Counter()

    def hits(self, operation: Operation, lead_id: str, workspace: AbstractSet[str]) -> bool:
        """Count a request; True if it meets the fault. workspace: what `Fault` may call it."""
        fault = self.fault
        if (
            fault.on not in {None, operation}
            or (fault.leads is not None and lead_id not in fault.leads)
            or (fault.workspaces is not None and fault.workspaces.isdisjoint(workspace))
        ):
            return False
        self._seen += 1
        number = self._seen - fault.after
        if number <= 0 or number % fault.every or self._random.random() >= fault.share:
            return False
        if fault.total is not None and self._hits >= fault.total:
            return False
        if fault.times is not None and self._hits_of[lead_id] >= fault.times:
            return False
        self._hits += 1
        if fault.times is not None:
            self._hits_of[lead_id] += 1
        return True


class Faults:
    """All faults of a sandbox; they can be changed while it runs."""

    def __init__(self, specs: tuple[str, ...], *, seed: int) -> None:
        self._seed = seed
        self.replace(specs)

    def replace(self, specs: tuple[str, ...]) -> None:
        """Replace all rules by these. SandboxError leaves the old ones."""
        faults = [parse_fault(spec) for spec in specs]
        self._rules = [
            Rule(fault, seed=f"{self._seed}/{index}") for index, fault in enumerate(faults)
        ]
        self._hits_of: Counter[str] = Counter()

    def pick(
        self,
        operation: Operation,
        lead_id: str,
        own: Fault | None,
        workspace: AbstractSet[str] = frozenset(),
    ) -> Fault | None:
        """The fault that this request meets: the lead's own, else that of the first rule that hits.

        own: the lead's, from the seed file; of its limits only `times` counts. workspace: the name
        and id of the request's.
        A rule sees only the requests that no earlier rule has hit.
        """
        if own and (own.times is None or self._hits_of[lead_id] < own.times):
            self._hits_of[lead_id] += own.times is not None
            return own
        hit = (rule for rule in self._rules if rule.hits(operation, lead_id, workspace))
        return next((rule.fault for rule in hit), None)
