import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import batch

# What a module or a room (a package) of `batch` may import: its own layer and lower ones. A room
# stands for all that is in it but the modules that are named by themselves.
LAYERS = (
    # 0: words that every layer shares
    {"__init__", "advice", "columns", "errors", "escape", "lines", "model", "redaction", "statuses"}
    | {"near_names", "visible"},
    # 1: the core, which decides and does no I/O
    {"judging", "settings.values"}
    | {
        "api.address",
        "api.answer",
        "api.budgets",
        "api.excerpt",
        "api.headers",
        "api.http1.answer_parser",
        "api.lists",
        "api.reset_units",
        "api.wire",
    }
    | {"sending.breaker", "sending.pace", "sending.retry", "sending.stops"},
    # 2: the edge: files, sockets, settings
    {"api", "manual", "reading", "recording", "settings"},
    # 3: workers
    {"sending"},
    # 4: sentences that people read
    {"wording"},
    # 5: use cases, the server that some of them start, and report.html
    {"jobs", "reporting", "sandbox"},
    # 6: what shows them
    {"__main__", "cli", "library", "terminal", "web"},
)

# The few doors of a dependency: the modules that may import it.
DOORS = {
    "http_sf": {"api.budgets"},
    "httptools": {"api.http1.answer_parser"},
    "httpx": {"api"},
    "keyring": {"settings.system_keyring"},
    "jinja2": {"reporting.page", "web.render"},
    "markdown_it": {"terminal.manual_pages", "web.help_routes"},
    "sqlite3": {"recording.journal_file", "recording.sqlite_faults"},
    "starlette": {"sandbox", "web"},
    "tomlkit": {"settings.save"},
    "uvicorn": {"sandbox", "web"},
}

# Imports nothing of ours but itself, so that client and fake can't share a misunderstanding.
ASIDE = "sandbox"

# The package gives the names of its front end for Python, and loads them when they are first used.
ON_DEMAND = ("batch", "batch.library")

ROOT = Path(batch.__file__).parents[1]
THIS_FILE = "tests/code/test_layers.py"


def package_sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "batch").rglob("*.py"))
    }


