"""What became of each mutant: one JSON line each, and the score of them all."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one mutant.

    noticed: by which test, or `time` or `import`; None if it survived.
    """

    name: str
    path: str
    line: int
    change: str
    tests: int
    noticed: str | None

    def title(self) -> str:
        """One line: where it is, its name, and what noticed it."""
        what = self.noticed or f"SURVIVED {self.tests} tests"
        return f"{self.path}:{self.line} {self.name} {what}"


def read_verdicts(kept: Path) -> dict[str, Verdict]:
    """The verdicts that are kept, by name; a line that was broken off is none."""
    found = {}
    for line in kept.read_text("utf-8").splitlines() if kept.exists() else ():
        with suppress(json.JSONDecodeError):
            verdict = Verdict(**json.loads(line))
            found[verdict.name] = verdict
    return found


def report(verdicts: Sequence[Verdict], reasons: Mapping[str, str]) -> str:
    """The score, and each mutant that survived: those that change nothing are counted apart."""
    survived = [each for each in verdicts if each.noticed is None]
    open_ones = [each for each in survived if each.name not in reasons]
    counted = len(verdicts) - len(survived) + len(open_ones)
    killed = counted - len(open_ones)
    by_time = sum(each.noticed == "time" for each in verdicts)
    score = killed / max(1, counted)
    total = (
        f"{len(verdicts)} mutants: {killed} noticed ({by_time} by time), {len(open_ones)} survived"
        f", {len(survived) - len(open_ones)} change nothing. Score {score:.1%}"
    )
    return "\n".join([*(f"{each.title()}\n{each.change}" for each in open_ones), total])
