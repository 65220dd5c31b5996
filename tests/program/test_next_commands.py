"""Every next command that the program prints can be run as printed, whatever it came from."""

import ast
import csv
import html
import io
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import xlsxwriter
from typer.main import get_command

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from batch.settings.declarations import Repeat
from batch.settings.options import CliOptions
from batch.terminal.command_line import app, run_command_line
from tests.code.test_layers import package_sources
from tests.support.in_process import start_sandbox
from tests.support.live_world import HEADER, change
from tests.support.program import lead_id, write_rows
from tests.support.shell import Shell, Stdin, shell_in

SEED_HEADER = ("campaignId", "campaignLeadId", "campaignName", "email", "status", "aiTag", "fault")
NAMES = ("ann", "bob", "carl", "dora")
ONCE_FORBIDDEN = "status=403,times=1"  # of the fourth lead: it passes by itself
GONE = "f" * 24
CAMPAIGNS = 60


def lead_of(number: int, lead: int) -> str:
    """The id of a campaign's lead: faults know no campaign."""
    return lead_id(10 * number + lead)


def campaign_of(number: int) -> str:
    return f"64f1c0a95e8b7d2f3a6c9f{number:02x}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Many campaigns of the same four leads: each case has one of its own."""
    rows = [
        (
            *(campaign_of(number), lead_of(number, n), f"Sale {number}", f"{name}@example.com"),
            *("active", "Cold", ONCE_FORBIDDEN if n == 4 else ""),
        )
        for number in range(CAMPAIGNS)
        for n, name in enumerate(NAMES, 1)
    ]
    seed = write_rows(tmp_path_factory.mktemp("seed") / "seed.csv", SEED_HEADER, rows)
    with start_sandbox(Options(seed_csv=seed, labels=("Hot", "Cold"))) as sandbox:
        yield sandbox


@dataclass
class World:
    """A shell whose user says yes to every question, and a campaign of the sandbox's."""

    shell: Shell
    sandbox: Sandbox
    number: int

    @property
    def campaign(self) -> str:
        return campaign_of(self.number)

    @property
    def target(self) -> tuple[str, ...]:
        return ("--base-url", self.sandbox.base_url, "--rate", "500", "--concurrency", "1")

    def do(self, *words: str, stdin: bytes | None = None) -> str:
        """Run a command, with yes typed at its questions; its last line."""
        if stdin is None:
            self.shell.typing("y\n")
        else:
            self.shell.streams["stdin"] = Stdin(io.BytesIO(stdin))
        self.shell.monkeypatch.setattr("sys.argv", ["sendkit-batch", *words])
        self.shell.do(run_command_line)
        return self.shell.last_line

    def leads(self, *rows: tuple[int | str, str, str], name: str = "leads.csv") -> str:
        """Rows of a lead's number (or what stands for its id), a status and a label."""
        write_rows(
            self.shell.cwd / name,
            HEADER,
            [
                (self.campaign, lead_of(self.number, n) if isinstance(n, int) else n, *row)
                for n, *row in rows
            ],
        )
        return name

    def told(self) -> str:
        """The command that a message of the last command ended with."""
        *lines, _ = self.shell.err.splitlines()
        return next(line for line in lines if line.startswith("sendkit-batch "))

    def somebody_changes(self, lead: int, **fields: str | None) -> None:
        change(self.sandbox, lead_of(self.number, lead), self.campaign, **fields)

    def follow(self, line: str, *, steps: int = 6) -> list[str]:
        """Run each next command as printed, until nothing is left to do; those that were run."""
        done = []
        while command := printed(line):
            done.append(command)
            assert len(done) <= steps, done
            words = shlex.split(command)[1:]
            if Path(words[1]).suffix == ".csv":
                mend(Path(words[1]), self.number)
            line = self.do(*words)
            check_taken(line, command)
        assert line.endswith("next: nothing to do"), line
        return done


