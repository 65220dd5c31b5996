import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from batch.api.sendkit import Access
from batch.errors import UsageError
from batch.jobs import practice
from batch.jobs.practice import practice_access
from batch.judging.rules import Rules
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.sandbox.options import Options, SandboxError
from tests.support.wired import CAMPAIGN, lead_id, write_leads

RULES = Rules(name="leads.csv")
ROWS = [
    (CAMPAIGN, lead_id(1), "", "Interested"),
    (CAMPAIGN, lead_id(2), "", "interested"),
    (CAMPAIGN.upper(), lead_id(3).upper(), "paused", "Not now"),
    (CAMPAIGN, lead_id(3), "active", ""),
    (CAMPAIGN, lead_id(4), "", "null"),
    (CAMPAIGN, "bad", "", "Of a bad row"),
    (CAMPAIGN, lead_id(5), "", "n/a"),
    (CAMPAIGN, lead_id(6), "", ""),
]


def read(access: Access, path: str) -> Any:  # noqa: ANN401 - whatever JSON it answers
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        access.base_url + path, headers={"X-Api-Key": access.api_key.get_secret_value()}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
        return json.load(answer)


def test_the_sandbox_knows_the_leads_and_tags_of_valid_rows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDKIT_API_KEY", "sk_the_real_key")
    path = write_leads(tmp_path / "leads.csv", ROWS)
    with open_table(path, TableOptions()) as table, practice_access(table, RULES) as access:
        assert "real" not in access.api_key.get_secret_value()
        assert access.base_url.startswith("http://127.0.0.1:")
        assert access.workspace_id is None
        (leads,) = read(access, "/sandbox/state").values()
        assert sorted(leads) == [lead_id(n) for n in range(1, 5)]
        assert [label["name"] for label in read(access, "/v1/tags")["data"]] == [
            "Interested",
            "Not now",
        ]


def test_a_sandbox_that_does_not_start_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def fails(options: Options) -> Iterator[None]:
        assert options.seed_csv
        raise SandboxError("No port is free.")
        yield

    monkeypatch.setattr(practice, "start_sandbox", fails)
    path = write_leads(tmp_path / "leads.csv", ROWS)
    with open_table(path, TableOptions()) as table, pytest.raises(UsageError) as caught:  # noqa: SIM117 - mypy sees that this block is reached
        with practice_access(table, RULES):
            pass
    assert str(caught.value) == "The practice sandbox can't be started: No port is free."
