from collections.abc import Awaitable, Callable, Iterator

import anyio
import pytest

from batch.model import Answer, Reason
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate
from batch.sending.pace.pacer import Pacer
from batch.sending.reader import NotReadError, Reader
from batch.sending.retry import RetryPolicy
from tests.support.virtual_time import VIRTUAL_TIME, VirtualTimeLoop

pytestmark = pytest.mark.anyio

OK = Answer(reason=Reason.APPLIED, http_status=200)
BROKEN = Answer(reason=Reason.SERVER_ERROR, http_status=503, message="try later")
LOST = Answer(reason=Reason.NO_ANSWER, message="the connection broke")
MISSING = Answer(reason=Reason.NOT_FOUND, http_status=404, message="Campaign not found")
GARBLED = Answer(reason=Reason.NOT_JSON, http_status=200, message="expected a page of a list")


def held(seconds: float | None) -> Answer:
    return Answer(
        reason=Reason.RATE_LIMITED, http_status=429, message="too many", retry_after_s=seconds
    )


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, type[VirtualTimeLoop]]]:
    return VIRTUAL_TIME


def make_reader(
    *,
    max_wait_s: float = 900.0,
    max_outage_s: float = 900.0,
    policy: RetryPolicy = RetryPolicy(max_attempts=3),  # noqa: B008 - it is frozen
) -> Reader:
    pacer = Pacer(10.0, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: 0.5)
    return Reader(
        Gate(pacer, Breaker(max_probe_s=30.0, max_outage_s=max_outage_s)),
        policy=policy,
        max_wait_s=max_wait_s,
        draw=lambda: 0.5,
    )


def fetching(*answers: Answer) -> Callable[[], Awaitable[tuple[Answer, str | None]]]:
    """Gives the answers in turn, the last for ever; "page" with each that is OK."""
    left: Iterator[Answer] = iter(answers)

    async def fetch() -> tuple[Answer, str | None]:
        await anyio.sleep(0.01)
        answer = next(left, answers[-1])
        return answer, "page" if answer is OK else None

    return fetch


@pytest.mark.parametrize("first", [BROKEN, LOST, held(7.0), held(None)])
async def test_what_may_pass_is_tried_again(first: Answer) -> None:
    reader = make_reader()
    assert await reader.read(fetching(first, OK)) == "page"
    assert reader.requests == 2


async def test_reading_is_given_up_once_its_back_offs_have_taken_too_long() -> None:
    # 0.25 + 0.5 + 1 + 2 + 4 = 7.75 s, and 8 more would be too many.
    reader = make_reader(policy=RetryPolicy(max_attempts=99, max_elapsed_s=10.0))
    with pytest.raises(NotReadError) as caught:
        await reader.read(fetching(BROKEN))
    assert str(caught.value) == "gave up after 8 s of attempts and back-offs: try later"
    assert reader.requests == 6


async def test_retry_after_is_waited_for_in_full_by_all_that_is_read() -> None:
    reader = make_reader()
    began = anyio.current_time()
    left: list[float] = []

    async def read(*answers: Answer) -> None:
        await reader.read(fetching(*answers))
        left.append(anyio.current_time() - began)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, held(40.0), OK)
        await anyio.sleep(1)
        tasks.start_soon(read, OK)
    assert min(left) >= 40.0


@pytest.mark.parametrize("answer", [MISSING, GARBLED])
async def test_what_will_not_pass_is_told_at_once(answer: Answer) -> None:
    reader = make_reader()
    with pytest.raises(NotReadError) as caught:
        await reader.read(fetching(answer))
    assert str(caught.value) == answer.message
    assert caught.value.answer is answer
    assert reader.requests == 1


async def test_a_failure_that_stays_is_given_up_after_the_set_tries() -> None:
    reader = make_reader()
    with pytest.raises(NotReadError, match=r"^gave up after 3 attempts: try later$"):
        await reader.read(fetching(BROKEN))
    assert reader.requests == 3


async def test_a_server_that_asks_to_wait_too_long_is_not_waited_for() -> None:
    reader = make_reader(max_wait_s=60.0)
    with pytest.raises(NotReadError, match=r"^the server asks to wait 61 s: too many$"):
        await reader.read(fetching(held(61.0)))


async def test_a_server_that_is_away_is_looked_for_and_given_up_in_the_end() -> None:
    reader = make_reader(max_outage_s=120.0)
    failed: list[str] = []

    async def read() -> None:
        try:
            await reader.read(fetching(LOST))
        except NotReadError as error:
            failed.append(str(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(read)
    assert len(failed) == 5
    assert all("the server has been away for 12" in each for each in failed)


async def test_reading_keeps_the_pace() -> None:
    reader = make_reader()
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(21):
            tasks.start_soon(reader.read, fetching(OK))
    assert anyio.current_time() - began == pytest.approx(2.0, abs=0.05)  # 20 more at 10 a second