def printed(line: str) -> str:
    """The command in a line's last sentence; "" where there is none."""
    _, _, command = line.rpartition("sendkit-batch ")
    return f"sendkit-batch {command.partition(' shows the ')[0]}" if command != line else ""


def check_taken(line: str, command: str) -> None:
    assert re.match(r"(finished|planned|stopped|verified|listed): ", line), (command, line)


def mend(path: Path, number: int) -> None:
    """What a person does with a file of failed rows."""
    right = {
        "bad": lead_of(number, 3),
        GONE: lead_of(number, 3),
        "bobby@example.com": "bob@example.com",
    }
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[right.get(cell, cell) for cell in row] for row in csv.reader(file)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Sandbox,
    request: pytest.FixtureRequest,
) -> World:
    shell = shell_in(tmp_path, monkeypatch)
    monkeypatch.setenv("SENDKIT_API_KEY", sandbox.api_key)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    number = list(CASES).index(request.node.callspec.id)
    return World(shell=shell, sandbox=sandbox, number=number)


def run_mended(world: World) -> None:
    file = world.leads((1, "paused", ""), ("bad", "paused", ""))
    options = (
        *("--map", "status=status", "--on-conflict", "last-wins", "--no-tag-check"),
        *("--skip-unchanged", "always", "--keep-before", "--canary", "1", "--max-errors", "9"),
    )
    (command,) = world.follow(world.do("run", file, *world.target, *options))
    for option in ("--keep-before", "--skip-unchanged always", "--canary 1", "--max-errors 9"):
        assert option in command
    assert "--on-conflict last-wins" in command


def run_stopped(world: World) -> None:
    file = world.leads((GONE, "paused", ""), (1, "paused", ""), (2, "paused", "Hot"))
    line = world.do("run", file, *world.target, "--max-errors", "0", "--keep-before")
    resume, run = world.follow(line)
    assert resume.startswith("sendkit-batch resume runs/leads-")
    assert run.endswith(
        f"--base-url {world.sandbox.base_url} --rate 500 --concurrency 1 --max-errors 0 "
        "--keep-before"
    )


def run_forbidden_once(world: World) -> None:
    file = world.leads((1, "paused", ""), (2, "paused", ""), (4, "paused", ""), ("bad", "", "Hot"))
    retry, run = world.follow(world.do("run", file, *world.target, "--skip-unchanged", "never"))
    assert retry.startswith("sendkit-batch retry runs/leads-")
    assert run.endswith("--skip-unchanged never")


def run_from_standard_input(world: World) -> None:
    file = world.leads((1, "paused", ""), ("bad", "paused", ""))
    content = (world.shell.cwd / file).read_bytes()
    (command,) = world.follow(world.do("run", "-", "--yes", *world.target, stdin=content))
    assert command.startswith("sendkit-batch run runs/stdin-")


def run_a_workbook(world: World) -> None:
    with xlsxwriter.Workbook(world.shell.cwd / "leads.xlsx") as book:
        sheet = book.add_worksheet("My leads")
        book.add_worksheet("Notes")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, (world.campaign, lead_of(world.number, 1), "paused", ""))
        sheet.write_row(2, 0, (world.campaign, "bad", "", "Hot"))
    checked = world.do("check", "leads.xlsx", "--sheet", "My leads")
    run = [*shlex.split(printed(checked))[1:], *world.target]
    command = printed(world.do(*run))
    assert "failed.xlsx" in command
    check_taken(world.do(*shlex.split(command)[1:]), command)


def run_with_an_odd_delimiter(world: World) -> None:
    rows = [",".join(HEADER), f"{world.campaign},bad,paused,"]
    path = world.shell.cwd / "-x y.csv"
    path.write_text("\n".join(rows).replace(",", "|").replace("status", "My status"))
    options = ("--delimiter", "|", "--map", "status=My status")
    checked = world.do("check", "./-x y.csv", *options, "--strict", "--allow-invalid")
    command = printed(checked)
    for option in ("--delimiter '|'", "--map 'status=My status'", "--strict", "--allow-invalid"):
        assert option in command
    assert "run './-x y.csv'" in command
    path.write_text(path.read_text().replace("bad", lead_of(world.number, 1)))
    line = world.do(*shlex.split(command)[1:], *world.target)
    assert line.endswith("next: nothing to do")


