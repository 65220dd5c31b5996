"""The page as one application, with its guard before it. The one door to this room."""

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from batch.errors import BatchError
from batch.web import file_routes, help_routes, run_list, run_routes, settings_routes, work_routes
from batch.web.desk import Desk
from batch.web.guard import Access, Guard
from batch.web.remedies import on_page
from batch.web.render import FOLDER, desk_of, page
from batch.web.tokens import StartTokens
from batch.web.worker import BusyError


def make_app(desk: Desk, access: Access, tokens: StartTokens) -> ASGIApp:
    """The application; nothing reaches it but through the guard."""
    app = Starlette(
        routes=[
            *file_routes.ROUTES,
            *work_routes.ROUTES,
            *run_list.ROUTES,
            *run_routes.ROUTES,
            *settings_routes.ROUTES,
            *help_routes.ROUTES,
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
        ],
        exception_handlers={
            BatchError: _told,
            ClientDisconnect: _gone,
            404: _not_found,
            500: _failed,
        },
    )
    app.state.desk = desk
    return Guard(app, access=access, tokens=tokens)


def _told(request: Request, error: Exception) -> Response:
    """What can't be done, and why."""
    status = 409 if isinstance(error, BusyError) else 400
    told = desk_of(request).session.hide(
        on_page(error) if isinstance(error, BatchError) else str(error)
    )
    return page(request, "message.html", {"told": told}, status=status)


def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody hears this: the browser broke its request off."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _failed(request: Request, _error: Exception) -> Response:
    """The traceback goes to the terminal."""
    told = "Unexpected error. Please report what the terminal shows."
    return page(request, "message.html", {"told": told}, status=500)


def _not_found(request: Request, _error: Exception) -> Response:
    if request.method != "GET":
        return PlainTextResponse("There is no such page.\n", status_code=404)
    return page(request, "message.html", {"told": "There is no such page."}, status=404)
