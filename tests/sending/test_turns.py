import anyio
import pytest

from batch.model import Answer, Reason
from batch.sending.breaker import FAILURES_IN_A_ROW, Breaker
from batch.sending.gate import Gate
from batch.sending.pace.pacer import Pacer
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio

UNAVAILABLE = Answer(reason=Reason.SERVER_ERROR, http_status=503, message="busy")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_only_what_looks_for_a_server_that_is_away_leaves_as_a_probe() -> None:
    pacer = Pacer(10.0, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: 0.5)
    gate = Gate(pacer, Breaker(max_probe_s=30.0, max_outage_s=900.0))
    left = [(await gate.take_turn(), anyio.current_time()) for _ in range(3)]
    assert left == [(False, 0.0), (False, pytest.approx(0.1)), (False, pytest.approx(0.2))]
    for row in range(FAILURES_IN_A_ROW):
        gate.report(UNAVAILABLE, row=row, probe=False)
    assert await gate.take_turn()
    assert anyio.current_time() == pytest.approx(1.2)
