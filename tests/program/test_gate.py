"""Where a key may go, by the real commands in the test's own process; every address answers."""

import ast
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import batch
from batch.recording.state import default_state_dir
from batch.settings.system_keyring import keep_key
from tests.support.elsewhere import EVIL, OUR, printed_commands, typed
from tests.support.memory_keyring import backend_of, use
from tests.support.shell import Shell, refused
from tests.support.wired import CAMPAIGN, KEY, pausing

FILE = "sendkit-batch.toml"
ADDRESS = f'[api]\nbase_url = "{EVIL}"\n'
FROM_HERE = {
    "run": ("run", "leads.csv", "--yes"),
    "plan": ("plan", "leads.csv"),
    "export": ("export", CAMPAIGN),
}
OF_A_RUN = {
    "resume": ("resume", "run", "--yes"),
    "retry": ("retry", "run", "--yes", "--out", "again"),
    "apply": ("apply", "run", "--yes"),
    "verify": ("verify", "run"),
    "undo": ("undo", "run", "--yes", "--out", "undone"),
}


@pytest.fixture
def folder(shell: Shell) -> Shell:
    """A folder with a spreadsheet and somebody's settings file that names another address."""
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text(ADDRESS)
    return shell


@pytest.fixture
def stranger(shell: Shell) -> Shell:
    """A folder with a run that is not in the user's list, to be sent to another address."""
    made_by_another(shell)
    return shell


def made_by_another(shell: Shell, **changes: object) -> None:
    """Make a run, and have its record say these things, as a run that came from elsewhere."""
    shell.leads(pausing(2))
    if not Path("run").exists():
        assert typed(shell, "run", "leads.csv", "--yes", "--out", "run")[0] == 0
    change_record(**{"id": "f" * 16, "base_url": EVIL, "state": "stopped", **changes})


def change_record(**changes: object) -> None:
    path = Path("run/run.json")
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**record, **changes}), "utf-8")


def prepare(command: str) -> None:
    """What a command needs of a run: `apply` a plan that was made just now."""
    if command == "apply":
        change_record(state="planned", planned_at=datetime.now(UTC).isoformat())


@pytest.mark.parametrize("command", FROM_HERE)
def test_an_address_of_the_folders_file_gets_no_request_where_nobody_can_be_asked(
    folder: Shell, command: str
) -> None:
    exit_code, asked = typed(folder, *FROM_HERE[command])
    assert (exit_code, asked) == (2, [])
    text = f"SENDKIT_API_KEY would go to {EVIL}, named by ./sendkit-batch.toml."
    assert f"Nothing was sent. {text} There is no terminal to ask." in folder.err
    assert folder.err.splitlines()[-1] == refused("")[-1]  # running it again alone won't help


@pytest.mark.parametrize("which", [0, 1], ids=["by the file", "by the address"])
@pytest.mark.parametrize("command", FROM_HERE)
def test_the_commands_that_a_refusal_prints_can_be_run_as_printed(
    folder: Shell, command: str, which: int
) -> None:
    typed(folder, *FROM_HERE[command])
    commands = printed_commands(folder.err)
    name, *words = FROM_HERE[command]
    assert commands == [
        [name, "--config", "./sendkit-batch.toml", *words],
        [name, "--base-url", EVIL, *words],
    ]
    exit_code, asked = typed(folder, *commands[which])
    assert exit_code in {0, 1}
    assert set(asked) == {"evil.example"}


@pytest.mark.parametrize("command", OF_A_RUN)
def test_an_address_of_a_strangers_run_gets_no_request_where_nobody_can_be_asked(
    stranger: Shell, command: str
) -> None:
    prepare(command)
    exit_code, asked = typed(stranger, *OF_A_RUN[command])
    assert (exit_code, asked) == (2, [])
    text = f"SENDKIT_API_KEY would go to {EVIL}, named by run/run.json."
    assert f"Nothing was sent. {text} There is no terminal to ask" in stranger.err


@pytest.mark.parametrize("command", OF_A_RUN)
def test_a_strangers_run_is_gone_on_with_by_the_command_that_is_printed(
    stranger: Shell, command: str
) -> None:
    prepare(command)
    typed(stranger, *OF_A_RUN[command])
    name, *words = OF_A_RUN[command]
    commands = printed_commands(stranger.err)
    assert commands == [[name, "--base-url", EVIL, *words]]
    _, asked = typed(stranger, *commands[0])
    assert set(asked) == {"evil.example"}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("command", OF_A_RUN)
