"""Pages made of templates. Every text that comes from outside is escaped, by Jinja and always.

What of it can't be seen is shown, but where a form brings it back (`|as_typed`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import jinja2
import markupsafe
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from batch.advice import Advice
from batch.visible import visible_lines
from batch.web.board import Stage
from batch.web.desk import Desk
from batch.web.remedies import on_page
from batch.wording.amounts import size_of
from batch.wording.questions import about_dropped_mends
from batch.wording.reasons import plan_title, reason_title
from batch.wording.runs import move_words, standing_words, where_words

FOLDER = Path(__file__).parent
STEPS = ("File", "Check", "Send", "Results")


def _seen(value: object) -> object:
    """What a page has in this value's place: markup is our own, texts are other people's."""
    value = on_page(value) if isinstance(value, Advice) else value
    return visible_lines(value) if type(value) is str else value


def _local_time(time: datetime) -> markupsafe.Markup:
    """A time as the clock of this machine shows it; its zone on demand."""
    here = time.astimezone()
    return markupsafe.Markup('<time datetime="{}" title="{}">{}</time>').format(
        f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"{here:%Y-%m-%d %H:%M:%S %Z (UTC%z)}",
        f"{here:%Y-%m-%d %H:%M}",
    )


_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    finalize=_seen,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {
    "as_typed": markupsafe.escape,
    "reason": reason_title,
    "plan": plan_title,
    "standing": standing_words,
    "moves": move_words,
    "where": where_words,
    "dropped_mends": about_dropped_mends,
    "count": lambda number: f"{number:,}",
    "times": _local_time,
    "size": size_of,
}


def desk_of(request: Request) -> Desk:
    """What this start of the page works with."""
    desk: Desk = request.app.state.desk
    return desk


def base_of(request: Request) -> str:
    """The path that every address of the page begins with."""
    base: str = request.scope["root_path"]
    return base


def lead_to(request: Request, path: str) -> Response:
    """Lead the browser on to another page."""
    return RedirectResponse(f"{base_of(request)}{path}", status_code=303)


def page(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    step: int = 0,
    status: int = 200,
) -> HTMLResponse:
    """A page of this template. step: 1 to 4, where it is one of the way's."""
    desk = desk_of(request)
    _, view = desk.worker.board.look()
    busy = view if view and desk.worker.is_busy and view.stage is not Stage.ENDED else None
    text = _templates.get_template(template).render(
        {
            "step": step,
            "steps": STEPS,
            "busy": busy,
            "base": base_of(request),
            "look": desk.settings.web.look.value,
            "path": request.url.path.removeprefix(base_of(request)),
            "base_url": desk.settings.api.base_url,
            "address": urlsplit(desk.settings.api.base_url).netloc,
            "key_place": desk.session.key_place(),
            "is_practice": False,
            "key_told": desk.session.key_told,
            **values,
        }
    )
    return HTMLResponse(text, status_code=status)


def with_query(path: str, **changes: object) -> str:
    """An address with these values in its query; those that are "" or 0 are left out."""
    kept = {name: value for name, value in changes.items() if value not in {"", 0, None}}
    return f"{path}?{urlencode(kept)}" if kept else path
