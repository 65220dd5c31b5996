import json
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio
import pytest
from pydantic import SecretStr

from batch.errors import QuotaUsedError, SettingsError
from batch.recording.daily_quota import FOLDER, DailyQuota, day_of

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 30, 12, tzinfo=BERLIN)
HERE = "https://api.sendkit.ai"


class Clock:
    """A wall clock that a test sets."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now.timestamp()


class Quotas:
    """Makes counts of one state folder, each as a process of its own would."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.clock = Clock()

    def new(
        self,
        limit: int = 100,
        *,
        key: str = "sk_1",
        workspace_id: str | None = "acme",
        base_url: str = HERE,
        zone: ZoneInfo | None = BERLIN,
    ) -> DailyQuota:
        return DailyQuota(
            self.state_dir,
            limit=limit,
            zone=zone,
            base_url=base_url,
            key=SecretStr(key),
            workspace_id=workspace_id,
            clock=self.clock,
        )

    def left(self, limit: int = 100, **more: str) -> int:
        found = self.new(limit, **more).left()  # type: ignore[arg-type] # texts alone are given
        assert found is not None
        return found.left

    def counted(self) -> int:
        """The requests in all files of the folder."""
        files = [json.loads(path.read_text()) for path in (self.state_dir / FOLDER).glob("*.json")]
        return sum(sum(content.get("requests", {}).values()) for content in files)


@pytest.fixture
def quotas(tmp_path: Path) -> Quotas:
    return Quotas(tmp_path / "state")


def send(quota: DailyQuota, most: int) -> int:
    """Send so many requests, or as many as may leave; gives how many."""

    async def send_them() -> int:
        for sent in range(most):
            try:
                while not quota.take():
                    await quota.refill()
            except QuotaUsedError:
                return sent
        return most

    return anyio.run(send_them)


def test_a_request_is_counted_on_disk_before_it_leaves(quotas: Quotas) -> None:
    quota = quotas.new(5000)
    for sent in range(1, 200):
        assert send(quota, 1) == 1
        assert quotas.counted() >= sent


def test_no_more_requests_leave_than_the_quota_has_and_the_error_says_when_it_goes_on(
    quotas: Quotas,
) -> None:
    quota = quotas.new(100)
    assert send(quota, 1000) == 100
    with pytest.raises(QuotaUsedError) as raised:
        anyio.run(quota.refill)
    assert str(raised.value) == (
        "Your daily quota of 100 requests is used up ([pace] daily). "
        "Go on from 2026-12-01 00:00 (Europe/Berlin)."
    )
    assert raised.value.go_on_at == datetime(2026, 12, 1, tzinfo=BERLIN)
    assert send(quotas.new(100), 1) == 0
    quotas.clock.now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=BERLIN)
    assert send(quotas.new(100), 1) == 0
    quotas.clock.now = datetime(2026, 12, 1, tzinfo=BERLIN)
    assert send(quotas.new(100), 1000) == 100


def test_what_was_reserved_and_not_used_goes_back_at_the_end(quotas: Quotas) -> None:
    quota = quotas.new(10_000)
    assert send(quota, 7) == 7
    assert quotas.counted() == 16
    quota.close()
    assert quotas.counted() == 7
    assert quotas.left(10_000) == 9_993


def test_what_was_reserved_counts_as_used_where_the_process_is_killed(quotas: Quotas) -> None:
    send(quotas.new(10_000), 7)  # and it is never closed
    assert quotas.left(10_000) == 9_984
    assert send(quotas.new(17), 100) == 1


def test_a_request_for_which_no_connection_was_made_goes_back(quotas: Quotas) -> None:
    quota = quotas.new(10)
    for _ in range(50):
        assert send(quota, 1) == 1
        quota.give_back()
    quota.close()
    assert quotas.counted() == 0


