import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from batch.errors import SettingsError
from batch.model import Field
from batch.settings.load import load_settings, restore_settings
from batch.settings.model import ColumnSettings, Settings


def problem(section: str, key: str, value: object) -> str:
    with pytest.raises(SettingsError) as caught:
        restore_settings({section: {key: value}}, where="c.toml")
    return str(caught.value)


class TestTheModel:
    def test_defaults_are_those_of_the_contract(self) -> None:
        assert Settings().public() == {
            "api": {
                "base_url": "https://api.sendkit.ai",
                "workspace_id": "",
                "id_pattern": "[0-9a-fA-F]{24}",
            },
            "columns": {
                "campaignId": "",
                "campaignLeadId": "",
                "status": "",
                "aiTag": "",
                "email": "",
                "campaign": "",
                "workspace": "",
            },
            "input": {"clear_word": "null", "on_conflict": "error"},
            "pace": {
                "rate": "auto",
                "concurrency": 32,
                "headroom": 0.05,
                "max_wait_s": 900,
                "wait": False,
                "daily": 0,
                "time_zone": "",
                "budget": "auto",
            },
            "retry": {
                "max_attempts": 5,
                "max_elapsed_s": 300,
                "backoff_base_s": 0.5,
                "backoff_max_s": 30,
                "budget_share": 0.10,
                "budget_floor": 100,
                "max_outage_s": 900,
            },
            "http": {
                "connect_timeout_s": 10,
                "write_timeout_s": 10,
                "read_timeout_s": 30,
                "attempt_timeout_s": 40,
                "transport": "fast",
            },
            "run": {
                "runs_dir": "runs",
                "max_errors": "50%",
                "tag_change_limit": 0,
                "tag_change_limit_total": 0,
                "skip_unchanged": "auto",
                "final_states": "leave",
                "keep_before": False,
                "snapshot_age": "1h",
                "plan_age": "1d",
                "resume_within_h": 24,
            },
        }

    def test_settings_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Settings().pace.concurrency = 1  # type: ignore[misc] # the point of the test
        with pytest.raises(ValidationError, match="frozen"):
            Settings().pace = Settings().pace  # type: ignore[misc] # the point of the test


class TestValuesThatAreWrong:
    @pytest.mark.parametrize(
        ("section", "key", "bad", "expected"),
        [
            (
                "api",
                "id_pattern",
                ["", "[", "a*", 5],
                "a regular expression that ids match, and a blank does not",
            ),
            ("columns", "status", [1, "a\nb"], "the header of a column"),
            ("input", "clear_word", ["", " ", "a\tb"], 'a word such as "null"'),
            ("input", "on_conflict", ["", "sometimes", True], '"error" or "last-wins"'),
            (
                "pace",
                "concurrency",
                [0, 1001, 1.5, True, "many", ""],
                "a whole number of workers from 1 to 1000",
            ),
            (
                "pace",
                "headroom",
                [-0.01, 1, 1.5, True, "5%"],
                "a share from 0 to less than 1, such as 0.05",
            ),
            ("pace", "max_wait_s", [-1, "soon", False], "seconds, 0 or more"),
            ("pace", "wait", ["perhaps", 1], "true or false"),
            ("pace", "daily", [-1, 0.5, True], "a whole number of requests a day, 0 for no limit"),
            (
                "pace",
                "time_zone",
                ["Mars/Olympus", "Europe", "/etc/passwd", 5],
                'a time zone such as "Europe/Berlin", or "" for this machine\'s own',
            ),
            ("retry", "max_attempts", [0, 2.5], "a whole number of attempts, 1 or more"),
            ("retry", "max_elapsed_s", [-1], "seconds, 0 or more"),
            ("retry", "backoff_base_s", [-1], "seconds, 0 or more"),
            ("retry", "backoff_max_s", [-1], "seconds, 0 or more"),
            ("retry", "budget_share", [-0.1, 1.1], "a share from 0 to 1, such as 0.10"),
            ("retry", "budget_floor", [-1, 0.5], "a whole number of retries, 0 or more"),
            ("retry", "max_outage_s", [-1], "seconds, 0 or more"),
            ("http", "connect_timeout_s", [0, -1], "seconds, more than 0"),
            ("http", "write_timeout_s", [0, -1], "seconds, more than 0"),
            ("http", "read_timeout_s", [0, -1], "seconds, more than 0"),
            ("http", "attempt_timeout_s", [0, -1], "seconds, more than 0"),
            ("http", "transport", ["", "quick", True], '"fast" or "stock"'),
            ("run", "runs_dir", ["", 5], "the path of a folder"),
            (
                "run",
                "max_errors",
                [-1, 0.5, "101%", "half", "-1%", True, "nan%"],
                'a whole number of rows, or a percentage up to 100 such as "50%"',
            ),
            ("run", "skip_unchanged", ["sometimes", 1], '"auto", "always" or "never"'),
            ("run", "final_states", ["sometimes", 1], '"leave" or "send"'),
            ("run", "keep_before", ["perhaps", 1], "true or false"),
            ("run", "snapshot_age", ["1", "1 week", -1, 1], 'an age such as "1h" or "30min"'),
            ("run", "plan_age", ["soon", True], 'an age such as "24h" or "2d"'),
            ("run", "tag_change_limit", [-1, 0.5], "a whole number of leads, 0 for no limit"),
            ("run", "tag_change_limit_total", [-1], "a whole number of leads, 0 for no limit"),
            ("run", "resume_within_h", [0, -1], "hours, more than 0"),
        ],
    )
    def test_the_message_says_what_was_found_and_what_was_expected(
        self, section: str, key: str, bad: list[object], expected: str
    ) -> None:
        for value in bad:
            assert problem(section, key, value) == (
                f"c.toml [{section}] {key}: found {json.dumps(value)}; expected {expected}."
            )

    def test_limits_themselves_are_allowed(self) -> None:
        for concurrency in (1, 1000):
            pace = {"concurrency": concurrency, "headroom": 0, "max_wait_s": 0}
            assert Settings.model_validate({"pace": pace}).pace.concurrency == concurrency

    def test_endless_and_undefined_numbers_are_refused(self) -> None:
        assert problem("http", "read_timeout_s", math.inf) == (
            "c.toml [http] read_timeout_s: found Infinity; expected seconds, more than 0."
        )
        assert problem("pace", "rate", math.nan) == (
            'c.toml [pace] rate: found NaN; expected "auto", a number a second that is more than '
            '0, or a text such as "60/min".'
        )


