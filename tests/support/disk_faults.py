"""A disk that fails at the n-th write of a command, and what must hold of a run all the same.

The faults come from `disk_faults.c`, loaded into the command's process before the C library.
"""

import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from batch.model import Result
from batch.recording.runfile import read_record
from batch.sandbox.process import Sandbox
from tests.support.program import Ran, access, read_rows

SOURCE = Path(__file__).with_name("disk_faults.c")
ROWS = 12  # three to each worker
WORKERS = 4
WHY_NOT = (
    "disk faults need Linux and a C compiler (cc)"
    if sys.platform != "linux" or not shutil.which("cc")
    else ""
)
_ALWAYS = 10**9
_HEADER = ("campaignId", "campaignLeadId", "status", "note")
_CAUSES = {
    errno.ENOSPC: "No space left on device",
    errno.EIO: "Input/output error",
    errno.EROFS: "Read-only file system",
}
# SQLite keeps the disk's own error to itself, so that the journal tells what it can mean.
_OF_JOURNAL = (
    r"journal\.sqlite: (the disk is full|the disk can't be read or written"
    r"|it, or a file beside it, can't be opened|it may not be written)\. "
)
_ADVICE = re.compile(r"\. (Free|Check|Use|Give|Name) [a-z][^.]+(\.| \()")

SendkitBatch = Callable[..., Ran]  # as in tests.support.program and tests.support.forked


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The calls from the first to the last fail with this errno; both counted from 1."""

    first: int
    last: int
    code: int

    def __str__(self) -> str:
        what = "once" if self.last == self.first else "from then on"
        return f"{errno.errorcode[self.code]} {what} at write {self.first}"


def once(number: int, code: int) -> Fault:
    return Fault(first=number, last=number, code=code)


def lasting(number: int, code: int) -> Fault:
    return Fault(first=number, last=_ALWAYS, code=code)


NO_FAULT = Fault(first=0, last=0, code=errno.EIO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that writes, in the order in which they came."""

    name: str
    path: Path
    failed: bool


def compiled(folder: Path) -> Path:
    """The library that makes calls fail."""
    library = folder / "disk_faults.so"
    options = ("-shared", "-fPIC", "-Wall", "-Werror", "-U_FORTIFY_SOURCE")
    subprocess.run(["cc", *options, "-o", library, SOURCE], check=True)  # noqa: S607 - as found in PATH
    return library


