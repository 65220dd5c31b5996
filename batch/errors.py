"""The error tree: what stops a whole job. A row's failure is never an exception.

BatchError
├── UsageError            nothing was sent; exit 2
│   ├── InputError        the spreadsheet can't be read or judged
│   │   └── NewerFormatError  a newer version of this program wrote a run's file
│   ├── SettingsError     a setting, an option or the key is wrong
│   ├── QuotaUsedError    the day's own quota of requests is used up; a run that has begun stops
│   └── DeclinedError     the question before sending got no yes
│       └── UnaskedError  there was nobody to ask
└── RunError              a cause on this machine ended a run; exit 3
"""

from datetime import datetime

from batch.advice import Advice, Remedy


class BatchError(Exception):
    """Base of all: its text is a sentence or two that a person can act on, without secrets.

    advice: the text with what can be done about it, which a front end says in its own words.
    """

    def __init__(self, *parts: str | Remedy) -> None:
        self.advice = Advice(*parts)
        super().__init__(self.advice)


class UsageError(BatchError):
    """Nothing was sent, and nothing will be until the cause is removed."""


class InputError(UsageError):
    """The spreadsheet can't be used as it is."""


class NewerFormatError(InputError):
    """A run's file has a format that only a newer version of this program knows."""


class SettingsError(UsageError):
    """A setting, an option or the key is missing or wrong."""


class QuotaUsedError(UsageError):
    """The day's own quota of requests is used up. go_on_at: when the next day begins."""

    def __init__(self, message: str, *, go_on_at: datetime) -> None:
        super().__init__(message)
        self.go_on_at = go_on_at


class DeclinedError(UsageError):
    """The question before sending was answered with no, or could not be asked."""


class UnaskedError(DeclinedError):
    """The question before sending could not be asked; the text says what to add instead."""


class RunError(BatchError):
    """A cause on this machine, such as a full disk, ended the run early."""
