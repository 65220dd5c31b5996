"""The sections of workspaces in a settings file."""

from pathlib import Path

import pytest

from batch.settings.load import CONFIG_NAME, load_settings
from batch.settings.origins import differences
from batch.settings.values import Rate
from tests.settings.test_settings import NO_RATE, load, problems

ACME = '[workspaces."Acme"]\n'
WHERE = 'c.toml [workspaces."Acme"]'


def test_each_has_a_section_and_what_it_leaves_out_is_as_for_the_run(tmp_path: Path) -> None:
    toml = f'[pace]\nrate = 5\ndaily = 100\n{ACME}rate = "60/min"\nheadroom = 0.2\n'
    settings = load(tmp_path, toml + '[workspaces."B"]\nrate = 9\ndaily = 7\n').settings
    acme, other = map(settings.for_workspace, settings.workspaces.values())
    assert (acme.pace.rate, acme.pace.headroom, acme.pace.daily) == (Rate(per_s=1), 0.2, 100)
    assert (other.pace.rate, other.pace.headroom, other.pace.daily) == (Rate(per_s=5), 0.05, 7)


def test_its_key_file_starts_at_the_folder_of_the_file_that_names_it(tmp_path: Path) -> None:
    own = load(tmp_path, f'{ACME}api_key_file = "acme.key"').settings.workspaces["Acme"]
    assert own.api_key_file == str(tmp_path / "acme.key")


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        (
            f"{ACME}rat = 5",
            'c.toml [workspaces."Acme"] rat: no such setting. Did you mean rate?',
        ),
        (
            f"{ACME}base_url = 5",
            f"{WHERE} base_url: no such setting here; it belongs under [api].",
        ),
        (f"{ACME}rate = 0", f'c.toml [workspaces."Acme"] rate: found 0{NO_RATE}'),
        (
            f'{ACME}api_key_env = "A B"',
            (
                'c.toml [workspaces."Acme"] api_key_env: found "A B"; expected the name of the '
                "environment variable that holds the key, never the key."
            ),
        ),
        (
            f'{ACME}api_key_env = "sk_secret"',
            (
                'c.toml [workspaces."Acme"] api_key_env: found what may be a key (not shown); '
                "expected the name of the environment variable that holds the key, never the "
                "key."
            ),
        ),
        (
            f'{ACME}api_key_env = "A"\napi_key_file = "b"',
            (f"{WHERE} api_key_env: found api_key_file beside it; expected one of them."),
        ),
        (
            '[workspaces."a\\u001bb"]\nrate = 5',
            (
                'c.toml [workspaces]: found {"a\\u001bb": {"rate": 5}}; expected a section for '
                'each workspace: [workspaces."Acme"] on a line of its own.'
            ),
        ),
        (
            "[workspaces]\nrate = 5",
            (
                'c.toml [workspaces]: found {"rate": 5}; expected a section for each '
                'workspace: [workspaces."Acme"] on a line of its own.'
            ),
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, toml: str, text: str) -> None:
    assert problems(tmp_path, toml) == text


def test_where_a_key_is_is_not_for_the_file_of_a_folder_to_say(tmp_path: Path) -> None:
    own, here = tmp_path / "own", tmp_path / "here"
    for folder, toml in (
        (own, f'{ACME}api_key_env = "ACME_KEY"\nrate = 5\n'),
        (here, f'{ACME}api_key_env = "AWS_SECRET"\nrate = 9\n[workspaces.B]\nrate = 1\n'),
    ):
        folder.mkdir()
        (folder / CONFIG_NAME).write_text(toml)
    loaded = load_settings(None, {}, {}, here, own)
    assert loaded.refused_key_file == f'{CONFIG_NAME} [workspaces."Acme"] api_key_env'
    assert loaded.settings.workspaces["Acme"].api_key_env == "ACME_KEY"
    assert [str(each) for each in differences(loaded.settings, loaded.own)] == [
        '[workspaces."Acme"] rate = 9.0',
        '[workspaces."B"] rate = 1.0',
    ]
    assert all(each.is_guarded for each in differences(loaded.settings, loaded.own))


def test_they_are_kept_with_no_run_and_practice_sees_none(tmp_path: Path) -> None:
    loaded = load(tmp_path, f'{ACME}api_key_env = "ACME_KEY"')
    assert "workspaces" not in loaded.settings.public()
    assert loaded.for_practice().settings.workspaces == {}
