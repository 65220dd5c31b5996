import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batch.sandbox.process import Sandbox
from tests.support.in_process import seeded, sendkit_batch
from tests.support.program import Ran, lead_id, received

CAMPAIGNS = ("64f1c0a95e8b7d2f3a6c9e01", "64f1c0a95e8b7d2f3a6c9e02")
SEED_HEADER = (
    "campaignId", "campaignLeadId", "status", "aiTag", "email", "firstName", "lastName",
    "companyName",
)  # fmt: skip
LEADS = 130


@contextmanager
def served(folder: Path, **options: object) -> Iterator[Sandbox]:
    """A sandbox with two campaigns; every third lead is paused and hot, or completed and cold."""
    rows = [
        (
            CAMPAIGNS[n % 2], lead_id(n), ("active", "paused", "completed")[n % 3],
            ("", "Hot", "Cold")[n % 3], f"p{n}@example.com", f"First{n}", "Last", "Acme",
        )
        for n in range(LEADS)
    ]  # fmt: skip
    with seeded(folder, SEED_HEADER, rows, **options) as sandbox:
        yield sandbox


def export(sandbox: Sandbox, folder: Path, *words: str) -> Ran:
    return sendkit_batch(
        "export", *words, "--base-url", sandbox.base_url,
        cwd=folder, env={"SENDKIT_API_KEY": sandbox.api_key},
    )  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("where", ["pagination", "top", "meta", "has-more", "none"])
def test_all_leads_are_exported_wherever_a_page_names_the_next(tmp_path: Path, where: str) -> None:
    with served(tmp_path, next_cursor=where, max_page=7) as sandbox:
        ran = export(sandbox, tmp_path, *CAMPAIGNS, "--out", "leads.csv", "--rate", "1000")
    assert ran.exit_code == 0, ran.err
    rows = rows_of(tmp_path / "leads.csv")
    assert sorted(row["campaignLeadId"] for row in rows) == [lead_id(n) for n in range(LEADS)]
    assert [row["campaignId"] for row in rows] == [CAMPAIGNS[0]] * 65 + [CAMPAIGNS[1]] * 65
    assert rows[0] == {
        "campaignId": CAMPAIGNS[0],
        "campaignLeadId": lead_id(0),
        "email": "p0@example.com",
        "name": "First0 Last",
        "company": "Acme",
        "status": "active",
        "aiTag": "",
    }
    options = f"--base-url {sandbox.base_url} --rate 1000"
    assert ran.last_line == (
        "exported: 130 leads of 2 campaigns; file: leads.csv; "
        f"next: edit it, then sendkit-batch plan leads.csv {options}"
    )


def test_leads_are_chosen_by_status_and_label_and_campaigns_by_their_name(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        ran = export(
            sandbox, tmp_path, "campaign 1",
            "--status", "Paused", "--tag", "hot", "--out", "leads.csv", "--json",
        )  # fmt: skip
        log = received(sandbox, operation="leads")
    assert ran.exit_code == 0, ran.err
    rows = rows_of(tmp_path / "leads.csv")
    assert {(row["status"], row["aiTag"]) for row in rows} == {("paused", "Hot")}
    told = json.loads(ran.out)
    assert (told["state"], told["leads"], told["campaigns"]) == ("exported", len(rows), 1)
    assert all("status=paused" in request["query"] for request in log)


@pytest.mark.slow
def test_an_exported_file_runs_back_as_it_is(tmp_path: Path) -> None:
    with served(tmp_path) as sandbox:
        words = [*CAMPAIGNS, "--status", "active", "--out", "leads.xlsx"]
        assert export(sandbox, tmp_path, *words).exit_code == 0
        ran = sendkit_batch("check", "leads.xlsx", cwd=tmp_path)
    assert ran.exit_code == 0, ran.out
    assert "44  rows to send, as 44 requests" in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["Campain 1"],
            (
                'export: found "Campain 1"; no campaign of the workspace has this id or name. '
                'Did you mean "Campaign 1"?'
            ),
        ),
        (
            ["64f1c0a95e8b7d2f3a6c9eff"],
            'export: found "64f1c0a95e8b7d2f3a6c9eff"; the workspace has no campaign of this id.',
        ),
        (
            ["x", "--out", "leads.txt"],
            "--out: found leads.txt; expected a name that ends in .csv or .xlsx.",
        ),
        (["x", "--out", "seed.csv"], "--out: seed.csv is there already. Name another file."),
        (["x", "--out", "no/a.csv"], "--out: no is no folder. Make it, or name another."),
    ],
)
def test_what_cant_be_exported_is_said_and_no_file_is_written(
    tmp_path: Path, words: list[str], message: str
) -> None:
    with served(tmp_path) as sandbox:
        ran = export(sandbox, tmp_path, *words)
    assert ran.exit_code == 2
    assert message in ran.err.splitlines()
    assert sorted(path.name for path in tmp_path.glob("[!.]*.*")) == ["seed.csv"]


@pytest.mark.slow
def test_a_server_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with served(tmp_path, faults=("status=500,on=leads",)) as sandbox:
        (tmp_path / "settings.toml").write_text("[retry]\nbackoff_base_s = 0.01\n")
        words = [CAMPAIGNS[0], "--out", "leads.csv", "--config", "settings.toml"]
        ran = export(sandbox, tmp_path, *words)
    assert ran.exit_code == 3
    assert f"the leads of campaign {CAMPAIGNS[0]} could not be read: gave up after 5" in ran.err
    assert not (tmp_path / "leads.csv").exists()
