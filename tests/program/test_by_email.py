"""Spreadsheets that name leads by their e-mail addresses, run by the real command."""

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import xlsxwriter

from batch.columns import ADDED_COLUMNS
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import seeded, sendkit_batch
from tests.support.program import (
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    state,
    wait_for,
    write_rows,
)

SPRING, AUTUMN, TWIN = (f"64f1c0a95e8b7d2f3a6c9e0{n}" for n in (1, 2, 3))
SEED_HEADER = ("campaignId", "campaignLeadId", "campaignName", "email", "aiTag")
SEED = (
    (SPRING, lead_id(1), "Spring sale", "Ann@example.com", "Cold"),
    (SPRING, lead_id(2), "Spring sale", "bob@example.com", ""),
    (SPRING, lead_id(3), "Spring sale", "twice@example.com", ""),
    (SPRING, lead_id(4), "Spring sale", "Twice@example.com", ""),
    (AUTUMN, lead_id(5), "Autumn", "ann@example.com", ""),
    (AUTUMN, lead_id(6), "Autumn", "dora@example.com", ""),
    (TWIN, lead_id(7), "autumn", "ann@example.com", ""),
)


@contextmanager
def served(
    folder: Path, seed: Sequence[Sequence[str]] = SEED, **options: object
) -> Iterator[Sandbox]:
    with seeded(folder, SEED_HEADER, seed, labels=("Hot",), **options) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with served(tmp_path) as sandbox:
        yield sandbox


def run(sandbox: Sandbox, path: Path, *words: str) -> Ran:
    env, given = access(sandbox)
    return sendkit_batch("run", path, *given, "--rate", "1000", *words, cwd=path.parent, env=env)


def ids(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["campaignId"], row["campaignLeadId"], row["reason"]) for row in rows]


def header_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file))


def reads(sandbox: Sandbox) -> int:
    """How often the leads of a campaign were asked for."""
    return len(received(sandbox, operation="leads"))


