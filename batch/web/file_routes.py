"""The first two steps: a file comes in, and what `check` says of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from batch.columns import COLUMNS, Column
from batch.errors import BatchError, InputError
from batch.jobs.request import Reading
from batch.reading.grid import short_text
from batch.reading.header_row import MOST_ABOVE
from batch.reading.proposals import choice
from batch.settings.options import declaration
from batch.web.board import Kind
from batch.web.checked import CheckedFile, skipped_reasons
from batch.web.forms import posting, query_of
from batch.web.mending import Mending, as_shown, line_in
from batch.web.options import Typed, fields_of, typed_in
from batch.web.pager import Pager
from batch.web.remedies import on_page
from batch.web.render import base_of, desk_of, lead_to, page
from batch.web.run_list import run_lines
from batch.web.shown_rows import Counter, checked_rows, shown_columns
from batch.web.tray import FileAtHand

_RECENT = 5
_SAMPLES, _SAMPLE = 3, 24  # values that are shown beside a header, and characters of each
_MOST_CHOICES = 1_000
_SINCE_THEN = "Nothing was mended: the file or the line was changed since then. So it is now."
# The fields of the form that says how the file is read, and the options that they stand for.
_READING = {
    "sheet": "sheet",
    "header_row": "header_row",
    "encoding": "encoding",
    "delimiter": "delimiter",
    "one_campaign": "campaign",
    "one_workspace": "workspace",
}
# What a counter of the page shows, as the results that its rows have.
_RESULTS = {
    "send": frozenset({""}),
    "error": frozenset({"error"}),
    "skipped": frozenset({"skipped"}),
}


def show_file(request: Request) -> Response:
    """Step 1."""
    desk = desk_of(request)
    known = desk.runs().own
    values = {"runs": run_lines(known[:_RECENT], known), "limits": desk.limits}
    return page(request, "file.html", values, step=1)


async def take_file(request: Request) -> Response:
    """The bytes of a file; answers with where to go on, or with what is wrong with it."""
    desk = desk_of(request)
    name = request.query_params.get("name", "")
    try:
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > desk.limits.size_bytes:
            raise InputError(f"The file is larger than {desk.limits.size_bytes >> 20:,} MB.")
        upload = await desk.tray.uploads.receive(request.stream(), name=name)
        await run_in_threadpool(desk.take_file, upload)
    except BatchError as error:
        return JSONResponse({"error": on_page(error)}, status_code=400)
    return JSONResponse({"go": f"{base_of(request)}/check"})


def show_check(request: Request) -> Response:
    """Step 2."""
    return check_page(request)


def check_page(
    request: Request,
    *,
    key_problem: str = "",
    typed_workspace: str = "",
    options: Typed | None = None,
    reading: Typed | None = None,
    problems: Mapping[str, str] | None = None,
    mending: Mending | None = None,
) -> Response:
    """Step 2. key_problem: why a key that was typed on it can't be used, to be mended there.

    options, reading: what was typed in their forms; None for what holds of the file.
    problems: what is wrong with any of it, by the field's name. mending: the line whose cells are
    being mended, what was typed, and what is wrong with that; None for what the address asks for.
    """
    desk = desk_of(request)
    file = desk.file
    if file is None:
        return lead_to(request, "/")
    checked = file.checked
    values = {
        "file": file,
        "checked": checked,
        "columns": _columns(file),
        "headers": _headers(file),
        "most_above": MOST_ABOVE,
        "reading": _reading_of(file) if reading is None else reading,
        "reading_helps": {name: declaration(name, "run").help for name in _READING.values()},
        "problems": problems or {},
        "mending": mending
        or (file.checked and _mending_of(file.checked, request.query_params.get("mend", ""))),
        "plans_first": desk.session.plans_first,
        "key_problem": key_problem,
        "typed_workspace": typed_workspace,
        "keyring_refusal": desk.session.keyring_refusal,
        "options": fields_of(
            Kind.PLAN if desk.session.plans_first else Kind.RUN,
            desk.settings.public(),
            file.options if options is None else options,
            problems or {},
        ),
        **(
            _rows(request, checked)
            if checked
            else {"rows": [], "pager": None, "reasons": [], "counters": []}
        ),
    }
    return page(
        request,
        "check.html",
        values,
        step=2,
        status=400 if key_problem or problems or mending else 200,
    )


@posting
def choose_columns(request: Request, form: Mapping[str, str]) -> Response:
    """Other columns for the four fields."""
    columns = {each: form[each.value] for each in COLUMNS if form.get(each.value)}
    typed = {name: form.get(name, "").strip() for name in _READING}
    try:
        header_row = _header_row(typed["header_row"])
    except InputError as error:
        return check_page(request, reading=typed, problems={"header_row": str(error)})
    texts: dict[str, Any] = {name: typed[field] or None for field, name in _READING.items()}
    desk_of(request).choose(columns, Reading(**{**texts, "header_row": header_row}))
    return lead_to(request, "/check")


@posting
def choose_options(request: Request, form: Mapping[str, str]) -> Response:
    """Other options for the file at hand."""
    desk, options = desk_of(request), typed_in(form, (Kind.PLAN, Kind.RUN))
    if problems := desk.problems_of(options):
        return check_page(request, options=options, problems=problems)
    if file := desk.file:
        desk.tray.choose(file, options=options)
    return lead_to(request, "/check")


@posting
def mend(request: Request, form: Mapping[str, str]) -> Response:
    """Other cells in a line of the file at hand, or those that it was read with."""
    desk, line = desk_of(request), line_in(form.get("line", ""))
    file = desk.file
    if file is None or line is None:
        return lead_to(request, "/")
    typed = {each: form[each.value].strip() for each in COLUMNS if each.value in form}
    if form.get("version") != file.version(line):
        now = file.checked and _mending_of(file.checked, str(line))
        if now and now[1].items() == typed.items():  # the form was sent twice
            return lead_to(request, "/check")
        return check_page(request, mending=(line, now[1] if now else {}, _SINCE_THEN))
    if form.get("as_read"):
        desk.take_mends_back(file, line)
        return lead_to(request, "/check")
    try:
        desk.mend(file, line, typed)
    except InputError as error:
        return check_page(request, mending=(line, typed, str(error)))
    is_wrong = desk.file and desk.file.checked and _mending_of(desk.file.checked, str(line))
    return lead_to(request, f"/check?mend={line}#mend" if is_wrong and is_wrong[2] else "/check")


def download_mended(request: Request) -> Response:
    """The sheet with its mended cells."""
    file = desk_of(request).file
    if file is None or not file.mended:
        return lead_to(request, "/check")
    path = desk_of(request).tray.mended_sheet(file)
    return FileResponse(path, filename=f"{file.upload.name.partition('.')[0]}-mended.xlsx")


def download_problems(request: Request) -> Response:
    """All problems as a CSV file."""
    file = desk_of(request).file
    if file is None or file.checked is None:
        return lead_to(request, "/")
    return FileResponse(file.checked.problems, filename="problems.csv", media_type="text/csv")


ROUTES = [
    Route("/", show_file),
    Route("/files", take_file, methods=["PUT"]),
    Route("/check", show_check),
    Route("/check/columns", choose_columns, methods=["POST"]),
    Route("/check/options", choose_options, methods=["POST"]),
    Route("/check/mend", mend, methods=["POST"]),
    Route("/check/mended.xlsx", download_mended),
    Route("/check/problems.csv", download_problems),
]


def _mending_of(checked: CheckedFile, text: str) -> Mending | None:
    """The line that somebody wants to mend, as it is now. text: as an address names it."""
    line = line_in(text)
    row = checked.row_of(line) if line is not None else None
    if line is None or row is None:
        return None
    return line, {column: as_shown(text) for column, text in row[0].items()}, row[1]


def _reading_of(file: FileAtHand) -> dict[str, str]:
    """How the file at hand is read, as far as was said, by the fields of the form."""
    return {field: str(getattr(file.reading, name) or "") for field, name in _READING.items()}


def _header_row(text: str) -> int | None:
    """The line that was chosen for the header; None to find it. Raises InputError."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST_ABOVE:
        return int(text)
    raise InputError(
        f'Found "{short_text(text)}"; expected a number from 1 to {MOST_ABOVE:,}, or nothing.'
    )