def dry_run(world: World) -> None:
    file = world.leads((1, "paused", "Hot"))
    options = ("--expect-changes", "1", "--out", "here", "--canary", "1", "--keep-before")
    (command,) = world.follow(world.do("run", file, *world.target, *options, "--dry-run"))
    for option in ("--expect-changes 1", "--out here", "--canary 1", "--keep-before"):
        assert option in command


def plan_all_wrong(world: World) -> None:
    file = world.leads(("bad", "paused", ""))
    options = (*world.target, "--map", "status=status", "--no-tag-check")
    again, apply = world.follow(world.do("plan", file, *options))
    assert again.startswith(f"sendkit-batch plan {file} --map status=status --base-url ")
    assert apply.startswith("sendkit-batch apply runs/leads-")


def plan_from_standard_input(world: World) -> None:
    file = world.leads(("bad", "paused", ""))
    content = (world.shell.cwd / file).read_bytes()
    command = printed(world.do("plan", "-", *world.target, stdin=content))
    content = content.replace(b"bad", lead_of(world.number, 1).encode())
    line = world.do(*shlex.split(command)[1:], stdin=content)
    check_taken(line, command)
    assert len(world.follow(line)) == 1


def plan_too_old(world: World) -> None:
    file = world.leads((1, "paused", ""))
    world.do("plan", file, *world.target, "--out", "old", "--on-conflict", "last-wins")
    record = world.shell.cwd / "old" / "run.json"
    now = r'"planned_at": *"2[^"]*"'
    record.write_text(re.sub(now, '"planned_at": "2026-01-01T00:00:00Z"', record.read_text()))
    world.do("apply", "old")
    again = world.told()
    assert again.endswith("--on-conflict last-wins")
    line = world.do(*shlex.split(again)[1:])
    check_taken(line, again)
    assert len(world.follow(line)) == 1


def apply_drifted(world: World) -> None:
    file = world.leads((1, "paused", "Hot"), (2, "paused", ""))
    world.do("plan", file, *world.target, "--out", "plan")
    world.somebody_changes(1, aiTag="Hot", status="paused")
    world.somebody_changes(1, aiTag="Cold")
    plan, *_ = world.follow(world.do("apply", "plan", "--max-errors", "7"))
    assert plan.startswith("sendkit-batch plan plan/failed.csv --base-url ")
    assert "--max-errors" not in plan


def apply_forced_and_stopped(world: World) -> None:
    file = world.leads((4, "paused", ""), (1, "paused", "Hot"))
    world.do("plan", file, *world.target, "--out", "plan")
    world.somebody_changes(1, status="paused")
    (again,) = world.follow(world.do("apply", "plan", "--force"))
    assert again == "sendkit-batch apply plan --force"


def resume_a_plan(world: World) -> None:
    world.do("plan", world.leads((1, "paused", "")), *world.target, "--out", "plan")
    world.do("resume", "plan")
    apply = world.told()
    assert apply == "sendkit-batch apply plan"
    assert world.do(*shlex.split(apply)[1:]).endswith("next: nothing to do")


def undo_changed_since(world: World) -> None:
    file = world.leads((1, "", "Hot"), (2, "", "Hot"))
    world.do("run", file, *world.target, "--keep-before", "--out", "first", "--max-errors", "9")
    world.somebody_changes(1, status="paused")
    world.somebody_changes(1, aiTag="Cold")
    world.somebody_changes(1, status="active")
    world.somebody_changes(2, aiTag="Cold")
    world.somebody_changes(2, aiTag="Hot")
    world.follow(world.do("undo", "first"))
    assert world.do("verify", "first").startswith("verified: ")


