import io
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import InputError, SettingsError
from batch.jobs.request import Request
from batch.jobs.requesting import changed_by, load_with, request_of
from batch.model import Field
from batch.settings.load import LoadedSettings
from batch.settings.model import Settings
from batch.settings.options import CliOptions
from batch.settings.origins import differences

FULL = CliOptions(
    file="in/leads.xlsx",
    config=Path("my settings.toml"),
    base_url="http://127.0.0.1:8080",
    rate="60/min",
    concurrency="8",
    out=Path("out"),
    yes=True,
    strict=True,
    on_conflict="last-wins",
    allow_invalid=True,
    allow_clears=True,
    max_errors="5",
    mapping=("campaignId=Campaign", 'AITAG = "My tag"'),
    sheet="Leads",
    encoding="cp1252",
    delimiter=";",
    campaign=" Spring sale ",
    no_tag_check=True,
)


def load(options: CliOptions, tmp_path: Path, **environ: str) -> LoadedSettings:
    return load_with(options, environ, cwd=tmp_path, config_dir=None)


def request(options: CliOptions, tmp_path: Path, access: Access | None = None) -> Request:
    return request_of(options, load(options, tmp_path), access)


def test_options_are_settings_over_the_environment_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "my settings.toml").write_text("[pace]\nrate = 1\nheadroom = 0.5\n")
    settings = load(
        FULL, tmp_path, SENDKIT_BATCH_PACE_RATE="2", SENDKIT_BATCH_PACE_MAX_WAIT_S="3"
    ).settings
    assert settings.pace.rate.per_s == 1.0
    assert (settings.pace.headroom, settings.pace.max_wait_s) == (0.5, 3)
    assert settings.pace.concurrency == 8
    assert settings.api.base_url == "http://127.0.0.1:8080"
    assert settings.input.on_conflict == "last-wins"
    assert settings.run.max_errors.count == 5
    assert settings.columns.names() == {Field.CAMPAIGN_ID: "Campaign", Field.AI_TAG: "My tag"}


def test_a_run_that_waits_goes_on_waiting_without_the_option(tmp_path: Path) -> None:
    waiting = load(CliOptions(wait=True), tmp_path).settings
    assert changed_by(CliOptions(), waiting).pace.wait
    assert not changed_by(CliOptions(), type(waiting)()).pace.wait


def test_what_was_not_given_leaves_the_defaults(tmp_path: Path) -> None:
    settings = load(CliOptions(file="x.csv"), tmp_path).settings
    assert settings.public() == type(settings)().public()


def test_a_request_carries_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "my settings.toml").touch()
    access = Access(base_url="http://127.0.0.1:8080", api_key=SecretStr("sk_x"), workspace_id="w1")
    asked = request(FULL, tmp_path, access)
    assert (asked.source.name, asked.source.path) == ("leads.xlsx", Path("in/leads.xlsx"))
    assert asked.source.argument == "in/leads.xlsx"
    assert asked.session.access is access
    assert asked.session.out == Path("out")
    assert asked.table_options.sheet == "Leads"
    assert asked.table_options.encoding == "cp1252"
    assert asked.table_options.delimiter == ";"
    assert asked.table_options.has_campaign
    assert asked.reading.campaign == "Spring sale"
    assert asked.guardrails.strict
    assert asked.guardrails.allow_invalid
    assert asked.guardrails.allow_clears
    assert asked.guardrails.no_tag_check
    assert not asked.session.sandbox


def test_the_next_command_repeats_what_means_the_same_for_it(tmp_path: Path) -> None:
    (tmp_path / "my settings.toml").touch()
    asked = request(FULL, tmp_path)
    assert asked.reading_options == (
        "--sheet", "Leads", "--encoding", "cp1252", "--delimiter", ";",
        "--map", "campaignId=Campaign", "--map", 'AITAG = "My tag"', "--allow-invalid",
    )  # fmt: skip
    assert asked.options_for("run") == (
        "--campaign", "Spring sale", "--config", "my settings.toml", "--base-url", "http://127.0.0.1:8080",
        "--rate", "60/min", "--concurrency", "8", "--on-conflict", "last-wins",
        "--max-errors", "5", "--strict", "--allow-clears", "--no-tag-check",
    )  # fmt: skip


def test_nothing_given_is_nothing_repeated(tmp_path: Path) -> None:
    asked = request(CliOptions(file="x.csv"), tmp_path)
    assert (asked.reading_options, asked.options_for("run")) == ((), ())
    practised = request(CliOptions(file="x.csv", sandbox=True), tmp_path)
    assert practised.options_for("run") == ("--sandbox",)


def test_who_says_how_ids_look_has_ids_of_their_own(tmp_path: Path) -> None:
    assert not request(CliOptions(file="x.csv"), tmp_path).table_options.has_own_ids
    (tmp_path / "own.toml").write_text('[api]\nid_pattern = "[a-z]+"\n')
    options = CliOptions(file="x.csv", config=tmp_path / "own.toml")
    assert request(options, tmp_path).table_options.has_own_ids


