"""Servers that tell their limit, or don't, as servers out there do: a table of worlds for the pace.

Each can be served by the sandbox over HTTP, by the same words, and in virtual time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from batch.sandbox.answers import Refusal

KINDS = ("fixed", "sliding", "bucket")


class Told(Enum):
    """How well headers tell the limit. Values: least share of what may be sent, most refused."""

    EXACTLY = 0.9, 0.002  # with parts of a second, or with its window
    ROUGHLY = 0.9, 0.01  # in whole seconds
    NOT = 0.8, 0.02

    @property
    def least_share(self) -> float:
        """Of what is allowed, less the headroom."""
        return self.value[0]

    @property
    def most_refused(self) -> float:
        """Share of the requests."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderWorld:
    """A server. limiter, headers, refusal: the sandbox's options.

    per_s: requests a second that it admits in the long run. window_s: of its longest budget.
    """

    limiter: str
    headers: str
    told: Told
    per_s: float
    window_s: float
    refusal: Refusal = Refusal.STATUS

    def __str__(self) -> str:
        refusal = "" if self.refusal is Refusal.STATUS else f" refusing {self.refusal}"
        return f"{self.limiter} {self.headers}{refusal}"


# Limits as requests and seconds. 20 in 2 s is lemlist's for a key; 100 in 10 s is like HubSpot's.
LIMITS = ((20, 2), (50, 1), (100, 10), (60, 60))
TELLING = {
    "x-delta,retry-after-always": Told.ROUGHLY,
    "x-no-reset,retry-after-always": Told.ROUGHLY,
    "x-no-reset,retry-after-fraction": Told.EXACTLY,
    "x-no-reset,retry-after-text": Told.ROUGHLY,
    "x-js,retry-after-fraction": Told.ROUGHLY,  # as widely copied middlewares for Node do
    "x-js": Told.ROUGHLY,
    "x-iso": Told.EXACTLY,
    "x-ms": Told.ROUGHLY,  # its unit is found after some requests
    "x-unix-ms": Told.EXACTLY,
    "x-unix": Told.ROUGHLY,
    "x-unix-floor": Told.ROUGHLY,
    "x-negative": Told.ROUGHLY,
    "x-negative,retry-after": Told.ROUGHLY,
}
UNTOLD = (
    ("retry-after-always", Refusal.STATUS),
    ("retry-after-fraction", Refusal.STATUS),
    ("retry-after-text", Refusal.STATUS),
    ("none", Refusal.BODY),
    ("none", Refusal.NESTED),
    ("none", Refusal.PLAIN),
    ("none", Refusal.SERVED),
    ("retry-after", Refusal.SERVED),
)
# A minute's and an hour's, Smartlead's; and others like them.
DOUBLE = (
    ("fixed:60/min+fixed:1000/h", 1000 / 3600, 3600.0),
    ("sliding:60/min+sliding:1000/h", 1000 / 3600, 3600.0),
    ("fixed:10/s+fixed:200/min", 200 / 60, 60.0),
    ("fixed:20/2s+fixed:1000/min", 10.0, 60.0),
    ("bucket:10/s+fixed:300/min", 5.0, 60.0),
    ("fixed:100/min+fixed:50000/d", 50_000 / 86_400, 86_400.0),
)
DOUBLE_TELLING = {
    "ietf": Told.EXACTLY,
    "x-delta": Told.ROUGHLY,
    "x-unix,retry-after": Told.ROUGHLY,
    "x-named": Told.EXACTLY,
}


def header_worlds() -> Iterator[HeaderWorld]:
    """All of them."""
    for limit, window_s in LIMITS:
        for kind in KINDS:
            limiter, per_s = f"{kind}:{limit}/{window_s}s", limit / window_s
            for headers, told in TELLING.items():
                yield HeaderWorld(
                    limiter=limiter, headers=headers, told=told, per_s=per_s, window_s=window_s
                )
            yield HeaderWorld(
                limiter=limiter,
                headers="x-delta",
                told=Told.ROUGHLY,
                per_s=per_s,
                window_s=window_s,
                refusal=Refusal.SERVED,
            )
            for headers, refusal in UNTOLD:
                yield HeaderWorld(
                    limiter=limiter,
                    headers=headers,
                    told=Told.NOT,
                    per_s=per_s,
                    window_s=window_s,
                    refusal=refusal,
                )
    for kind in KINDS:
        yield HeaderWorld(
            limiter=f"{kind}:1200/60s",
            headers="x-grouped",
            told=Told.ROUGHLY,
            per_s=20,
            window_s=60,
        )
    for limiter, per_s, longest_s in DOUBLE:
        for headers, told in DOUBLE_TELLING.items():
            if headers == "x-named" and "2s" in limiter:
                continue  # two seconds have no name
            yield HeaderWorld(
                limiter=limiter, headers=headers, told=told, per_s=per_s, window_s=longest_s
            )


WORLDS = tuple(header_worlds())
