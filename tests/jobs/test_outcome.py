from dataclasses import replace
from pathlib import Path

import pytest

from batch.jobs.outcome import file_to_mend
from batch.model import Reason, Tally
from batch.recording.runfile import RunState
from tests.support.reports import FILES

FINISHED, STOPPED = RunState.FINISHED, RunState.STOPPED


@pytest.mark.parametrize(
    ("state", "reasons", "is_to_mend"),
    [
        (FINISHED, (Reason.APPLIED, Reason.BAD_ID), True),
        (FINISHED, (Reason.APPLIED, Reason.UNKNOWN_TAG), True),
        (FINISHED, (Reason.CONFLICT,), True),
        (FINISHED, (Reason.NOT_FOUND,), True),
        (FINISHED, (Reason.BAD_REQUEST,), True),
        (FINISHED, (Reason.DRIFTED,), False),  # looked at with plan, as it is
        (FINISHED, (Reason.NOT_JSON,), False),  # the server is to be mended
        # A retry reads no mended rows, nor does a resume.
        (FINISHED, (Reason.BAD_ID, Reason.SERVER_ERROR), False),
        (STOPPED, (Reason.BAD_ID, Reason.NOT_REACHED), False),
    ],
)
def test_rows_that_would_fail_again_are_to_be_mended_before_they_are_fed_back(
    state: RunState, reasons: tuple[Reason, ...], *, is_to_mend: bool
) -> None:
    tally = Tally(dict.fromkeys(reasons, 30))
    files = replace(FILES, tally=tally)
    assert file_to_mend(state, tally, files) == (files.failed if is_to_mend else None)
    sheet = Path("runs/x/failed.xlsx")
    files = replace(files, failed_sheet=sheet)
    assert file_to_mend(state, tally, files) == (sheet if is_to_mend else None)


def test_without_files_nothing_is_to_be_mended() -> None:
    assert file_to_mend(FINISHED, Tally({Reason.BAD_ID: 1}), None) is None
