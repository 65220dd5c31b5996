"""`web` in a terminal: it names the page's address, and says how it ended."""

from batch.settings.options import CliOptions
from batch.terminal.console import Terminal
from batch.terminal.endings import guarded
from batch.terminal.signals import Interrupts


def serve(options: CliOptions, interrupts: Interrupts) -> int:
    """`web`: serve the page until it is ended. Gives the exit code."""
    terminal = Terminal(interrupts)

    def do() -> int:
        from batch.web.server import serve_page  # noqa: PLC0415 - after what is wrong is told

        exit_code = serve_page(
            options,
            interrupts=interrupts,
        )
        runs = "sendkit-batch runs lists what was done" if exit_code == 0 else "sendkit-batch runs"
        terminal.end(f"ended: the page is closed; next: {runs}", answer="")
        return exit_code

    return guarded(terminal, do)
