"""The forecast: after a tenth of the requests it is within 20 % of what is still to come."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import pytest

from batch.api.budgets import read_budgets
from batch.model import Answer, Reason
from batch.sandbox.limits import make_limiter
from batch.sandbox.telling import Spelling, spell
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate, Pace
from tests.support.pace_world import NO_KEY, make_pacer
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio
WORKERS = 32


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """requests: so many. one_in: of so many one is refused at random; 0 for none."""

    limiter: str = "bucket:1000000/1s"
    spellings: tuple[Spelling, ...] = ()
    requests: int
    latency_s: float = 0.05
    rate_per_s: float | None = None
    one_in: int = 0


class Job:
    """Workers that send through the gate, and the pace that was seen at a tenth of it."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._limiter = make_limiter(case.limiter)
        self._draw = random.Random(1)  # noqa: S311 - the same at each run
        self._done = 0
        self.seen_at: tuple[float, Pace] | None = None
        breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
        self.gate = Gate(make_pacer(case.rate_per_s), breaker)

    async def run(self) -> None:
        async with anyio.create_task_group() as workers:
            for row in range(WORKERS):
                workers.start_soon(self._work, row)

    async def _work(self, row: int) -> None:
        while self._done < self._case.requests:
            await self.gate.take_turn()
            answer = await self.gate.attempt(self._send)
            self.gate.report(answer, row=row, probe=False)
            self._done += answer.http_status == 200
            if self.seen_at is None and self._done >= self._case.requests / 10:
                self.seen_at = anyio.current_time(), self.gate.pace()

    async def _send(self) -> Answer:
        await anyio.sleep(self._case.latency_s / 2)
        if self._case.one_in and self._draw.random() < 1 / self._case.one_in:
            headers: Mapping[str, str] = {}
            is_admitted = False
        else:
            budget = self._limiter.take(anyio.current_time())
            headers, is_admitted = spell(budget, self._case.spellings, now_s=0), budget.admitted
        await anyio.sleep(self._case.latency_s / 2)
        return Answer(
            reason=Reason.APPLIED if is_admitted else Reason.RATE_LIMITED,
            http_status=200 if is_admitted else 429,
            elapsed_ms=round(self._case.latency_s * 1000),
            budgets=tuple(
                read_budgets(
                    {name.lower(): value for name, value in headers.items()},
                    server_now_s=lambda: 0.0,
                    redactor=NO_KEY,
                )
            ),
        )


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "case",
    [
        Case(limiter="fixed:50/1s", spellings=(Spelling.IETF,), requests=1000),
        Case(limiter="sliding:100/10s", spellings=(Spelling.X_DELTA,), requests=1200),
        Case(limiter="sliding:100/1s", requests=6000),
        Case(limiter="bucket:50/1s", requests=5000),
        Case(requests=20_000),
        Case(requests=6000, latency_s=0.4),  # 80 a second, whatever is allowed
        Case(limiter="fixed:500/1s", spellings=(Spelling.IETF,), requests=6000, latency_s=0.2),
        Case(requests=1000, rate_per_s=20.0),
        Case(requests=20_000, one_in=300),
    ],
)
async def test_after_a_tenth_the_forecast_is_within_20_percent(case: Case) -> None:
    job = Job(case)
    await job.run()
    assert job.seen_at is not None
    at, pace = job.seen_at
    left = case.requests * 0.9
    assert left / pace.expected_per_s(workers=WORKERS) == pytest.approx(
        anyio.current_time() - at, rel=0.2
    )