class TestTheColumns:
    def test_a_header_can_stand_for_one_column_only(self) -> None:
        columns = {"campaignLeadId": "Lead", "status": " Lead ", "aiTag": "Lead"}
        with pytest.raises(SettingsError) as caught:
            restore_settings({"columns": columns}, where="c.toml")
        assert str(caught.value) == (
            'c.toml [columns] status: found " Lead ", as for campaignLeadId; '
            "expected a header of its own.\n"
            'c.toml [columns] aiTag: found "Lead", as for campaignLeadId; '
            "expected a header of its own."
        )

    def test_that_is_so_wherever_the_two_were_given(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_text('[columns]\naiTag = "Tag"\n', encoding="utf-8")
        options = {"columns": {"campaignId": "Tag"}}
        with pytest.raises(SettingsError) as caught:
            load_settings(Path("c.toml"), options, {}, tmp_path, None)
        assert str(caught.value) == (
            'c.toml [columns] aiTag: found "Tag", as for campaignId; expected a header of its own.'
        )

    def test_headers_that_differ_in_case_may_be_two_columns(self) -> None:
        columns = ColumnSettings(campaignId="lead", campaignLeadId="Lead")
        assert columns.names() == {Field.CAMPAIGN_ID: "lead", Field.CAMPAIGN_LEAD_ID: "Lead"}


class TestTheBaseAddress:
    @pytest.mark.parametrize(
        ("address", "kept"),
        [
            ("https://api.sendkit.ai/", "https://api.sendkit.ai"),
            ("https://example.com:8443/sendkit", "https://example.com:8443/sendkit"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ],
    )
    def test_https_or_this_machine_is_taken(self, address: str, kept: str) -> None:
        settings = Settings.model_validate({"api": {"base_url": address}})
        assert settings.api.base_url == kept

    @pytest.mark.parametrize(
        "address",
        ["", "api.sendkit.ai", "http://api.sendkit.ai", "ftp://localhost", "https://exa mple.com"],
    )
    def test_anything_else_is_refused(self, address: str) -> None:
        shown = json.dumps(address, ensure_ascii=False)
        assert problem("api", "base_url", address) == (
            f"c.toml [api] base_url: found {shown}; expected an address such as "
            '"https://api.sendkit.ai"; http:// only to this machine.'
        )


def test_a_word_that_is_nearly_a_choice_is_told_the_choice() -> None:
    assert problem("input", "on_conflict", "last-win") == (
        'c.toml [input] on_conflict: found "last-win"; expected "error" or "last-wins". '
        "Did you mean last-wins?"
    )
    assert problem("run", "skip_unchanged", "alway").endswith(" Did you mean always?")
    assert problem("api", "base_url", "https://api.sendkit.a?").endswith("this machine.")
