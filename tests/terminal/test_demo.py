from pathlib import Path

from batch.jobs.check import check
from batch.jobs.request import Request, Session, Source
from batch.settings.model import Settings
from batch.terminal.demo import write_demo


def test_the_demo_is_a_small_spreadsheet_without_mistakes(tmp_path: Path) -> None:
    path = write_demo(tmp_path)
    assert path == tmp_path / "demo.csv"
    source = Source(name=path.name, path=path)
    with check(
        Request(source=source, settings=Settings(), session=Session(state_dir=tmp_path))
    ) as checked:
        plan = checked.plan
        assert (plan.rows, plan.requests, plan.sendable_rows) == (20, 20, 20)
        assert not plan.tally
        assert checked.refusal is None
        assert checked.forecast_s == 4.0


def test_the_demo_shows_every_kind_of_change(tmp_path: Path) -> None:
    path = write_demo(tmp_path)
    source = Source(name=path.name, path=path)
    with check(
        Request(source=source, settings=Settings(), session=Session(state_dir=tmp_path))
    ) as checked:
        plan = checked.plan
        assert (plan.tags_set, plan.tags_cleared, plan.to_paused, plan.to_active) == (12, 4, 4, 4)
        assert len({change.campaign_id for change in plan.changes()}) == 2
