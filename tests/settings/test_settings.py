import json
import re
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from batch.errors import SettingsError
from batch.model import Field
from batch.settings.load import (
    LoadedSettings,
    default_config_dir,
    load_settings,
    restore_settings,
)
from batch.settings.model import KNOWN, OF_WORKSPACE, Settings
from batch.settings.values import MaxErrors, OnConflict, Rate

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
NO_RATE = '; expected "auto", a number a second that is more than 0, or a text such as "60/min".'


def load(
    tmp_path: Path,
    toml: str | None = None,
    *,
    options: Mapping[str, Mapping[str, object]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    config = None
    if toml is not None:
        config = Path("c.toml")
        (tmp_path / config).write_text(toml, encoding="utf-8")
    return load_settings(config, options or {}, environ or {}, tmp_path, None)


def problems(
    tmp_path: Path,
    toml: str | None = None,
    *,
    options: Mapping[str, Mapping[str, object]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml, options=options, environ=environ)
    return str(caught.value)


class TestTheExample:
    def test_example_file_equals_the_defaults(self, tmp_path: Path) -> None:
        assert load_settings(EXAMPLE, {}, {}, tmp_path, None).settings == Settings()

    def test_example_file_has_every_setting_and_no_other(self) -> None:
        content = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
        assert {name: list(keys) for name, keys in content.items()} == {
            name: list(keys) for name, keys in KNOWN.items()
        }

    def test_its_section_of_a_workspace_has_every_setting_of_one(self, tmp_path: Path) -> None:
        text = re.sub(r"(?m)^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"))
        assert list(tomllib.loads(text)["workspaces"]["Acme"]) == list(OF_WORKSPACE)
        own = load(tmp_path, text).settings.workspaces["Acme"]
        assert Settings().for_workspace(own) == Settings()

    def test_every_setting_of_the_example_has_a_comment_right_above_it(self) -> None:
        lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
        above = {line: lines[i - 1] for i, line in enumerate(lines) if line[:1].isalpha()}
        assert len(above) == sum(map(len, KNOWN.values()))
        assert [line for line, comment in above.items() if not comment.startswith("# ")] == []


class TestWhereSettingsComeFrom:
    TOML = "[pace]\nrate = 1\nconcurrency = 1\nheadroom = 0.1\n"
    ENVIRON: Mapping[str, str] = {
        "SENDKIT_BATCH_PACE_RATE": "2",
        "SENDKIT_BATCH_PACE_CONCURRENCY": "2",
    }

    def test_option_outranks_environment_outranks_file_outranks_default(
        self, tmp_path: Path
    ) -> None:
        options = {"pace": {"rate": "3/s"}}
        pace = load(tmp_path, self.TOML, options=options, environ=self.ENVIRON).settings.pace
        assert pace.rate == Rate(per_s=3)  # all three name it
        assert pace.concurrency == 2  # environment and file
        assert pace.headroom == 0.1  # file
        assert pace.max_wait_s == 900  # none

    def test_an_option_that_was_not_given_outranks_nothing(self, tmp_path: Path) -> None:
        options = {"pace": {"rate": None}}
        assert load(tmp_path, self.TOML, options=options).settings.pace.rate == Rate(per_s=1)

    def test_a_blank_variable_counts_as_not_set(self, tmp_path: Path) -> None:
        environ = {"SENDKIT_BATCH_PACE_RATE": " "}
        assert load(tmp_path, self.TOML, environ=environ).settings.pace.rate == Rate(per_s=1)

    def test_a_file_with_only_some_of_the_keys_is_complete(self, tmp_path: Path) -> None:
        loaded = load(tmp_path, "[run]\nmax_errors = 7\n").settings
        assert loaded.model_copy(update={"run": Settings().run}) == Settings()
        assert loaded.run.max_errors == MaxErrors(count=7)

    @pytest.mark.parametrize("section", KNOWN)
    def test_every_setting_can_come_from_the_environment(
        self, tmp_path: Path, section: str
    ) -> None:
        odd = {"rate": "7", "max_errors": "7", "on_conflict": "last-wins", "headroom": "0.7"}
        odd |= {"base_url": "https://seven.example.com", "budget_share": "0.7"}
        odd |= {
            "transport": "stock",
            "skip_unchanged": "never",
            "keep_before": "true",
            "wait": "true",
        }
        odd |= {"final_states": "send", "look": "dark", "key_from": "keyring"}
        odd |= {"time_zone": "Europe/Berlin", "budget": "all"}
        odd |= {"snapshot_age": "7min", "plan_age": "7h"}
        for key in KNOWN[section]:
            name = f"SENDKIT_BATCH_{section}_{key}".upper()
            settings = load(tmp_path, environ={name: odd.get(key, "7")}).settings
            loaded = settings.model_dump(mode="json", by_alias=True)
            default = Settings().model_dump(mode="json", by_alias=True)
            assert loaded[section].pop(key) != default[section].pop(key)
            assert loaded == default

    def test_the_case_of_a_variable_does_not_matter(self, tmp_path: Path) -> None:
        environ = {"Sendkit_Batch_Columns_campaignId": "Campaign"}
        assert load(tmp_path, environ=environ).settings.columns.names() == {
            Field.CAMPAIGN_ID: "Campaign"
        }

    def test_other_variables_are_left_alone(self, tmp_path: Path) -> None:
        environ = {"SENDKIT_API_KEY": "sk_secret", "PACE_RATE": "x", "SENDKIT_BATCHES": "x"}
        assert load(tmp_path, environ=environ).settings == Settings()

    def test_file_is_the_named_one_else_in_this_folder_else_the_users_else_none(
        self, tmp_path: Path
    ) -> None:
        here, home = tmp_path / "here", tmp_path / "home"
        files = [here / "named.toml", here / "sendkit-batch.toml", home / "sendkit-batch.toml"]
        for rate, file in enumerate(files, start=1):
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"[pace]\nrate = {rate}\n", encoding="utf-8")

        def found(config: Path | None) -> tuple[Path | None, float | None]:
            loaded = load_settings(config, {}, {}, here, home)
            return loaded.source, loaded.settings.pace.rate.per_s

        assert found(Path("named.toml")) == (files[0], 1)
        assert found(None) == (files[1], 2)
        files[1].unlink()
        assert found(None) == (files[2], 3)
        files[2].unlink()
        assert found(None) == (None, None)

    def test_the_users_folder_is_named_after_the_program(self) -> None:
        config_dir = default_config_dir()
        assert config_dir is not None
        assert config_dir.name == "sendkit-batch"

    def test_a_byte_order_mark_and_windows_line_ends_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf[pace]\r\nrate = 4\r\n")
        loaded = load_settings(Path("c.toml"), {}, {}, tmp_path, None)
        assert loaded.settings.pace.rate == Rate(per_s=4)

    def test_a_relative_key_file_starts_at_the_folder_of_the_file_that_names_it(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / "c.toml").write_text('[api]\napi_key_file = "k"\n', encoding="utf-8")
        loaded = load_settings(Path("conf/c.toml"), {}, {}, tmp_path, None)
        assert loaded.settings.api.api_key_file == str(tmp_path / "conf" / "k")

    def test_a_relative_key_file_from_a_variable_starts_at_the_current_folder(
        self, tmp_path: Path
    ) -> None:
        environ = {"SENDKIT_BATCH_API_API_KEY_FILE": "k"}
        loaded = load(tmp_path, "", environ=environ)
        assert loaded.settings.api.api_key_file == str(tmp_path / "k")

    def test_a_key_file_may_start_at_the_home_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", "/home/kim")
        monkeypatch.setenv("USERPROFILE", "/home/kim")
        loaded = load(tmp_path, '[api]\napi_key_file = "~/k"\n')
        assert Path(loaded.settings.api.api_key_file) == Path("/home/kim/k")


class TestTheFileCannotBeRead:
    def test_a_named_file_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            load_settings(Path("no.toml"), {}, {}, tmp_path, None)
        assert str(caught.value) == (
            "no.toml: can't be read (No such file or directory); expected a settings file."
        )

    def test_a_file_outside_the_folder_is_named_with_its_path(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            load_settings(tmp_path / "no.toml", {}, {}, tmp_path / "here", None)
        assert str(caught.value) == (
            f"{tmp_path / 'no.toml'}: can't be read (No such file or directory); "
            "expected a settings file."
        )

    def test_a_slip_in_the_toml_names_line_and_column(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "[pace]\nrate = 60/min\n") == (
            "c.toml line 2, column 10: expected newline or end of document after a statement; "
            "expected lines such as rate = 5 or runs_dir = 'C:\\runs', with texts in quotes."
        )

    def test_a_file_that_ends_too_early_says_so(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "[pace]\nrate = ") == (
            "c.toml: invalid value (at end of document); "
            "expected lines such as rate = 5 or runs_dir = 'C:\\runs', with texts in quotes."
        )

    def test_a_file_in_another_encoding_says_how_to_save_it(self, tmp_path: Path) -> None:
        (tmp_path / "c.toml").write_bytes('[pace]\nrate = "5"\n'.encode("utf-16"))
        with pytest.raises(SettingsError) as caught:
            load_settings(Path("c.toml"), {}, {}, tmp_path, None)
        assert str(caught.value) == "c.toml: not UTF-8 text; save it as UTF-8."


class TestNamesThatDoNotExist:
    @pytest.mark.parametrize(
        ("toml", "text"),
        [
            ("[pace]\nratee = 5", "c.toml [pace] ratee: no such setting. Did you mean rate?"),
            (
                "[pace]\ncolour = 5",
                (
                    "c.toml [pace] colour: no such setting; "
                    "expected rate, concurrency, headroom, max_wait_s, wait, daily, "
                    "time_zone or budget."
                ),
            ),
            (
                "[pace]\nmax_attempts = 5",
                "c.toml [pace] max_attempts: no such setting here; it belongs under [retry].",
            ),
            ("[paec]\nrate = 5", "c.toml [paec]: no such section. Did you mean [pace]?"),
            (
                "[xyzzy]\nrate = 5",
                (
                    "c.toml [xyzzy]: no such section; expected [api], [columns], [input], [pace], "
                    '[retry], [http], [run], [web] or [workspaces."NAME"].'
                ),
            ),
            ("rate = 5", "c.toml rate: stands outside a section; it belongs under [pace]."),
            (
                "colour = 5",
                "c.toml colour: stands outside a section, and no setting has this name.",
            ),
            (
                "pace = 5",
                "c.toml pace: found 5; expected a section: [pace] on a line of its own.",
            ),
            (
                "[columns]\ncampaignid = 'C'",
                "c.toml [columns] campaignid: no such setting. Did you mean campaignId?",
            ),
            (
                "[columns]\ncampaign_id = 'C'",
                "c.toml [columns] campaign_id: no such setting. Did you mean campaignId?",
            ),
            (
                "[api]\napi_key = 'sk_live_1'",
                "c.toml [api] api_key: no such setting. Did you mean api_key_file?",
            ),
        ],
    )
    def test_in_a_file(self, tmp_path: Path, toml: str, text: str) -> None:
        assert problems(tmp_path, toml) == text

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            (
                "SENDKIT_BATCH_PACE_RAET",
                "SENDKIT_BATCH_PACE_RAET: no such setting. Did you mean SENDKIT_BATCH_PACE_RATE?",
            ),
            (
                "SENDKIT_BATCH_API_KEY",
                "SENDKIT_BATCH_API_KEY: no such setting. Did you mean SENDKIT_API_KEY?",
            ),
            (
                "SENDKIT_BATCH_Q",
                "SENDKIT_BATCH_Q: no such setting; config.example.toml lists all of them.",
            ),
        ],
    )
    def test_in_the_environment(self, tmp_path: Path, name: str, text: str) -> None:
        assert problems(tmp_path, environ={name: "sk_live_1"}) == text

    def test_in_an_option(self, tmp_path: Path) -> None:
        assert problems(tmp_path, options={"columns": {"campain": "C"}}) == (
            "--map campain: no such setting. Did you mean campaign?"
        )

    def test_all_problems_are_told_at_once_each_by_its_own_place(self, tmp_path: Path) -> None:
        toml = "[pace]\nratee = 5\nheadroom = 1\n[api]\nbase_url = 'http://example.com'\n"
        environ = {"SENDKIT_BATCH_PACE_CONCURRENCY": "0", "SENDKIT_BATCH_RETRY": "x"}
        options = {"pace": {"rate": "0"}, "columns": {"aiTag": "a\nb"}}
        assert problems(tmp_path, toml, environ=environ, options=options).splitlines() == [
            "c.toml [pace] ratee: no such setting. Did you mean rate?",
            "SENDKIT_BATCH_RETRY: no such setting; config.example.toml lists all of them.",
            (
                'c.toml [api] base_url: found "http://example.com"; expected an address such as '
                '"https://api.sendkit.ai"; http:// only to this machine.'
            ),
            '--map aiTag: found "a\\nb"; expected the header of a column.',
            f'--rate: found "0"{NO_RATE}',
            (
                'SENDKIT_BATCH_PACE_CONCURRENCY: found "0"; '
                "expected a whole number of workers from 1 to 1000."
            ),
            (
                "c.toml [pace] headroom: found 1; "
                "expected a share from 0 to less than 1, such as 0.05."
            ),
        ]