def undo_by_campaign(world: World) -> None:
    people = [("ann@example.com", "", "Hot"), ("bob@example.com", "", "Hot")]
    write_rows(world.shell.cwd / "people.csv", ("email", "status", "aiTag"), people)
    campaign = ("--campaign", f"Sale {world.number}")
    options = (*world.target, *campaign, "--keep-before", "--out", "first")
    assert world.do("run", "people.csv", *options).endswith("next: nothing to do")
    world.somebody_changes(1, aiTag=None)
    plan, *_ = world.follow(world.do("undo", "first"))
    assert plan.startswith("sendkit-batch plan runs/undo-first-")
    assert "--campaign" not in plan


def undo_stopped(world: World) -> None:
    file = world.leads((4, "paused", ""), (1, "", "Hot"))
    world.do("run", file, *world.target, "--keep-before", "--out", "first")
    world.follow(world.do("resume", "first"))
    resume = world.do("undo", "first")
    world.follow(resume)


def by_email(world: World) -> None:
    people = [("bobby@example.com", "", "Hot"), ("ann@example.com", "paused", "")]
    write_rows(world.shell.cwd / "people.csv", ("Mail", "status", "aiTag"), people)
    options = (*world.target, "--campaign", f"Sale {world.number}", "--map", "email=Mail")
    (command,) = world.follow(world.do("run", "people.csv", *options))
    assert f"--campaign 'Sale {world.number}'" in command


def key_in_a_file(world: World) -> None:
    """The key comes from where `--config` says, which each next command must name again."""
    world.shell.monkeypatch.delenv("SENDKIT_API_KEY")
    (world.shell.cwd / "key").write_text(world.sandbox.api_key)
    config = world.shell.cwd / "night.toml"
    config.write_text(f'[api]\nbase_url = "{world.sandbox.base_url}"\napi_key_file = "key"\n')
    named = ("--config", "night.toml", "--rate", "500", "--concurrency", "1")
    file = world.leads((4, "paused", ""), ("bad", "paused", ""), (1, "paused", ""))
    resume, run = world.follow(world.do("run", file, *named))
    assert resume.endswith("--config night.toml")
    assert "--config night.toml" in run
    (apply,) = world.follow(world.do("plan", world.leads((2, "", "Hot")), *named))
    assert apply.endswith("--config night.toml")


def export(world: World) -> None:
    line = world.do("export", world.campaign, *world.target, "--out", "leads.csv")
    assert line.startswith("exported: 4 leads of 1 campaign; file: leads.csv; next: edit it, then ")
    (plan,) = world.follow(line)
    assert plan.endswith(" ".join(world.target))


def results(world: World) -> None:
    file = world.leads((1, "paused", ""), (2, "", "Hot"), (4, "paused", ""), ("bad", "", "Hot"))
    world.do("run", file, *world.target, "--out", "first", "--keep-before")
    retry = printed(world.do("results", "first"))
    assert retry == "sendkit-batch retry first"
    world.do(*shlex.split(retry)[1:], "--out", "second")
    line = world.do("results", "first", "--with-retries")
    assert printed(line).endswith("--rate 500 --concurrency 1 --keep-before")
    assert len(world.follow(line)) == 1


def runs(world: World) -> None:
    world.do("run", world.leads((4, "paused", "")), *world.target, "--out", "first")
    show = printed(world.do("runs"))
    assert show == "sendkit-batch runs first"
    assert world.follow(world.do(*shlex.split(show)[1:])) == ["sendkit-batch resume first"]


def tried_again_well(world: World) -> None:
    file = world.leads((1, "paused", ""), (4, "paused", ""))
    (retry,) = world.follow(world.do("run", file, *world.target, "--out", "first"))
    assert retry.startswith("sendkit-batch retry first")
    show = world.do("runs", "first")
    assert show.endswith(" shows the retry after which no row is left failed")
    assert world.follow(show) == [printed(show)]


