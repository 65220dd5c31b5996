"""The entrance of the program: signals and streams are made safe before anything is loaded."""

from batch.terminal.signals import Interrupts
from batch.terminal.streams import lasting_streams


def main() -> None:
    """The console script: exits, whatever happens, as the contract says."""
    interrupts = Interrupts()
    with interrupts.caught(), lasting_streams():
        # Loading takes a while: a signal that comes meanwhile waits until it can be told.
        from batch.terminal.command_line import run_command_line  # noqa: PLC0415

        code = run_command_line(interrupts)
        interrupts.ignore()
    raise SystemExit(code)
