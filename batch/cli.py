"""The entrance of the program: signals and streams are made safe before anything is loaded."""

import gc

from batch.terminal.signals import Interrupts
from batch.terminal.streams import lasting_streams

# Objects that are made and stay, between two looks for cycles. Rows leave none behind, and with
# Python's own 700 the looking takes 5 % of a run. Loading the program makes 120,000.
CYCLES_LOOKED_FOR_EVERY = 200_000


def main() -> None:
    """The console script: exits, whatever happens, as the contract says."""
    gc.set_threshold(CYCLES_LOOKED_FOR_EVERY)
    interrupts = Interrupts()
    with interrupts.caught(), lasting_streams():
        # Loading takes a while: a signal that comes meanwhile waits until it can be told.
        from batch.terminal.command_line import run_command_line  # noqa: PLC0415

        code = run_command_line(interrupts)
        interrupts.ignore()
    gc.freeze()  # it all ends with the process: to look for cycles once more takes 0.1 s
    raise SystemExit(code)