def retried_before(world: World) -> None:
    file = world.leads((1, "paused", ""), (2, "paused", ""), (4, "paused", ""), (GONE, "", "Hot"))
    world.do("run", file, *world.target, "--out", "first")
    world.do("retry", "first", "--out", "second")
    world.do("retry", "first", "--out", "third")
    assert world.told().endswith("/second")
    check_taken(world.do(*shlex.split(world.told())[1:]), "retry second")


def unfinished_there(world: World) -> None:
    """Runs that broke off, and that `run` names with the command that goes on with them."""
    file = world.leads((4, "paused", ""), (1, "paused", ""))
    world.do("run", file, *world.target, "--out", "first")
    world.do("run", file, *world.target, "--out", "first", "--no-tag-check")
    other_settings = world.told()
    world.do("run", file, *world.target, "--out", "second", "--dry-run")
    world.do("run", file, *world.target, "--out", "second")
    another_folder = world.told()
    assert another_folder.startswith("sendkit-batch resume /")
    check_taken(world.do(*shlex.split(another_folder)[1:]), another_folder)
    assert other_settings == "sendkit-batch resume first"
    assert world.do(*shlex.split(other_settings)[1:]).endswith("next: nothing to do")


def plan_there(world: World) -> None:
    file = world.leads((1, "paused", ""))
    world.do("plan", file, *world.target, "--out", "plan")
    world.do("run", file, *world.target, "--out", "plan")
    apply = world.told()
    assert apply == "sendkit-batch apply plan"
    assert world.do(*shlex.split(apply)[1:]).endswith("next: nothing to do")


def not_in_the_list(world: World) -> None:
    """A run that broke off, and that the user's own list of runs does not name."""
    file = world.leads((4, "paused", ""), (1, "paused", ""))
    world.do("run", file, *world.target)
    elsewhere = str(world.shell.cwd / ".another-state")
    world.shell.monkeypatch.setenv("XDG_STATE_HOME", elsewhere)
    world.do("run", file, *world.target)
    resume = world.told()
    assert resume.endswith(f"--base-url {world.sandbox.base_url}")
    assert world.do(*shlex.split(resume)[1:]).endswith("next: nothing to do")


def taken_back(world: World) -> None:
    """What the question says about taking a run back, taken before anything has changed."""
    file = world.leads((1, "paused", ""), (2, "", "Hot"))
    world.do("run", file, *world.target, "--keep-before", "--out", "first")
    (undo,) = re.findall(r"^ +(sendkit-batch undo .*\S) *$", world.shell.err, re.MULTILINE)
    assert world.do(*shlex.split(undo)[1:]).endswith("next: nothing to do")


def files_elsewhere(world: World) -> None:
    """Results and report of a run's folder that can't be written."""
    world.do("run", world.leads((1, "paused", "")), *world.target, "--out", "first")
    world.shell.monkeypatch.setattr("batch.terminal.past.os.access", lambda *_: False)
    for name in ("results", "report"):
        world.do(name, "first")
        again = world.told()
        assert again == f"sendkit-batch {name} first --out {name}-first"
        assert world.do(*shlex.split(again)[1:]).endswith("next: nothing to do")


def of_the_report(world: World) -> None:
    """What a report says to do next; it names the run by its folder's name alone."""

    def told(folder: Path) -> list[str]:
        page = (folder / "report.html").read_text("utf-8")
        (command,) = re.findall(r"(sendkit-batch [^<]+)</li>", page)
        return shlex.split(html.unescape(command))[1:]

    world.do("run", world.leads((4, "paused", ""), (1, "paused", "")), *world.target)
    (run,) = (world.shell.cwd / "runs").iterdir()
    assert world.do(*told(run)).endswith("next: nothing to do")
    world.do("plan", world.leads((2, "paused", ""), name="plan.csv"), *world.target)
    (plan,) = (world.shell.cwd / "runs").glob("plan-*")
    world.do("report", plan.name)
    assert world.do(*told(plan)).endswith("next: nothing to do")


