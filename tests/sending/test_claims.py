import anyio
import pytest

from batch.model import Change, Claim
from batch.sending.claims import Claims
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def change(*lines: int) -> Change:
    return Change(lines=lines, campaign_id="c", campaign_lead_id="l")


async def test_no_change_is_taken_before_its_claim_is_durable() -> None:
    claimed: list[Claim] = []
    claims = Claims(iter([change(2), change(3)]), block=2, put=claimed.append)
    taken = []

    async def take() -> None:
        taken.append(await claims.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.sleep(1)
        assert claimed == [Claim(lines=(2, 3))]
        assert taken == []
        claims.confirm()
        await anyio.sleep(1)
    assert taken == [change(2)]


async def test_the_next_block_is_claimed_while_the_last_one_is_taken() -> None:
    claimed: list[Claim] = []
    claims = Claims(iter([change(n) for n in range(2, 12)]), block=3, put=claimed.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(claims.take)
        await anyio.sleep(1)
        claims.confirm()
    assert [claim.lines for claim in claimed] == [(2, 3, 4), (5, 6, 7)]


async def test_every_line_of_joined_rows_is_claimed() -> None:
    claimed: list[Claim] = []
    claims = Claims(iter([change(2, 9), change(3)]), block=5, put=claimed.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(claims.take)
        await anyio.sleep(1)
        claims.confirm()
    assert claimed == [Claim(lines=(2, 9, 3))]


async def test_what_is_given_back_is_claimed_and_taken_once_more() -> None:
    claimed: list[Claim] = []
    taken: list[Change | None] = []

    async def take(times: int) -> None:
        taken.extend([await claims.take() for _ in range(times)])

    def put(claim: Claim) -> None:
        claimed.append(claim)
        tasks.start_soon(become_durable)

    async def become_durable() -> None:
        claims.confirm()

    claims = Claims(iter([change(n) for n in range(2, 5)]), block=2, put=put)
    async with anyio.create_task_group() as tasks:
        await take(4)
        claims.give_back([change(2), change(3)])
        await take(3)
    assert taken == [change(2), change(3), change(4), None, change(2), change(3), None]
    assert [claim.lines for claim in claimed] == [(2, 3), (4,), (2, 3)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
async def test_every_change_is_taken_once_and_then_there_are_no_more(count: int) -> None:
    claims: Claims

    async def commit() -> None:
        await anyio.sleep(1)
        claims.confirm()

    taken: list[Change] = []

    async def work() -> None:
        while (one := await claims.take()) is not None:
            taken.append(one)

    async with anyio.create_task_group() as tasks:

        def put(_claim: Claim) -> None:
            tasks.start_soon(commit)

        claims = Claims(iter([change(n) for n in range(count)]), block=3, put=put)
        for _ in range(4):
            tasks.start_soon(work)
    assert sorted(one.lines[0] for one in taken) == list(range(count))


async def test_a_distant_change_is_claimed_by_itself_and_taken_once() -> None:
    claimed: list[Claim] = []

    async def commit() -> None:
        await anyio.sleep(1)
        claims.confirm()

    def put(claim: Claim) -> None:
        claimed.append(claim)
        tasks.start_soon(commit)

    claims = Claims(iter([change(n) for n in range(2, 12)]), block=2, put=put)
    async with anyio.create_task_group() as tasks:
        taken = [await claims.take()]
        began = anyio.current_time()
        taken.append(await claims.take_distant(5))
        assert anyio.current_time() - began == pytest.approx(1)
        taken += [await claims.take() for _ in range(9)]
    assert taken == [change(n) for n in (2, 10, 3, 4, 5, 6, 7, 8, 9, 11)] + [None]
    assert sorted(line for claim in claimed for line in claim.lines) == list(range(2, 12))
    assert Claim(lines=(10,)) in claimed


async def test_the_last_of_those_that_are_left_is_the_most_distant() -> None:
    claims = Claims(iter([change(2), change(3)]), block=5, put=lambda _: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(claims.take)
        await anyio.sleep(1)
        claims.confirm()
    assert await claims.take_distant(1000) == change(3)
    assert await claims.take_distant(1000) is None
    assert await claims.take() is None
