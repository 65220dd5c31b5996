"""Somebody else's folder, whose plan says what its copy of the input does not.

Its run.json names the plan's very hash, and the user has said yes to its address.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from batch.recording.plan_file import write_plan
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.program.test_format_1 import RUNS
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.live_world import HEADER, change
from tests.support.program import CAMPAIGN, Ran, access, lead_id, received, write_rows

LEADS = [(CAMPAIGN, lead_id(n), "active", "Cold", f"lead{n}@example.com") for n in range(1, 11)]
ROWS = (
    (CAMPAIGN, lead_id(1), "paused", "Hot"),  # line 2
    (CAMPAIGN, lead_id(2).upper(), "Paused", " hot "),
    (CAMPAIGN, lead_id(3), "", "null"),
    (CAMPAIGN, lead_id(4), "paused", ""),  # line 5: sent together with line 6
    (CAMPAIGN, lead_id(4), "", "Warm"),
    (CAMPAIGN, lead_id(1), "paused", ""),  # line 7: duplicate
    ("", "", "", ""),  # line 8: blank
    (CAMPAIGN, lead_id(5), "", "Tepid"),  # line 9: unknown tag
    (CAMPAIGN, "none", "paused", ""),  # line 10: bad id
    (CAMPAIGN, lead_id(6), "", "Cold"),  # line 11: already so
    (CAMPAIGN, lead_id(99), "paused", ""),  # line 12: no such lead
    (CAMPAIGN, lead_id(7), "paused", "'=Odd"),
    (CAMPAIGN, lead_id(8), "paused", "Warm"),  # line 14
)
LAST_WINS = (
    *ROWS,
    (CAMPAIGN, lead_id(9), "active", "Hot"),  # line 15: keeps its tag
    (CAMPAIGN, lead_id(9), "paused", ""),
    (CAMPAIGN, lead_id(10), "", "Hot"),  # line 17: superseded
    (CAMPAIGN, lead_id(10), "", "null"),
    (CAMPAIGN, lead_id(10), "asleep", ""),
)
UNCHECKED = (*ROWS, (CAMPAIGN, lead_id(9), "", "Odd\x07Tag"))
BY_EMAIL = (
    ("lead1@example.com", "paused", "Hot"),  # line 2
    ("Lead2@example.com", "", "Warm"),
    ("nobody@example.com", "paused", ""),
    ("lead5@example.com", "active", ""),  # line 5: a conflict, with line 6
    ("lead5@example.com", "paused", ""),
    ("lead3@example.com", "paused", ""),  # line 7: sent together with line 8
    ("LEAD3@example.com", "", "Hot"),
    ("lead4@example.com", "paused", ""),
)
MAIN = {"planned": "apply"}  # the command that sends what is left, where it is not `resume`


@dataclass(frozen=True, slots=True)
class Others:
    """Runs of somebody else, a folder for each kind, and the server that they are for."""

    sandbox: Sandbox
    folder: Path

    def do(self, cwd: Path, command: str, run: str = "there") -> Ran:
        """A command about a run, by somebody who says yes to its address."""
        environ, given = access(self.sandbox)
        options = {"verify": given[:2], "report": [], "results": []}.get(command, given)
        out = ["--out", "made"] if command in {"retry", "undo"} else []
        return sendkit_batch(command, run, *options, *out, cwd=cwd, env=environ)


def make(others: Others) -> None:
    """A run of each kind; of those that are sent, a row of each is not reached."""
    environ, given = access(others.sandbox)
    rows = write_rows(others.folder / "leads.csv", HEADER, ROWS)
    last_wins = write_rows(others.folder / "last.csv", HEADER, LAST_WINS)
    unchecked = write_rows(others.folder / "unchecked.csv", HEADER, UNCHECKED)
    by_email = write_rows(others.folder / "email.csv", ("email", *HEADER[2:]), BY_EMAIL)
    named = ("Where", "Before", "state", "aiTag", "Lead")  # by a name, loosely, and by a number
    moved = [(campaign, "", status, tag, lead) for campaign, lead, status, tag in ROWS]
    mapped = write_rows(others.folder / "mapped.csv", named, moved)
    maps = ("--map", "campaignId=where", "--map", "campaignLeadId=#5", "--map", "status=state")
    ready = ("--keep-before", *given, "--rate", "1000")
    kinds: dict[str, tuple[str | Path, ...]] = {
        "planned": ("plan", rows, *given[:2]),
        "run": ("run", rows, *ready),
        "undo": ("undo", "run", *given),
        "retry": ("retry", "run", *given),
        "forced": ("plan", rows, *given[:2]),
        "last_wins": ("run", last_wins, "--on-conflict", "last-wins", *ready),
        "by_email": ("run", by_email, "--campaign", CAMPAIGN, *ready),
        # Beside its addresses it has the ids that were found then.
        "found": ("run", others.folder / "by_email" / "results.csv", *ready),
        "mapped": ("run", mapped, *maps, *ready),
        "unchecked": ("run", unchecked, "--no-tag-check", *ready),
    }
    for kind, words in kinds.items():
        ran = sendkit_batch(*words, "--out", kind, cwd=others.folder, env=environ)
        assert ran.exit_code in {0, 1}, ran.err
        if kind == "forced":  # what the plan leaves out is needed after all
            change(others.sandbox, lead_id(6), aiTag="Hot")
            sendkit_batch("apply", kind, "--force", *given, cwd=others.folder, env=environ)
            forget_outcome(others.folder / kind, line=11)
        elif kind != "planned":
            forget_outcome(others.folder / kind)
        if kind != "run":  # which is then undone
            for n in range(1, len(LEADS) + 1):
                change(others.sandbox, lead_id(n), status="active", aiTag="Cold")


def forget_outcome(run: Path, line: int | None = None) -> None:
    """A row that was sent, or the last of these, was not reached, and the run was stopped."""
    last = "(SELECT max(line) FROM outcome WHERE attempts > 0)"
    with closing(sqlite3.connect(run / "journal.sqlite")) as db, db:
        found = db.execute(
            f"DELETE FROM outcome WHERE line = {line or last} AND attempts > 0"  # noqa: S608
        )
        assert found.rowcount == 1
    change_record(run, state="stopped")


def change_record(run: Path, **changes: object) -> None:
    record = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps({**record, **changes}), "utf-8")


Change = Callable[[pl.DataFrame], pl.DataFrame]


def forge(run: Path, change: Change) -> None:
    """Change a run's plan, and whatever vouches for it."""
    plan = change(pl.read_parquet(run / "plan.parquet"))
    write_plan(run / "plan.parquet", [plan])
    digest = sha256((run / "plan.parquet").read_bytes()).hexdigest()
    change_record(run, plan_sha256=digest, rows=plan.height)