def of_the_demo(world: World) -> None:
    """What the demo runs itself, and the report that it offers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch.jobs.practice.start_sandbox", start_sandbox)
        patch.setattr("batch.terminal.demo.WAIT_S", 0.5)
        world.do("demo", "--rate", "1000")
        told = [line for line in world.shell.err.splitlines() if line[:13] == "sendkit-batch"]
        resume, report = told
        assert world.do(*shlex.split(resume)[1:]).startswith("finished: 23 success, 1 error")
    assert world.do(*shlex.split(report)[1:]).endswith("next: nothing to do")


def of_several_workspaces(world: World) -> None:
    shell = world.shell
    shell.monkeypatch.setenv("SENDKIT_API_KEY", world.sandbox.platform_key)
    shell.monkeypatch.setenv("SENDKIT_WORKSPACE_ID", world.sandbox.workspace_id)
    row = ("Sandbox", world.campaign, lead_of(world.number, 1), "paused", "")
    write_rows(shell.cwd / "leads.csv", ("workspace", *HEADER), [row])
    where = ("--base-url", world.sandbox.base_url)
    apply = printed(world.do("plan", "leads.csv", *where, "--out", "planned"))
    assert apply == "sendkit-batch apply planned"
    world.do("resume", "planned/parts/sandbox")
    assert world.told() == apply
    check_taken(world.do(*shlex.split(apply)[1:]), apply)
    line = world.do("run", "leads.csv", *where, "--keep-before", "--on", "parts", "--out", "out")
    part = printed(line.removesuffix(" sends the first"))
    assert part == "sendkit-batch part out 0"
    shutil.copytree(shell.cwd / "out", shell.cwd / "copy")
    check_taken(world.do(*shlex.split(part)[1:]), part)
    world.do("resume", "copy")
    assert world.told() == "sendkit-batch resume copy/parts/sandbox"


CASES: dict[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        run_mended,
        run_stopped,
        run_forbidden_once,
        run_from_standard_input,
        run_a_workbook,
        run_with_an_odd_delimiter,
        dry_run,
        plan_all_wrong,
        plan_from_standard_input,
        plan_too_old,
        apply_drifted,
        apply_forced_and_stopped,
        resume_a_plan,
        undo_changed_since,
        undo_by_campaign,
        undo_stopped,
        by_email,
        key_in_a_file,
        export,
        results,
        runs,
        tried_again_well,
        retried_before,
        unfinished_there,
        plan_there,
        not_in_the_list,
        of_several_workspaces,
        files_elsewhere,
        taken_back,
        of_the_demo,
        of_the_report,
    )
}


@pytest.mark.sampled(14)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_next_command_can_be_run_as_printed(case: Callable[[World], None], world: World) -> None:
    case(world)


# Where a command of this program is spelled, and the cases above that print what is spelled there.
PLACES: dict[str, dict[str, tuple[Callable[[World], None], ...]]] = {
    "batch/jobs/outcome.py": {
        "next_command": (run_mended, run_stopped, run_forbidden_once, apply_forced_and_stopped),
    },
    "batch/jobs/execution.py": {"_with_stale_record": (run_stopped,)},
    "batch/jobs/report.py": {"_next_steps": (of_the_report,)},
    "batch/jobs/unfinished.py": {
        "retried_note": (retried_before,),
        "unfinished_in": (plan_there, unfinished_there),
    },
    "batch/jobs/decision.py": {"decision_of": (taken_back,)},
    "batch/jobs/plan.py": {
        "check_no_plan": (resume_a_plan, of_several_workspaces),
        "check_plan": (plan_too_old,),
    },
    "batch/jobs/planned.py": {"next_command": (plan_all_wrong, apply_drifted)},
    "batch/jobs/past_run.py": {"check_several": (of_several_workspaces,)},
    "batch/jobs/parts.py": {"ready": (of_several_workspaces,)},
    "batch/jobs/whole.py": {"prepare_parts": (of_several_workspaces,)},
    "batch/jobs/run.py": {
        "_unfinished_to_resume": (unfinished_there,),
        "_check_resumes_there": (unfinished_there,),
        "_name_other": (not_in_the_list,),
    },
    "batch/terminal/checking.py": {"_next_command": (run_with_an_odd_delimiter, dry_run)},
    "batch/terminal/commands.py": {"export_them": (export,)},
    "batch/terminal/demo.py": {"_demo": (of_the_demo,), "_resumed": (of_the_demo,)},
    "batch/terminal/past.py": {"_folder_for_files": (files_elsewhere,), "list_them": (runs,)},
    "batch/terminal/run_table.py": {"next_of": (runs, tried_again_well)},
}


class Spelled(ast.NodeVisitor):
    """The functions that call `command`."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.found: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.inside.append(node.name)
        self.generic_visit(node)
        self.inside.pop()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "command" and node.args:
            self.found.add(self.inside[-1])
        self.generic_visit(node)