@pytest.mark.parametrize("as_file", [False, True], ids=["option", "file"])
def test_an_address_that_is_given_with_a_run_never_redirects_it(
    shell: Shell, command: str, *, as_file: bool
) -> None:
    shell.leads(pausing(2))
    assert typed(shell, "run", "leads.csv", "--yes", "--out", "run")[0] == 0
    prepare(command)
    Path("c.toml").write_text(ADDRESS)
    name, *words = OF_A_RUN[command]
    option = ("--config", "c.toml") if as_file else ("--base-url", EVIL)
    exit_code, asked = typed(shell, name, *option, *words)
    assert (exit_code, asked) == (2, [])
    assert f"The address is {EVIL}, but run sends to {OUR}" in shell.err


@pytest.mark.parametrize("command", ["resume", "undo", "verify"])
def test_the_users_own_run_goes_on_as_ever(shell: Shell, command: str) -> None:
    shell.leads(pausing(2))
    run = ("run", "leads.csv", "--yes", "--out", "run", "--base-url", EVIL)
    assert typed(shell, *run)[0] == 0
    assert set(typed(shell, *OF_A_RUN[command])[1]) == {"evil.example"}


def test_a_strangers_run_to_the_built_in_address_goes_on_as_ever(shell: Shell) -> None:
    made_by_another(shell, base_url=OUR)
    exit_code, asked = typed(shell, *OF_A_RUN["resume"])
    assert exit_code == 0
    assert set(asked) == {"api.sendkit.ai"}


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("--base-url", EVIL), {}),
        (("--config", "c.toml"), {}),
        ((), {"SENDKIT_BATCH_API_BASE_URL": EVIL}),
    ],
    ids=["option", "config", "environment"],
)
def test_what_this_user_has_said_needs_no_question(
    shell: Shell, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    shell.leads(pausing(2))
    Path("c.toml").write_text(ADDRESS)
    for name, value in environ.items():
        shell.monkeypatch.setenv(name, value)
    exit_code, asked = typed(shell, "run", "leads.csv", "--yes", *words)
    assert exit_code == 0
    assert set(asked) == {"evil.example"}


@pytest.mark.parametrize("by", ["--config", "environment", "--base-url"])
def test_a_job_without_memory_says_where_its_run_goes(shell: Shell, by: str) -> None:
    """As in a fresh container, whose list of runs is empty."""
    made_by_another(shell)
    Path("c.toml").write_text(ADDRESS)
    words = {"--config": ("--config", "c.toml"), "--base-url": ("--base-url", EVIL)}.get(by, ())
    if by == "environment":
        shell.monkeypatch.setenv("SENDKIT_BATCH_API_BASE_URL", EVIL)
    exit_code, asked = typed(shell, *OF_A_RUN["resume"], *words)
    assert exit_code == 0
    assert set(asked) == {"evil.example"}


def test_the_users_own_settings_file_needs_no_question(shell: Shell) -> None:
    shell.leads(pausing(2))
    own_file(shell, ADDRESS)
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 0


def test_a_yes_is_kept_for_this_key_and_this_address(folder: Shell) -> None:
    folder.typing("y\n")
    exit_code, asked = typed(folder, *FROM_HERE["export"])
    assert (exit_code, set(asked)) == (0, {"evil.example"})
    assert "Send it there? [y/N] " in folder.err
    del folder.streams["stdin"]
    assert typed(folder, "export", CAMPAIGN, "--out", "b.csv")[0] == 0  # nobody is asked again
    (folder.cwd / FILE).write_text(ADDRESS.replace("evil", "other"))
    assert typed(folder, "export", CAMPAIGN, "--out", "d.csv") == (2, [])
    (folder.cwd / FILE).write_text(ADDRESS)
    folder.monkeypatch.setenv("SENDKIT_API_KEY", f"{KEY}2")
    assert typed(folder, "export", CAMPAIGN, "--out", "c.csv") == (2, [])


@pytest.mark.parametrize("answer", ["\n", "n\n", "", "yo\n"])
def test_any_answer_but_a_yes_sends_nothing_and_is_not_kept(folder: Shell, answer: str) -> None:
    folder.typing(answer)
    assert typed(folder, *FROM_HERE["run"]) == (2, [])
    declined = "Nothing was sent: the question was not answered with yes."
    message, last = refused(declined, declined=True)
    assert folder.err.splitlines()[-1] == last
    assert message in folder.err
    assert typed(folder, "trust")[0] == 0
    assert folder.out == ""


def test_yes_is_no_approval(folder: Shell) -> None:
    folder.typing("n\n")
    assert typed(folder, "run", "leads.csv", "--yes") == (2, [])
    assert "Send it there? [y/N]" in folder.err


def test_approvals_are_listed_and_withdrawn(folder: Shell) -> None:
    folder.typing("y\n")
    typed(folder, *FROM_HERE["export"])
    assert typed(folder, "trust")[0] == 0
    assert f"{EVIL}:443" in folder.out
    assert KEY not in folder.out
    assert KEY not in approvals()
    assert typed(folder, "trust", "https://nobody.example", "--forget")[0] == 2
    assert typed(folder, "trust", "--forget", EVIL)[0] == 0
    assert typed(folder, "trust")[0] == 0
    assert folder.out == ""
    folder.typing("n\n")
    assert typed(folder, *FROM_HERE["run"]) == (2, [])


def test_all_approvals_can_be_withdrawn_at_once(folder: Shell) -> None:
    folder.typing("y\n")
    typed(folder, *FROM_HERE["export"])
    assert typed(folder, "trust", "--forget")[0] == 0
    assert approvals() == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.chmod(0o666),
        lambda path: path.write_text(path.read_text().replace("evil.example", "other.example")),
        lambda path: path.with_name("secret").unlink(),
    ],
    ids=["others may write it", "another address", "another secret"],
)
def test_approvals_count_only_as_this_user_gave_them(
    folder: Shell, spoil: Callable[[Path], object]
) -> None:
    folder.typing("y\n")
    typed(folder, *FROM_HERE["export"])
    spoil(default_state_dir() / "approvals.jsonl")
    del folder.streams["stdin"]
    (folder.cwd / FILE).write_text(ADDRESS.replace("evil", "other"))
    assert typed(folder, *FROM_HERE["run"]) == (2, [])
    if not approvals().count("other"):
        (folder.cwd / FILE).write_text(ADDRESS)
        assert typed(folder, *FROM_HERE["run"]) == (2, [])


