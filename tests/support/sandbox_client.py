"""The sandbox called in process, with a clock that the test moves."""

from dataclasses import dataclass, replace

import httpx

from batch.sandbox.app import make_app
from batch.sandbox.options import Options
from batch.sandbox.world import make_world

KEY = "sk_sandbox"
SECOND = "sk_sandbox_2"  # of the second workspace
PLATFORM = "sk_user_sandbox"
WORKSPACE = "a00000000000000000000001"
CAMPAIGN = "ca0000000000000000000001"
LEAD = "1ead00000001000000000001"
URL = f"/v1/campaigns/{CAMPAIGN}/leads/{LEAD}"


@dataclass(slots=True)
class Clock:
    """Seconds on both of the sandbox's clocks: the monotonic one, and Unix time."""

    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def client_of(
    options: Options | None = None, *, key: str | None = KEY, clock: Clock | None = None
) -> httpx.AsyncClient:
    """A client of a fresh sandbox with these options. key: what it sends; None for none."""
    options = replace(options or Options(), key=KEY)
    clock = clock or Clock()
    app = make_app(options, make_world(options), monotonic=clock, wall=clock)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1",
        headers={"X-Api-Key": key} if key else {},
    )
