import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from batch.settings.system_keyring import keep_key
from batch.web.board import Stage
from tests.support.memory_keyring import backend_of, use
from tests.support.web_site import BASE, Site, site
from tests.support.wired import KEY, Api, pausing, served_by, write_leads

TYPED = "sk_typed_0123456789"
PLATFORM = "sk_user_0123456789"
PAGES = ("/", "/check", "/settings", "/runs", "/job")

ADDRESS = "https://api.sendkit.ai"


def whole(**more: str) -> dict[str, str]:
    """The settings form as it stands, and these fields."""
    base = {"base_url": ADDRESS, "rate": "auto", "plans_first": "yes"}
    return {**base, **more}


def as_shown(page: Site, **more: str) -> dict[str, str]:
    """The settings form as a browser sends it back where nothing but these fields was touched."""
    form = page.get("/settings").partition('action="/the-path/settings" class')[2]
    fields = re.findall(r'<input name="(\w+)"[^>]* value="([^"]*)"', form)
    looks = re.findall(r'<option value="(\w+)" selected', form)
    assert {"rate", "concurrency", "base_url", "aiTag"} <= {name for name, _ in fields}
    return {**{name: unescape(value) for name, value in fields}, "look": looks[0], **more}


def test_a_typed_key_is_used_and_never_given_back(tmp_path: Path) -> None:
    keys: list[str] = []
    api = Api()
    with site(tmp_path, environ={}) as page, served_by(api):
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        page.post("/settings/key", key=TYPED, address=ADDRESS, back="/check")
        assert "key typed for this session" in page.get("/")
        page.desk.session.change({}, plans_first=False)
        page.post("/run")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        run = page.end().run_id
        keys.append(page.desk.session.open_gate()[0].api_key.get_secret_value())
        for address in (*PAGES, f"/runs/{run}"):
            assert TYPED not in page.get(address), address
    assert keys == [TYPED]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TYPED.encode() not in path.read_bytes(), path


def test_the_key_of_the_environment_is_never_shown(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        for address in PAGES:
            assert KEY not in page.get(address), address
        assert "key from the environment (SENDKIT_API_KEY)" in page.get("/settings")


def test_a_key_is_tested_as_it_is_typed(tmp_path: Path) -> None:
    api = Api(labels=tuple(f"Label {n}" for n in range(14)))
    told = "It works: workspace Acme, 14 labels."
    with site(tmp_path, environ={}) as page, served_by(api):
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        assert f"Your key was tested. {told}" in page.post(
            "/settings/key", key=TYPED, address=ADDRESS, back="/check"
        )
        assert told in page.get("/settings")
        page.post("/settings/key")
        assert told not in page.get("/settings")


@pytest.mark.parametrize("back", ["/check", "/settings"])
def test_a_refused_key_is_not_kept_and_its_field_still_there(tmp_path: Path, back: str) -> None:
    api = Api(refusal=401)
    with site(tmp_path, environ={}) as page, served_by(api):
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        text = page.post("/settings/key", key=TYPED, address=ADDRESS, back=back)
        assert (
            "https://api.sendkit.ai refused the API key (401: not this key). "
            "Look at the key, and type it again."
        ) in text
        assert ("leads.csv</h1>" in text) == (back == "/check")
        assert '<input type="password" name="key"' in text
        assert "no key yet" in text
        assert TYPED not in text


def test_a_refused_key_leaves_the_one_before_it(tmp_path: Path) -> None:
    api = Api()
    with site(tmp_path) as page, served_by(api):
        api.refusal = 401
        page.post("/settings/key", key=TYPED, address=ADDRESS)
        assert page.desk.session.open_gate()[0].api_key.get_secret_value() == KEY
        assert "refused the API key" in page.post("/settings/key/test")


def test_a_key_that_could_not_be_tested_is_kept(tmp_path: Path) -> None:
    api = Api(refusal=404)
    with site(tmp_path, environ={}) as page, served_by(api):
        text = page.post("/settings/key", key=TYPED, address=ADDRESS)
        assert "It could not be tested. The workspace could not be read: GET /v1/workspaces" in text
        assert "There is one, typed for this session." in text


def test_a_key_can_be_kept_in_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, backend := backend_of("keyring.backends.macOS"))
    kept = ("sendkit-batch", "https://api.sendkit.ai:443")
    with site(tmp_path, environ={}) as page, served_by(Api()) as api:
        page.post("/settings/key", key=TYPED, address=ADDRESS)
        assert backend.kept == {}
        text = page.post("/settings/key", key=TYPED, address=ADDRESS, keep="yes")
        assert "1 label. It is kept in this computer&#39;s keyring, for this address." in text
        assert backend.kept == {kept: TYPED}
        api.refusal = 401
        page.post("/settings/key", key=f"{TYPED}_wrong", address=ADDRESS, keep="yes")
        assert backend.kept == {kept: TYPED}
        api.refusal = 0
        page.post("/settings/key")
        backend.asked = 0
        assert "There is none yet." in page.get("/settings")
        assert backend.asked == 0  # nobody has said that it should be read
        text = page.post("/settings/key/kept", address=ADDRESS)
        assert "There is one, from this computer&#39;s keyring." in text
        assert TYPED not in text
        page.post("/settings", **whole(base_url="https://evil.example"))
        text = page.post("/settings/key/kept", address="https://evil.example")
        assert "The keyring has no key for https://evil.example. Type it, and tick the box" in text
        assert "by now, not the one that stood beside" in page.post(
            "/settings/key/kept", address=ADDRESS
        )
        page.post("/settings", **whole())
        page.post("/settings/key/kept", address=ADDRESS, forget="yes")
        assert backend.kept == {}


