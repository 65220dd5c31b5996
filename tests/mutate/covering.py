"""Which tests run which line: measured once, kept beside the results."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from tests.mutate.copied import Copy
from tests.mutate.mutants import Place
from tests.mutate.rooms import ROOT, Room
from tests.mutate.runs import covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """What one run of a room's tests has shown.

    seconds: of each test that passed. lines: the tests that run each line of a file, with "" among
    them if it runs at import. texts: each file's, when they were run.
    """

    code: str
    texts: Mapping[str, str]
    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[str]]]

    def tests(self, place: Place, *, longest_s: float) -> Mapping[str, float]:
        """The tests that may notice a mutant there, with the seconds of each.

        longest_s: of them all; the slowest are left out.
        """
        of_file = self.lines.get(place.path, {})
        names = set(of_file.get(place.line, ()))
        if not names - {""}:
            names = {each for line in place.lines for each in of_file.get(line, ())}
        if place.names:
            names |= self._using(place.names) | self._naming(place.names)
        taken, chosen = 0.0, dict[str, float]()
        for name in sorted(names & self.seconds.keys(), key=self.seconds.__getitem__):
            taken += self.seconds[name]
            if chosen and taken > longest_s:
                break
            chosen[name] = self.seconds[name]
        return chosen

    def _naming(self, names: frozenset[str]) -> set[str]:
        """The tests that name one of these themselves."""
        found = set()
        for path in {each.partition("::")[0] for each in self.seconds}:
            text = (ROOT / path).read_text("utf-8")
            for statement in ast.parse(text).body:
                if names & {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}:
                    found.add(f"{path}::{getattr(statement, 'name', '')}")
        return {each for each in self.seconds if each.partition("[")[0] in found}

    def _using(self, names: frozenset[str]) -> set[str]:
        """The tests of all lines that use a name which is given its value at import.

        A line that is run at import itself hands the value on to a name of its own.
        """
        found: set[str] = set()
        seen: set[str] = set()
        while names := names - seen:
            seen |= names
            used = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
            handed_on: set[str] = set()
            for path, text in self.texts.items():
                of_file, given = self.lines.get(path, {}), _given_at_import(text)
                for number, line in enumerate(text.splitlines(), 1):
                    if used.search(line):
                        found.update(of_file.get(number, ()))
                        handed_on |= given.get(number, set())
            names = frozenset(handed_on)
        return found


def _given_at_import(text: str) -> Mapping[int, set[str]]:
    """The names that the statements of a module give a value, by each of their lines."""
    given: dict[int, set[str]] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = getattr(statement, "targets", None) or [vars(statement)["target"]]
            names = {each.id for each in targets if isinstance(each, ast.Name)}
            lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            given |= dict.fromkeys(lines, names)
    return given


def covering(room: Room, copy: Copy, kept: Path) -> Covering:
    """Return what is kept, if code and tests are as they were; else measure and keep it."""
    code = _code(room)
    if kept.exists():
        found = json.loads(kept.read_text("utf-8"))
        if found["code"] == code:
            found["lines"] = {
                path: {int(number): tests for number, tests in of_file.items()}
                for path, of_file in found["lines"].items()
            }
            return Covering(**found)
    texts = {path: (ROOT / path).read_text("utf-8") for path in room.around()}
    seconds, lines = covered(copy, room.tests, room.around())
    measured = Covering(code=code, texts=texts, seconds=seconds, lines=lines)
    kept.write_text(json.dumps(asdict(measured)), "utf-8")
    return measured


def _code(room: Room) -> str:
    """A digest of the room's folders and of its tests."""
    digest = sha256()
    tests = [path for each in room.tests for path in sorted((ROOT / each).rglob("*.py"))]
    tests += [ROOT / each for each in room.tests if each.endswith(".py")]
    for path in (*(ROOT / each for each in room.around()), *tests):
        digest.update(path.read_bytes())
    return digest.hexdigest()
