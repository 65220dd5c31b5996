"""Where a job sends, by what, and who else may not meanwhile: the real API, or a sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch.api.sendkit import Access, SendKit, Timeouts
from batch.api.transport import make_transport
from batch.jobs.cells import named_of
from batch.jobs.request import Request
from batch.judging.rules import check_rules
from batch.reading.table import Table
from batch.recording.daily_quota import DailyQuota
from batch.recording.locks import lock_input, share_key
from batch.settings.model import Settings


def make_client(
    access: Access, settings: Settings, *, connections: int, quota: DailyQuota | None
) -> SendKit:
    """A client of the API with as many connections; to be entered.

    quota: by which its requests are counted; None for practice, whose sandbox is on this machine:
    no proxy stands before it either.
    """
    http = settings.http
    return SendKit(
        access,
        timeouts=Timeouts(
            connect_s=http.connect_timeout_s,
            write_s=http.write_timeout_s,
            read_s=http.read_timeout_s,
            attempt_s=http.attempt_timeout_s,
        ),
        transport=make_transport(
            connections=connections,
            base_url=access.base_url,
            use_environment_proxy=quota is not None,
            kind=http.transport,
        ),
        meter=quota,
    )


def daily_quota(access: Access, settings: Settings, state_dir: Path) -> DailyQuota:
    """The quota of a day that the settings ask for, with the counts of all runs."""
    return DailyQuota(
        state_dir,
        limit=settings.pace.daily,
        zone=settings.pace.zone,
        base_url=access.base_url,
        key=access.api_key,
        workspace_id=access.workspace_id,
    )


@contextmanager
def access_of(request: Request, table: Table) -> Iterator[Access]:
    """The real API with the real key, or a practice sandbox that knows the table's leads."""
    if request.session.sandbox:
        from batch.jobs.practice import practice_access  # noqa: PLC0415 - 8 ms to load

        check_rules(request.rules())
        named, faults = named_of(request, table), request.session.faults
        with practice_access(table, request.rules(), named, faults=faults) as access:
            yield access
        return
    if request.session.access is None:
        raise ValueError("a run that is no practice needs a key")
    yield request.session.access


@contextmanager
def take_locks(request: Request, *, sha256: str, run: Path) -> Iterator[tuple[str, ...]]:
    """Hold the input for its base address, and take part in the key's budget; gives warnings.

    sha256: of the input. Practice needs none of it: each has a server and a key of its own.
    Raises LockedError, naming who is at work, and SettingsError when no lock can be made.
    """
    if request.session.sandbox or request.session.access is None:
        yield ()
        return
    access = request.session.access
    with (
        lock_input(request.session.state_dir, sha256=sha256, base_url=access.base_url, run=run),
        share_key(
            request.session.state_dir, key=access.api_key, base_url=access.base_url, run=run
        ) as warnings,
    ):
        yield warnings
