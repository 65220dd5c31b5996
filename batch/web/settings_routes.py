"""The settings of this session, and the key, which is taken in and never given back."""

from collections.abc import Mapping

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batch.columns import COLUMNS
from batch.errors import RunError, UsageError
from batch.settings.model import Settings
from batch.settings.origins import ADDRESS, DAILY, Key
from batch.settings.save import SAVED
from batch.settings.values import Look
from batch.web.file_routes import check_page
from batch.web.forms import posting
from batch.web.remedies import on_page
from batch.web.render import desk_of, lead_to, page

_CHECK = "/check"
_FIELDS: tuple[Key, ...] = (
    *SAVED,
    ADDRESS,
    DAILY,
    ("api", "workspace_id"),
    *(("columns", field.value) for field in COLUMNS),
)


def show_settings(request: Request) -> Response:
    """The settings in force."""
    return _page(request)


@posting
def take_settings(request: Request, form: Mapping[str, str]) -> Response:
    """Other settings, for this session. A field that comes back as it was shown changes nothing."""
    desk, key = desk_of(request), form.get("key", "").strip()
    shown = _shown(desk.settings)
    overrides: dict[str, dict[str, object]] = {}
    for section, name in _FIELDS:
        value = form.get(name, shown[name]).strip()
        if value != shown[name].strip():
            overrides.setdefault(section, {})[name] = value
    saved = "session"
    try:
        desk.session.change(
            overrides,
            plans_first=form.get("plans_first") == "yes",
            key=SecretStr(key) if key else None,
        )
        if form.get("save") == "yes":
            saved = "file" if desk.session.save() else "nothing"
    except (UsageError, RunError) as error:
        return _page(request, problem=desk.session.hide(on_page(error)), typed=form)
    return lead_to(request, f"/settings?saved={saved}")


@posting
def take_key(request: Request, form: Mapping[str, str]) -> Response:
    """A key for this session, or none any more."""
    desk = desk_of(request)
    key, workspace_id = form.get("key", "").strip(), form.get("workspace_id", "").strip()
    try:
        desk.session.take_key(
            SecretStr(key) if key else None,
            address=form.get("address", ""),
            workspace_id=workspace_id,
            is_kept=form.get("keep") == "yes",
        )
    except UsageError as error:
        return _key_problem(request, form, error)
    return lead_to(request, _CHECK if form.get("back") == _CHECK else "/settings")


@posting
def take_kept_key(request: Request, form: Mapping[str, str]) -> Response:
    """The key that the keyring has for an address, or none there any more."""
    session, address = desk_of(request).session, form.get("address", "")
    try:
        if form.get("forget") == "yes":
            session.forget_kept_key(address=address)
        else:
            session.take_kept_key(
                address=address, workspace_id=form.get("workspace_id", "").strip()
            )
    except UsageError as error:
        return _key_problem(request, form, error)
    return lead_to(request, _CHECK if form.get("back") == _CHECK else "/settings")


@posting
def try_key(request: Request, _form: Mapping[str, str]) -> Response:
    """Ask the server about the key at hand."""
    try:
        desk_of(request).session.try_key()
    except UsageError as error:
        return _key_problem(request, {}, error)
    return lead_to(request, "/settings")


ROUTES = [
    Route("/settings", show_settings),
    Route("/settings", take_settings, methods=["POST"]),
    Route("/settings/key", take_key, methods=["POST"]),
    Route("/settings/key/kept", take_kept_key, methods=["POST"]),
    Route("/settings/key/test", try_key, methods=["POST"]),
]


def _key_problem(request: Request, form: Mapping[str, str], error: UsageError) -> Response:
    """The page that the key was typed on, and why it can't be used."""
    desk, workspace_id = desk_of(request), form.get("workspace_id", "").strip()
    problem = desk.session.hide(on_page(error))
    if form.get("back") == _CHECK and desk.file:
        return check_page(request, key_problem=problem, typed_workspace=workspace_id)
    return _page(request, key_problem=problem, typed_workspace=workspace_id)


def _shown(settings: Settings) -> dict[str, str]:
    """The texts in the fields of the form."""
    return {
        "base_url": settings.api.base_url,
        "workspace_id": settings.api.workspace_id,
        "rate": str(settings.pace.rate),
        "daily": str(settings.pace.daily),
        "concurrency": str(settings.pace.concurrency),
        "headroom": f"{settings.pace.headroom:g}",
        "runs_dir": settings.run.runs_dir,
        "look": settings.web.look.value,
        **{field.value: settings.columns.names().get(field, "") for field in COLUMNS},
    }


def _page(
    request: Request,
    *,
    problem: str = "",
    typed: Mapping[str, str] | None = None,
    key_problem: str = "",
    typed_workspace: str = "",
) -> Response:
    desk = desk_of(request)
    values = {
        "shown": {**_shown(desk.settings), **(typed or {})},
        "problem": problem,
        "key_problem": key_problem,
        "typed_workspace": typed_workspace,
        "keyring_refusal": desk.session.keyring_refusal,
        "can_be_forgotten": desk.session.has_own_key,
        "saved": request.query_params.get("saved", ""),
        "own_file": desk.session.own_file,
        "lines_to_keep": desk.session.lines_to_keep(),
        "looks": [look.value for look in Look],
        "plans_first": desk.session.plans_first,
        "source": desk.session.source,
        "foreign": desk.session.foreign(),
        "runs_dir": desk.place.cwd / desk.runs_dir,
        "fields": list(COLUMNS),
    }
    return page(request, "settings.html", values, status=400 if problem or key_problem else 200)
