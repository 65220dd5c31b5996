"""Where a page of rows stands among all, and the addresses of the pages beside it."""

from starlette.requests import Request

from batch.web.render import with_query
from batch.web.row_pages import RowPage


class Pager:
    """Of one page. names: what its address keeps of the query."""

    def __init__(self, request: Request, page: RowPage, *, names: tuple[str, ...]) -> None:
        self._path = request.url.path
        self.page = page
        self.given = {name: request.query_params.get(name, "") for name in names}

    @property
    def before(self) -> str:
        """The address of the page before; "" on the first."""
        page = self.page
        return self._at(max(0, page.offset - page.limit)) if page.offset else ""

    @property
    def after(self) -> str:
        """The address of the next page; "" on the last."""
        page = self.page
        return self._at(page.offset + page.limit) if page.last < page.total else ""

    @property
    def path(self) -> str:
        """The address without its query, for the form that filters."""
        return self._path

    def is_on(self, name: str, value: str) -> bool:
        """Whether the rows are filtered by this value; by "" if they are not filtered at all."""
        return self.given[name] == value if value else not any(self.given.values())

    def _at(self, offset: int) -> str:
        return f"{with_query(self._path, **self.given, offset=offset)}#rows"
