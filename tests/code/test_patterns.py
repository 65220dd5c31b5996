"""Every regular expression of the program takes time in proportion to its text.

The patterns are found in the source; each has its worst input in `worst_inputs.py`, of 200,000
characters. A pattern that takes the square of that takes minutes, the others some milliseconds.
"""

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import batch
from tests.worst_inputs import WORST, Worst

ROOT = Path(batch.__file__).parent
_OF_RE = {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
_OF_POLARS = {
    *("contains", "extract", "extract_all", "extract_groups", "replace", "replace_all"),
    *("count_matches", "find"),
}
# Each looks at every place of the text.
_ALIKE = {"split": "sub", "findall": "sub", "finditer": "sub"}
_MOST_S = 2.0  # of the processor's time; those that are linear take a hundredth of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern as it stands in the source. by: the ways that it is used in, as far as is seen."""

    source: str
    flags: int
    by: frozenset[str]


def patterns(file: Path) -> Iterator[Pattern]:
    """Each pattern of a file."""
    tree = ast.parse(file.read_text("utf-8"))
    names: dict[ast.expr, str] = {}  # what a compiled pattern is called
    uses: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names[node.value] = ast.unparse(node.targets[0])
        elif isinstance(node, ast.Attribute) and node.attr in _OF_RE:
            uses.setdefault(ast.unparse(node.value), set()).add(_ALIKE.get(node.attr, node.attr))
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        of, name = ast.unparse(call.func.value), call.func.attr
        is_literal = any(word.arg == "literal" for word in call.keywords)
        if of == "re" and name in _OF_RE:
            words = [ast.unparse(each) for each in call.args[1:] if name == "compile"]
            words += [ast.unparse(word.value) for word in call.keywords if word.arg == "flags"]
            flags = re.findall(r"re\.([A-Z]+)", " ".join(words))
            by = uses.get(names.get(call, ""), set()) if name == "compile" else {name}
            yield Pattern(
                source=ast.unparse(call.args[0]),
                flags=int(sum(re.RegexFlag[each] for each in flags)),
                by=frozenset(_ALIKE.get(each, each) for each in by),
            )
        elif of.endswith(".str") and name in _OF_POLARS and not is_literal:
            yield Pattern(source=ast.unparse(call.args[0]), flags=0, by=frozenset({"polars"}))


@cache  # not while tests are collected: each worker does that
def all_patterns() -> list[tuple[str, Pattern]]:
    return [
        (file.relative_to(ROOT).as_posix(), each)
        for file in sorted(ROOT.rglob("*.py"))
        for each in patterns(file)
    ]


def test_every_pattern_has_its_worst_input_and_no_other_is_named() -> None:
    named = {(file, source) for file, sources in WORST.items() for source in sources}
    found = {(file, each.source) for file, each in all_patterns()}
    assert sorted(found - named) == []
    assert sorted(named - found) == []


def test_patterns_are_found_in_every_spelling(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        'A = re.compile("a+", re.DOTALL)\nre.sub(f"{A}b", "", text)\n'
        'pl.col("x").str.replace_all("c", "")\ncell.str.contains("d", literal=True)\n'
        'names.str.contains(pattern)\ntext.replace("e", "f")\nre.search(B, x, flags=re.I)\n'
        "A.match(a)\nA.finditer(b)\n"
    )
    assert {each.source: (each.flags, set(each.by)) for each in patterns(file)} == {
        "'a+'": (int(re.DOTALL), {"sub", "match"}),
        "f'{A}b'": (0, {"sub"}),
        "'c'": (0, {"polars"}),
        "pattern": (0, {"polars"}),
        "B": (int(re.IGNORECASE), {"search"}),
    }


def test_each_use_of_a_pattern_is_tried() -> None:
    """What is linear for a match may take its square for a search."""
    by = {
        (file, source): {worst.by for worst in tried}
        for file, sources in WORST.items()
        for source, tried in sources.items()
    }
    assert [(file, each) for file, each in all_patterns() if each.by - by[file, each.source]] == []


def test_no_pattern_is_made_past_this_look() -> None:
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "re":
                assert {each.name for each in node.names} <= {"Match", "Pattern"}, file


def pattern_of(file: str, source: str, worst: Worst) -> str | bytes:
    """The pattern itself: from the table where the program makes it as it runs."""
    if worst.pattern is not None:
        return worst.pattern
    module = import_module(".".join(["batch", *Path(file).with_suffix("").parts]))
    pattern = eval(source, vars(module))  # noqa: S307 - the program's own source
    assert isinstance(pattern, str | bytes)
    return pattern


CASES = [
    pytest.param(file, source, worst, id=f"{file}: {source[:40]} {worst.by} {n}")
    for file, sources in WORST.items()
    for source, tried in sources.items()
    for n, worst in enumerate(tried)
]


@pytest.mark.parametrize(("file", "source", "worst"), CASES)
def test_a_pattern_is_linear(file: str, source: str, worst: Worst) -> None:
    pattern = pattern_of(file, source, worst)
    start = time.process_time()
    if worst.by == "polars":
        assert isinstance(pattern, str)
        pl.Series([worst.text]).str.contains(pattern)
    else:
        flags = max(
            each.flags for at, each in all_patterns() if (at, each.source) == (file, source)
        )
        text = worst.text if isinstance(pattern, str) else worst.text.encode()
        compiled: re.Pattern[Any] = re.compile(pattern, flags)
        use = compiled.findall if worst.by == "sub" else getattr(compiled, worst.by)
        use(text)
    assert time.process_time() - start < _MOST_S