def test_a_keyring_that_keeps_keys_in_the_open_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, backend := backend_of("keyrings.alt.file", "PlaintextKeyring"))
    with site(tmp_path, environ={}) as page, served_by(Api()):
        text = page.get("/settings")
        assert "The keyring in use is keyrings.alt.file.PlaintextKeyring" in text
        assert 'name="keep"' not in text
        text = page.post("/settings/key", key=TYPED, address=ADDRESS, keep="yes")
        assert "It works: workspace Acme, 1 label. It is not kept: The keyring in use" in text
        assert backend.kept == {}


def test_a_typed_key_can_be_forgotten(tmp_path: Path) -> None:
    with site(tmp_path, environ={}) as page, served_by(Api()):
        page.post("/settings/key", key=TYPED, address=ADDRESS)
        assert "There is one, typed for this session." in page.get("/settings")
        page.post("/settings/key")
        assert "There is none yet." in page.get("/settings")


@pytest.mark.parametrize("key", ["two words", '"sk_quoted"', "sk_\x7f"])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with site(tmp_path, environ={}) as page:
        text = page.post("/settings/key", key=key, address=ADDRESS)
        assert "the API key (not shown) has a space, a quote, a control character" in text
        assert key not in text
        assert "There is none yet." in text


def test_a_platform_key_reaches_its_workspaces_or_the_one_that_is_typed(tmp_path: Path) -> None:
    with site(tmp_path, environ={}) as page, served_by(Api()):
        assert (
            "It works: 1 workspace (&#34;Acme&#34;). Rows say in a column workspace"
            in page.post("/settings/key", key=PLATFORM, address=ADDRESS)
        )
        text = page.post("/settings/key", key=PLATFORM, address=ADDRESS, workspace_id="w2")
        assert "The key does not see the workspace w2; it sees Acme (w1)." in text
        assert 'name="workspace_id" value="w2"' in text
        text = page.post("/settings/key", key=PLATFORM, address=ADDRESS, workspace_id="w1")
        assert "typed for this session" in text
        found, _ = page.desk.session.open_gate()
        assert found.workspace_id == "w1"


def test_a_platform_key_of_the_keyring_takes_the_workspace_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, backend_of("keyring.backends.macOS"))
    keep_key(ADDRESS, SecretStr(PLATFORM))
    with site(tmp_path, environ={}) as page, served_by(Api()):
        text = page.post("/settings/key/kept", address=ADDRESS)
        assert "It works: 1 workspace" in text
        page.post("/settings/key/kept", address=ADDRESS, workspace_id="w1")
        assert page.desk.session.open_gate()[0].workspace_id == "w1"
        assert "There is none yet." in page.post("/settings/key")  # it can be forgotten, too


