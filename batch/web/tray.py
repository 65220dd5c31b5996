"""The file at hand: what came, what its reader found, and what is taken away again."""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from batch.columns import Column
from batch.errors import InputError, SettingsError
from batch.jobs.request import Reading
from batch.reading.mended import Mend
from batch.reading.spreadsheet import FirstRows
from batch.visible import visible_lines
from batch.web.checked import MENDED_NAME, CheckedFile
from batch.web.inspection import Ask, Inspected
from batch.web.options import Typed
from batch.web.reader import UnreadableError, inspect_apart
from batch.web.remedies import on_page
from batch.web.uploads import Upload, UploadLimits, Uploads

_CHANGED = "The file was changed meanwhile. Look at it once more."

# Looks into a file until it is told to give up.
Inspect = Callable[[Ask, Callable[[], bool]], Inspected]


def in_a_process(ask: Ask, is_given_up: Callable[[], bool]) -> Inspected:
    """Look into a file as the page does it."""
    return inspect_apart(ask, is_given_up=is_given_up)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAtHand:
    """The file that was uploaded, and what is known of it.

    columns: headers that were chosen, or were confirmed before. proposed: others that seem to be
    meant. is_new: whether nobody has chosen columns for it.
    reading: how the file is to be read, as far as was said. options: others that were typed for it.
    mended: its cells that were mended. dropped: how many were taken back, for other cells are read.
    judged: what it was when it could be judged last, and its mends were made.
    problem: why it can't be judged; "" if it was.
    """

    upload: Upload
    columns: Mapping[Column, str]
    reading: Reading = field(default_factory=Reading)
    options: Typed = field(default_factory=dict)
    mended: tuple[Mend, ...] = ()
    dropped: int = 0
    judged: CheckedFile | None = None
    first: FirstRows | None = None
    sheets: tuple[str, ...] = ()
    checked: CheckedFile | None = None
    problem: str = ""
    proposed: Mapping[Column, str] = field(default_factory=dict)
    is_new: bool = True

    def version(self, line: int) -> str:
        """What tells the cells of a line as they are now from all others, for a form about them."""
        mended = [each for each in self.mended if each.line == line]
        cells = (self.upload.folder.name, self.reading, self.columns, mended)
        return sha256(repr(cells).encode()).hexdigest()[:16]


