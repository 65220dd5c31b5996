"""The page's words for what the program counts, for people who know no reasons by name."""

import re
from collections.abc import Mapping

from batch.recording.runfile import RunState
from batch.web.board import Kind

KINDS: Mapping[Kind, str] = {
    Kind.PLAN: "Looking at what would change",
    Kind.RUN: "Sending",
    Kind.APPLY: "Sending the plan",
    Kind.RESUME: "Going on",
    Kind.RETRY: "Trying the failed rows again",
    Kind.UNDO: "Undoing",
    Kind.VERIFY: "Verifying",
}
STATES: Mapping[str, str] = {
    RunState.PLANNED: "Planned, nothing sent",
    RunState.RUNNING: "Under way",
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped early",
    RunState.INTERRUPTED: "Stopped by hand",
    RunState.FAILED: "Broke off",
    "broke off": "Broke off",
}

# What the command line's messages say of its options, and what the page has instead.
_TYPE_IT = "type the number when you are asked"
_CHOOSE_IT = ": choose it under Columns."
_ON_THE_PAGE = (
    (r"[,;]? ?(?:or )?name (?:it|the right one) with --map [^.]{0,300}\.", _CHOOSE_IT),
    (r"; to send the valid rows all the same, use --allow-invalid", ""),
    (r"or name its columns with --map", "or choose other columns"),
    (r"Keep one value, or use --on-conflict last-wins\.", "Keep one value."),
    (r"use --allow-clears, or type \d+ at the question", _TYPE_IT),
    (r"use --expect-changes \d+, or type \d+ at the question", _TYPE_IT),
    (r"--campaign", "Campaign"),
    (r"--base-url", "Address"),
    (r"--workspace-id", "Workspace id"),
    (r"--rate", "Pace"),
    (r"--map (\w+)", r"Column for \1"),
)


def on_the_page(text: str) -> str:
    """A message of the program, without the command line's options where the page has its own."""
    for pattern, words in _ON_THE_PAGE:
        text = re.sub(pattern, words, text)
    return text