def test_nobody_is_sent_elsewhere_after_typing_a_key(tmp_path: Path) -> None:
    with site(tmp_path, environ={}) as page, served_by(Api()):
        for back in ("https://evil.example", "//evil.example", "/runs"):
            answer = page.browser.ask(
                "POST",
                "/settings/key",
                data={"key": TYPED, "address": ADDRESS, "back": back},
                follow=False,
            )
            assert answer.headers["location"] == f"{BASE}/settings"


def test_settings_are_for_the_session(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        form = whole(base_url="http://127.0.0.1:9", rate="60/min", campaignId="Campaign")
        assert "In force until you close the program." in page.post("/settings", **form)
        settings = page.desk.settings
        assert settings.api.base_url == "http://127.0.0.1:9"
        assert settings.pace.rate.per_s == 1
        assert settings.columns.campaign_id == "Campaign"
        assert page.desk.session.plans_first
        assert "Address <strong>127.0.0.1:9</strong>" in page.get("/")
        page.post("/settings", base_url="https://api.sendkit.ai", rate="auto", campaignId="")
        assert not page.desk.session.plans_first
        assert page.desk.settings.columns.campaign_id == ""
    assert not list(tmp_path.rglob("*.toml"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "base_url", "http://evil.example",
            ("Address: found &#34;http://evil.example&#34;; expected an address such as "
             "&#34;https://api.sendkit.ai&#34;; http:// only to this machine."),
        ),
        (
            "rate", "0",
            ("Pace: found &#34;0&#34;; expected &#34;auto&#34;, a number a second that is more "
             "than 0, or a text such as &#34;60/min&#34;."),
        ),
        (
            "look", "pink",
            ("Colours: found &#34;pink&#34;; expected &#34;system&#34;, &#34;light&#34; or "
             "&#34;dark&#34;."),
        ),
        (
            "headroom", "1",
            ("Share left to others: found &#34;1&#34;; expected a share from 0 to less than 1, "
             "such as 0.05."),
        ),
        (
            "daily", "many",
            ("Requests a day: found &#34;many&#34;; expected a whole number of requests a day, "
             "0 for no limit."),
        ),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_words_and_changes_nothing(
    tmp_path: Path, field: str, value: str, message: str
) -> None:
    with site(tmp_path) as page:
        before = page.desk.settings
        text = page.post("/settings", **whole(**{field: value}))
        assert message in text
        if field != "look":
            assert f'value="{value}"' in text  # what was typed is still there to be mended
        assert page.desk.settings == before


def test_a_daily_quota_is_taken_and_told_before_sending(tmp_path: Path) -> None:
    api = Api()
    with site(tmp_path) as page, served_by(api):
        page.post("/settings", **whole(daily="50"))
        assert page.desk.settings.pace.daily == 50
        assert 'name="daily" inputmode="numeric" value="50"' in page.get("/settings")
        page.desk.session.change({"pace": {"daily": 50}}, plans_first=False)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(3)))
        page.post("/run")
        page.until(Stage.QUESTION)
        assert "Your daily quota: 47 of 50 requests left today." in page.get("/job")
        page.post("/job/answer", answer="no")
        page.end()


MORE = {
    "concurrency": "8", "headroom": "0.1", "runs_dir": "my runs", "look": "dark",
    "daily": "7", "workspace_id": "w1", "aiTag": "Tag",
}  # fmt: skip


