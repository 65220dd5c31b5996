"""Any spreadsheet as text cells with their line numbers: the columns that are read, and the user's.

The one door to reading. It judges no cell, and changes none but for the apostrophes that a file of
ours has.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from batch.advice import Advice, Fix, Remedy
from batch.columns import BY_EMAIL, Column, Naming, name_key
from batch.errors import InputError
from batch.escape import unescape
from batch.lines import only_lines
from batch.model import Field
from batch.reading import merged
from batch.reading.grid import Grid, column_names, extra_cell, is_blank_text, quoted
from batch.reading.layout import LookedUpIds, find_layout, known_layout
from batch.reading.mended import check_mends, laid_over
from batch.reading.spreadsheet import Found, TableOptions, open_grid
from batch.reading.swallowed import columns_with_breaks, find_swallowed


class Table:
    """A spreadsheet opened for reading; close it, or use it in a `with`, to remove its copies.

    name: what messages call the file.
    fields: the position of each column that is read; status or aiTag may be absent, not both.
    is_by_email: whether e-mail addresses stand for the leads' ids.
    campaign_was_found: whether an earlier run has looked up the campaigns' ids.
    headers: of all columns, as read. remembered: the columns that were confirmed before and are
    used; a note says so.
    ids: those that were looked up by e-mail address; None until they are.
    delimiter: of a text file, else a comma.
    is_sheet: whether it comes from a workbook.
    mended: cells that were mended; `cells` and `rows` have them as they are now.
    notes: sentences that the user should see.
    """

    def __init__(
        self,
        grid: Grid,
        options: TableOptions,
        *,
        scratch: Path | None,
        name: str,
        lines: pl.Series | None = None,
    ) -> None:
        """Raises InputError when the columns are not clear."""
        self._grid = grid
        self._lines = lines
        self._has_all_rows = lines is None
        self._scratch = scratch
        self._mends = options.mends
        self.remembered: Mapping[Column, str] = {}
        if options.found is None:
            self.remembered = _below(options.remembered(grid.header), options.columns)
            try:
                self._layout = find_layout(
                    grid,
                    {**self.remembered, **options.columns},
                    has_campaign=options.has_campaign,
                    name=name,
                    has_workspaces=options.has_workspaces,
                    was_accepted=options.was_accepted,
                )
            except InputError as error:
                if not _below(options.unused(grid.header), options.columns):
                    raise
                first, *rest = error.advice.parts
                raise InputError(first, Remedy(Fix.USE_REMEMBERED), *rest) from error
        else:
            self._layout = known_layout(grid, options.found, name=name)
        self.name = name
        self.fields = self._layout.fields
        self.mended = options.mended
        check_mends(self.mended, self.fields, name=name)
        self.is_by_email = self._layout.is_by_email
        self.campaign_was_found = self._layout.campaign_was_found
        self.ids: LookedUpIds | None = None
        self.delimiter = grid.delimiter or ","
        self.is_sheet = grid.is_sheet
        self.headers = grid.header
        self.notes = (
            grid.notes
            + _said(self.remembered, name=name)
            + merged.notes(grid.merged, self.fields, header_line=grid.header_line, name=name)
        )

    @property
    def found(self) -> Found:
        """How it is read, for who reads it later."""
        layout = self._layout
        return Found(
            header_line=self._grid.header_line,
            passed_over=tuple(line for line, _ in self._grid.above),
            sheet=self._grid.sheet,
            encoding=self._grid.encoding,
            delimiter=self._grid.delimiter,
            mends=self._mends,
            columns=layout.fields,
            read_width=len(layout.names),
            own_width=layout.own_width,
            width=layout.width,
            is_ours=layout.is_ours,
        )

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the user's own columns as read, then of the ids that were looked up.

        The other columns of a file of ours are left out.
        """
        own = self._layout.names[: self._layout.own_width]
        return own if self.ids is None else own + self._layout.missing_ids

    def misread(self, columns: Mapping[Column, str]) -> Column | None:
        """As `Layout.misread`."""
        return self._layout.misread(columns)

    def cells(self) -> Iterator[pl.DataFrame]:
        """The columns that are read, of every row, in batches; can be called again.

        Columns: line (UInt32); blank_row (Boolean: every cell of the whole row is blank);
        campaignId, campaignLeadId, status, aiTag, and where leads are named by e-mail address
        email and campaign, and where it counts workspace (String, as read and untrimmed; null or ""
        when blank). A column that
        the file lacks is all null. SWALLOWED and MERGED are there only where a row has them.
        Raises InputError for what only reading shows, such as a cell beyond the header's width.
        """
        texts = self._texts()
        columns: list[Column] = [*Field, *(BY_EMAIL if self.is_by_email else ())]
        columns += [Naming.WORKSPACE] if Naming.WORKSPACE in self.fields else []
        fields = [self._field(each, texts).alias(each) for each in columns]
        has_no_campaign = is_blank_text(self._field(Field.CAMPAIGN_ID, texts))
        has_protected = pl.any_horizontal(
            pl.col(columns).str.contains('="', literal=True).any().fill_null(value=False)
        )
        without_quotes = self._grid.frames_without_quotes
        names = merged.MergedNames(self._grid.merged, self.fields)
        nothing = [pl.lit(None, dtype=pl.String).alias(each) for each in columns]
        for frame in self._frames():
            filled = [
                text
                for text, column in zip(texts, frame.get_columns()[1:], strict=False)
                if column.null_count() < frame.height
            ]
            if not filled:
                yield frame.select("line", pl.lit(value=True).alias("blank_row"), *nothing)
                continue
            # Where every row names a campaign none is blank, and no other cell needs a look.
            may_be_blank = frame.select(has_no_campaign.any()).item()
            blank_row = pl.lit(False)
            if may_be_blank:
                blank_row = pl.all_horizontal(map(is_blank_text, filled))
            cells = frame.select("line", blank_row.alias("blank_row"), *fields)
            may_be_protected = self._mends and frame.item(0, "line") not in without_quotes
            if may_be_protected and cells.select(has_protected).item():
                cells = cells.with_columns(map(_unprotected, columns))
            found = self._find_swallowed(frame)
            if found is not None and found.height:
                cells = cells.join(found, on="line", how="left", maintain_order="left")
            if self._grid.merged:
                blank = names.blank(frame)
                cells = cells.join(blank, on="line", how="left", maintain_order="left")
            yield cells

    def rows(self) -> Iterator[pl.DataFrame]:
        """The columns of the header of every row, in batches; the same lines as cells gives.

        Columns: line (UInt32); "0", "1", … (String), the text as read of each header column.
        """
        wanted = [pl.col("line"), *self._texts()[: self._layout.own_width]]
        frames = (frame.select(wanted) for frame in self._frames())
        return frames if self.ids is None else self._layout.append_ids(frames, self.ids)

    def frames(self) -> Iterator[pl.DataFrame]:
        """All rows as they were read, before any cell is mended: what `part` takes some of."""
        return self._grid.batches()

    def part(self, frames: Callable[[], Iterator[pl.DataFrame]]) -> "Table":
        """The same table with some of its rows alone; nothing is said of it again.

        frames: gives those rows each time it is called, as `frames` does. Close this one, too.
        """
        part = copy(self)
        part._grid = replace(  # noqa: SLF001 - of this very class
            self._grid,
            batches=frames,
            frames_without_breaks=set(),
            frames_without_quotes=set(),
        )
        part._has_all_rows = False  # noqa: SLF001 - the same
        part._scratch, part.notes, part.ids = None, (), None  # noqa: SLF001 - the same
        return part

    def close(self) -> None:
        """Remove the copies that reading needed; the table can't be read afterwards."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _frames(self) -> Iterator[pl.DataFrame]:
        """The grid's frames with the wanted lines.

        Columns without a name behind those of a file of ours are dropped, so they must be blank:
        raises InputError for one that is not, and for a mend of a cell that is not there.
        """
        width, end = self._layout.width, len(self._grid.header)
        to_mend = {each.line for each in self.mended}
        dropped = range(width, end) if self._layout.is_ours else ()
        for frame in self._grid.batches():
            for column in dropped:
                cell = pl.col(str(column))
                filled = frame.select("line", cell).filter(~is_blank_text(cell))
                if filled.height:
                    line, text = filled.row(0)
                    raise extra_cell(
                        text, line=line, column=column + 1, width=width, name=self.name
                    )
            wanted = frame if self._lines is None else only_lines(frame, self._lines)
            if to_mend and wanted.height:
                first, last = wanted.item(0, "line"), wanted.item(-1, "line")
                here = [each for each in self.mended if first <= each.line <= last]
                is_ours = self._layout.is_ours
                wanted = laid_over(wanted, here, self.fields, is_ours=is_ours, name=self.name)
                lines = pl.Series([each.line for each in here], dtype=pl.UInt32).sort()
                to_mend.difference_update(only_lines(wanted, lines)["line"])
            if wanted.height:
                yield wanted
        if to_mend and self._has_all_rows:
            raise InputError(
                f"{self.name} line {min(to_mend):,}: a cell of it was mended, but there is no such "
                "row. Take it back."
            )

    def _find_swallowed(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """As `find_swallowed` gives it; None where no cell can have swallowed rows.

        The same frames come each time: those without a line break are remembered.
        """
        first_line, names = frame.item(0, "line"), self._layout.names
        if self._grid.delimiter is None or first_line in self._grid.frames_without_breaks:
            return None  # a quote can be left open in text only
        broken = columns_with_breaks(frame, len(names))
        if not broken:
            self._grid.frames_without_breaks.add(first_line)
            return None
        return find_swallowed(
            frame,
            self.fields,
            {column: names[column] for column in broken},
            delimiter=self._grid.delimiter,
            widths=sorted({len(names), len(self._grid.header)}),
        )

    def _texts(self) -> list[pl.Expr]:
        texts = [pl.col(key) for key in column_names(len(self._layout.names))]
        return [unescape(text) for text in texts] if self._layout.is_ours else texts

    def _field(self, wanted: Column, texts: list[pl.Expr]) -> pl.Expr:
        position = self.fields.get(wanted)
        if position is None:
            return pl.lit(None, dtype=pl.String)
        return texts[position]


def _unprotected(field: Column) -> pl.Expr:
    """A column's texts; of ="66a1…", as exporters write for Excel, what is between the quotes."""
    text = pl.col(field)
    inner = text.str.extract(r'\A\s*="((?:[^"]|"")*)"\s*\z')
    inner = inner.str.replace_all('""', '"', literal=True)
    return inner.fill_null(text).alias(field)