def test_several_processes_share_one_quota(quotas: Quotas, monkeypatch: pytest.MonkeyPatch) -> None:
    write = DailyQuota._write  # noqa: SLF001 - after what was read, for others to come between

    def write_slowly(quota: DailyQuota, name: str, content: dict[str, object]) -> None:
        time.sleep(0.002)
        write(quota, name, content)

    monkeypatch.setattr(DailyQuota, "_write", write_slowly)
    sent: list[int] = []
    processes = [quotas.new(2000) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda quota=quota: sent.append(send(quota, 700)))
        for quota in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for quota in processes:
        quota.close()
    assert sum(sent) <= 2000
    assert sum(sent) + send(quotas.new(2000), 2000) == 2000


def test_counting_needs_few_writes(quotas: Quotas, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []
    write = DailyQuota._write  # noqa: SLF001 - what is counted here

    def noted(quota: DailyQuota, name: str, content: dict[str, object]) -> None:
        writes.append(name)
        write(quota, name, content)

    monkeypatch.setattr(DailyQuota, "_write", noted)
    unlimited = quotas.new(0)
    assert send(unlimited, 50_000) == 50_000
    unlimited.close()
    assert len(writes) < 70
    writes.clear()
    assert send(quotas.new(100_000), 100_000) == 50_000
    assert len(writes) < 300


def test_without_a_quota_requests_are_counted_all_the_same(quotas: Quotas) -> None:
    unlimited = quotas.new(0)
    assert unlimited.left() is None
    assert send(unlimited, 60) == 60
    unlimited.close()
    assert send(quotas.new(100), 100) == 40


def test_each_address_and_workspace_has_a_quota_of_its_own(quotas: Quotas) -> None:
    assert send(quotas.new(100), 100) == 100
    assert send(quotas.new(100, base_url="https://API.sendkit.ai"), 1) == 0
    assert send(quotas.new(100, base_url="https://other.example"), 1) == 1
    assert send(quotas.new(100, workspace_id="umbrella"), 1) == 1


def test_keys_of_one_workspace_share_its_quota_once_it_is_known(quotas: Quotas) -> None:
    first, second = (quotas.new(100, key=key, workspace_id=None) for key in ("sk_1", "sk_2"))
    assert (send(first, 10), send(second, 20)) == (10, 20)
    first.know_workspace("acme")
    second.know_workspace("acme")
    first.close()
    second.close()
    assert quotas.counted() == 30
    for key in ("sk_1", "sk_2"):  # known from the first request on
        assert quotas.left(key=key, workspace_id=None) == 70  # type: ignore[arg-type] # as above
    assert quotas.left() == 70


def test_a_process_that_does_not_know_the_workspace_yet_counts_where_others_do(
    quotas: Quotas,
) -> None:
    late = quotas.new(100, workspace_id=None)
    assert send(late, 1) == 1
    quotas.new(100, workspace_id=None).know_workspace("acme")
    assert send(late, 100) == 99
    assert quotas.left() == 0


def test_a_block_of_yesterday_is_not_used_today(quotas: Quotas) -> None:
    quotas.clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=BERLIN)
    quota = quotas.new(1000)
    assert send(quota, 10) == 10  # of 16
    quotas.clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=BERLIN)
    assert send(quota, 2000) == 1000
    quota.close()
    assert quotas.counted() == 1010


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=4000)])
def test_a_clock_that_is_set_back_gives_no_second_quota(quotas: Quotas, back: timedelta) -> None:
    assert send(quotas.new(100), 60) == 60
    quotas.clock.now = NOON - back
    assert quotas.left() == 40
    assert send(quotas.new(100), 100) == 40
    quotas.clock.now = NOON
    quotas.clock.now += timedelta(days=1)
    assert quotas.left() == 100


def test_a_clock_that_was_ahead_for_years_blocks_nothing_for_long(quotas: Quotas) -> None:
    quotas.clock.now = NOON + timedelta(days=4000)
    assert send(quotas.new(100), 100) == 100
    quotas.clock.now = NOON
    assert send(quotas.new(100), 1) == 0
    send(quotas.new(0), 1)  # which counts all of it for now
    quotas.clock.now = NOON + timedelta(days=1)
    assert quotas.left() == 100


def times(*texts: str) -> Iterable[datetime]:
    return (datetime.fromisoformat(text) for text in texts)


