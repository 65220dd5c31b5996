"""Makes mutants: mutmut's operators, applied to a seeded sample of a room's code.

mutmut's own runner is not used: it tries every mutant, breaks no decorated function, and neither
its samples nor its names can be repeated while the code moves.

Never broken, since no test could or should notice: docstrings, annotations, decorators, imports,
`__repr__`, casts and blocks for type checkers, `x = False` to `x = None`, the case of SQL, and the
constants of PERFORMANCE, which change how fast and not what.
"""

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests.mutate.rooms import PERFORMANCE, ROOT

_BLOCKS = (cst.FunctionDef, cst.ClassDef, cst.If, cst.Else, cst.For, cst.While, cst.With)
_MORE_BLOCKS = (cst.Try, cst.ExceptHandler, cst.Finally, cst.Match, cst.MatchCase)
_NEVER = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
_NEVER_CALLED_OTHERWISE = {"len", "isinstance", "assert_never", "NewType", "TypeVar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a mutant stands.

    line, lines: its own, and those of its statement or of the header of its block; the first is 1.
    within: the class and function that it is in, with dots. names: what its statement gives a
    value, outside all functions. statement: the text of it.
    """

    path: str
    line: int
    lines: range
    within: str = ""
    in_function: bool = False
    names: frozenset[str] = frozenset()
    statement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One small change. name: made of the change and what is around it, and not of its line."""

    name: str
    place: Place
    change: str
    text: str


def sample(paths: Sequence[str], *, seed: int, size: int) -> Iterator[Mutant]:
    """Yield a seeded sample of the mutants of some files.

    It is those whose names come first when mixed with the seed, so that changed code moves only its
    own mutants in and out.
    """
    found = [each for path in paths for each in _Source(path).mutants()]
    found.sort(key=lambda each: sha256(f"{seed} {each[0]}".encode()).digest())
    made = 0
    for name, source, place, old, new in found:
        text = source.with_change(old, new)
        if text is None:
            continue
        change = _difference(source.text, text)
        yield Mutant(name=name, place=place, change=change, text=text)
        made += 1
        if made == size:
            return


class _Source:
    """One file, parsed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = (ROOT / path).read_text("utf-8")
        self._lines = self.text.splitlines()
        wrapper = MetadataWrapper(cst.parse_module(self.text))
        self._module = wrapper.module
        self._positions: Mapping[cst.CSTNode, cst.metadata.CodeRange] = wrapper.resolve(
            PositionProvider
        )

    def mutants(self) -> Iterator[tuple[str, "_Source", Place, cst.CSTNode, cst.CSTNode]]:
        """Yield the name, place, old and new node of each mutant."""
        seen: Counter[str] = Counter()
        start = Place(path=self.path, line=1, lines=range(1, 1))
        for node, place in self._below(self._module, start):
            for kind, operator in mutation_operators:
                for new in operator(node) if isinstance(node, kind) else ():
                    if _is_as_false(node, new) or _is_sql_case(node, new):
                        continue
                    code = [self._module.code_for_node(each) for each in (node, new)]
                    words = "\0".join([self.path, place.within, place.statement, *code])
                    seen[words] += 1
                    name = sha256(f"{words}\0{seen[words]}".encode()).hexdigest()[:10]
                    yield name, self, place, node, new

    def with_change(self, old: cst.CSTNode, new: cst.CSTNode) -> str | None:
        """The text of the file with a change; None if that can't be compiled or changes nothing."""
        text: str = self._module.deep_replace(old, new).code
        try:
            same = ast.dump(ast.parse(text)) == ast.dump(ast.parse(self.text))
            compile(text, self.path, "exec", dont_inherit=True)
        except SyntaxError:
            return None
        return None if same else text

    def _below(self, node: cst.CSTNode, place: Place) -> Iterator[tuple[cst.CSTNode, Place]]:
        """Yield what may be broken among all nodes below one, each with its place."""
        for child in node.children:
            if _left_out(child):
                continue
            at = self._place(child, place)
            if at.names & PERFORMANCE:
                continue
            if not _only_called_so(child):
                yield child, at
            yield from self._below(child, at)

    def _place(self, node: cst.CSTNode, place: Place) -> Place:
        position = self._positions.get(node)
        if position is None:
            return place
        first, last = position.start.line, position.end.line
        place = replace(place, line=first)
        if isinstance(node, cst.SimpleStatementLine):
            names = frozenset() if place.in_function else _assigned(node)
            statement = "\n".join(self._lines[first - 1 : last])
            return replace(place, lines=range(first, last + 1), statement=statement, names=names)
        if isinstance(node, _BLOCKS + _MORE_BLOCKS):
            body = getattr(node, "body", None) or node.cases[0]
            inner = body.body[0] if isinstance(body, cst.IndentedBlock) else body
            header = range(first, max(first + 1, self._positions[inner].start.line))
            statement = "\n".join(self._lines[header.start - 1 : header.stop - 1])
            place = replace(place, lines=header, statement=statement)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            within = f"{place.within}.{node.name.value}".lstrip(".")
            place = replace(place, within=within, lines=range(first, last + 1))
        if isinstance(node, cst.FunctionDef):  # its defaults are noticed by whatever runs its body
            return replace(place, in_function=True)
        if isinstance(node, cst.ClassDef):
            return replace(place, names=frozenset({node.name.value}))
        return place


def _assigned(node: cst.SimpleStatementLine) -> frozenset[str]:
    names: set[str] = set()
    for statement in node.body:
        targets = [each.target for each in getattr(statement, "targets", ())]
        targets.append(getattr(statement, "target", None))
        names |= {each.value for each in targets if isinstance(each, cst.Name)}
    return frozenset(names)


def _left_out(node: cst.CSTNode) -> bool:
    """Whether a node, and all below it, is never broken."""
    if isinstance(node, _NEVER):
        return True
    if isinstance(node, cst.Call):
        return isinstance(node.func, cst.Name) and node.func.value == "cast"
    if isinstance(node, cst.Expr):  # a docstring
        return isinstance(node.value, cst.BaseString)
    if isinstance(node, cst.If):
        return isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
    if isinstance(node, cst.Param):  # others would break the import, and that shows nothing
        return not isinstance(node.default, cst.Name | cst.BaseNumber | cst.BaseString | None)
    return isinstance(node, cst.FunctionDef) and node.name.value == "__repr__"


def _only_called_so(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Name)
        and node.func.value in _NEVER_CALLED_OTHERWISE
    )


def _is_as_false(old: cst.CSTNode, new: cst.CSTNode) -> bool:
    """Whether `False` has become `None` in an assignment."""
    values = [getattr(getattr(each, "value", None), "value", None) for each in (old, new)]
    return values == ["False", "None"]


def _is_sql_case(old: cst.CSTNode, new: cst.CSTNode) -> bool:
    """Whether only the case of a statement in SQL has changed, which SQLite doesn't mind."""
    if not isinstance(old, cst.SimpleString):
        return False
    is_sql = re.search(r"\b(SELECT|INSERT|DELETE|CREATE|BEGIN|PRAGMA|AND)\b", old.value)
    return bool(is_sql) and old.value.lower() == new.value.lower()


def _difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