def test_the_address_that_was_approved_is_the_one_that_is_used(folder: Shell) -> None:
    """Whoever changes the file while somebody reads the question gains nothing."""

    def change_it_and_say_yes() -> str:
        (folder.cwd / FILE).write_text(ADDRESS.replace("evil", "worse"))
        return "y\n"

    folder.typing(change_it_and_say_yes)
    assert set(typed(folder, *FROM_HERE["run"])[1]) == {"evil.example"}


def test_practice_asks_nobody_and_never_meets_the_address(folder: Shell) -> None:
    ran = typed(folder, "run", "leads.csv", "--sandbox", "--rate", "1000")
    assert ran[0] == 0
    assert "evil.example" not in ran[1]
    assert "SENDKIT_API_KEY" not in folder.err


def test_the_example_settings_in_a_folder_ask_nothing(shell: Shell) -> None:
    shell.leads(pausing(2))
    example = Path(batch.__file__).parents[1] / "config.example.toml"
    (shell.cwd / FILE).write_bytes(example.read_bytes())
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 0
    assert "From ./sendkit-batch.toml" not in shell.err


def test_values_are_asked_about_alone_where_the_address_is_approved(folder: Shell) -> None:
    folder.typing("y\n")
    typed(folder, "export", CAMPAIGN, "--out", "a.csv")
    (folder.cwd / FILE).write_text(f"{ADDRESS}{GUARDED['clear_word']}")
    folder.typing("n\n")
    assert typed(folder, *FROM_HERE["run"]) == (2, [])
    told = " ".join(folder.err.split())  # a terminal breaks lines between words
    assert f"would go to {EVIL} with what ./sendkit-batch.toml says: clear_word" in told
    assert f'From ./sendkit-batch.toml: base_url = "{EVIL}", clear_word = ' in told


# --- What is sent ---


