"""Asking many workspaces side by side."""

from datetime import UTC, datetime

import anyio
import pytest
from anyio.lowlevel import checkpoint

from batch.errors import QuotaUsedError, SettingsError
from batch.jobs.part_steps import AT_ONCE, side_by_side

pytestmark = pytest.mark.anyio
MANY = range(2 * AT_ONCE)


async def test_some_are_asked_at_the_same_time_and_told_in_their_order() -> None:
    at_work: set[int] = set()
    most = 0

    async def ask(number: int) -> int:
        nonlocal most
        at_work.add(number)
        most = max(most, len(at_work))
        for _ in range(2 * AT_ONCE - number):  # the first takes longest
            await checkpoint()
        at_work.remove(number)
        if number % 10 == 0:
            raise SettingsError(f"not {number}")
        return number

    came = await side_by_side(MANY, ask)
    assert most == AT_ONCE
    assert [each if isinstance(each, int) else str(each) for each in came] == [
        number if number % 10 else f"not {number}" for number in MANY
    ]


async def test_a_quota_that_is_used_up_ends_all() -> None:
    begun: list[int] = []

    async def ask(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise QuotaUsedError("used up", go_on_at=datetime.now(UTC))
        await anyio.sleep(0.01)

    with pytest.raises(QuotaUsedError):
        await side_by_side(MANY, ask)
    assert len(begun) < len(MANY)
