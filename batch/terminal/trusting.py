"""`trust` in a terminal: the addresses that this user has approved, and taking that back."""

import json

from batch.api.address import address_of
from batch.errors import SettingsError
from batch.recording.approvals import approvals, withdraw
from batch.recording.state import default_state_dir
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal
from batch.terminal.endings import guarded
from batch.terminal.last_lines import End, Next
from batch.terminal.prose import print_whole
from batch.terminal.signals import Interrupts


def trust(options: CliOptions, interrupts: Interrupts) -> int:
    """`trust`: list approvals, or withdraw them. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def do() -> int:
        if options.forget:
            return _forget(terminal, options.address)
        if options.address is not None:
            raise SettingsError(
                "trust: an address alone says nothing. Add --forget to withdraw its approvals. "
                "An address is approved by a yes to the question of the command that needs it."
            )
        return _list(terminal, as_json=options.as_json)

    return guarded(terminal, do)


def _list(terminal: Terminal, *, as_json: bool) -> int:
    since: dict[str, str] = {}
    for each in approvals(default_state_dir()):
        since[each.address] = max(each.since, since.get(each.address, ""))
    if not as_json:
        for address, when in since.items():
            print_whole(terminal.out, f"{address}  approved {when} UTC")
    told = "1 approved address" if len(since) == 1 else f"{len(since)} approved addresses"
    forget = Next(command="sendkit-batch trust --forget ADDRESS", does="withdraws one")
    found = [{"address": address, "since": when} for address, when in since.items()]
    answer = {"state": "listed", "exit_code": 0, "approvals": found}
    headline = "" if since else "No address is approved."
    end = End(state="listed", came=told, next=forget if since else Next(), headline=headline)
    terminal.end(end, answer=json.dumps(answer))
    return 0


def _forget(terminal: Terminal, address: str | None) -> int:
    named = None if address is None else str(address_of(address))
    gone = withdraw(default_state_dir(), named)
    if named and not gone:
        raise SettingsError(f"trust: {named} is not approved. `sendkit-batch trust` lists what is.")
    what = named or ("all addresses" if gone else "nothing, for nothing was approved")
    answer = {"state": "withdrawn", "exit_code": 0, "addresses": gone}
    end = End(state="withdrawn", came=what, headline=f"Withdrawn: {what}.")
    terminal.end(end, answer=json.dumps(answer))
    return 0