def at(line: int, **values: object) -> Change:
    """Other values in one row."""
    return lambda plan: plan.with_columns(
        pl.when(pl.col("line") == line)
        .then(pl.lit(value, plan.schema[name]))
        .otherwise(name)
        .alias(name)
        for name, value in values.items()
    )


def sent_by(line: int, *, like_it: bool = False) -> Change:
    """One row carries all the others. like_it: they also name its lead."""

    def carried(plan: pl.DataFrame) -> pl.DataFrame:
        carrier = plan.row(by_predicate=pl.col("line") == line, named=True)
        named = ("carrier", "campaign_id", "campaign_lead_id") if like_it else ("carrier",)
        is_sent = pl.col("carrier").is_not_null()
        return plan.with_columns(
            pl.when(is_sent)
            .then(pl.lit(carrier[name]))
            .otherwise(name)
            .cast(plan.schema[name])
            .alias(name)
            for name in named
        )

    return carried


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    folder = tmp_path_factory.mktemp("others")
    seed = write_rows(folder / "seed.csv", (*HEADER, "email"), LEADS)
    labels = ("Hot", "Cold", "Warm", "=Odd")
    with start_sandbox(Options(seed_csv=seed, labels=labels)) as sandbox:
        made = Others(sandbox, folder)
        make(made)
        yield made


