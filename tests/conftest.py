import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis  # at its import it looks for objects that gc.freeze() would hide
import pytest

from tests.support.shell import Shell, shell_in

# A first example loads what it uses, and the machine may be busy: neither is a fault.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test finds the runs or the locks of another, nor of whoever starts the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """The command ignores signals once its last line is out; the next test must not."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell_in(tmp_path, monkeypatch)
