"""`web` in a terminal: it names the page's address, and says how it ended."""

from dataclasses import dataclass
from pathlib import Path

from batch.terminal.console import Terminal, guarded
from batch.terminal.signals import Interrupts


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `web`, as typed."""

    config: Path | None
    base_url: str | None
    rate: str | None
    port: int
    opens: bool


def serve(asked: Asked, interrupts: Interrupts) -> int:
    """`web`: serve the page until it is ended. Gives the exit code."""
    terminal = Terminal(interrupts)

    def do() -> int:
        from batch.web.server import serve_page  # noqa: PLC0415 - after what is wrong is told

        exit_code = serve_page(
            config=asked.config,
            base_url=asked.base_url,
            rate=asked.rate,
            port=asked.port,
            opens=asked.opens,
            interrupts=interrupts,
        )
        runs = "sendkit-batch runs lists what was done" if exit_code == 0 else "sendkit-batch runs"
        terminal.end(f"ended: the page is closed; next: {runs}", answer="")
        return exit_code

    return guarded(terminal, do)