def module_of(path: str) -> str:
    """The dotted name of a file, as batch.web for batch/web/__init__.py."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def part_of(module: str) -> str:
    """The part of LAYERS that a dotted name stands under: itself, or the next room around it."""
    _, _, name = module.partition(".")
    listed = set().union(*LAYERS)
    room = name or "__init__"
    while room not in listed:
        room = room.rpartition(".")[0]
        if not room:
            return name
    return room


def layer_of(module: str) -> int | None:
    return next((n for n, parts in enumerate(LAYERS) if part_of(module) in parts), None)


class Imports(ast.NodeVisitor):
    """Collects what one file imports, in whatever form, at the top or inside a function."""

    def __init__(self, path: str, known: set[str]) -> None:
        module = module_of(path)
        self.package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
        self.known = known
        self.importers = {"import_module", "__import__"}
        self.found: list[tuple[int, str]] = []
        self.unreadable: list[int] = []

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(node.lineno, alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self.absolute("." * node.level + (node.module or ""))
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            self.found.append((node.lineno, whole if whole in self.known else base))
            if alias.name == "import_module":
                self.importers.add(alias.asname or alias.name)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = node.func.id if isinstance(node.func, ast.Name) else called
        if called in self.importers:
            match node.args:
                case [ast.Constant(value=str(name)), *_]:
                    self.found.append((node.lineno, self.absolute(name)))
                case _:
                    self.unreadable.append(node.lineno)
        self.generic_visit(node)

    def absolute(self, name: str) -> str:
        bare = name.lstrip(".")
        level = len(name) - len(bare)
        if not level:
            return bare
        parents = self.package.split(".")
        return ".".join([*parents[: len(parents) - level + 1], *filter(None, [bare])])


def problems(sources: Mapping[str, str]) -> list[str]:
    """What is wrong with the imports of a package; empty when nothing is."""
    known = {module_of(path) for path in sources}
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for path, source in sources.items():
        module = module_of(path)
        if layer_of(module) is None:
            found.append(f'{path}: in no layer; add "{part_of(module)}" to LAYERS in {THIS_FILE}')
            continue
        imports = Imports(path, known)
        imports.visit(ast.parse(source))
        found += [f"{path}:{line}: an import by a computed name" for line in imports.unreadable]
        for line, name in imports.found:
            if (module, name) == ON_DEMAND:
                continue
            found += [f"{path}:{line}: {text}" for text in judged(module, name)]
            if name in known:
                graph.setdefault(module, set()).add(name)
    return [*found, *cycles(graph)]


def judged(module: str, name: str) -> Iterator[str]:
    """What is wrong with one import."""
    mine, layer = part_of(module), layer_of(module)
    outside, _, _ = name.partition(".")
    if outside != "batch":
        name_here = module.partition(".")[2]
        if not {mine, name_here} & DOORS.get(outside, {mine}):
            yield f"imports {outside}, which only {', '.join(sorted(DOORS[outside]))} may"
        return
    theirs = layer_of(name)
    if mine == ASIDE and part_of(name) != ASIDE:
        yield f"imports {name}, but batch.{ASIDE} imports nothing of batch but itself"
    elif theirs is not None and layer is not None and theirs > layer:
        yield f"layer {layer} imports {name}, which is in layer {theirs}"


def cycles(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter({module: sorted(graph[module]) for module in sorted(graph)}).prepare()
    except CycleError as error:
        return [f"a cycle: {' <- '.join(error.args[1])}"]
    return []


def test_files_import_the_same_or_lower_layers_only_and_in_no_circle() -> None:
    assert problems(package_sources()) == []


def test_the_package_that_is_judged_is_the_real_one() -> None:
    assert {"batch/__init__.py", "batch/errors.py", "batch/model.py"} <= set(package_sources())


def test_no_module_stands_in_two_layers() -> None:
    assert sum(map(len, LAYERS)) == len(set().union(*LAYERS))


@pytest.mark.parametrize(
    "statement",
    [
        "import batch.cli",
        "import json, batch.cli as c",
        "from batch import cli",
        "from batch import model, cli",
        "from batch.cli import Runner",
        "from batch.cli import *",
        "from . import cli",
        "from .cli import Runner",
        "def f():\n    from batch.cli import Runner",
        "if TYPE_CHECKING:\n    from batch.cli import Runner",
        "try:\n    import batch.cli\nexcept ImportError:\n    pass",
        "importlib.import_module('batch.cli')",
        "importlib.import_module('.cli', package=__package__)",
        "from importlib import import_module as load\nload('batch.cli')",
        "x = [__import__('batch.cli')]",
    ],
)
def test_an_import_of_a_higher_layer_is_found_in_every_form(statement: str) -> None:
    sources = {"batch/__init__.py": "", "batch/cli.py": "", "batch/model.py": ""}
    (problem,) = problems(sources | {"batch/columns.py": statement})
    line = statement.count("\n", 0, statement.index("cli")) + 1
    assert problem == f"batch/columns.py:{line}: layer 0 imports batch.cli, which is in layer 6"


@pytest.mark.parametrize(
    "statement",
    [
        "from ..escape import judge",
        "from .. import escape",
        "import batch.escape",
        "importlib.import_module('..escape', package=__package__)",
    ],
)
def test_the_sandbox_may_import_nothing_but_itself(statement: str) -> None:
    sources = {"batch/__init__.py": "", "batch/escape.py": "", "batch/sandbox/__init__.py": ""}
    allowed = "from . import log\nfrom .log import Entry\nimport batch.sandbox.log\nimport json\n"
    sources |= {"batch/sandbox/log.py": "", "batch/sandbox/app.py": allowed + statement}
    (problem,) = problems(sources)
    assert problem == (
        "batch/sandbox/app.py:5: "
        "imports batch.escape, but batch.sandbox imports nothing of batch but itself"
    )


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("import httpx", "imports httpx, which only api may"),
        (
            "from httpx._models import URL",
            "imports httpx, which only api may",
        ),
        (
            "import sqlite3.dbapi2",
            "imports sqlite3, which only recording.journal_file, recording.sqlite_faults may",
        ),
        ("from starlette import routing", "imports starlette, which only sandbox, web may"),
        ("__import__('uvicorn')", "imports uvicorn, which only sandbox, web may"),
    ],
)
def test_a_dependency_is_imported_by_its_doors_only(statement: str, text: str) -> None:
    assert problems({"batch/cli.py": statement}) == [f"batch/cli.py:1: {text}"]
    sources = {"batch/api/sendkit.py": "import httpx", "batch/sandbox/x.py": "import uvicorn"}
    assert problems(sources) == []


def test_an_import_by_a_computed_name_is_refused() -> None:
    source = "import importlib\nimportlib.import_module(f'batch.{name}')\n__import__(name)"
    assert problems({"batch/cli.py": source}) == [
        "batch/cli.py:2: an import by a computed name",
        "batch/cli.py:3: an import by a computed name",
    ]


def test_a_circle_is_found_also_when_an_import_hides_in_a_function() -> None:
    sources = {
        "batch/columns.py": "from batch.escape import Cells",
        "batch/escape.py": "import batch.errors",
        "batch/errors.py": "def f():\n    from . import columns",
    }
    (problem,) = problems(sources | {"batch/__init__.py": ""})
    first, *others = problem.removeprefix("a cycle: ").split(" <- ")
    assert others[-1] == first
    assert {first, *others} == {"batch.columns", "batch.escape", "batch.errors"}


def test_a_module_that_is_in_no_layer_is_told_where_to_go() -> None:
    assert problems({"batch/novelty.py": ""}) == [
        'batch/novelty.py: in no layer; add "novelty" to LAYERS in tests/code/test_layers.py'
    ]


# Below `wording/` nobody knows of options: what can be done is a value there (`advice.py`).
_LOWER_ROOMS = ("reading", "judging", "api", "sending", "recording", "settings")
_DECLARES_OPTIONS = "batch/settings/options.py"


def options_named(sources: Mapping[str, str]) -> list[str]:
    """Where a text of the lower rooms names an option, docstrings left out."""
    found = []
    for path, source in sources.items():
        room = path.split("/")[1]
        if path == _DECLARES_OPTIONS or not (path.count("/") == 1 or room in _LOWER_ROOMS):
            continue
        tree = ast.parse(source)
        docs = {
            id(statement.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            for statement in node.body
            if isinstance(statement, ast.Expr)
        }
        found += [
            f"{path}:{node.lineno}: {node.value!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
            and re.search(r"--[a-zA-Z]", node.value)
        ]
    return found


def test_no_text_below_wording_names_an_option() -> None:
    assert options_named(package_sources()) == []


def test_an_option_is_found_in_any_text_but_a_docstring() -> None:
    source = '"""As --sheet."""\n\ndef f(n):\n    """--map"""\n    return f"{n}: use --map {n}"\n'
    assert options_named({"batch/reading/x.py": source, "batch/jobs/x.py": source}) == [
        "batch/reading/x.py:5: ': use --map '"
    ]
    assert options_named({"batch/errors.py": "A = b'x', '--sheet'"}) == [
        "batch/errors.py:1: '--sheet'"
    ]
