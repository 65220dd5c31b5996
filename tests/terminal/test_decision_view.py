import io

import pytest
from rich.console import Console

from batch.terminal.decision_view import print_question
from batch.wording.questions import DiffLine, Question

LABEL = "Interested in a demo next quarter"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_name_however_long_pushes_out_what_changes(width: int) -> None:
    row = DiffLine(123456, "n" * 90, "c" * 90, "not read → paused", f"not read → {LABEL}")
    shown = Console(file=io.StringIO(), width=width)
    print_question(shown, Question(text="", headline="Change 1 lead.", diff=(row,), leads=1))
    assert isinstance(shown.file, io.StringIO)
    lines = shown.file.getvalue().splitlines()
    (first,) = (line for line in lines if line.startswith("123,456"))
    assert "not read → paused" in first
    assert max(map(len, lines)) <= width
    assert all(any(word in line for line in lines) for word in LABEL.split())