@pytest.fixture
def there(others: Others, tmp_path: Path) -> Callable[[str], Path]:
    """Brings somebody else's run of a kind here."""
    return lambda kind: Path(shutil.copytree(others.folder / kind, tmp_path / "there"))


GENUINE = (
    *(("planned", command) for command in ("apply", "report")),
    *(("run", c) for c in ("resume", "retry", "undo", "verify", "report", "results")),
    *(
        (kind, "resume")
        for kind in (
            "last_wins",
            "by_email",
            "found",
            "undo",
            "unchecked",
            "mapped",
            "forced",
            "retry",
        )
    ),
    *((kind, c) for kind in ("by_email", "retry") for c in ("retry", "undo", "results")),
)


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("kind", "command"), GENUINE)
def test_a_folder_as_its_run_left_it_is_taken(
    kind: str, command: str, others: Others, there: Callable[[str], Path], tmp_path: Path
) -> None:
    there(kind)
    ran = others.do(tmp_path, command)
    assert ran.exit_code in {0, 1, *({3} if command == "results" else ())}, ran.err


DIFFERS = 'line {}, column {}: the plan says "{}", the copy "{}"'
OTHER_LEAD = DIFFERS.format(13, "campaignLeadId", lead_id(9999), lead_id(7))
NOT_OURS = "is not the plan of this run"
FORGED: dict[str, tuple[str, Change, str]] = {
    "one request for all": (
        "run",
        sent_by(2),
        "line 3 is of another lead than line 2, with which the plan sends it",
    ),
    "one request and one lead for all": (
        "run",
        sent_by(2, like_it=True),
        DIFFERS.format(3, "campaignLeadId", lead_id(1), lead_id(2)),
    ),
    "other lines": (
        "run",
        lambda plan: plan.with_columns(pl.col("line", "carrier") + 1000),
        "line 2 is in the copy, but not in the plan",
    ),
    "a row too few": (
        "run",
        lambda plan: plan.filter(pl.col("line") != 7),
        "line 7 is in the copy, but not in the plan",
    ),
    "the last row left away": (
        "run",
        lambda plan: plan.head(-1),
        "line 14 is in the copy, but not in the plan",
    ),
    "no rows": ("run", lambda plan: plan.clear(), "line 2 is in the copy, but not in the plan"),
    "a row too many": (
        "run",
        lambda plan: pl.concat([plan, plan.tail(1).with_columns(pl.col("line", "carrier") + 1)]),
        "line 15 is in the plan, but not in the copy",
    ),
    "another lead": ("run", at(13, campaign_lead_id=lead_id(9999)), OTHER_LEAD),
    "another campaign": (
        "run",
        at(13, campaign_id="f" * 24),
        DIFFERS.format(13, "campaignId", "f" * 24, CAMPAIGN),
    ),
    "another lead of a row that is not sent": (
        "run",
        at(9, campaign_lead_id=lead_id(9999)),
        DIFFERS.format(9, "campaignLeadId", lead_id(9999), lead_id(5)),
    ),
    "what is no id": (
        "run",
        at(10, carrier=10, reason=None, message=None, status="paused", clear_tag=False),
        'line 10, column campaignLeadId: the plan says "none", no id',
    ),
    "another status": (
        "run",
        at(14, status="active"),
        DIFFERS.format(14, "status", "active", "paused"),
    ),
    "a status that no row asks for": (
        "run",
        at(4, status="paused"),
        'line 4, column status: the plan says "paused", the copy nothing',
    ),
    "no status": (
        "run",
        at(14, status=None),
        'line 14, column status: the plan says nothing, the copy "paused"',
    ),
    "no status, as if another row had the last word": (
        "run",
        at(14, status=None, message="sent without its status"),
        'line 14, column status: the plan says nothing, the copy "paused"',
    ),
    "another tag": ("run", at(14, ai_tag="Hot"), DIFFERS.format(14, "aiTag", "Hot", "Warm")),
    "another tag than a row that is sent with it has": (
        "run",
        at(5, ai_tag="Hot"),
        'line 5, column aiTag: the plan says "Hot", the copy nothing',
    ),
    "a tag that no row asks for": (
        "run",
        at(12, ai_tag="Hot"),
        'line 12, column aiTag: the plan says "Hot", the copy nothing',
    ),
    "the tag cleared": (
        "run",
        at(14, ai_tag=None, clear_tag=True),
        DIFFERS.format(14, "aiTag", "null", "Warm"),
    ),
    "a tag that steers a terminal": (
        "run",
        at(14, ai_tag="Warm\x1b[2J"),
        DIFFERS.format(14, "aiTag", "Warm\\x1b[2J", "Warm"),
    ),
    "a tag with what nobody sees at its end": (
        "run",
        at(14, ai_tag="Warm\u202e\n"),
        DIFFERS.format(14, "aiTag", "Warm\\u202e\\n", "Warm"),
    ),
    "a lead of two requests": (
        "run",
        at(7, carrier=7, reason=None, message=None, status="paused", clear_tag=False),
        "line 7 is of a lead of which the plan has a request before",
    ),
    "a request of which a part is left out": (
        "run",
        at(6, reason="already_so", message="so"),
        "line 6 is one request with line 5, and only one of them is left out",
    ),
    "a request that is left out, and was not": (
        "run",
        at(14, reason="already_so", message="so"),
        "line 14 is left out by the plan, and not so in the journal",
    ),
    "a reason that only an answer gives": ("run", at(9, reason="applied"), NOT_OURS),
    "a reason that only sending gives": ("run", at(9, reason="not_reached"), NOT_OURS),
    "a wrong row that is sent": ("run", at(14, reason="bad_cell", message="wrong"), NOT_OURS),
    "the value that a later row outranks": (
        "last_wins",
        at(15, status="active"),
        DIFFERS.format(16, "status", "active", "paused"),
    ),
    "a status that is none": (
        "last_wins",
        at(19, carrier=18, reason=None, message=None),
        'line 19, column status: the plan says nothing, the copy "asleep"',
    ),
    "one request for all addresses": (
        "by_email",
        sent_by(2, like_it=True),
        "line 3 is of another lead than line 2, with which the plan sends it",
    ),
    "the lead of another address": (
        "by_email",
        at(9, campaign_lead_id=lead_id(3)),
        "line 9 is of a lead of which the plan has a request before",
    ),
    "another lead than the id beside the address": (
        "found",
        at(3, campaign_lead_id=lead_id(9)),
        DIFFERS.format(3, "campaignLeadId", lead_id(9), lead_id(2)),
    ),
    "a name for an address's id": (
        "by_email",
        at(9, campaign_lead_id="lead4"),
        'line 9, column campaignLeadId: the plan says "lead4", no id',
    ),
    "what a lead was not": (
        "undo",
        at(2, ai_tag="Warm"),
        "line 2, column aiTag: the plan says",
    ),
    "a row that the retry is not about": (
        "retry",
        at(12, campaign_lead_id=lead_id(9999)),
        DIFFERS.format(12, "campaignLeadId", lead_id(9999), lead_id(99)),
    ),
    "another tag before anything is sent": (
        "planned",
        at(14, ai_tag="Hot"),
        DIFFERS.format(14, "aiTag", "Hot", "Warm"),
    ),
    "a status that can't be set": (
        "planned",
        at(14, status="completed"),
        DIFFERS.format(14, "status", "completed", "paused"),
    ),
}


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", FORGED)
def test_a_forged_plan_is_refused(
    name: str, others: Others, there: Callable[[str], Path], tmp_path: Path
) -> None:
    kind, change, said = FORGED[name]
    forge(there(kind), change)
    before = len(received(others.sandbox))
    ran = others.do(tmp_path, MAIN.get(kind, "resume"))
    assert (ran.exit_code, len(received(others.sandbox))) == (2, before)
    assert said in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["resume", "retry", "undo", "verify", "report", "results"])
