"""The input of the bench: rows as a spreadsheet of changes has them."""

import csv
from dataclasses import dataclass
from pathlib import Path

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")
EXTRA = ("email", "firstName", "company", "city", "note")
LABELS = ("Interested", "Not now", "Meeting booked")

PROBLEM_EVERY = 100  # rows: 1 % can't be sent
DUPLICATE_EVERY = 1000  # rows: 0.1 % say again what an earlier one said


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An input, and what must become of it."""

    path: Path
    count: int
    success: int
    error: int
    skipped: int


def write_rows(path: Path, count: int) -> Rows:
    """Write so many rows, of distinct leads but for the duplicates."""
    error = skipped = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow((*HEADER, *EXTRA))
        for number in range(count):
            lead, status = number, ("active", "paused")[number % 2]
            if number % DUPLICATE_EVERY == DUPLICATE_EVERY - 2:  # -2: of the same status, not -1
                lead, skipped = number - 2, skipped + 1
            elif number % PROBLEM_EVERY == PROBLEM_EVERY - 1:
                status, error = "Repleid", error + 1
            out.writerow((*_ids(lead), status, LABELS[lead % 3], *_extra(number)))
    success = count - error - skipped
    return Rows(path=path, count=count, success=success, error=error, skipped=skipped)


def _ids(lead: int) -> tuple[str, str]:
    return f"64f1c0a95e8b7d2f3a6c9e{lead % 7:02x}", f"65a2d1b86f9c8e3a{lead:08x}"


def _extra(number: int) -> tuple[str, ...]:
    return (
        f"person{number}@example.com",
        f"Person {number}",
        f"Company {number % 977}",
        ("Lisbon", "Oslo", "Kyoto")[number % 3],
        "met at the fair, wants a call",
    )
