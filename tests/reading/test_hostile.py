"""Small files that stand for a lot, and large ones that must pass: what `check` of each costs.

Each is read by the real command in a process of its own, whose time and memory are looked at.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from tests.reading.test_cost import cell, gap, ods, row
from tests.reading.test_xlsx import written_by_hand
from tests.support.program import environment

ID = "66a1b2c3d4e5f60718293a4b"
HEADER = "campaignId,campaignLeadId,status,aiTag\n"
LEAD = (cell(ID), cell(ID), cell("paused"))
_MOST_S = 10  # of the processor's time: the machine may be busy with other things
_MOST_KIB = 1_000_000_000 // 1024


def text(folder: Path, parts: Iterable[str]) -> Path:
    path = folder / "leads.csv"
    with path.open("w") as file:
        file.writelines(parts)
    return path


def parquet(folder: Path, rows: int, **columns: str) -> Path:
    path = folder / "leads.parquet"
    repeated = [pl.repeat(each, rows, eager=True).alias(name) for name, each in columns.items()]
    pl.DataFrame(repeated).write_parquet(path, row_group_size=rows)
    return path


def deep(folder: Path) -> Path:
    return ods(folder, row(*LEAD, "<table:table-cell>" * 200_000 + "</table:table-cell>" * 200_000))


def shared(folder: Path) -> Path:
    cells = "".join(f'<row><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 3001))
    strings = f"<si><t>{'x' * (1 << 20)}</t></si>"
    path = written_by_hand(folder, f"<sheetData>{cells}</sheetData>", strings=strings)
    return packed(path)


def packed(path: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["[Content_Types].xml"] = b"<Types/>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def brackets(folder: Path) -> Path:
    path = folder / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        number = book.add_format({"num_format": "[" * 200_000})
        book.add_worksheet("Leads").write(0, 0, 1.5, number)
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "elements 200,000 levels deep": (deep, "levels deep"),
    "a million rows of a text of 30,000": (
        lambda folder: ods(folder, row(*LEAD, cell("x" * 30_000), repeated=1_048_575)),
        "more than 1,073,741,824 characters",
    ),
    "a million rows of 16,384 cells": (
        lambda folder: ods(folder, row(cell("x", repeated=16_384), repeated=1_048_575)),
        "but the header has only 4",
    ),
    "a million rows of one far cell": (
        lambda folder: ods(
            folder,
            row(*LEAD, gap(16_380), cell("x"), repeated=1_048_575),
            columns=cell("h", repeated=16_380),
        ),
        "",
    ),
    "a million rows of 60 cells": (
        lambda folder: ods(
            folder,
            row(*LEAD, cell("x", repeated=57), repeated=1_048_575),
            columns=cell("h", repeated=57),
        ),
        "",
    ),
    "a text of 1 MB in 3,000 cells": (shared, "more than 32,767 characters"),
    "a number format of 200,000 brackets": (brackets, "a number format has 200,000 characters"),
    "30 million rows of Parquet in some kB": (
        lambda folder: parquet(folder, 30_000_000, campaignId=ID, campaignLeadId=ID, status="x"),
        "once unpacked",
    ),
    "60,000 columns": (
        lambda folder: text(folder, [HEADER.strip(), *(f",c{n}" for n in range(59_996))]),
        "has 60,000 columns",
    ),
    "300 MB of commas": (
        lambda folder: text(folder, ["," * 1_000_000] * 300),
        "no header row was found",
    ),
    "300 MB of commas below a header": (
        lambda folder: text(folder, [HEADER, *["," * 1_000_000] * 300]),
        "more than 16,777,216 characters",
    ),
    "300 MB of lines of commas": (
        lambda folder: text(folder, [HEADER, *[",,,\n" * 250_000] * 300]),
        "",
    ),
    "300 MB of blank lines": (
        lambda folder: text(folder, [HEADER, *["\n" * 1_000_000] * 300, f"{ID},{ID},paused,\n"]),
        "",
    ),
    "300 MB in a quote that is never closed": (
        lambda folder: text(folder, [HEADER, '"', *["x" * 99 + "\n"] * 3_000_000]),
        "a cell is longer than 1,000,000 characters",
    ),
}


# A process is told the peak of the one that it was split off from, too: hence one in between.
_MEASURED = """
import resource, subprocess, sys
with open("said.txt", "wb") as said:
    subprocess.run(sys.argv[1:], stdout=said, stderr=said)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def check(path: Path) -> tuple[str, float, int]:
    """What `check` of a file says, its seconds of the processor, and its peak memory in KiB."""
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURED, sys.executable, "-m", "batch", "check", path.name],
        cwd=path.parent,
        env=environment(path.parent),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak = measured.stdout.split()
    return (path.parent / "said.txt").read_text(errors="replace"), float(seconds), int(peak)


@pytest.mark.slow
@pytest.mark.timed
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("make", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_what_stands_for_a_lot_is_refused_or_read_within_10_s_and_1_gb(
    tmp_path: Path, make: Callable[[Path], Path], sentence: str
) -> None:
    said, seconds, peak = check(make(tmp_path))
    assert sentence in said if sentence else "\nchecked: " in said, said
    assert "Traceback" not in said
    assert (seconds < _MOST_S, peak < _MOST_KIB) == (True, True), (seconds, peak)


def repeat_second_row(source: Path, path: Path, *, last: int) -> None:
    """Repeat it down to the last row, as the workbook's own writer would in a minute."""
    part = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(source) as one, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as many:
        for name in set(one.namelist()) - {part}:
            many.writestr(name, one.read(name))
        before, row, after = re.split(r'(<row r="2".*?</row>)', one.read(part).decode())
        row = re.sub(r'r="([A-Z]*)2"', r'r="\g<1>{0}"', row).replace("LEAD", "{0:024x}")
        with many.open(part, "w") as sheet:
            sheet.write(before.encode())
            for start in range(2, last + 1, 1000):
                numbers = range(start, min(start + 1000, last + 1))
                sheet.write("".join(map(row.format, numbers)).encode())
            sheet.write(after.encode())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_largest_sheet_of_twelve_columns_passes(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(tmp_path / "one.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Leads")
        sheet.write_row(0, 0, [*HEADER.strip().split(","), *(f"note {n}" for n in range(8))])
        sheet.write_row(1, 0, [ID, "LEAD", "paused", "", *["note"] * 8])
    repeat_second_row(tmp_path / "one.xlsx", path, last=1_048_576)
    said, _, peak = check(path)
    assert "1,048,575 rows to send" in " ".join(said.split())
    assert peak < _MOST_KIB


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_million_distinct_rows_of_parquet_pass(tmp_path: Path) -> None:
    rows = 10_000_000
    pl.select(
        campaignId=pl.repeat(ID, rows),
        campaignLeadId=pl.format("65a2d1b86f9c8e3a{}", pl.int_range(rows) + 10_000_000),
        status=pl.repeat("paused", rows),
        aiTag=pl.repeat("Later", rows),
    ).write_parquet(tmp_path / "leads.parquet")
    said, _, peak = check(tmp_path / "leads.parquet")
    assert "10,000,000 rows to send" in " ".join(said.split())
    assert peak < _MOST_KIB