def open_table(
    path: Path,
    options: TableOptions,
    *,
    name: str | None = None,
    lines: pl.Series | None = None,
) -> Table:
    """The spreadsheet in a file, whatever its format.

    name: what messages call the file; its suffix must fit the content.
    lines: the only lines to read (UInt32, rising); None for all.
    Raises InputError, in a sentence for the user, when it can't be read.
    """
    name = name or path.name
    scratch = Path(tempfile.mkdtemp(prefix="sendkit-batch-"))
    try:
        grid = open_grid(path, options, scratch=scratch, name=name)
        return Table(grid, options, scratch=scratch, name=name, lines=lines)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise InputError(f"{name}: can't be read: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _below(remembered: Mapping[Column, str], given: Mapping[Column, str]) -> Mapping[Column, str]:
    """What is remembered, but for what somebody has now said about the column or the header."""
    taken = set(map(name_key, given.values()))
    return {c: h for c, h in remembered.items() if c not in given and name_key(h) not in taken}


def _said(remembered: Mapping[Column, str], *, name: str) -> tuple[str, ...]:
    """The note about columns that are read as they were confirmed before."""
    columns = ", ".join(f"{column} is {quoted(header)}" for column, header in remembered.items())
    said = f"{name}: as you confirmed for these headers before, {columns}."
    return (Advice(said, Remedy(Fix.LEAVE_REMEMBERED)),) if columns else ()
