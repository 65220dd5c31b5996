from dataclasses import replace
from pathlib import Path

import polars as pl

from batch.model import CampaignLead
from batch.recording.snapshot import SCHEMA, LeadRows, Snapshot

ANN = CampaignLead(
    campaign_lead_id="b1",
    lead_id="a1",
    email="ann@example.com",
    first_name="Ann",
    last_name="Lee",
    company="Acme",
    status="active",
    ai_tag=None,
)
BOB = replace(ANN, campaign_lead_id="b2", lead_id="a2", first_name="Bob", ai_tag="Hot")


def rows(campaign_id: str, *pages: tuple[CampaignLead, ...]) -> pl.DataFrame:
    read = LeadRows(campaign_id)
    for number, page in enumerate(pages):
        assert len(read.add(page, read_at_ms=1000 * number)) == len(page)
    return read.frame()


def test_leads_are_kept_in_the_order_of_their_coming_with_their_campaign() -> None:
    frame = rows("c1", (BOB,), (), (ANN,))
    assert frame.schema == SCHEMA
    assert frame.rows() == [
        ("c1", "b2", "a2", "ann@example.com", "Bob", "Lee", "Acme", "active", "Hot", 0),
        ("c1", "b1", "a1", "ann@example.com", "Ann", "Lee", "Acme", "active", None, 2000),
    ]


def test_a_lead_that_comes_again_counts_as_it_came_last() -> None:
    frame = rows("c1", (ANN, BOB), (replace(ANN, status="paused"),))
    assert frame["campaign_lead_id"].to_list() == ["b2", "b1"]
    assert frame["status"].to_list() == ["active", "paused"]
    assert frame["read_at_ms"].to_list() == [0, 1000]


def test_a_campaign_without_leads_is_an_empty_frame() -> None:
    assert rows("c1").schema == SCHEMA
    assert len(rows("c1", ())) == 0


def test_a_snapshot_gives_back_what_was_kept_of_each_campaign(tmp_path: Path) -> None:
    snapshot = Snapshot(tmp_path / "snapshot")
    snapshot.put("c2", rows("c2", (BOB,)))
    snapshot.put("c1", rows("c1", (ANN,)))
    snapshot.put("c1", rows("c1", (ANN, BOB)))
    found = list(snapshot.leads_of(["c1", "c3", "c2"]))
    assert [len(frame) for frame in found] == [2, 1]
    assert found[1].equals(rows("c2", (BOB,)))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "snapshot").iterdir()} == {0o600}


def test_a_folder_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    for name, lead in {"leads [1]": ANN, "leads 1": BOB}.items():
        Snapshot(tmp_path / name).put("c1", rows("c1", (lead,)))
    [found] = Snapshot(tmp_path / "leads [1]").leads_of(["c1"])
    assert found["campaign_lead_id"].to_list() == ["b1"]