GUARDED = {
    "workspace_id": "[api]\nworkspace_id = 'w9'\n",
    "id_pattern": "[api]\nid_pattern = '[0-9]+'\n",
    "clear_word": "[input]\nclear_word = 'Interested'\n",
    "on_conflict": "[input]\non_conflict = 'last-wins'\n",
    "campaignId": "[columns]\ncampaignId = 'campaignId'\n",
    "max_errors": "[run]\nmax_errors = '90%'\n",
    "plan_age": "[run]\nplan_age = '90d'\n",
    "final_states": "[run]\nfinal_states = 'send'\n",
    "snapshot_age": "[run]\nsnapshot_age = '2d'\n",
    "resume_within_h": "[run]\nresume_within_h = 1000\n",
}
FREE = {
    "rate": "[pace]\nrate = 5\n",
    "max_errors": "[run]\nmax_errors = '10%'\n",
    "tag_change_limit": "[run]\ntag_change_limit = 3\n",
    "as it would be": "[input]\nclear_word = 'null'\n[run]\nmax_errors = '50%'\n",
}


@pytest.mark.parametrize("key", GUARDED)
def test_what_decides_what_is_sent_needs_the_same_yes(shell: Shell, key: str) -> None:
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text(GUARDED[key])
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])
    assert f"with what ./sendkit-batch.toml says: {key} = " in shell.err
    (command,) = printed_commands(shell.err)
    assert command == ["run", "--config", "./sendkit-batch.toml", "leads.csv", "--yes"]
    assert set(typed(shell, *command)[1]) <= {"api.sendkit.ai"}
    assert "Nothing was sent. SENDKIT_API_KEY would" not in shell.err
    shell.typing_lines("n\n")
    assert typed(shell, "plan", "leads.csv") == (2, [])
    assert "Go on with that? [y/N]" in shell.err


@pytest.mark.parametrize("key", FREE)
def test_what_is_stricter_or_only_slower_needs_none_and_is_listed(shell: Shell, key: str) -> None:
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text(FREE[key])
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 0
    assert (f"From ./sendkit-batch.toml: {key} = " in shell.err) == (key in FREE[key])


def test_a_guardrail_of_the_user_is_not_lifted_by_an_empty_file(shell: Shell) -> None:
    """The folder's file takes the place of the user's own, and with it of what that limits."""
    shell.leads(pausing(2))
    limits = "tag_change_limit = 3\ntag_change_limit_total = 9\n"
    own_file(shell, f"[pace]\nrate = 2\n[run]\n{limits}keep_before = true\n")
    (shell.cwd / FILE).touch()
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])
    lifted = "tag_change_limit = 0, tag_change_limit_total = 0, keep_before = false."
    assert f'says: rate = "auto", {lifted}' in shell.err


def test_a_yes_to_settings_is_kept_for_just_these(shell: Shell) -> None:
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text(GUARDED["clear_word"])
    shell.typing("y\n")
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 0
    del shell.streams["stdin"]
    assert typed(shell, "run", "leads.csv", "--yes", "--new")[0] == 0
    (shell.cwd / FILE).write_text(GUARDED["clear_word"].replace("Interested", "Later"))
    assert typed(shell, "run", "leads.csv", "--yes", "--new") == (2, [])


def test_a_strangers_run_is_asked_about_what_it_sends(shell: Shell) -> None:
    made_by_another(shell)
    record = json.loads(Path("run/run.json").read_text("utf-8"))
    record["settings"]["input"]["clear_word"] = "Interested"
    record["settings"]["pace"]["headroom"] = 0.5
    change_record(base_url=OUR, settings=record["settings"])
    assert typed(shell, *OF_A_RUN["resume"]) == (2, [])
    assert 'From run/run.json: clear_word = "Interested", headroom = 0.5' in shell.err
    assert 'with what run/run.json says: clear_word = "Interested".' in shell.err
    (command,) = printed_commands(shell.err)
    assert command == ["resume", "--base-url", OUR, "run", "--yes"]
    assert set(typed(shell, *command)[1]) == {"api.sendkit.ai"}


def test_a_file_that_says_the_same_confirms_a_strangers_run(shell: Shell) -> None:
    Path("c.toml").write_text("[input]\nclear_word = 'none'\n")
    shell.leads(pausing(2))
    words = ("run", "leads.csv", "--yes", "--out", "run", "--config", "c.toml")
    assert typed(shell, *words)[0] == 0
    made_by_another(shell)
    change_record(base_url=OUR)
    assert typed(shell, *OF_A_RUN["resume"]) == (2, [])
    assert typed(shell, *OF_A_RUN["resume"], "--config", "c.toml")[0] == 0


