import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from batch.errors import SettingsError
from batch.jobs.execution import raise_open_files
from batch.terminal.remedies import in_terminal

if sys.platform == "win32":
    pytest.skip("Windows knows no such limit", allow_module_level=True)

import resource

Limits = tuple[int, int]


def limits() -> Limits:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.fixture(autouse=True)
def limits_of_this_process() -> Iterator[None]:
    before = limits()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def lower(soft: int) -> int:
    """Lower the soft limit; the hard one, which can't be raised again, stays and is given."""
    hard = limits()[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return hard


def problem(needed: int) -> str:
    with pytest.raises(SettingsError) as caught:
        raise_open_files(needed)
    return in_terminal(caught.value)


def test_the_limit_is_raised_to_what_is_needed_and_no_further() -> None:
    hard = lower(200)
    raise_open_files(201)
    assert limits() == (201, hard)


def test_what_was_raised_can_be_opened() -> None:
    lower(64)
    raise_open_files(200)
    with ExitStack() as files:
        for _ in range(100):
            files.enter_context(open(__file__, "rb"))  # noqa: PTH123 only many of them matter


@pytest.mark.parametrize("needed", [0, 199, 200])
def test_a_limit_that_is_enough_is_left_alone(needed: int) -> None:
    hard = lower(200)
    raise_open_files(needed)
    assert limits() == (200, hard)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Limits]]:
    """Limits of a system that are none of this process: the first are asked for, the last set."""
    asked: list[Limits] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: asked[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: asked.append(new))
    yield asked
    monkeypatch.undo()


def test_a_hard_limit_is_not_passed(system: list[Limits]) -> None:
    system.append((256, 1063))
    assert problem(1064) == (
        "Open files: found a hard limit of 1063; expected 1064 or more for this many connections. "
        "Lower --concurrency. Or raise the limit first (ulimit -n 1064)."
    )
    assert len(system) == 1


def test_the_hard_limit_itself_can_be_reached(system: list[Limits]) -> None:
    system.append((256, 1064))
    raise_open_files(1064)
    assert system[1:] == [(1064, 1064)]


def test_a_limit_without_end_is_enough(system: list[Limits]) -> None:
    endless = resource.RLIM_INFINITY
    system.append((endless, endless))
    raise_open_files(10**9)
    system[0] = (256, endless)
    raise_open_files(1064)
    assert system[1:] == [(1064, endless)]


@pytest.mark.parametrize("error", [ValueError("not allowed"), OSError(22, "Invalid argument")])
def test_a_system_that_refuses_all_the_same_is_told_of(
    system: list[Limits], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_kind: int, _limits: Limits) -> None:
        raise error

    system.append((256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert problem(20_000) == (
        "Open files: found a limit of 256; expected 20000 or more for this many connections. "
        "Lower --concurrency. Or raise the limit first (ulimit -n 20000)."
    )


def test_windows_is_asked_for_nothing(
    system: list[Limits], monkeypatch: pytest.MonkeyPatch
) -> None:
    system.append((1, 1))
    monkeypatch.setattr(sys, "platform", "win32")
    raise_open_files(2)
    assert len(system) == 1
