"""What broke a run off, told in a sentence; the unexpected leaves its traceback behind."""

import traceback
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from batch.errors import BatchError
from batch.recording.plain_file import private
from batch.redaction import KeyRedactor

TRACEBACK_NAME = "error.txt"


def told(error: Exception, folder: Path, key: SecretStr) -> str:
    """A sentence about an error; one that nobody expected is written to error.txt, without key."""
    single = list(_singles(error))
    if all(isinstance(each, BatchError) for each in single):
        return str(single[0])
    path = folder / TRACEBACK_NAME
    text, summary = without_key(
        key, "".join(traceback.format_exception(error)), f"{type(single[0]).__name__}: {single[0]}"
    )
    try:
        with open(path, "a", encoding="utf-8", opener=private) as out:
            out.write(text)
    except OSError:
        return f"Unexpected error: {summary}. Its traceback could not be written."
    return f"Unexpected error: {summary}. Its traceback is in {path}; please report it."


def without_key(key: SecretStr, *texts: str) -> list[str]:
    """Texts for a person, of any number of lines, with *** in place of the key."""
    redactor = KeyRedactor(key.get_secret_value(), mark="***")
    return [redactor.without_key_in_lines(text) for text in texts]


def _singles(error: BaseException) -> Iterator[BaseException]:
    """The errors inside groups, as task groups wrap them."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _singles(each)
