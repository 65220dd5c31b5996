import functools
import gc
import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis  # noqa: F401 - at its import it looks for objects that gc.freeze() would hide
import pytest
import typer.main
from xdist.remote import Producer

from tests.support.sampling import (
    SEED,
    leave_to_the_proofs,
    longest_proofs_first,
    register_profiles,
    seed_of_the_day,
)
from tests.support.shell import Shell, shell_in
from tests.support.spreading import Spreading, workers
from tests.support.temporary import use_memory

register_profiles()


def pytest_configure(config: pytest.Config) -> None:
    seed_of_the_day()
    if config.getoption("numprocesses", None) and os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Hundreds of processes and all workers would compile the same: they keep it apart.
        kept = config.rootpath / ".pytest_cache" / "bytecode"
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(kept))
    use_memory()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    return workers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spreading | None:
    return Spreading(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_report_header() -> str:
    return f"drawn by {SEED}={seed_of_the_day()}"


@pytest.hookimpl(tryfirst=True)  # before those that are marked are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    leave_to_the_proofs(items)
    longest_proofs_first(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    gc.disable()  # thousands of tests are made, and all of them stay
    yield
    gc.freeze()
    gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture(autouse=True)
def _state_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, _numbers: Iterator[int]
) -> Iterator[None]:
    """No test finds the runs or the locks of another, nor of whoever starts the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.getbasetemp() / "states" / str(next(_numbers))
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def _command_line_made_once() -> Iterator[None]:
    """Every command of this process has the same words; making them takes 20 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
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