@pytest.mark.parametrize(
    ("zone", "now", "hours", "begins"),
    [
        ("Europe/Berlin", "2026-11-30T12:00+01:00", 24, "2026-11-30T00:00+01:00"),
        ("Europe/Berlin", "2026-03-29T12:00+02:00", 23, "2026-03-29T00:00+01:00"),
        ("Europe/Berlin", "2026-10-25T02:30+01:00", 25, "2026-10-25T00:00+02:00"),
        ("America/Santiago", "2026-09-06T12:00-03:00", 23, "2026-09-06T01:00-03:00"),  # no midnight
        ("America/Havana", "2026-11-01T00:30-05:00", 25, "2026-11-01T00:00-04:00"),  # twice
        ("Asia/Kathmandu", "2026-11-30T00:00+05:45", 24, "2026-11-30T00:00+05:45"),
        ("Pacific/Apia", "2011-12-29T12:00-10:00", 24, "2011-12-29T00:00-10:00"),  # then no 30th
        ("UTC", "2026-11-30T23:59+00:00", 24, "2026-11-30T00:00+00:00"),
    ],
)
def test_a_day_is_that_of_its_time_zone(zone: str, now: str, hours: int, begins: str) -> None:
    at, first = times(now, begins)
    start, end = day_of(at.timestamp(), ZoneInfo(zone))
    assert start.timestamp() == first.timestamp()
    assert start.isoformat(timespec="minutes") == begins
    assert (end.timestamp() - start.timestamp()) / 3600 == hours


def test_without_a_time_zone_a_day_is_the_machines_own() -> None:
    start, end = day_of(NOON.timestamp(), None)
    local = NOON.astimezone()
    assert (start.hour, start.date(), end.date()) == (0, local.date(), local.date() + timedelta(1))


def test_a_quota_that_cant_be_counted_holds_back_and_counting_alone_does_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    quotas = Quotas(tmp_path / "state")
    assert send(quotas.new(0), 3000) == 3000
    with pytest.raises(SettingsError, match=r"\[pace\] daily|other"):
        send(quotas.new(100), 1)


@pytest.mark.parametrize("content", ["", "[]", '{"requests": []}', '{"requests": {"x": 1}}'])
def test_counts_that_cant_be_read_are_named(quotas: Quotas, content: str) -> None:
    send(quotas.new(100), 1)
    (path,) = (quotas.state_dir / FOLDER).glob("*.json")
    path.write_text(content)
    with pytest.raises(SettingsError) as raised:
        send(quotas.new(100), 1)
    assert str(raised.value) == (
        f"{path}: can't be read. Requests of a day are counted there, since [pace] daily limits "
        "them. Without it they begin at 0."
    )


def test_counts_that_others_may_write_are_refused(quotas: Quotas) -> None:
    send(quotas.new(100), 1)
    (path,) = (quotas.state_dir / FOLDER).glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert {p.stat().st_mode & 0o077 for p in (quotas.state_dir / FOLDER).iterdir()} == {0}
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="may be written by others"):
        send(quotas.new(100), 1)


def test_the_folder_tells_no_key_no_address_and_no_workspace(quotas: Quotas) -> None:
    first = quotas.new(100, key="sk_secret", workspace_id=None)
    send(first, 1)
    first.know_workspace("acme")
    for path in (quotas.state_dir / FOLDER).rglob("*"):
        text = f"{path.name} {path.read_text()}"
        assert not any(word in text for word in ("secret", "acme", "sendkit.ai"))


def test_only_the_latest_counts_are_kept(quotas: Quotas) -> None:
    for _ in range(400):
        quota = quotas.new(0)
        send(quota, 1)
        quota.close()
        quotas.clock.now += timedelta(minutes=15)
    assert quotas.counted() == 300


def test_what_is_left_is_known_without_looking(quotas: Quotas) -> None:
    quota = quotas.new(1000)
    assert quota.latest is None
    send(quota, 5)
    assert quota.latest is not None
    assert (quota.latest.left, quota.latest.limit) == (995, 1000)
    assert quota.latest.next_day.astimezone(UTC) == datetime(2026, 11, 30, 23, tzinfo=UTC)