def test_leads_are_found_by_their_address_whatever_its_case_in_a_campaign_of_this_id(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_rows(
        tmp_path / "leads.csv",
        ("campaignId", "E-Mail", "aiTag", "note"),
        [(SPRING.upper(), " ANN@example.com ", "hot", "mine"), (AUTUMN, "ann@example.com", "", "")],
    )
    ran = run(sandbox, path)
    assert ran.exit_code == 0, ran.err
    assert header_of(ran.folder / "results.csv") == [
        "campaignId", "E-Mail", "aiTag", "note", "campaignLeadId", *ADDED_COLUMNS,
    ]  # fmt: skip
    assert ids(ran.results) == [
        (SPRING.upper(), lead_id(1), "applied"),
        (AUTUMN, lead_id(5), "nothing_to_change"),
    ]
    assert ran.results[0]["E-Mail"] == " ANN@example.com "
    assert state(sandbox)[SPRING, lead_id(1)]["aiTag"] == "Hot"
    assert "Looked up by e-mail address among 6 leads of 2 campaigns." in ran.err


def test_campaigns_are_named_by_name_or_by_id_and_each_is_read_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [
        ("spring SALE", "ann@example.com", "Hot"),
        (AUTUMN, "dora@example.com", "Hot"),
        ("Spring sale", "bob@example.com", "Hot"),
        ("", "", ""),
    ]
    path = write_rows(tmp_path / "leads.csv", ("campaign", "email", "aiTag"), rows)
    ran = run(sandbox, path)
    assert ran.exit_code == 0, ran.err
    assert header_of(ran.folder / "results.csv") == [
        "campaign", "email", "aiTag", "campaignId", "campaignLeadId", *ADDED_COLUMNS,
    ]  # fmt: skip
    assert ids(ran.results) == [
        (SPRING, lead_id(1), "applied"),
        (AUTUMN, lead_id(6), "applied"),
        (SPRING, lead_id(2), "applied"),
        ("", "", "blank_row"),
    ]
    assert reads(sandbox) == 2
    assert len(received(sandbox, operation="campaigns")) == 1
    report = (ran.folder / "report.html").read_text("utf-8")
    assert f"Spring sale<br><code>{SPRING}</code>" in report
    assert f'<td data-name="Campaign"><code>{AUTUMN}</code>' in report


def test_one_campaign_for_all_rows_fills_in_where_a_row_names_none(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [("ann@example.com", "", "Hot"), ("dora@example.com", AUTUMN, "Hot")]
    path = write_rows(tmp_path / "leads.csv", ("email", "campaign", "aiTag"), rows)
    ran = run(sandbox, path, "--campaign", "Spring sale")
    assert ran.exit_code == 0, ran.err
    assert ids(ran.results) == [(SPRING, lead_id(1), "applied"), (AUTUMN, lead_id(6), "applied")]
    assert ran.record["input"]["campaign"] == "Spring sale"


WRONG = (
    ("Spring sale", "twice@example.com", "Hot"),
    ("Spring sale", "dora@example.com", "Hot"),
    ("Spring sale", "bobby@example.com", "Hot"),
    ("Sprng sale", "ann@example.com", "Hot"),
    ("autumn", "ann@example.com", "Hot"),
    ("64f1c0a95e8b7d2f3a6c9eff", "ann@example.com", "Hot"),
    ("Spring sale", "", "Hot"),
    ("", "ann@example.com", "Hot"),
    ("Spring sale", "ann@example.com", "Warm"),
)


def test_what_cant_be_found_is_an_error_that_says_what_to_do(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", ("campaign", "email", "aiTag"), WRONG)
    ran = run(sandbox, path)
    assert ran.exit_code == 1, ran.err
    assert [(row["reason"], row["message"]) for row in ran.results] == [
        (
            "ambiguous_lead",
            (
                '2 leads of the campaign have the e-mail address "twice@example.com": '
                f"{lead_id(3)}, {lead_id(4)}. Put the id of the right one into campaignLeadId."
            ),
        ),
        (
            "unknown_lead",
            'no lead of the campaign has the e-mail address "dora@example.com".',
        ),
        (
            "unknown_lead",
            (
                'no lead of the campaign has the e-mail address "bobby@example.com". '
                'Did you mean "bob@example.com"?'
            ),
        ),
        (
            "unknown_campaign",
            (
                'found "Sprng sale"; no campaign of the workspace has this id or name. '
                'Did you mean "Spring sale"?'
            ),
        ),
        (
            "unknown_campaign",
            f'"autumn" is the name of 2 campaigns ({AUTUMN}, {TWIN}). Name it by its id.',
        ),
        (
            "unknown_campaign",
            ('found "64f1c0a95e8b7d2f3a6c9eff"; the workspace has no campaign of this id.'),
        ),
        ("missing_id", "email is blank; expected an e-mail address."),
        ("missing_id", "campaign is blank; expected a campaign's name."),
        (
            "unknown_tag",
            '"Warm" is not a label of this workspace; expected "Hot", "Cold".',
        ),
    ]
    assert ids(ran.results)[0] == (SPRING, "", "ambiguous_lead")
    assert ids(ran.results)[3] == ("", "", "unknown_campaign")
    assert received(sandbox) == []
    assert ran.last_line.endswith(
        "next: fix the rows in failed.csv, then sendkit-batch run "
        f"{ran.folder.relative_to(tmp_path)}/failed.csv --base-url {sandbox.base_url} --rate 1000"
    )


@pytest.mark.slow
def test_an_unknown_campaign_for_all_rows_sends_nothing_and_leaves_no_run(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", ("email", "aiTag"), [("ann@example.com", "Hot")])
    for named, why in (
        ("Sprig sale", (
            'found "Sprig sale"; no campaign of the workspace has this id or name. '
            'Did you mean "Spring sale"?'
        )),
        ("Autumn", f'"Autumn" is the name of 2 campaigns ({AUTUMN}, {TWIN}). Name it by its id.'),
        (lead_id(1), f'found "{lead_id(1)}"; the workspace has no campaign of this id.'),
    ):  # fmt: skip
        ran = run(sandbox, path, "--campaign", named)
        assert ran.exit_code == 2
        assert f"The campaign for all rows: {why}" in ran.err.splitlines()
        assert not (tmp_path / "runs").exists()


def test_a_strict_run_is_refused_for_an_unknown_lead_and_leaves_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", ("campaign", "email", "aiTag"), WRONG[1:2])
    ran = run(sandbox, path, "--strict")
    assert ran.exit_code == 2
    assert (
        "1 row is invalid, and a strict run sends nothing then. The first: leads.csv line 2, "
        'column email: no lead of the campaign has the e-mail address "dora@example.com".'
    ) in ran.err.splitlines()
    assert not (tmp_path / "runs").exists()


def test_a_server_that_shows_no_leads_sends_nothing_and_leaves_no_run(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "leads.csv", ("email", "campaignId", "aiTag"), [("ann@example.com", SPRING, "x")]
    )
    (tmp_path / "settings.toml").write_text("[retry]\nbackoff_base_s = 0.01\n")
    with served(tmp_path, faults=("status=500,on=leads",)) as sandbox:
        ran = run(sandbox, path, "--config", str(tmp_path / "settings.toml"))
        assert received(sandbox) == []
    assert ran.exit_code == 3
    assert f"the leads of campaign {SPRING} could not be read: gave up after 5" in ran.err
    assert not (tmp_path / "runs").exists()


def test_check_asks_no_server_and_judges_what_it_can(tmp_path: Path) -> None:
    rows = [
        ("ann@example.com", "Spring sale", "paused"),
        ("ANN@example.com", "spring sale", "active"),
        ("", "Spring sale", "paused"),
        ("#N/A", "Spring sale", "paused"),
        ("bob@example.com", "Autumn", "stopped"),
        ("bob@example.com", "Autumn", "paused"),
    ]
    path = write_rows(tmp_path / "leads.csv", ("email", "campaign", "status"), rows)
    ran = sendkit_batch("check", path, "--problems", "problems.csv", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "Leads are named by e-mail address: their ids are looked up in a run." in ran.err
    assert "1  row to send, as 1 request" in ran.out
    assert [(row["line"], row["column"], row["reason"]) for row in problems(tmp_path)] == [
        ("2", "status", "conflict"),
        ("3", "status", "conflict"),
        ("4", "email", "missing_id"),
        ("5", "email", "bad_cell"),
        ("6", "status", "bad_status"),
    ]


def problems(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / "problems.csv")


@pytest.mark.slow
def test_practice_knows_the_leads_by_their_addresses(tmp_path: Path) -> None:
    rows = [
        ("ann@example.com", "Spring sale", "", "Hot"),
        ("Ann@example.com", AUTUMN, "paused", ""),
        ("ann@example.com", "spring sale", "paused", ""),
        ("bob@example.com", "", "stopped", ""),
    ]
    path = write_rows(tmp_path / "leads.csv", ("email", "campaign", "status", "aiTag"), rows)
    words = ["--sandbox", "--rate", "1000", "--campaign", "Winter"]
    ran = sendkit_batch("run", path, *words, cwd=tmp_path)
    assert ran.exit_code == 1, ran.err
    assert [row["reason"] for row in ran.results] == ["applied", "applied", "applied", "bad_status"]
    assert ran.results[0]["campaignLeadId"] == ran.results[2]["campaignLeadId"]
    assert ran.results[1]["campaignId"] == AUTUMN
    assert all(len(row["campaignLeadId"]) == 24 for row in ran.results)


@pytest.mark.slow
def test_practice_that_broke_off_goes_on_with_the_ids_that_it_had(tmp_path: Path) -> None:
    rows = [(f"p{n}@example.com", "Spring sale", "Hot") for n in range(60)]
    path = write_rows(tmp_path / "leads.csv", ("email", "campaign", "aiTag"), rows)
    words: list[str | Path] = ["run", path, "--sandbox", "--rate", "20", "--out", "run"]
    with started(*words, cwd=tmp_path) as process:
        give_up_at = time.monotonic() + 20
        while not (tmp_path / "run" / "journal.sqlite").exists() and time.monotonic() < give_up_at:
            time.sleep(0.05)
        process.kill()
        ended(process, cwd=tmp_path)
    ran = sendkit_batch("resume", "run", "--rate", "1000", cwd=tmp_path)
    assert ran.exit_code == 0, ran.err
    assert {row["reason"] for row in read_rows(tmp_path / "run" / "results.csv")} == {"applied"}


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_without_asking_for_leads_again(tmp_path: Path) -> None:
    seed = [(SPRING, lead_id(n), "Spring sale", f"p{n}@example.com", "") for n in range(40)]
    rows = [(f"p{n}@example.com", "Hot") for n in range(40)]
    path = write_rows(tmp_path / "leads.csv", ("email", "aiTag"), rows)
    with served(tmp_path, seed) as sandbox:
        env, given = access(sandbox)
        words: list[str | Path] = [
            "run",
            path,
            *given,
            "--campaign",
            "spring sale",
            "--rate",
            "20",
            "--out",
            "run",
        ]
        with started(*words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 5)
            process.kill()
            ended(process, cwd=tmp_path)
        assert reads(sandbox) == 1
        ran = sendkit_batch("resume", "run", "--yes", "--rate", "1000", cwd=tmp_path, env=env)
        assert ran.exit_code == 0, ran.err
        assert reads(sandbox) == 1
        results = read_rows(tmp_path / "run" / "results.csv")
        assert ids(results) == [(SPRING, lead_id(n), "applied") for n in range(40)]
        (tmp_path / "run" / "plan.parquet").unlink()
        ran = sendkit_batch("results", "run", cwd=tmp_path, env=env)
    assert ran.exit_code == 2
    assert ran.err.splitlines()[0] == (
        "run/plan.parquet: is not there, so that nobody knows what the run is to do. Bring it back "
        "from a backup, or start a new run."
    )


@pytest.mark.slow
def test_a_retry_looks_its_rows_up_anew_and_both_are_told_as_one(tmp_path: Path) -> None:
    rows = [("ann@example.com", "Spring sale", "Hot"), ("new@example.com", "Spring sale", "Hot")]
    path = write_rows(tmp_path / "leads.csv", ("email", "campaign", "aiTag"), rows)
    with served(tmp_path) as sandbox:
        ran = run(sandbox, path, "--out", "first")
        assert ran.exit_code == 1
        options = Options(port=int(sandbox.base_url.rpartition(":")[2]))
    seed = [*SEED, (SPRING, lead_id(8), "Spring sale", "new@example.com", "")]
    with served(tmp_path, seed, port=options.port) as sandbox:
        env, _ = access(sandbox)
        again = sendkit_batch("retry", "first", "--yes", "--out", "again", cwd=tmp_path, env=env)
        assert again.exit_code == 0, again.err
        assert [each["campaignLeadId"] for each in received(sandbox)] == [lead_id(8)]
        verified = sendkit_batch("verify", "again", cwd=tmp_path, env=env)
        assert verified.exit_code == 0, verified.err
    assert ids(read_rows(tmp_path / "again" / "results.csv")) == [(SPRING, lead_id(8), "applied")]
    told = sendkit_batch("results", "first", "--with-retries", cwd=tmp_path)
    assert told.exit_code == 0, told.err
    assert ids(read_rows(tmp_path / "first" / "results-with-retries.csv")) == [
        (SPRING, lead_id(1), "applied"),
        (SPRING, lead_id(8), "applied"),
    ]


def edited(path: Path, *, out: Path, **cells: dict[str, str]) -> Path:
    """A file of ours with other cells in some lines: line="2" is written line_2."""
    rows = read_rows(path)
    for row in rows:
        row.update(cells.get(f"line_{row['line']}", {}))
    return write_rows(out, header_of(path), [list(row.values()) for row in rows])


def test_failed_rows_are_mended_and_fed_back_in(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [*WRONG[:5], ("Spring sale", "ann@example.com", "Warm")]
    path = write_rows(tmp_path / "leads.csv", ("campaign", "email", "aiTag"), rows)
    first = run(sandbox, path, "--out", str(tmp_path / "first"))
    assert first.exit_code == 1
    mended = edited(
        tmp_path / "first" / "failed.csv",
        out=tmp_path / "mended.csv",
        line_2={"campaignLeadId": lead_id(4)},
        line_3={"email": "bob@example.com"},
        line_4={"campaign": AUTUMN, "email": "dora@example.com"},
        line_5={"campaign": "Spring sale"},
        line_6={"campaign": TWIN},
        line_7={"aiTag": "Cold"},
    )
    second = run(sandbox, mended, "--out", str(tmp_path / "second"))
    assert second.exit_code == 1, second.err
    results = tmp_path / "second" / "results.csv"
    assert header_of(results) == header_of(mended)
    assert ids(read_rows(results)) == [
        (SPRING, lead_id(4), "applied"),
        (SPRING, lead_id(2), "applied"),
        (AUTUMN, lead_id(6), "applied"),
        (SPRING, lead_id(1), "conflict"),
        (TWIN, lead_id(7), "applied"),
        (SPRING, lead_id(1), "conflict"),
    ]


@pytest.mark.slow
def test_ids_that_were_found_are_used_as_long_as_the_address_agrees(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [("ann@example.com", "Hot"), ("bob@example.com", "Hot"), ("twice@example.com", "Hot")]
    path = write_rows(tmp_path / "leads.csv", ("email", "aiTag"), rows)
    first = run(sandbox, path, "--campaign", SPRING, "--out", str(tmp_path / "first"))
    assert first.exit_code == 1
    changed = edited(
        tmp_path / "first" / "results.csv",
        out=tmp_path / "changed.csv",
        line_2={"email": "ANN@example.com"},
        line_3={"email": "bob@example.org"},
        line_4={"campaignLeadId": lead_id(5)},
    )
    second = run(sandbox, changed, "--out", str(tmp_path / "second"))
    assert second.exit_code == 1, second.err
    results = read_rows(tmp_path / "second" / "results.csv")
    assert ids(results) == [
        (SPRING, lead_id(1), "already_so"),
        (SPRING, lead_id(2), "unknown_lead"),
        (SPRING, lead_id(5), "unknown_lead"),
    ]
    assert [row["message"] for row in results[1:]] == [
        (
            'the lead of this id has the e-mail address "bob@example.com", the row says '
            '"bob@example.org". Correct the address, or blank the id to have it looked up again.'
        ),
        (
            "the campaign has no lead of this id. Blank the id to have it looked up again by "
            '"twice@example.com".'
        ),
    ]


@pytest.mark.slow
def test_a_workbook_of_failed_rows_is_mended_and_fed_back_in(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ("Email address", "campaign", "aiTag"))
        sheet.write_row(1, 0, ("bob@example.com", "Sprin sale", "Hot"))
    first = run(sandbox, path)
    assert first.exit_code == 1, first.err
    again = run(sandbox, first.folder / "failed.xlsx", "--out", str(tmp_path / "again"))
    (row,) = read_rows(tmp_path / "again" / "results.csv")
    assert (again.exit_code, row["reason"]) == (1, "unknown_campaign")
    assert header_of(tmp_path / "again" / "results.csv") == [
        "Email address", "campaign", "aiTag", "campaignId", "campaignLeadId", *ADDED_COLUMNS,
    ]  # fmt: skip


def test_a_file_that_has_its_ids_is_used_by_them_whatever_its_addresses(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [(SPRING, lead_id(1), "somebody@else.example", "Hot")]
    header = ("campaignId", "campaignLeadId", "email", "aiTag")
    path = write_rows(tmp_path / "leads.csv", header, rows)
    ran = run(sandbox, path)
    assert ran.exit_code == 0, ran.err
    assert header_of(ran.folder / "results.csv") == [*header, *ADDED_COLUMNS]
    assert reads(sandbox) == 0
    refused = run(sandbox, path, "--campaign", "Spring sale", "--new")
    assert refused.exit_code == 2
    assert refused.err.splitlines()[0] == (
        "leads.csv: names its leads by their ids, where one campaign for all rows means nothing. "
        "Leave it out."
    )


@pytest.mark.slow
def test_other_names_are_mapped_and_stay_so_for_the_failed_rows(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [("ann@example.com", "Spring sale", "Hot"), ("nobody@x.example", "Spring sale", "Hot")]
    path = write_rows(tmp_path / "leads.csv", ("Mail", "In", "Label"), rows)
    words = ("--map", "email=Mail", "--map", "campaign=In", "--map", "aiTag=Label")
    ran = run(sandbox, path, *words)
    assert ran.exit_code == 1, ran.err
    assert ids(ran.results) == [(SPRING, lead_id(1), "applied"), (SPRING, "", "unknown_lead")]
    next_words = ran.last_line.partition(", then sendkit-batch run ")[2].split()
    assert next_words[1:7] == [
        "--map",
        "aiTag=Label",
        "--map",
        "email=Mail",
        "--map",
        "campaign=In",
    ]
    again = run(sandbox, ran.folder / "failed.csv", *next_words[1:7], "--out", str(tmp_path / "a"))
    assert ids(read_rows(tmp_path / "a" / "results.csv")) == [(SPRING, "", "unknown_lead")], again


@pytest.mark.slow
def test_fifty_thousand_addresses_are_looked_up_within_seconds(tmp_path: Path) -> None:
    count = 50_000
    seed = [(SPRING, lead_id(n), "Spring sale", f"p{n}@example.com", "") for n in range(count)]
    rows = [(f"P{n}@example.com", "Hot" if n < 20 else "") for n in range(count)]
    path = write_rows(tmp_path / "leads.csv", ("email", "aiTag"), rows)
    with served(tmp_path, seed) as sandbox:
        began = time.monotonic()
        ran = run(sandbox, path, "--campaign", "Spring sale")
        took_s = time.monotonic() - began
        assert reads(sandbox) == count // 100
    assert ran.exit_code == 0, ran.err
    assert [row["campaignLeadId"] for row in ran.results] == [lead_id(n) for n in range(count)]
    assert took_s < 30