@pytest.mark.parametrize("runs_dir", ["../outside", "/var/outside", "a/../../outside"])
def test_the_folders_file_puts_runs_below_the_folder(shell: Shell, runs_dir: str) -> None:
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text(f"[run]\nruns_dir = '{runs_dir}'\n")
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])
    assert "[run] runs_dir: found" in shell.err
    assert "expected a folder below this one" in shell.err


def test_a_folder_of_runs_that_is_a_link_leads_nowhere_else(shell: Shell, tmp_path: Path) -> None:
    shell.leads(pausing(2))
    (tmp_path / "linked").symlink_to(tmp_path.parent)
    (shell.cwd / FILE).write_text("[run]\nruns_dir = 'linked'\n")
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])


def test_the_question_names_the_workspace_as_the_server_does(shell: Shell) -> None:
    made_by_another(shell)
    change_record(base_url=OUR, workspace={"id": "w1", "name": "Only a test"})
    assert typed(shell, *OF_A_RUN["resume"])[0] == 0
    assert "Nothing is left to change in workspace Acme (api.sendkit.ai)." in shell.err
    assert "Only a test" not in shell.err


def test_an_address_of_a_run_that_no_key_may_go_to_is_refused(shell: Shell) -> None:
    made_by_another(shell)
    change_record(base_url="http://evil.example")
    assert typed(shell, *OF_A_RUN["resume"]) == (2, [])
    assert 'run/run.json: base_url: found "http://evil.example"; expected https' in shell.err


def test_a_strangers_run_says_not_where_new_folders_are_made(shell: Shell) -> None:
    made_by_another(shell)
    record = json.loads(Path("run/run.json").read_text("utf-8"))
    record["settings"]["run"]["runs_dir"] = "../outside"
    change_record(base_url=OUR, settings=record["settings"])
    typed(shell, "retry", "run", "--yes")
    assert not Path("../outside").exists()


def test_what_such_a_file_says_is_shown_with_its_escapes(shell: Shell) -> None:
    shell.leads(pausing(2))
    (shell.cwd / FILE).write_text('[pace]\n"\\u001b[2J\\u202e" = 1\n')
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 2
    assert "[pace] \\x1b[2J\\u202e: no such setting" in shell.err
    (shell.cwd / FILE).write_text('[api]\nid_pattern = "[a-z]+\\u202e"\n')
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 2
    assert 'found "[a-z]+\\u202e"; expected a regular expression' in shell.err


# --- The key file ---


def test_a_key_file_that_the_folders_file_names_is_refused(shell: Shell) -> None:
    shell.leads(pausing(2))
    shell.monkeypatch.delenv("SENDKIT_API_KEY")
    Path("key").write_text(KEY)
    (shell.cwd / FILE).write_text('[api]\napi_key_file = "key"\n')
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])
    own = shell.cwd / ".config" / "sendkit-batch" / FILE
    (command,) = printed_commands(shell.err)
    assert (
        "sendkit-batch.toml [api] api_key_file: a key file that the settings file of a folder "
        "names does not count, since that file may come from anybody. Move the line to "
        f"{own}, or name the file: sendkit-batch run --config"
    ) in shell.err
    assert typed(shell, *command)[0] == 0


def test_the_users_own_key_file_counts_beside_the_folders_file(shell: Shell) -> None:
    shell.leads(pausing(2))
    shell.monkeypatch.delenv("SENDKIT_API_KEY")
    own_file(shell, '[api]\napi_key_file = "key"\n').with_name("key").write_text(KEY)
    (shell.cwd / FILE).write_text("[pace]\nrate = 900\n")
    assert typed(shell, "run", "leads.csv", "--yes")[0] == 0
    (shell.cwd / FILE).write_text(ADDRESS)
    assert typed(shell, "run", "leads.csv", "--yes", "--new") == (2, [])
    assert f"The key in {shell.cwd}/.config/sendkit-batch/key would go to {EVIL}" in shell.err


