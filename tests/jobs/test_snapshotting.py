from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.jobs.gate import make_client
from batch.jobs.paging import ListNotReadError, Paging
from batch.jobs.snapshotting import GoesOn, Taken, take_snapshot
from batch.recording.snapshot import Snapshot
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from batch.settings.model import Settings
from batch.wording.progress import ReadingProgress
from tests.support.in_process import start_sandbox
from tests.support.program import lead_id, received, write_rows

pytestmark = pytest.mark.anyio

A_PAGE = 7
SIZES = {f"64f1c0a95e8b7d2f3a6c9e{n:02}": size for n, size in enumerate((10, 15, 20, 5))}
CAMPAIGNS = tuple(SIZES)
UNKNOWN = "64f1c0a95e8b7d2f3a6c9eff"
BROKEN = "64f1c0a95e8b7d2f3a6c9ee0"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    rows = [
        (campaign, lead_id(100 * n + i), ("active", "paused")[i % 2])
        for n, (campaign, size) in enumerate(SIZES.items())
        for i in range(size)
    ]
    seed = write_rows(folder / "seed.csv", ("campaignId", "campaignLeadId", "status"), rows)
    with start_sandbox(Options(seed_csv=seed, max_page=A_PAGE)) as sandbox:
        yield sandbox


class Taking:
    """One snapshot of the sandbox, and what was asked for on the way to it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.snapshot = Snapshot(folder / "snapshot")
        self.readings: list[ReadingProgress] = []
        self._sandbox = sandbox
        self._before = len(received(sandbox, operation="leads"))

    async def take(
        self,
        campaign_ids: Sequence[str],
        *,
        at_once: int = 3,
        status: str | None = None,
        goes_on: GoesOn | None = None,
    ) -> Taken:
        access = Access(base_url=self._sandbox.base_url, api_key=SecretStr(self._sandbox.api_key))
        settings = Settings.model_validate({"pace": {"rate": 10_000}})
        async with make_client(access, settings, connections=at_once, quota=None) as api:
            return await take_snapshot(
                Paging(api, settings),
                campaign_ids,
                into=self.snapshot,
                at_once=at_once,
                on_reading=self.readings.append,
                status=status,
                goes_on=goes_on,
                clock=lambda: 1_800_000_000.125,
            )

    def leads(self, campaign_ids: Sequence[str] = CAMPAIGNS) -> dict[str, int]:
        """The leads that were kept of each campaign."""
        frames = self.snapshot.leads_of(campaign_ids)
        return {frame.item(0, "campaign_id"): len(frame) for frame in frames if len(frame)}

    def pages(self) -> list[str]:
        """The campaigns whose pages the sandbox was asked for since, in order."""
        log = received(self._sandbox, operation="leads")[self._before :]
        return [request["campaignId"] for request in log if request["status"] == 200]


@pytest.fixture
def taking(sandbox: Sandbox, tmp_path: Path) -> Taking:
    return Taking(sandbox, tmp_path)


@pytest.mark.parametrize("at_once", [1, 3, 50])
async def test_all_leads_of_all_campaigns_are_kept(taking: Taking, at_once: int) -> None:
    taken = await taking.take(CAMPAIGNS, at_once=at_once)
    assert taken == Taken(unknown=(), partly=frozenset())
    assert taking.leads() == SIZES
    last = taking.readings[-1]
    assert (last.leads, last.campaigns_read, last.campaigns) == (sum(SIZES.values()), 4, 4)


async def test_a_reading_tells_its_share_as_far_as_the_server_tells_it(
    taking: Taking, tmp_path: Path
) -> None:
    await taking.take(CAMPAIGNS[:2], at_once=1)
    assert [each.share for each in taking.readings] == [0, 0, 0.5, 0.5, 0.5, 0.5, 1]
    rows = [(CAMPAIGNS[0], lead_id(n)) for n in range(4)]
    seed = write_rows(tmp_path / "seed.csv", ("campaignId", "campaignLeadId"), rows)
    with start_sandbox(Options(seed_csv=seed, max_page=2, page_total=True)) as telling:
        told = Taking(telling, tmp_path)
        await told.take(CAMPAIGNS[:1])
    assert [each.share for each in told.readings] == [0.5, 1, 1]


async def test_each_lead_says_when_its_page_arrived(taking: Taking) -> None:
    await taking.take(CAMPAIGNS[:1])
    (leads,) = taking.snapshot.leads_of(CAMPAIGNS)
    assert set(leads["read_at_ms"]) == {1_800_000_000_125}


async def test_a_campaign_is_read_only_as_long_as_it_pays(taking: Taking) -> None:
    asked: list[tuple[str, int, int]] = []

    def goes_on(campaign_id: str, page: pl.DataFrame, _left: int | None) -> bool:
        asked.append((campaign_id, len(page), page["campaign_id"].n_unique()))
        return campaign_id == CAMPAIGNS[0] or len(asked) == 2

    taken = await taking.take(CAMPAIGNS[:2], at_once=1, goes_on=goes_on)
    assert asked == [(CAMPAIGNS[0], 7, 1), (CAMPAIGNS[1], 7, 1), (CAMPAIGNS[1], 7, 1)]
    assert taken == Taken(unknown=(), partly=frozenset({CAMPAIGNS[1]}))
    assert taking.leads() == {CAMPAIGNS[0]: 10, CAMPAIGNS[1]: 14}  # of 10 and 15
    assert taking.pages() == [CAMPAIGNS[0]] * 2 + [CAMPAIGNS[1]] * 2


async def test_a_campaign_of_one_page_is_whole_without_a_question(taking: Taking) -> None:
    def goes_on(campaign_id: str, page: pl.DataFrame, _left: int | None) -> bool:
        raise AssertionError(f"asked about {campaign_id} after {len(page)} leads")

    taken = await taking.take(CAMPAIGNS[3:], goes_on=goes_on)
    assert taken == Taken(unknown=(), partly=frozenset())
    assert taking.leads() == {CAMPAIGNS[3]: 5}


async def test_no_campaigns_take_no_request(taking: Taking) -> None:
    assert await taking.take([]) == Taken(unknown=(), partly=frozenset())
    assert taking.pages() == []


async def test_leads_of_one_status_alone_are_kept(taking: Taking) -> None:
    await taking.take(CAMPAIGNS[:1], status="paused")
    assert taking.leads() == {CAMPAIGNS[0]: 5}


async def test_a_campaign_that_the_workspace_does_not_have_is_named(taking: Taking) -> None:
    taken = await taking.take([UNKNOWN, *CAMPAIGNS])
    assert taken == Taken(unknown=(UNKNOWN,), partly=frozenset())
    assert taking.leads([UNKNOWN, *CAMPAIGNS]) == SIZES


async def test_a_campaign_that_cant_be_read_ends_the_others(tmp_path: Path) -> None:
    options = Options(campaigns=1, leads=1, faults=("status=403,on=leads",))
    with start_sandbox(options) as sandbox:
        taking = Taking(sandbox, tmp_path)
        with pytest.raises(ListNotReadError, match=rf"^the leads of campaign {BROKEN} could not "):
            await taking.take([BROKEN] * 100, at_once=2)
        assert len(received(sandbox, operation="leads")) <= 4
    assert taking.leads([BROKEN]) == {}
