"""Spreadsheets that harm whoever reads them, and readers that do harm."""

import signal
import sys
import zipfile
from pathlib import Path
from textwrap import dedent

# Readers, run in place of the real one: each does to its process what a hostile file might.
FREEZES = "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"  # holds the interpreter's lock for ever
EATS_MEMORY = "import time; kept = b'x' * (600 << 20); time.sleep(60)"
DIES = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
CRASHES = "raise RuntimeError('with sk_0123456789abcdefghij in it')"


def reader_that(does: str, folder: Path) -> list[str]:
    """A command in place of the real reader's."""
    program = folder / "reader.py"
    program.write_text(dedent(does), encoding="utf-8")
    return [sys.executable, str(program)]


def ods_bomb(path: Path) -> Path:
    """A few hundred bytes that stand for a million rows of a text of 30,000 characters."""
    rows = (
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell '
        f'office:value-type="string"><text:p>{"x" * 30_000}</text:p></table:table-cell>'
        "</table:table-row>"
    )
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content{spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return path