def test_every_place_that_spells_a_command_has_its_case() -> None:
    found = {}
    for path, source in package_sources().items():
        spelled = Spelled()
        spelled.visit(ast.parse(source))
        if spelled.found:
            found[path] = spelled.found
    assert found == {path: set(functions) for path, functions in PLACES.items()}
    cases = {
        case for functions in PLACES.values() for group in functions.values() for case in group
    }
    assert cases <= set(CASES.values())


# Commands that stand in a sentence as they are, or with a word in capitals to be filled in.
WRITTEN_OUT = {
    "batch/jobs/runs.py": ["runs` lists them.", "runs` lists them."],
    "batch/terminal/past.py": ["runs` lists them."],
    "batch/jobs/reopening.py": ["resume`."],
    "batch/jobs/plan.py": ["plan FILE` makes one."],
    "batch/sandbox/server.py": ["run leads.csv --base-url "],
    "batch/terminal/manual_pages.py": [
        "help lists the topics, sendkit-batch --help the commands.",
        "COMMAND --help lists the options of a command.",
        "help TOPIC shows one of:\n",
    ],
    "batch/terminal/commands.py": ["runs"],
    "batch/terminal/known_columns.py": [
        "mappings ID --forget",
        "mappings` lists what is remembered.",
    ],
    "batch/terminal/trusting.py": [
        "trust --forget ADDRESS",
        "trust` lists what is.",
    ],
    "batch/library/remedies.py": ["web) and keep it there, or give api_key=."],
    "batch/terminal/remedies.py": ["web) and keep it there, or set SENDKIT_API_KEY."],
    "batch/web/remedies.py": ["web --config {value}"],
}


def test_no_other_command_is_written_out() -> None:
    found: dict[str, list[str]] = {}
    for path, source in package_sources().items():
        nodes = list(ast.walk(ast.parse(source)))
        docstrings = {
            id(node.body[0].value)
            for node in nodes
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in docstrings:
                _, mark, words = str(node.value).partition("sendkit-batch ")
                if mark and words:
                    found.setdefault(path, []).append(words)
    expected = {path: sorted(words) for path, words in WRITTEN_OUT.items()}
    assert {path: sorted(words) for path, words in found.items()} == expected | {
        "batch/terminal/command_line.py": ["sandbox"],  # its own name in its help
        "batch/__init__.py": ["needs Python 3.11 or later. This is Python %d.%d: %s\n"],
    }


def options_of(name: str) -> set[str]:
    group = get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return {flag for each in group.commands[name].params for flag in each.opts}


def test_a_command_takes_every_option_that_is_repeated_for_it() -> None:
    given = CliOptions(
        file="x.csv", config=Path("c.toml"), base_url="https://x.test", rate="5", concurrency="2",
        on_conflict="last-wins", max_errors="1", skip_unchanged="never", canary="1",
        keep_before=True, strict=True, allow_clears=True, campaign="c", no_tag_check=True,
        sandbox=True,
    )  # fmt: skip
    for name in ("run", "plan"):
        words = given.repeated(Repeat.ALWAYS, taken_by=name)
        assert {word for word in words if word.startswith("--")} <= options_of(name)
    assert "--keep-before" in given.repeated(Repeat.ALWAYS)