def test_every_command_that_goes_by_a_plan_refuses_it(
    command: str, others: Others, there: Callable[[str], Path], tmp_path: Path
) -> None:
    forge(there("run"), at(13, campaign_lead_id=lead_id(9999)))
    before = len(received(others.sandbox))
    ran = others.do(tmp_path, command)
    assert (ran.exit_code, len(received(others.sandbox))) == (2, before)
    assert (
        f"there: its plan and its copy of the input disagree: {OTHER_LEAD}. Nothing was sent by "
        "this command. The run is not in your list of runs, so anybody may have changed it. Bring "
        "its whole folder back from one backup, or start a new run."
    ) in " ".join(ran.err.split())
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("kind", "columns", "named"),
    [
        ("run", {"campaignId": 1, "campaignLeadId": 0, "status": 2, "aiTag": 3}, "campaignId"),
        ("run", {"campaignId": 0, "campaignLeadId": 1, "aiTag": 3}, "status"),
        ("by_email", {"email": 1, "aiTag": 2}, "status"),
        ("mapped", {"campaignId": 0, "campaignLeadId": 4, "status": 2, "aiTag": 1}, "aiTag"),
    ],
)
def test_a_record_that_reads_another_column_than_the_header_names_is_refused(
    kind: str,
    columns: dict[str, int],
    named: str,
    others: Others,
    there: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    run = there(kind)
    read = json.loads((run / "run.json").read_text("utf-8"))["input"]
    change_record(run, input={**read, "found": {**read["found"], "columns": columns}})
    before = len(received(others.sandbox))
    ran = others.do(tmp_path, "resume")
    assert (ran.exit_code, len(received(others.sandbox))) == (2, before)
    said = f"run.json takes another column for {named} than the header names."
    assert said in " ".join(ran.err.split())


def test_a_doubt_about_another_line_is_refused(
    others: Others, there: Callable[[str], Path], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(there("run") / "journal.sqlite")) as db, db:
        db.execute("INSERT INTO doubt VALUES (99)")
    ran = others.do(tmp_path, "undo")
    assert ran.exit_code == 2
    assert "line 99 is in the journal, but not in the plan." in " ".join(ran.err.split())


@pytest.mark.parametrize("command", ["resume", "retry", "undo", "verify", "report", "results"])
def test_a_journal_of_other_lines_is_refused(
    command: str, others: Others, there: Callable[[str], Path], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(there("run") / "journal.sqlite")) as db, db:
        db.execute("UPDATE outcome SET line = 99 WHERE line = 13")
    before = len(received(others.sandbox))
    ran = others.do(tmp_path, command)
    assert (ran.exit_code, len(received(others.sandbox))) == (2, before)
    assert "line 99 is in the journal, but not in the plan." in " ".join(ran.err.split())


def test_a_run_of_before_there_were_plans_is_taken_once_it_has_one(
    others: Others, tmp_path: Path
) -> None:
    """Of rows that were not sent, its plan knows no ids."""
    first = Path(shutil.copytree(RUNS / "killed" / "run", tmp_path / "first" / "there"))
    settings = json.loads((first / "run.json").read_text("utf-8"))["settings"]
    settings["api"]["base_url"] = others.sandbox.base_url
    change_record(first, base_url=others.sandbox.base_url, settings=settings)
    assert others.do(tmp_path / "first", "resume").exit_code == 1
    shutil.copytree(first, tmp_path / "there")
    ran = others.do(tmp_path, "resume")
    assert ran.exit_code == 1, ran.err
    assert not pl.read_parquet(tmp_path / "there/plan.parquet")["campaign_id"].is_null().all()
