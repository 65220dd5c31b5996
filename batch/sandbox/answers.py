"""The answers that tell an error, in each shape that SendKit or a proxy may use."""

from enum import StrEnum
from html import escape
from http import HTTPStatus

from starlette.responses import HTMLResponse, JSONResponse, Response


class ErrorShape(StrEnum):
    """The shape of an error's body: which one SendKit uses is not documented."""

    TEXT = "text"  # {"success": false, "error": "text"}
    OBJECT = "object"  # {"success": false, "error": {"code", "message"}}
    MESSAGE = "message"  # {"message": "text"}
    HTML = "html"  # a proxy's page


def error_response(status: int, message: str, shape: ErrorShape) -> Response:
    """An error answer of this shape."""
    match shape:
        case ErrorShape.TEXT:
            return JSONResponse({"success": False, "error": message}, status)
        case ErrorShape.OBJECT:
            error = {"code": phrase(status).upper().replace(" ", "_"), "message": message}
            return JSONResponse({"success": False, "error": error}, status)
        case ErrorShape.MESSAGE:
            return JSONResponse({"message": message}, status)
        case ErrorShape.HTML:
            title = f"{status} {phrase(status)}"
            page = (
                f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
                f"<center><h1>{title}</h1></center>\r\n<p>{escape(message)}</p>\r\n"
                "<hr><center>sandbox</center>\r\n</body>\r\n</html>\r\n"
            )
            return HTMLResponse(page, status)


def phrase(status: int) -> str:
    """The standard words for a status; "Error" for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