def _rows(request: Request, checked: CheckedFile) -> dict[str, object]:
    shown = request.query_params.get("result", "")
    query = query_of(
        request,
        filters={"reason": "reason"},
        also=((("result", _RESULTS[shown]),) if shown in _RESULTS else ()),
        first=("result", (_RESULTS["error"],)),
    )
    columns = shown_columns(checked.header, checked.fields)
    found = checked.page(query)
    tally = checked.tally
    return {
        "header": [checked.header[at] for at in columns],
        "rows": checked_rows(found, columns, checked.fields),
        "pager": Pager(request, found, names=("result", "reason", "search")),
        "counters": [
            Counter(label="Rows", tone="", value="", count=checked.rows),
            Counter(label="To send", tone="open", value="send", count=checked.sendable),
            Counter(label="With problems", tone="bad", value="error", count=tally.error),
            Counter(label="Nothing to do", tone="quiet", value="skipped", count=tally.skipped),
        ],
        "reasons": [
            (reason, count)
            for reason, count in skipped_reasons(tally)
            if shown not in _RESULTS or reason.result.value in _RESULTS[shown]
        ],
    }


def _columns(file: FileAtHand) -> list[tuple[Column, str, bool]]:
    """Each column that is read, what names the header that stands for it ("" if none does).

    And whether that is only proposed.
    """
    chosen = dict(file.columns)
    if file.checked:
        header, fields = file.checked.header, file.checked.own_fields
        chosen = {column: choice(header, position) for column, position in fields.items()}
    return [
        (each, chosen.get(each) or file.proposed.get(each, ""), not chosen.get(each))
        for each in COLUMNS
    ]


def _headers(file: FileAtHand) -> list[tuple[str, str, str]]:
    """What names each header of the file in the form, the header, and its first values."""
    if file.first is None:
        return []
    header = file.first.header
    return [
        (
            choice(header, position),
            name.strip() or f"column {position + 1}, without a name",
            ", ".join(_samples(file.first.rows, position)),
        )
        for position, name in enumerate(header[:_MOST_CHOICES])
    ]


def _samples(rows: Iterable[tuple[int, Sequence[str]]], position: int) -> list[str]:
    cells = (cells[position].strip() for _, cells in rows if position < len(cells))
    return [short_text(cell)[:_SAMPLE] for cell in cells if cell][:_SAMPLES]