def test_what_is_saved_is_pace_folder_and_colours_alone(tmp_path: Path) -> None:
    own = tmp_path / "sendkit-batch.toml"
    start: dict[str, Any] = {"config_dir": tmp_path, "overrides": {"pace": {}, "run": {}}}
    with site(tmp_path, **start) as page:
        own.write_text("# mine\n[pace]\nheadroom = 0.2 # mine too\n")
        form = whole(base_url="http://127.0.0.1:9", rate="60/min", save="yes", **MORE)
        text = page.post("/settings", **form)
        assert f"Saved in <code>{own}</code>, and in force." in text
        assert own.read_text() == (
            "# mine\n[pace]\nheadroom = 0.1 # mine too\n"
            'rate = "60/min"\nconcurrency = 8\n\n[run]\nruns_dir = "my runs"\n\n'
            '[web]\nlook = "dark"\n'
        )
        lines = text.partition("<pre>")[2].partition("</pre>")[0].replace("&#34;", '"')
        assert lines == (
            '[api]\nbase_url = "http://127.0.0.1:9"\nworkspace_id = "w1"\n\n'
            '[columns]\naiTag = "Tag"\n\n[pace]\ndaily = 7'
        )
        assert '<html lang="en" data-look="dark">' in text
    (tmp_path / "uploads").rmdir()
    with site(tmp_path, **start) as page:
        pace = page.desk.settings.pace
        assert (pace.rate.per_s, pace.concurrency, pace.headroom) == (1, 8, 0.1)
        assert page.desk.settings.api.base_url == ADDRESS
        assert "<pre>" not in page.get("/settings")


OWN = "# mine\n[pace]\nrate = '100/min' # as agreed\nheadroom=0.123456789\n"


@pytest.mark.parametrize(
    ("own", "pace", "environ"),
    [
        (OWN, {}, {}),
        (OWN, {"rate": "70/min"}, {"SENDKIT_BATCH_PACE_CONCURRENCY": "3"}),
        ("# mine\n", {"rate": "100/min"}, {"SENDKIT_BATCH_PACE_HEADROOM": "0.2"}),
    ],
    ids=["its own file", "other values for this start", "values for this start"],
)
def test_saving_the_colours_leaves_all_other_lines(
    tmp_path: Path, own: str, pace: dict[str, object], environ: dict[str, str]
) -> None:
    path = tmp_path / "sendkit-batch.toml"
    path.write_text(own)
    start: dict[str, Any] = {"config_dir": tmp_path, "overrides": {"pace": pace, "run": {}}}
    with site(tmp_path, environ=environ, **start) as page:
        before = page.desk.settings.pace
        assert as_shown(page)["rate"] == pace.get("rate", "100/min")
        for look in ("dark", "light"):
            text = page.post("/settings", **as_shown(page, look=look, save="yes"))
            assert f"Saved in <code>{path}</code>, and in force." in text
            assert path.read_text() == f'{own}\n[web]\nlook = "{look}"\n'
        assert page.desk.settings.pace == before


def test_a_field_that_comes_back_as_shown_stays_as_it_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "sendkit-batch.toml"
    path.write_text("[pace]\nrate = '100/min' # as agreed\n")
    with site(tmp_path, config_dir=tmp_path, overrides={"pace": {}, "run": {}}) as page:
        page.post("/settings", **as_shown(page, rate="100/min", save="yes"))
        assert path.read_text() == "[pace]\nrate = '100/min' # as agreed\n"
        page.post("/settings", **as_shown(page, rate="50/min"))
        page.post("/settings", **as_shown(page, look="dark", save="yes"))
        assert path.read_text() == ('[pace]\nrate = "50/min" # as agreed\n\n[web]\nlook = "dark"\n')


def test_where_nothing_was_typed_nothing_is_written(tmp_path: Path) -> None:
    with site(tmp_path, config_dir=tmp_path / "own") as page:
        text = page.post("/settings", **as_shown(page, save="yes"))
        assert "There was nothing new to save." in text
        assert ", and in force." not in text
    assert not (tmp_path / "own").exists()


def test_without_the_button_nothing_is_written(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        page.post("/settings", **whole(rate="60/min", **MORE))
    assert not list(tmp_path.rglob("*.toml"))


def test_where_another_file_counts_the_page_only_shows_the_lines(tmp_path: Path) -> None:
    (tmp_path / "sendkit-batch.toml").write_text("[pace]\nheadroom = 0.2\n")
    with site(tmp_path) as page:
        text = page.post("/settings", **whole(rate="60/min", headroom="0.2", save="yes"))
        assert "Nothing was saved: another file than your own is in use." in text
        assert "rate = &#34;60/min&#34;" in text
        assert 'name="save"' not in text
    assert (tmp_path / "sendkit-batch.toml").read_text() == "[pace]\nheadroom = 0.2\n"