class TestWhatAMessageQuotes:
    def test_a_long_value_is_cut(self, tmp_path: Path) -> None:
        assert problems(tmp_path, f"[pace]\nrate = '{'x' * 500}'\n") == (
            f'c.toml [pace] rate: found "{"x" * 59}…{NO_RATE}'
        )

    def test_a_key_in_the_wrong_place_is_not_in_the_traceback_either(self) -> None:
        key = "sk_live_abc"
        with pytest.raises(SettingsError) as caught:
            restore_settings({"api": {"workspace_id": key}}, where="c.toml")
        assert key not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("key", ["api_key_file", "workspace_id", "base_url"])
    def test_a_key_in_the_wrong_place_is_refused_and_not_shown(
        self, tmp_path: Path, key: str
    ) -> None:
        expected = KNOWN["api"][key]
        assert problems(tmp_path, f"[api]\n{key} = 'sk_live_abc'\n") == (
            f"c.toml [api] {key}: found what may be a key (not shown); expected {expected}."
        )

    def test_the_password_in_an_address_is_not_shown(self, tmp_path: Path) -> None:
        toml = "[api]\nbase_url = 'https://kim:hunter2@api.example.com'\n"
        assert problems(tmp_path, toml) == (
            "c.toml [api] base_url: found what may be a key (not shown); expected an address "
            'such as "https://api.sendkit.ai"; http:// only to this machine.'
        )

    def test_a_word_that_only_ends_in_sk_is_shown(self, tmp_path: Path) -> None:
        assert problems(tmp_path, "[pace]\nrate = 'task_1'\n") == (
            f'c.toml [pace] rate: found "task_1"{NO_RATE}'
        )


class TestKeptWithARun:
    def test_settings_come_back_from_run_json_as_they_were(self, tmp_path: Path) -> None:
        toml = (
            "[columns]\naiTag = 'Tag'\n[pace]\nrate = '100/min'\n"
            "[run]\nmax_errors = '33.3%'\n[input]\non_conflict = 'last-wins'\n"
        )
        before = load(tmp_path, toml).settings
        after = restore_settings(json.loads(json.dumps(before.public())), where="run.json")
        assert after == before
        assert after.pace.rate == Rate(per_s=100 / 60)
        assert after.input.on_conflict is OnConflict.LAST_WINS

    def test_a_damaged_run_json_is_named(self) -> None:
        with pytest.raises(SettingsError) as caught:
            restore_settings({"pace": {"rate": 0, "x": 1}, "run": 5}, where="run.json")
        assert str(caught.value).splitlines() == [
            (
                "run.json [pace] x: no such setting; "
                "expected rate, concurrency, headroom, max_wait_s, wait, daily, "
                "time_zone or budget."
            ),
            "run.json run: found 5; expected a section: [run] on a line of its own.",
            f"run.json [pace] rate: found 0{NO_RATE}",
        ]
