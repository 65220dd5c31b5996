"""What the manual says of results and of an undo, compared with a server's log. Knows no program.

Source: the manual's pages results.md, automation.md (*Exit codes*) and planning.md.
"""

from dataclasses import dataclass

from tests.support.chain_world import Life, Run, Values, World
from tests.support.lead_server import Received

MAY_BE_APPLIED = "an earlier request of this row may have been applied"
REFUSED = {
    400: "bad_request",
    422: "bad_request",
    403: "forbidden",
    404: "not_found",
    410: "not_found",
    409: "rejected",
}
LEFT_OUT = {"drifted", "changed_since"}
APPLIED = ("applied", "applied_in_part")
NEEDS_A_REQUEST = {*APPLIED, "no_answer", "server_error", "stopped", *REFUSED.values()}
OF_A_SKIPPED_ROW = {"already_so", "final_state", "nothing_to_change", "duplicate", "blank_row"}
RESULT_OF = {
    **dict.fromkeys(APPLIED, "success"),
    **dict.fromkeys(OF_A_SKIPPED_ROW, "skipped"),
    **dict.fromkeys(("not_reached", "in_flight", "stopped"), "unsent"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A change that came for a row. is_told: whether the process lived to know its answer."""

    received: Received
    is_told: bool

    @property
    def in_doubt(self) -> bool:
        """Whether whoever sent it can't know what became of it."""
        status = self.received.act.status
        return status is None or status >= 500 or not self.is_told


def check_exit(life: Life, run: Run) -> None:
    """The code of a command that was not killed, and what it says of the rows."""
    if life.exit_code is None:
        return
    if life.exit_code == 2:
        assert not life.log, "exit 2, but something was sent"
        return
    results = [row["result"] for row in run.rows]
    if life.exit_code in {0, 1}:
        assert "unsent" not in results
        assert ("error" in results) == bool(life.exit_code)
    else:
        assert life.exit_code in {3, 143}
        assert "unsent" in results


def check_rows(run: Run) -> None:
    """Every request of the run is accounted for in its results."""
    rows = run.rows
    lines = [int(row["line"]) for row in rows]
    assert lines == sorted(set(lines))
    assert run.retries or lines == list(range(2, 2 + len(rows)))
    for row in rows:
        check_row(row, run)


def check_row(row: dict[str, str], run: Run) -> None:
    """One row's result, reason, attempts and message, by what came to the server for its lead."""
    reason, attempts = row["reason"], int(row["attempts"])
    assert row["result"] == RESULT_OF.get(reason, "error")
    if reason in {*OF_A_SKIPPED_ROW, "bad_status", "before_unknown"}:
        assert not attempts, row
        return
    requests = requests_of(row["campaignLeadId"], run)
    told = [each for each in requests if each.is_told]
    lives = run.lives
    alive = [life for life in lives if life.exit_code is not None]
    refused = sum(life.refused.count(row["campaignLeadId"]) for life in lives)
    refused_alive = sum(life.refused.count(row["campaignLeadId"]) for life in alive)
    assert attempts >= len(told) + refused_alive, row
    assert attempts <= len(requests) + refused + (len(lives) - len(alive)), row
    if not requests:
        assert reason not in NEEDS_A_REQUEST, row
        assert reason != "in_flight" or run.was_killed, row
        return
    assert attempts, row
    # A later process may have died with the row in its hands, and sent nothing: nobody can know.
    last_life = max(
        n
        for n, life in enumerate(run.lives)
        if any(e.lead == requests[-1].received.lead for e in life.log)
    )
    if reason == "in_flight" and any(life.exit_code is None for life in run.lives[last_life + 1 :]):
        return
    check_reason(row, requests)


def check_reason(row: dict[str, str], requests: list[Request]) -> None:
    """The reason of a row that was sent, by its last request; its message by those before."""
    reason, last = row["reason"], requests[-1]
    assert reason not in {"not_reached", "not_connected", "unknown_lead"}, row
    status = last.received.act.status
    if reason not in LEFT_OUT:
        is_in_part = row["status"] and "status" not in last.received.body
        whole = "applied" if reason == "applied_in_part" and is_in_part else reason
        assert whole in possible_reasons(last, status), (row, requests)
        assert reason != "applied" or not is_in_part, (row, requests)
    before = requests if reason in LEFT_OUT else requests[:-1]
    if reason in {*LEFT_OUT, *REFUSED.values()} and any(each.in_doubt for each in before):
        assert row["message"].endswith(MAY_BE_APPLIED), row


def possible_reasons(last: Request, status: int | None) -> set[str]:
    """What a row may have come to by its last request."""
    if status is None:
        return {"in_flight", "no_answer"}
    if status == 200:
        known = {"applied"}
    elif status >= 500:
        known = {"server_error", "stopped"}
    elif status in {401, 403}:  # about the key, if it stops the job
        known = {"stopped", REFUSED.get(status, "stopped")}
    else:
        known = {REFUSED[status]}
    return known if last.is_told else {*known, "in_flight", "no_answer"}


def requests_of(lead: str, run: Run) -> list[Request]:
    """What came for a lead from all processes of a run."""
    return [
        Request(received=each, is_told=life.exit_code is not None)
        for life in run.lives
        for each in life.log
        if each.lead == lead
    ]


def check_statuses(run: Run, world: World) -> None:
    """Of a run that reads its leads: it sets no status on one that is through."""
    if not run.reads:
        return
    since = world.written[run.since :]
    completed = {each.lead for each in since if each.values.get("status") == "completed"}
    for received in (each for life in run.lives for each in life.log):
        is_set = received.was.get("status") == "completed" and "status" in received.body
        assert not is_set or received.lead in completed, received


def check_undone(undo: Run, world: World) -> None:
    """After an undo that ended: each lead that the log shows as changed is back, or is named."""
    undone = undo.undoes
    assert undone is not None
    lines = {row["line"]: row["campaignLeadId"] for row in undone.rows}
    results = [(lines[row["undoes_line"]], row) for row in undo.rows]
    named = {lead for lead, row in results if row["result"] == "error"}
    told = {lead for lead, _ in results}
    for lead in {each.lead for life in undone.lives for each in life.log}:
        changed = changed_fields(lead, undone, world)
        if not changed or lead in named:
            continue
        if is_changed_by_others(lead, undo, world):
            assert lead in told, (lead, changed)
            continue
        now = world.values(lead)
        if is_moved_anew(lead, undo):
            changed.pop("status", None)
        for field, were in changed.items():
            assert now.get(field) in were, (lead, field, now, were)


def changed_fields(lead: str, run: Run, world: World) -> dict[str, set[str | None]]:
    """The fields of a lead that a run has changed, with what each was before.

    That is what it was at any time from the run's beginning to its first request that was applied:
    nobody says when the run reads it.
    """
    values: list[Values] = []
    before: Values = {}
    for n, written in enumerate(world.written):
        if written.lead != lead:
            continue
        if written.by is run:
            changed = {name for name in written.values if before.get(name) != written.values[name]}
            if changed:
                return {name: {was.get(name) for was in values} for name in changed}
        elif n < run.since:
            values = []
        before = written.values
        values.append(written.values)
    return {}


def is_moved_anew(lead: str, undo: Run) -> bool:
    """Whether an undo's own tag has completed a lead, or one that nobody heard of did before."""
    assert undo.undoes is not None
    heard = any(each.received.moved == "exited" for each in requests_of(lead, undo))
    lost = requests_of(lead, undo.undoes)
    return heard or any(each.received.moved == "exited" and each.in_doubt for each in lost)


def is_changed_by_others(lead: str, undo: Run, world: World) -> bool:
    """Whether others wrote to a lead since an undo of several processes began."""
    since = world.written[undo.since :]
    return any(each.lead == lead and each.by is not undo for each in since)
