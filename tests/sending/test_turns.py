from dataclasses import replace

import anyio
import pytest

from batch.model import Answer, Reason
from batch.sending.breaker import FAILURES_IN_A_ROW, Breaker
from batch.sending.gate import Gate
from batch.sending.pace.pacer import Pacer
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio

OK = Answer(reason=Reason.APPLIED, http_status=200)
TOO_MANY = Answer(reason=Reason.RATE_LIMITED, http_status=429)
UNAVAILABLE = Answer(reason=Reason.SERVER_ERROR, http_status=503, message="busy")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_a_429_lowers_the_rate_that_nobody_tells_from_when_its_request_left() -> None:
    pacer = Pacer(None, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: 0.5)
    gate = Gate(pacer, Breaker(max_probe_s=30.0, max_outage_s=900.0))
    gate.report(OK, row=2, probe=False)
    gate.report(replace(TOO_MANY, elapsed_ms=100), row=3, probe=False)
    hold = gate.report(replace(TOO_MANY, elapsed_ms=100), row=4, probe=False)
    assert hold is not None
    assert hold.why == "HTTP 429"
    assert gate.pace().estimate.rate_per_s == pytest.approx(5.0 * 0.7 * 0.95)
    gate.report(OK, row=4, probe=False)
    gate.report(replace(TOO_MANY, elapsed_ms=100), row=5, probe=False)  # it left before that
    assert gate.pace().estimate.rate_per_s == pytest.approx(5.0 * 0.7 * 0.95)
    assert gate.pace().refused == 3


async def test_only_what_looks_for_a_server_that_is_away_leaves_as_a_probe() -> None:
    pacer = Pacer(10.0, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: 0.5)
    gate = Gate(pacer, Breaker(max_probe_s=30.0, max_outage_s=900.0))
    left = [(await gate.take_turn(), anyio.current_time()) for _ in range(3)]
    assert left == [(False, 0.0), (False, pytest.approx(0.1)), (False, pytest.approx(0.2))]
    for row in range(FAILURES_IN_A_ROW - 1):
        gate.report(UNAVAILABLE, row=row, probe=False)
    assert await gate.take_turn()
    assert anyio.current_time() == pytest.approx(0.3)
    gate.report(UNAVAILABLE, row=9, probe=True)
    assert await gate.take_turn()
    assert anyio.current_time() == pytest.approx(1.3)
