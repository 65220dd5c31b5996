"""Journals that others made, or that a disk has damaged: none may do more than be refused."""

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from batch.model import Outcome, Reason
from batch.recording.journal import Journal

PAGE_BYTES = 4096
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # at the start of rollback journals, and their ends
_INTERIOR, _LEAF = 5, 13  # kinds of a table's pages


def write_journal(path: Path, *, rows: int = 3) -> Path:
    """A journal as this program writes it, with as many rows from line 2 on."""
    with closing(Journal.create(path)) as journal:
        journal.record(
            [
                Outcome(lines=(line,), reason=Reason.APPLIED, http_status=200, attempts=1)
                for line in range(2, 2 + rows)
            ]
        )
    return path


def altered(statement: str, *values: object) -> Callable[[Path], None]:
    """What alters a journal by one statement of SQL."""

    def alter(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("PRAGMA ignore_check_constraints=ON")
            db.execute(statement, values)

    return alter


def replaced(table: str, create: str) -> Callable[[Path], None]:
    """What puts something else in the place of a table."""

    def alter(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(f"DROP TABLE {table}")
            db.execute(create)

    return alter


def endless(path: Path) -> None:
    """Make its rows endless: each of 12 levels of pages names the next one 300 times."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name='outcome'").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    content = bytearray(path.read_bytes())
    leaf = bytes(content[(root - 1) * PAGE_BYTES : root * PAGE_BYTES])
    assert leaf[0] == _LEAF
    levels = [root, *range(pages + 1, pages + 12)]
    content.extend(bytes(PAGE_BYTES * 11) + leaf)
    for page, child in zip(levels, [*levels[1:], pages + 12], strict=True):
        content[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = _naming(child, times=300)
    content[28:32] = struct.pack(">I", pages + 12)  # how many pages there are
    path.write_bytes(content)


def _naming(child: int, *, times: int) -> bytes:
    page = bytearray(PAGE_BYTES)
    cell = struct.pack(">IB", child, 2)  # the page of the rows up to number 2
    starts = [PAGE_BYTES - len(cell) * (number + 1) for number in range(times)]
    page[:12] = struct.pack(">BHHHBI", _INTERIOR, 0, times, starts[-1], 0, child)
    for number, start in enumerate(starts):
        page[12 + 2 * number : 14 + 2 * number] = struct.pack(">H", start)
        page[start : start + len(cell)] = cell
    return bytes(page)


def rollback_naming(victim: Path, *, of: Path) -> bytes:
    """A rollback journal, as SQLite finishes it: then the file that it names is deleted."""
    name = bytes(victim)
    pages = of.stat().st_size // PAGE_BYTES
    head = _MAGIC + struct.pack(">IIIII", 0, 0, pages, 512, PAGE_BYTES)
    beyond_locks = 0x40000000 // PAGE_BYTES + 1
    signed = struct.pack(">II", len(name), sum(name))
    return head.ljust(512, b"\0") + struct.pack(">I", beyond_locks) + name + signed + _MAGIC


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """All files of a folder are at the end what they were before."""
    before = _content_of(folder)
    yield
    assert _content_of(folder) == before


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that can't be written, also where root runs the tests."""
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.setresuid(65534, 65534, 0)
    try:
        with pytest.raises(PermissionError):
            (folder / "new").touch()
        yield
    finally:
        if is_root:
            os.setresuid(0, 0, 0)
        folder.chmod(0o755)


def _content_of(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}