def test_a_key_of_the_keyring_goes_to_its_address_alone(shell: Shell) -> None:
    shell.leads(pausing(2))
    shell.monkeypatch.delenv("SENDKIT_API_KEY")
    use(shell.monkeypatch, backend := backend_of("keyring.backends.macOS"))
    keep_key(OUR, SecretStr(KEY))
    (shell.cwd / FILE).write_text('[api]\nkey_from = "keyring"\n')
    assert typed(shell, "run", "leads.csv", "--yes") == (2, [])  # the folder's file says nothing
    assert "No API key" in shell.err
    assert backend.asked == 0
    own_file(shell, '[api]\nkey_from = "keyring"\n')
    assert typed(shell, "run", "leads.csv", "--yes", "--base-url", EVIL) == (2, [])
    assert (
        f"The keyring has no key for {EVIL}. Type it on the page (sendkit-batch web) and keep it "
        "there, or set SENDKIT_API_KEY."
    ) in shell.err
    code, asked = typed(shell, "run", "leads.csv", "--yes", "--out", "run")
    assert (code, set(asked)) == (0, {"api.sendkit.ai"})
    assert "key_from" not in Path("run/run.json").read_text("utf-8")
    assert set(typed(shell, *OF_A_RUN["verify"])[1]) == {"api.sendkit.ai"}
    use(shell.monkeypatch, backend_of("keyring.backends.SecretService"), locked={"default"})
    assert typed(shell, "run", "leads.csv", "--yes", "--new") == (2, [])
    assert "The keyring (the Secret Service) is locked." in shell.err


def test_a_run_of_before_with_a_key_file_is_gone_on_with(shell: Shell) -> None:
    """Versions of before wrote the key file into run.json, and read the key from there."""
    shell.leads(pausing(2))
    assert typed(shell, "run", "leads.csv", "--yes", "--out", "run")[0] == 0
    record = json.loads(Path("run/run.json").read_text("utf-8"))
    assert "api_key_file" not in record["settings"]["api"]
    record["settings"]["api"]["api_key_file"] = str(shell.cwd / "stolen")
    change_record(settings=record["settings"], state="stopped")
    Path("stolen").write_text("sk_another_key_of_somebody")
    old_line = json.dumps(str(Path("run").resolve()))  # the list had no more than paths
    (default_state_dir() / "runs.jsonl").write_text(f"{old_line}\n")
    assert typed(shell, *OF_A_RUN["resume"])[0] == 0
    assert "api_key_file" not in Path("run/run.json").read_text("utf-8")
    shell.monkeypatch.delenv("SENDKIT_API_KEY")
    change_record(settings=record["settings"], state="stopped")
    assert typed(shell, *OF_A_RUN["resume"]) == (2, [])
    assert "No API key: set SENDKIT_API_KEY, or api_key_file" in shell.err
    Path("key").write_text(KEY)
    Path("c.toml").write_text('[api]\napi_key_file = "key"\n')
    assert typed(shell, *OF_A_RUN["resume"], "--config", "c.toml")[0] == 0
    own_file(shell, '[api]\napi_key_file = "key"\n').with_name("key").write_text(KEY)
    assert typed(shell, *OF_A_RUN["resume"])[0] == 0


# --- The program's text ---


def test_nothing_but_the_gate_makes_an_access() -> None:
    found = []
    for path in sorted(Path(batch.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "batch.api.sendkit"
            for alias in node.names
            if alias.name == "Access"
        }
        found += [
            path.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and makes_an_access(node, names)
        ]
    assert found == ["gate.py", "gate.py"]  # the real one and the sandbox's


def makes_an_access(node: ast.Call, names: set[str]) -> bool:
    """Whether a call makes an Access, or alters one."""
    called = node.func
    if isinstance(called, ast.Name):
        is_altered = called.id == "replace" and {"base_url", "api_key"} & {
            each.arg for each in node.keywords
        }
        return called.id in names or bool(is_altered)
    if isinstance(called, ast.Attribute):  # sendkit.Access, or Access.__new__
        of_it = isinstance(called.value, ast.Name) and called.value.id in names
        is_altered = called.attr == "replace" and {"base_url", "api_key"} & {
            each.arg for each in node.keywords
        }
        return of_it or called.attr == "Access" or bool(is_altered)
    return False


def own_file(shell: Shell, text: str) -> Path:
    """The settings file in the user's configuration folder."""
    path = shell.cwd / ".config" / "sendkit-batch" / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def approvals() -> str:
    path = default_state_dir() / "approvals.jsonl"
    return path.read_text() if path.exists() else ""
