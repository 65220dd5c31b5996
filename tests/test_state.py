import platformdirs
import pytest

from batch.errors import SettingsError
from batch.recording.history import earlier_runs
from batch.recording.locks import lock_input
from batch.recording.state import default_state_dir
from batch.settings.load import default_config_dir
from tests.shell import Shell, rise_always
from tests.wired import pausing


def test_the_users_folder_is_named_after_the_program() -> None:
    assert default_state_dir().name == "sendkit-batch"


@pytest.fixture
def _homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home, as in some containers."""
    for name in ("user_state_path", "user_config_path"):
        monkeypatch.setattr(platformdirs, name, rise_always(RuntimeError("no home")))


@pytest.mark.usefixtures("_homeless")
def test_who_has_no_home_can_look_but_not_lock(shell: Shell) -> None:
    assert default_config_dir() is None
    assert earlier_runs(default_state_dir()) == []
    assert shell.check(shell.leads(pausing(1))) == 0
    assert shell.run("leads.csv", yes=True) == 2
    assert shell.api.changes == []
    with (
        pytest.raises(SettingsError, match="or set XDG_STATE_HOME to another folder"),
        lock_input(default_state_dir(), sha256="ab", base_url="https://a.b", run=shell.cwd),
    ):
        pass
