"""A mapping of columns that was confirmed before: used for exactly its headers, and remembered.

It has the lowest rank: what is said by an option, the environment, a file or the page stands above
it. It is remembered by a person's yes alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from batch.columns import COLUMNS, Column, reads_as
from batch.errors import RunError, SettingsError
from batch.jobs.request import Request
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import Table
from batch.recording.mappings import keep_mapping, known_mappings, mapping_of
from batch.recording.run_list import find_listed
from batch.recording.runfile import RunRecord


def options_with_remembered(request: Request) -> TableOptions:
    """How the table is to be read, with what is remembered for its headers where that is wanted."""
    options = request.table_options
    state_dir = request.session.state_dir
    if request.is_recorded or request.options.no_remembered:
        return options

    def columns_for(headers: tuple[str, ...]) -> Mapping[Column, str]:
        known = mapping_of(state_dir, headers)
        return known.columns if known else {}

    if request.session.remembers:
        return replace(options, remembered=columns_for)
    return replace(options, unused=columns_for)


def columns_of(request: Request) -> list[Mapping[Column, str]]:
    """What the columns may be mapped to before the file is read: as said, or with a known mapping.

    For a run that is known to have had the very same file.
    """
    said = request.settings.columns.names()
    if not request.session.remembers:
        return [said]
    known = known_mappings(request.session.state_dir)
    return [said, *({**each.columns, **said} for each in known)]


def as_if_given(request: Request, table: Table) -> Request:
    """The request with the remembered columns of the table, as if somebody had mapped them."""
    if not table.remembered:
        return request
    columns = {**table.remembered, **request.settings.columns.names()}
    settings = request.settings.with_columns(columns)
    mapping = tuple(f"{column}={header}" for column, header in table.remembered.items())
    options = replace(request.options, mapping=(*request.options.mapping, *mapping))
    mapped = {*request.mapped, *table.remembered}
    return replace(request, settings=settings, options=options, mapped=frozenset(mapped))


def remember(request: Request, table: Table, folder: Path, record: RunRecord | None) -> None:
    """Keep the mapping that somebody has confirmed with a yes; not where it can't be kept.

    folder, record: of the run; None for a new one. Of the runs that are gone on with only the
    user's own plans count: a plan is made without a question, so that it was not kept then.
    """
    if request.session.sandbox or table.found.is_ours:
        return
    named, mapped = request.settings.columns.names(), request.mapped
    if record is not None:
        state_dir = request.session.state_dir
        if not record.is_planned or find_listed(state_dir, folder, record) is None:
            return
        mapped = frozenset(named)
    columns = {
        column: named[column]
        for column in COLUMNS
        if column in mapped
        and column in named
        and column in table.fields
        and _needs_mapping(column, named[column], table)
    }
    if columns:
        with suppress(RunError, SettingsError):
            keep_mapping(request.session.state_dir, table.headers, columns)


def _needs_mapping(column: Column, header: str, table: Table) -> bool:
    """Whether the column would not be found by its own name alone."""
    like_it = sum(reads_as(each, column, {}) for each in table.headers)
    return like_it != 1 or not reads_as(header, column, {})