def test_practice_sees_neither_the_real_address_nor_the_key_file(tmp_path: Path) -> None:
    (tmp_path / "sendkit-batch.toml").write_text(
        '[api]\nbase_url = "https://real.example.com"\napi_key_file = "key"\n'
        'workspace_id = "real"\nid_pattern = "[a-z]+"\n[pace]\nrate = 7\n'
    )
    settings = load(CliOptions(file="x.csv", sandbox=True), tmp_path).settings
    assert settings.api.base_url == "https://api.sendkit.ai"
    assert settings.api.api_key_file == ""
    assert settings.api.workspace_id == ""
    assert settings.api.id_pattern == "[a-z]+"
    assert settings.pace.rate.per_s == 7


def test_practice_finds_nothing_in_a_file_that_may_be_anybodys_but_what_stands_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "sendkit-batch.toml").write_text("[pace]\nrate = 20\n")
    there = {"SENDKIT_BATCH_API_BASE_URL": "https://x.example"}
    loaded = load(CliOptions(file="x.csv", sandbox=True), tmp_path, **there)
    found = [str(each) for each in differences(loaded.settings, loaded.own)]
    assert found == ["rate = 20.0"]


@pytest.mark.parametrize(
    ("own", "there", "guarded"),
    [
        ("", "daily = 5", []),
        ("5", "daily = 4", []),
        ("5", "daily = 6", ["daily = 6"]),
        ("5", "daily = 0", ["daily = 0"]),
        ("5", 'time_zone = "Asia/Tokyo"', ['time_zone = "Asia/Tokyo"']),
        ("", 'time_zone = "Asia/Tokyo"', []),
    ],
)
def test_a_file_that_may_be_anybodys_lifts_no_daily_quota_without_a_yes(
    own: str, there: str, guarded: list[str]
) -> None:
    by_owner = Settings.model_validate({"pace": {"daily": int(own or "0")}})
    pace = {**by_owner.pace.model_dump(), **tomllib.loads(there)}
    asked = Settings.model_validate({"pace": pace})
    assert [str(each) for each in differences(asked, by_owner) if each.is_guarded] == guarded


@pytest.mark.parametrize(
    "mapping", ["campaignId", "campaignId=", 'campaignId=""', "campain=x", "=x", ""]
)
def test_a_map_that_maps_nothing_is_refused(mapping: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(CliOptions(file="x.csv", mapping=(mapping,)), tmp_path)
    assert str(caught.value) == (
        f"--map: found {mapping!r}; expected a column's name, = and a header, "
        'as campaignId="Campaign". '
        "The names are campaignId, campaignLeadId, status, aiTag, "
        "email, campaign, workspace."
    )


def test_a_blank_campaign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        request(CliOptions(file="x.csv", campaign=" "), tmp_path)
    assert str(caught.value) == "--campaign: found nothing; expected a campaign's name or id."


def test_two_headers_for_one_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(CliOptions(file="x.csv", mapping=("campaignId=A", "CampaignId=B")), tmp_path)
    assert str(caught.value) == (
        '--map: found two headers for campaignId, "A" and "B"; expected one.'
    )
    same = CliOptions(file="x.csv", mapping=("status=S", 'STATUS="S"'))
    assert load(same, tmp_path).settings.columns.names() == {Field.STATUS: "S"}


def test_a_mapping_the_wrong_way_round_is_told_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(CliOptions(file="x.csv", mapping=("#9=Status",)), tmp_path)
    assert str(caught.value) == (
        "--map: found '#9=Status', the wrong way round; expected the column's name first: "
        "--map status='#9'"
    )


def test_a_concurrency_that_is_no_number_is_told_as_any_other_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(CliOptions(file="x.csv", concurrency="abc"), tmp_path)
    assert str(caught.value) == (
        '--concurrency: found "abc"; expected a whole number of workers from 1 to 1000.'
    )


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "20%", "", "x", "1e9", "\u0663"])
def test_a_canary_that_is_no_number_of_changes_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        request(CliOptions(file="x.csv", canary=text), tmp_path)
    assert str(caught.value) == f"--canary: found {text!r}; expected a whole number of 1 or more."


@pytest.mark.parametrize(("text", "size"), [(None, 0), ("1", 1), (" 20 ", 20), ("007", 7)])
def test_a_canary_is_so_many_changes(text: str | None, size: int, tmp_path: Path) -> None:
    assert request(CliOptions(file="x.csv", canary=text), tmp_path).guardrails.canary == size


def test_a_header_may_have_an_equals_sign(tmp_path: Path) -> None:
    columns = load(CliOptions(file="x.csv", mapping=("status=a=b",)), tmp_path).settings.columns
    assert columns.names() == {Field.STATUS: "a=b"}


def test_a_hyphen_is_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(b"a,b\n")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    source = request(CliOptions(file="-"), tmp_path).source
    assert (source.name, source.argument, source.bytes_from) == ("stdin", "-", stream)


def test_a_standard_input_that_is_closed_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError) as caught:
        request(CliOptions(file="-"), tmp_path)
    assert str(caught.value) == ("stdin: is closed; expected a spreadsheet there. Name a file.")
