"""Where a key may go from the page: whoever has its session can't send one elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.api.address import address_of
from batch.errors import DeclinedError
from batch.jobs.past_run import settings_of_run
from batch.recording.approvals import approvals, approve
from batch.recording.runfile import FORMAT, read_record
from batch.recording.state import default_state_dir
from batch.web.board import Stage
from tests.support.elsewhere import EVIL, OUR, everywhere, printed_commands, typed
from tests.support.shell import Shell
from tests.support.web_site import Site, site
from tests.support.wired import KEY, pausing, write_leads

TYPED = "sk_typed_0123456789abcd"
FILE = "sendkit-batch.toml"


@pytest.fixture
def asked() -> Iterator[list[str]]:
    with everywhere() as hosts:
        yield hosts


def settings(**more: str) -> dict[str, str]:
    """The settings form, but for these fields as it stands."""
    return {"base_url": OUR, "rate": "1000", **more}


def dropped(page: Site, folder: Path) -> None:
    page.drop(write_leads(folder / "leads.csv", pausing(1)))


def until_asked(page: Site) -> None:
    page.post("/run")
    page.until(Stage.QUESTION)
    page.post("/job/answer", answer="no")
    page.end()


def test_another_address_forgets_the_key_of_the_environment(
    tmp_path: Path, asked: list[str]
) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        text = page.post("/settings", **settings(base_url=EVIL))
        assert "There is none yet." in text
        assert "The address was changed, so no key is left." in page.post("/run")
        # Nor does the way back bring it back: who changed it once may not be who started the page.
        assert "There is none yet." in page.post("/settings", **settings())
        assert "The address was changed, so no key is left." in page.post("/run")
        assert asked == []


def test_another_address_forgets_a_typed_key_too(tmp_path: Path, asked: list[str]) -> None:
    with site(tmp_path, environ={}) as page:
        dropped(page, tmp_path)
        page.post("/settings/key", key=TYPED, address=OUR)
        del asked[:]  # the key's own test
        page.post("/settings", **settings(base_url=EVIL))
        assert "no key is left" in page.post("/run")
        assert asked == []


def test_the_same_form_brings_the_key_for_the_address(tmp_path: Path, asked: list[str]) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        text = page.post("/settings", **settings(base_url=EVIL, key=TYPED))
        assert "There is one, typed for this session." in text
        assert TYPED not in text
        until_asked(page)
        assert set(asked) == {"evil.example"}
        access, _ = page.desk.session.open_gate()
        assert access.api_key.get_secret_value() == TYPED


@pytest.mark.parametrize("spelled", [OUR, f"{OUR}/", "HTTPS://api.SendKit.ai:443"])
def test_the_same_address_in_other_letters_forgets_nothing(
    tmp_path: Path, asked: list[str], spelled: str
) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        page.post("/settings", **settings(base_url=spelled))
        until_asked(page)
        assert set(asked) == {"api.sendkit.ai"}


def test_a_wrong_key_beside_another_address_changes_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        text = page.post("/settings", **settings(base_url=EVIL, key="two words"))
        assert "the API key (not shown) has a space" in text
        assert "two words" not in text
        assert page.desk.settings.api.base_url == OUR
        assert "key from the environment" in page.get("/")


@pytest.mark.parametrize("address", ["", EVIL, "nonsense"])
def test_a_key_is_taken_for_the_address_that_stood_beside_it_alone(
    tmp_path: Path, address: str, asked: list[str]
) -> None:
    """As when the session's thief has changed the address under the form."""
    with site(tmp_path, environ={}) as page:
        dropped(page, tmp_path)
        page.post("/settings/key", key=TYPED, address=address)
        assert "There is none yet." in page.get("/settings")
        assert asked == []


def test_the_test_of_a_key_goes_through_the_gate(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / FILE).write_text(f'[api]\nbase_url = "{EVIL}"\n')
    with site(tmp_path) as page:
        text = page.post("/settings/key/test")
        assert "Nothing was sent. SENDKIT_API_KEY would go to" in text
        assert "could not be tested" not in text  # it may not go there, which is no failure
        assert asked == []


def test_a_folders_file_is_not_believed(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / FILE).write_text(f'[api]\nbase_url = "{EVIL}"\n')
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        text = page.post("/run")
        assert f"SENDKIT_API_KEY would go to {EVIL}, named by ./sendkit-batch.toml." in text
        assert "start the page with: sendkit-batch web --config ./sendkit-batch.toml" in text
        # To send the form back as it was shown says nothing of the address.
        page.post("/settings", **settings(base_url=EVIL))
        assert "SENDKIT_API_KEY would go to" in page.post("/run")
        assert asked == []
        page.post("/settings/key", key=TYPED, address=EVIL)
        until_asked(page)
        assert set(asked) == {"evil.example"}


def test_what_a_folders_file_sends_needs_a_start_that_names_it(
    tmp_path: Path, asked: list[str]
) -> None:
    (tmp_path / FILE).write_text('[input]\nclear_word = "Interested"\n')
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        text = page.post("/run")
        assert "start the page with: sendkit-batch web --config ./sendkit-batch.toml" in text
        assert asked == []
        told = "From ./sendkit-batch.toml: clear_word = &#34;Interested&#34;."
        assert told in page.get("/settings")


def test_a_folders_key_file_is_not_read(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / FILE).write_text('[api]\napi_key_file = "key"\n')
    with site(tmp_path, environ={}) as page:
        dropped(page, tmp_path)
        assert "There is none yet." in page.get("/settings")
        assert "a key file that the settings file of a folder names" in page.post("/run")
        assert asked == []


