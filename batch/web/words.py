"""The page's words for what the program counts, for people who know no reasons by name."""

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
