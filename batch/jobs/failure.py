"""What broke a run off, told in a sentence; the unexpected leaves its traceback behind."""

import traceback
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from batch.errors import BatchError
from batch.recording.draft import private

TRACEBACK_NAME = "error.txt"


def told(error: Exception, folder: Path, key: SecretStr) -> str:
    """A sentence about an error; one that nobody expected is written to error.txt, without key."""
    single = list(_singles(error))
    if all(isinstance(each, BatchError) for each in single):
        return str(single[0])
    path = folder / TRACEBACK_NAME
    secret = key.get_secret_value()
    text = "".join(traceback.format_exception(error)).replace(secret, "***")
    summary = f"{type(single[0]).__name__}: {single[0]}".replace(secret, "***")
    try:
        with open(path, "a", encoding="utf-8", opener=private) as out:
            out.write(text)
    except OSError:
        return f"Unexpected error: {summary}. Its traceback could not be written."
    return f"Unexpected error: {summary}. Its traceback is in {path}; please report it."


def _singles(error: BaseException) -> Iterator[BaseException]:
    """The errors inside groups, as task groups wrap them."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _singles(each)
