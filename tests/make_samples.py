"""Makes samples/changes.xlsx, byte for byte the same every time: python tests/make_samples.py."""

from datetime import datetime
from pathlib import Path

import xlsxwriter

CHANGES = Path(__file__).parents[1] / "samples" / "changes.xlsx"

HEADER = ("Campaign name", "Campaign ID", "Campaign Lead ID", "E-mail", "Status", "AI Tag", "Notes")
WIDTHS = (20, 27, 27, 28, 9, 16, 24)  # characters

# For each campaign: lead, e-mail, status, tag, note.
CHANGES_OF = {
    ("Autumn outreach", "66e01a3c122c597083bd438b"): """
    66f1b22c0d30c251791eed30 | office@bakery.example.org | active | Interested |
    66f1b22c0d30c2517911a2df | sales@dental.example.com |  | Out of office |
    66f1b22c0d30c251791bc0be | info@logistics.example.com | paused | Wrong person | left the company
    66f1b22c0d30c251792ecfad | hello@fitness.example.org | paused | Meeting booked |
    66f1b22c0d30c251791dc854 | buying@printing.example.com | paused |  |
    66f1b22d0d30c25179394f3b | orders@roofing.example.com | active | Referral | assistant answered
    66f1b22d0d30c25179006cc2 | office@travel.example.org |  | Not now |
    66f1b22d0d30c2517933f431 | sales@optics.example.com |  | Interested |
    66f1b22d0d30c251793a4d38 | info@catering.example.com | paused | Meeting booked | Thursday, 10:00
    66f1b22d0d30c2517923e2f7 | hello@plumbing.example.org | paused |  |
    """,
    ("Trade fair follow-up", "66e16bc9d0f631ca1ddba8db"): """
    66f303ad0bc722914e18908e | buying@gardens.example.com | active | Referral |
    66f303ad0bc722914e227ba5 | orders@media.example.com |  | Not now |
    66f303ad0bc722914e2ed7bc | office@tooling.example.org |  | Interested |
    66f303ad0bc722914e15027b | sales@textiles.example.com |  | null | tag set by mistake
    66f303ae0bc722914e2d800a | info@framing.example.com |  | Out of office |
    66f303ae0bc722914e118019 | hello@brewing.example.org | paused | Wrong person | billing contact
    66f303ae0bc722914e2c7678 | buying@tiling.example.com |  | Not now |
    66f303ae0bc722914e287af7 | orders@glass.example.com |  | Interested |
    """,
}


def rows() -> list[tuple[str, ...]]:
    """The sheet's rows below its header; a blank one stands between two campaigns."""
    found: list[tuple[str, ...]] = []
    for campaign, changes in CHANGES_OF.items():
        found += [()] if found else []
        for line in changes.strip().splitlines():
            found.append((*campaign, *map(str.strip, line.split("|"))))
    return found


def make_changes(path: Path) -> None:
    """Write the sheet as a careful person would keep it: text cells, a frozen header, a filter."""
    with xlsxwriter.Workbook(path) as book:
        created = datetime(2026, 11, 2, 9, 0)  # noqa: DTZ001 a workbook's times have no zone
        book.set_properties({"created": created})
        sheet = book.add_worksheet("Changes")
        text = book.add_format({"num_format": "@"})  # or Excel takes some ids for numbers
        bold = book.add_format({"bold": True, "bottom": 1})
        for column, (title, width) in enumerate(zip(HEADER, WIDTHS, strict=True)):
            sheet.set_column(column, column, width, text)
            sheet.write_string(0, column, title, bold)
        for number, row in enumerate(rows(), start=1):
            for column, value in enumerate(row):
                if value:
                    sheet.write_string(number, column, value, text)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows()), len(HEADER) - 1)


if __name__ == "__main__":
    make_changes(CHANGES)