def test_a_strangers_run_is_gone_on_with_by_a_key_typed_for_its_address(
    tmp_path: Path, asked: list[str]
) -> None:
    with site(tmp_path) as page:
        page.desk.session.change({}, plans_first=False)
        dropped(page, tmp_path)
        folder = sent(page)
        record = json.loads((folder / "run.json").read_text("utf-8"))
        changed = {**record, "id": "f" * 16, "base_url": EVIL}
        (folder / "run.json").write_text(json.dumps(changed), "utf-8")
        own = page.desk.session.load_own()
        strangers = settings_of_run(
            folder, read_record(folder / "run.json"), own.settings, own=own, is_listed=False
        )
        with pytest.raises(DeclinedError, match="SENDKIT_API_KEY would go to"):
            page.desk.session.open_gate(strangers)
        assert "evil.example" not in asked
        page.post("/settings", **settings(base_url=EVIL, key=TYPED))
        access, _ = page.desk.session.open_gate(strangers)
        assert (access.base_url, access.api_key.get_secret_value()) == (EVIL, TYPED)


def test_a_start_that_names_the_address_is_believed(tmp_path: Path, asked: list[str]) -> None:
    with site(tmp_path, overrides={"api": {"base_url": EVIL}}) as page:
        dropped(page, tmp_path)
        until_asked(page)
        assert set(asked) == {"evil.example"}


@pytest.mark.usefixtures("asked")
def test_the_page_approves_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        page.post("/settings", **settings(base_url=EVIL, key=TYPED))
        until_asked(page)
        assert approvals(page.desk.place.state_dir) == []


def test_what_was_approved_in_a_terminal_counts_on_the_page(
    tmp_path: Path, asked: list[str]
) -> None:
    (tmp_path / FILE).write_text(f'[api]\nbase_url = "{EVIL}"\n')
    approve(tmp_path / "state", key=SecretStr(KEY), address=address_of(EVIL))
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        until_asked(page)
        assert set(asked) == {"evil.example"}


def sent(page: Site) -> Path:
    """Send the file at hand without a plan; the run's folder."""
    page.post("/run")
    page.until(Stage.QUESTION)
    page.post("/job/answer", answer="yes")
    return page.desk.run_of(page.end().run_id).folder


def test_a_run_that_the_page_began_carries_no_other_key_off(
    tmp_path: Path, asked: list[str], shell: Shell
) -> None:
    """A session's thief begins a run with a key of his own; later its owner goes on with it."""
    state = default_state_dir()
    with site(tmp_path, state_dir=state) as page:
        dropped(page, tmp_path)
        page.post("/settings", **settings(base_url=EVIL, key=TYPED))
        folder = sent(page)
    assert set(asked) == {"evil.example"}
    del asked[:]
    for words in (("verify", str(folder)), ("undo", str(folder), "--yes")):
        assert typed(shell, *words) == (2, [])
        assert f"SENDKIT_API_KEY would go to {EVIL}, named by {folder}/run.json." in shell.err
        (command,) = printed_commands(shell.err)
        assert command == [words[0], "--base-url", EVIL, *words[1:]]
    shell.monkeypatch.setenv("SENDKIT_API_KEY", TYPED)
    assert set(typed(shell, "verify", str(folder))[1]) == {"evil.example"}


@pytest.mark.parametrize("command", ["resume", "retry", "undo", "verify", "apply"])
def test_a_run_from_elsewhere_gets_no_key(tmp_path: Path, asked: list[str], command: str) -> None:
    with site(tmp_path) as page:
        page.desk.session.change({}, plans_first=False)
        dropped(page, tmp_path)
        folder = sent(page)
        del asked[:]
        record = json.loads((folder / "run.json").read_text("utf-8"))
        state = "planned" if command == "apply" else "stopped"
        more = {"planned_at": record["ended_at"]} if command == "apply" else {}
        changed = {**record, "id": "f" * 16, "base_url": EVIL, "state": state, **more}
        (folder / "run.json").write_text(json.dumps(changed), "utf-8")
        answer = page.browser.ask("POST", f"/runs/{'f' * 16}/{command}")
        view = page.desk.worker.wait()
        told = view.told if view else ""
        assert f"SENDKIT_API_KEY would go to {EVIL}" in told or "no such run" in answer.text
        assert asked == []


def test_a_run_that_is_not_ones_own_is_told_by_its_path_alone(
    tmp_path: Path, asked: list[str]
) -> None:
    with site(tmp_path) as page:
        page.desk.session.change({}, plans_first=False)
        dropped(page, tmp_path)
        folder = sent(page)
        record = json.loads((folder / "run.json").read_text("utf-8"))
        planted = folder.with_name("planted")
        planted.mkdir()
        changed = {**record, "id": "f" * 16, "input": {**record["input"], "name": "strange.csv"}}
        (planted / "run.json").write_text(json.dumps(changed), "utf-8")
        shown = page.browser.ask("GET", "/runs").text
        assert "Not yours" in shown
        assert str(planted) in shown
        assert "strange.csv" not in shown
        assert f"/runs/{record['id']}" in shown
        assert "There is no such run." in page.browser.ask("GET", f"/runs/{'f' * 16}").text
        (folder / "run.json").write_text(json.dumps({**record, "format": FORMAT + 1}), "utf-8")
        shown = page.browser.ask("GET", "/runs").text
        assert f"{folder}/run.json: found a run of format {FORMAT + 1}" in shown
        assert f"/runs/{record['id']}" not in shown
        assert set(asked) == {"api.sendkit.ai"}
