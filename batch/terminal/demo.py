"""The demo's input: a small spreadsheet without mistakes, as somebody might have made it."""

import csv
from pathlib import Path

NAME = "demo.csv"
_CAMPAIGNS = ("64f1c0a95e8b7d2f3a6c9e01", "64f1c0a95e8b7d2f3a6c9e02")
_CHANGES = (
    ("", "Interested"),
    ("paused", ""),
    ("", "Meeting booked"),
    ("active", "Interested"),
    ("", "null"),
)
_ROWS = 20


def write_demo(folder: Path) -> Path:
    """Write the demo's input into a folder and name the file."""
    path = folder / NAME
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["campaignId", "campaignLeadId", "status", "aiTag", "email"])
        for number in range(1, _ROWS + 1):
            status, tag = _CHANGES[number % len(_CHANGES)]
            lead = f"65a2d1b86f9c8e3a4b7d{number:04x}"
            email = f"person{number}@example.com"
            rows.writerow([_CAMPAIGNS[number % 2], lead, status, tag, email])
    return path