def environment_of(
    fault: Fault, folder: Path, log: Path, library: Path | None = None
) -> dict[str, str]:
    """What has a command's writes below a folder fail so, and be told of in a log.

    library: to be loaded for it; None where the command's process has it already.
    """
    return {
        "DISK_FAULT_FOLDER": str(folder),
        "DISK_FAULT_LOG": str(log),
        "DISK_FAULT_FIRST": str(fault.first),
        "DISK_FAULT_LAST": str(fault.last),
        "DISK_FAULT_ERRNO": str(fault.code),
        **({"LD_PRELOAD": str(library)} if library else {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run of its own, in a folder and a campaign of its own."""

    cwd: Path
    campaign: str
    sandbox: Sandbox
    sendkit_batch: SendkitBatch

    @property
    def folder(self) -> Path:
        return self.cwd / "runs" / "run"

    def write_input(self) -> None:
        """A workbook, since its run writes every file that there is."""
        with xlsxwriter.Workbook(self.cwd / "leads.xlsx") as workbook:
            sheet = workbook.add_worksheet()
            rows = [(self.campaign, lead_id(n), "paused", f"n{n}") for n in range(ROWS)]
            for number, row in enumerate([_HEADER, *rows]):
                sheet.write_row(number, 0, row)

    def run(self, fault: Fault = NO_FAULT) -> tuple[Ran, list[Call]]:
        _, options = access(self.sandbox)
        pace = ("--rate", "1000", "--concurrency", str(WORKERS))
        return self._do(fault, "run", "leads.xlsx", *options, *pace, "--out", "runs/run")

    def resume(self, fault: Fault = NO_FAULT) -> tuple[Ran, list[Call]]:
        return self._do(fault, "resume", "runs/run", "--yes")

    def _do(self, fault: Fault, *args: str) -> tuple[Ran, list[Call]]:
        env, _ = access(self.sandbox)
        log = self.cwd / "calls.txt"
        log.unlink(missing_ok=True)
        env |= environment_of(fault, self.cwd / "runs", log)
        ran = self.sendkit_batch(*args, cwd=self.cwd, env=env)
        return ran, calls_of(log)

    def sent(self) -> list[tuple[str, int]]:
        """The lead and the answer's status of every change that the sandbox received."""
        lines = self.sandbox.log_path.read_text("utf-8").splitlines()
        requests = [json.loads(line) for line in lines if self.campaign in line]
        changes = [each for each in requests if each["operation"] == "patch"]
        return [(each["campaignLeadId"], each["status"]) for each in changes]

    def durable(self) -> set[str]:
        """The leads that are applied in a copy of the journal."""
        path = self.folder / "journal.sqlite"
        if not path.exists():
            return set()
        with tempfile.TemporaryDirectory(dir=self.cwd) as scratch:
            for file in self.folder.glob("journal.sqlite*"):
                shutil.copy(file, scratch)
            db = sqlite3.connect(Path(scratch, path.name))
            try:
                lines = db.execute("SELECT line FROM outcome WHERE reason = 'applied'").fetchall()
            except sqlite3.OperationalError:  # it broke off before it had a table
                lines = []
            finally:
                db.close()
        return {lead_id(line - 2) for (line,) in lines}


def lead_id(number: int) -> str:
    return f"65a2d1b86f9c8e3a{number:08x}"


def campaign_id(number: int) -> str:
    return f"64f1c0a95e8b7d2f{number:08x}"


def wrong_after_fault(case: Case, ran: Ran, calls: Sequence[Call], fault: Fault) -> list[str]:
    """What is wrong with how a command ended whose disk failed; nothing, it is hoped."""
    failed = [call for call in calls if call.failed]
    wrong = _wrong_words(case, ran, failed, fault)
    wrong += _wrong_files(case)
    sent, durable = case.sent(), case.durable()
    confirmed = {lead for lead, status in sent if status == 200}
    if not durable <= confirmed:
        wrong.append("the journal has what was never confirmed")
    if not (case.folder / "run.json").exists():
        return wrong + _wrong_leftovers(case, failed, begun=bool(sent))
    record = read_record(case.folder / "run.json")
    if record.counts and record.counts[Result.SUCCESS] > len(durable):
        wrong.append("run.json counts more than the journal holds")
    told = re.search(r"(\d+) success", ran.last_line)
    if told is None or int(told[1]) > len(durable):
        wrong.append(f"the last line counts more than the {len(durable)} of the journal")
    results = case.folder / "results.csv"
    if results.exists():
        rows = {row["campaignLeadId"]: row for row in read_rows(results)}
        success = {lead for lead, row in rows.items() if row["result"] == "success"}
        if not success <= durable:
            wrong.append("results.csv calls a row done that the journal does not hold")
        if any(call.path == results for call in calls):
            unreached = {lead for lead, row in rows.items() if row["reason"] == "not_reached"}
            if unreached & {lead for lead, _ in sent}:
                wrong.append("results.csv says of a row that was sent that it was not")
    return wrong


def wrong_after_resume(
    case: Case, ran: Ran, *, durable: set[str], sent_before: Counter[str]
) -> list[str]:
    """What is wrong with a run that was gone on with once its disk was well again.

    durable: the leads that were applied in the journal before. sent_before: how often each was.
    """
    wrong = _wrong_files(case)
    if ran.exit_code != 0 or not ran.last_line.startswith(f"finished: {ROWS} success, 0 error, "):
        wrong.append(f"it ended with {ran.exit_code}: {ran.err}")
        return wrong
    rows = read_rows(case.folder / "results.csv")
    if [row["line"] for row in rows] != [str(line) for line in range(2, ROWS + 2)]:
        wrong.append("results.csv has not every line once, in order")
    if {row["result"] for row in rows} != {"success"}:
        wrong.append("not every row is a success")
    sent = Counter(lead for lead, _ in case.sent())
    if {lead for lead, status in case.sent() if status == 200} != set(map(lead_id, range(ROWS))):
        wrong.append("the sandbox did not confirm every row")
    again = sent - sent_before
    if durable & set(again):
        wrong.append("what was durable was sent again")
    if sum((again & sent_before).values()) > 2 * WORKERS:
        wrong.append("more rows were sent again than can have been on their way")
    if read_record(case.folder / "run.json").state != "finished":
        wrong.append("run.json does not say that it finished")
    left = {path.name for path in case.folder.iterdir()}
    whole = {
        "failed.csv", "failed.xlsx", "input.xlsx", "journal.sqlite", "plan.parquet", "report.html",
        "results.csv", "run.json", "timeline.jsonl",
    }  # fmt: skip
    if left != whole:
        wrong.append(f"other files are in the folder: {left ^ whole}")
    return wrong


def calls_of(log: Path) -> list[Call]:
    lines = log.read_text().splitlines() if log.exists() else []
    words = [line.split(" ") for line in lines]
    return [Call(name=name, path=Path(path), failed=bool(mark)) for _, name, path, *mark in words]


def _wrong_words(case: Case, ran: Ran, failed: Sequence[Call], fault: Fault) -> list[str]:
    wrong = []
    if "Traceback" in ran.err or "Exception ignored" in ran.err:
        wrong.append(f"a traceback is shown: {ran.err}")
    if (case.folder / "error.txt").exists():
        wrong.append(f"error.txt: {(case.folder / 'error.txt').read_text()}")
    if ran.exit_code == 0:
        if not ran.last_line.startswith(f"finished: {ROWS} success"):
            wrong.append(f"exit 0 with {ran.last_line}")
        if read_record(case.folder / "run.json").state != "finished":
            wrong.append("exit 0, but run.json does not say that it finished")
        return wrong
    if not failed:
        wrong.append(f"exit {ran.exit_code} without a fault")
    return wrong + _wrong_error(case, ran, failed, fault)


def _wrong_error(case: Case, ran: Ran, failed: Sequence[Call], fault: Fault) -> list[str]:
    wrong = []
    if ran.exit_code != 3 and not (ran.exit_code == 2 and not (case.folder / "run.json").exists()):
        wrong.append(f"exit {ran.exit_code}")
    names = {_named(case, call.path) for call in failed}
    if not any(name in ran.err for name in names):
        wrong.append(f"none of {names} is named in: {ran.err}")
    if _CAUSES[fault.code] not in ran.err and not re.search(_OF_JOURNAL, ran.err):
        wrong.append(f"the cause is not told in: {ran.err}")
    if not _ADVICE.search(ran.err):
        wrong.append(f"it does not say what to do: {ran.err}")
    return wrong


def _named(case: Case, path: Path) -> str:
    """What a person calls a file that was being written."""
    own = path.relative_to(case.cwd)
    for part in own.parts:
        if match := re.fullmatch(r"\.(.+)-[^-]*\.part", part):
            # Judged rows wait in a file that nobody knows: its folder is named.
            return match[1] if match[1] != "judged" else str(own.parent)
    return re.sub(r"(\.sqlite)-\w+$", r"\1", str(own))


def _wrong_files(case: Case) -> list[str]:
    """Each file is absent or whole."""
    wrong = []
    if (case.folder / "run.json").exists():
        read_record(case.folder / "run.json")
    for name in ("results.csv", "failed.csv"):
        path = case.folder / name
        if not path.exists():
            continue
        rows = read_rows(path)
        if not path.read_bytes().endswith(b"\n") or any(None in row.values() for row in rows):
            wrong.append(f"{name} is half a file")
        if name == "results.csv" and len(rows) != ROWS:
            wrong.append(f"results.csv has {len(rows)} rows")
    sheet = case.folder / "failed.xlsx"
    if sheet.exists() and zipfile.ZipFile(sheet).testzip():
        wrong.append("failed.xlsx is half a file")
    return wrong


def _wrong_leftovers(case: Case, failed: Sequence[Call], *, begun: bool) -> list[str]:
    wrong = ["something was sent"] if begun else []
    if any(call.name in {"unlink", "rmdir"} for call in failed):
        return wrong  # it tried
    if (case.cwd / "runs").exists():
        left = [os.fspath(path) for path in (case.cwd / "runs").rglob("*")]
        wrong.append(f"left behind: runs, {left}")
    return wrong