class Tray:
    """Holds the file at hand, one at a time. All of it may be called from several threads.

    ask_of: how a file is to be looked into, and in which folder. is_busy: whether a job is at work.
    """

    def __init__(
        self,
        folder: Path,
        limits: UploadLimits,
        *,
        ask_of: Callable[[FileAtHand, Path], Ask],
        inspect: Inspect,
        is_busy: Callable[[], bool],
        is_closing: Callable[[], bool],
        hide: Callable[[str], str],
    ) -> None:
        self.uploads = Uploads(folder, limits)
        self.file: FileAtHand | None = None
        self._ask_of = ask_of
        self._inspect = inspect
        self._is_busy = is_busy
        self._is_closing = is_closing
        self._hide = hide
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._readings = 0
        self._replaced: list[Upload] = []
        self._sent: Upload | None = None
        self._before: FileAtHand | None = None

    def take(self, upload: Upload, columns: Mapping[Column, str]) -> None:
        """Judge a file that was uploaded; what is wrong with it is kept with it.

        Raises InputError when the page doesn't take it: it is gone then, and the file that was at
        hand stays.
        """
        try:
            file = self._judged(FileAtHand(upload=upload, columns=columns))
        except BaseException:
            self.uploads.remove(upload)
            raise
        with self._lock:
            before, self.file = self.file, file
            replaced = [*self._replaced, *([before.upload] if before else [])]
            # A job that has just begun may still be copying its file.
            self._replaced = [each for each in replaced if self._is_busy() and each is self._sent]
        for each in replaced:
            if each not in self._replaced:
                self.uploads.remove(each)

    def choose(self, before: FileAtHand, **changes: Any) -> None:  # noqa: ANN401 - its fields
        """Judge the file at hand otherwise. Mends stay as far as their cells are still read.

        before: what was at hand as that was asked for. Raises InputError when it is something else
        by now, and then that stays.
        """
        chosen = replace(before, **changes, problem="", dropped=0)
        # Other columns may be found on another sheet, or below another header.
        if before.mended and (before.checked is None or changes.keys() & {"columns", "reading"}):
            chosen = self._with_its_mends(chosen)
        file = self._judged_or_told(chosen)
        unused: FileAtHand | None = file
        with self._lock:
            is_before = self.file is before
            if is_before:  # a page may be reading the rows of `before`: they stay until next time
                unused, self.file, self._before = self._before, file, before
        _remove_judged(unused)
        if not is_before:
            raise InputError(_CHANGED)

    def file_to_send(self, options: Typed) -> FileAtHand:
        """The file at hand, for a job. Raises InputError unless its reader came through it.

        options: that were typed for the job; the file keeps them.
        """
        with self._lock:
            if self.file is None:
                raise InputError("There is no file. Choose one first.")
            if self.file.checked is None:
                raise InputError(self.file.problem)
            if options != self.file.options:
                self.file = replace(self.file, options=options)
            self._sent = self.file.upload
            return self.file

    @property
    def was_sent_last(self) -> bool:
        """Whether the latest job was begun on the file that is at hand."""
        with self._lock:
            return self.file is not None and self.file.upload is self._sent

    def mended_sheet(self, file: FileAtHand) -> Path:
        """The whole of a file with its mended cells, made when it is first asked for.

        Raises InputError where it can't be had.
        """
        if file.checked is None:
            raise InputError(file.problem)
        if file.checked.mended.is_file():
            return file.checked.mended
        folder = Path(tempfile.mkdtemp(dir=file.upload.folder))
        try:
            ask = replace(self._ask_of(file, folder), is_for_sheet=True)
            found = self._inspected(ask, self._readings)
            if found.problem:
                raise InputError(found.problem)
            return (folder / MENDED_NAME).replace(file.checked.mended)
        except OSError as error:  # its folder has gone
            raise InputError(_CHANGED) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _with_its_mends(self, file: FileAtHand) -> FileAtHand:
        """The file with those of its mends whose cells are still read, if that can be told."""
        plain = self._judged_or_told(replace(file, mended=()))
        now, before = plain.checked, file.judged
        if now is None or before is None:
            return file
        _remove_judged(plain)
        kept = tuple(each for each in file.mended if now.is_cell_of(before, each.column))
        return replace(file, mended=kept, dropped=len(file.mended) - len(kept))

    def _judged_or_told(self, file: FileAtHand) -> FileAtHand:
        try:
            return self._judged(file)
        except UnreadableError as error:
            return replace(file, checked=None, problem=str(error))

    def _judged(self, file: FileAtHand) -> FileAtHand:
        """The file, and what was found. Makes an earlier call that is still reading give up.

        Raises InputError when the page doesn't take it.
        """
        with self._lock:
            self._readings += 1
            number = self._readings
        folder = Path(tempfile.mkdtemp(dir=file.upload.folder))
        try:
            found = self._inspected(self._ask_of(file, folder), number)
        except SettingsError as error:  # of columns that can't be chosen
            found = Inspected(first=file.first, problem=on_page(error))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if not found.checked:
            shutil.rmtree(folder, ignore_errors=True)
        remembered = found.checked.remembered if found.checked else {}
        return replace(
            file,
            columns={**remembered, **file.columns},
            first=found.first,
            sheets=found.sheets,
            checked=found.checked,
            judged=found.checked or file.judged,
            problem=found.problem,
            proposed=found.checked.proposed if found.checked else found.proposed,
        )

    def _inspected(self, ask: Ask, number: int) -> Inspected:
        """What is found, unless another reading than the one of this number has begun.

        Raises InputError where there is nothing that could be shown of a file.
        """
        with self._reading:
            found = self._inspect(ask, lambda: self._is_closing() or number != self._readings)
        if found.trouble:
            sys.stderr.write(f"{visible_lines(self._hide(found.trouble))}\n")
            raise UnreadableError("Unexpected error. Please report what the terminal shows.")
        if found.is_refused:
            raise InputError(found.problem)
        return found


def _remove_judged(file: FileAtHand | None) -> None:
    """Remove what was made of a file when it was judged."""
    if file and file.checked:
        shutil.rmtree(file.checked.folder, ignore_errors=True)
