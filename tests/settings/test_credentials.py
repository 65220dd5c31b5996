import os
from pathlib import Path

import pytest

from batch.errors import SettingsError
from batch.settings.credentials import read_credentials
from batch.settings.model import Settings

WORKSPACE = "65f0c0ffee0000000000abcd"
BAD_KEY = (
    "the API key (not shown) has a space, a quote, a control character or a letter outside ASCII "
    "in it, or is longer than 1,000 characters; "
    "expected one word such as sk_…, as plain text. Copy it again."
)


def settings_with(*, key_file: Path | str = "", workspace_id: str = "") -> Settings:
    api = {"api_key_file": str(key_file), "workspace_id": workspace_id}
    return Settings.model_validate({"api": api})


def key_file(tmp_path: Path, content: bytes, *, mode: int = 0o600) -> Path:
    path = tmp_path / "my key.txt"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def problem(settings: Settings, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        read_credentials(settings, environ)
    return str(caught.value)


class TestTheKey:
    def test_comes_from_the_environment_without_the_space_around_it(self) -> None:
        found = read_credentials(Settings(), {"SENDKIT_API_KEY": " sk_env\n"})
        assert found.api_key.get_secret_value() == "sk_env"
        assert found.workspace_id is None
        assert found.notes == ()

    def test_environment_outranks_the_file(self, tmp_path: Path) -> None:
        settings = settings_with(key_file=key_file(tmp_path, b"sk_file\n"))
        found = read_credentials(settings, {"SENDKIT_API_KEY": "sk_env"})
        assert found.api_key.get_secret_value() == "sk_env"

    @pytest.mark.parametrize(
        "content", [b"sk_file", b"sk_file\n", b"\xef\xbb\xbfsk_file\r\n# of the sales team\r\n"]
    )
    def test_else_it_is_the_first_line_of_the_file(self, tmp_path: Path, content: bytes) -> None:
        settings = settings_with(key_file=key_file(tmp_path, content))
        found = read_credentials(settings, {"SENDKIT_API_KEY": " "})
        assert found.api_key.get_secret_value() == "sk_file"
        assert found.notes == ()

    def test_missing_everywhere(self) -> None:
        assert problem(Settings(), {}) == (
            "No API key: set SENDKIT_API_KEY, or api_key_file under [api] of your own settings "
            "file, or of one that you name, to the path of a file that holds it."
        )

    def test_file_that_is_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "no.txt"
        assert problem(settings_with(key_file=path), {}) == (
            f"{path}: the API key can't be read (No such file or directory); "
            "correct api_key_file under [api] of your own settings file, or of one that you name, "
            "or set SENDKIT_API_KEY."
        )

    @pytest.mark.parametrize("content", [b"", b"\n", b"  \nsk_second\n"])
    def test_file_with_a_blank_first_line(self, tmp_path: Path, content: bytes) -> None:
        path = key_file(tmp_path, content)
        assert problem(settings_with(key_file=path), {}) == (
            f"{path}: the first line is blank; expected the API key there."
        )

    @pytest.mark.parametrize(
        "key",
        [
            "sk_a b",
            "Bearer sk_a",
            "sk_a\nb",
            "sk_a\x00b",
            "sk_a\x7fb",
            "sk_a\u200b",
            "sk_ä",
            "'sk_a'",
            '"sk_a"',
            "s" * 1001,
        ],
    )
    def test_that_is_no_plain_word_is_refused_and_not_shown(self, key: str) -> None:
        assert problem(Settings(), {"SENDKIT_API_KEY": key}) == f"SENDKIT_API_KEY: {BAD_KEY}"

    @pytest.mark.parametrize("content", ["sk_a".encode("utf-16"), b"sk_\xff", b"s" * 5000])
    def test_file_that_is_no_plain_text_is_refused_and_not_shown(
        self, tmp_path: Path, content: bytes
    ) -> None:
        path = key_file(tmp_path, content)
        assert problem(settings_with(key_file=path), {}) == f"{path}: {BAD_KEY}"

    @pytest.mark.skipif(os.name != "posix", reason="file modes mean nothing on Windows")
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
    def test_file_that_others_can_open_is_noted(self, tmp_path: Path, mode: int) -> None:
        path = key_file(tmp_path, b"sk_file\n", mode=mode)
        assert read_credentials(settings_with(key_file=path), {}).notes == (
            f"{path} is open to other users of this machine; run: chmod 600 '{path}'",
        )

    def test_is_in_no_text_of_the_credentials(self) -> None:
        found = read_credentials(Settings(), {"SENDKIT_API_KEY": "sk_abc"})
        assert "sk_abc" not in f"{found} {found!r} {found.api_key}"


class TestTheWorkspace:
    def test_platform_key_takes_the_workspace_of_the_environment_first(self) -> None:
        environ = {"SENDKIT_API_KEY": "sk_user_a", "SENDKIT_WORKSPACE_ID": f" {WORKSPACE}\n"}
        found = read_credentials(settings_with(workspace_id="other"), environ)
        assert (found.workspace_id, found.notes) == (WORKSPACE, ())

    def test_platform_key_takes_the_workspace_of_the_settings_else(self) -> None:
        environ = {"SENDKIT_API_KEY": "sk_user_a", "SENDKIT_WORKSPACE_ID": ""}
        found = read_credentials(settings_with(workspace_id=WORKSPACE), environ)
        assert (found.workspace_id, found.notes) == (WORKSPACE, ())

    def test_platform_key_without_a_workspace_is_refused(self) -> None:
        assert problem(Settings(), {"SENDKIT_API_KEY": "sk_user_a"}) == (
            "A platform key (it begins with sk_user_) needs the id of a workspace."
        )

    @pytest.mark.parametrize("workspace", ["a b", "ä", "a\r\nX-Evil: 1", "sk_live_b"])
    def test_workspace_that_cannot_be_one_is_refused_and_not_shown(self, workspace: str) -> None:
        environ = {"SENDKIT_API_KEY": "sk_user_a", "SENDKIT_WORKSPACE_ID": workspace}
        assert problem(Settings(), environ) == (
            "SENDKIT_WORKSPACE_ID: found what is no workspace id (not shown); "
            "expected one word without spaces, and not a key."
        )

    def test_workspace_key_ignores_a_workspace_and_says_so(self) -> None:
        environ = {"SENDKIT_API_KEY": "sk_a", "SENDKIT_WORKSPACE_ID": WORKSPACE}
        found = read_credentials(Settings(), environ)
        assert found.workspace_id is None
        assert found.notes == (
            "SENDKIT_WORKSPACE_ID is ignored: a workspace key already belongs to one workspace.",
        )

    def test_workspace_key_ignores_a_workspace_of_the_settings_and_says_so(self) -> None:
        found = read_credentials(settings_with(workspace_id=WORKSPACE), {"SENDKIT_API_KEY": "sk_a"})
        assert found.workspace_id is None
        (note,) = found.notes
        assert note == (
            "workspace_id under [api] is ignored: a workspace key already belongs to one workspace."
        )
