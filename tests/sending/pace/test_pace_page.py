"""The page that explains the pace, compared with its code."""

import ast
import re
from fractions import Fraction
from pathlib import Path

import batch.sending.pace

ROOM = Path(batch.sending.pace.__file__).parent
ROW = re.compile(r"^\| `(\w+\.[A-Z_]+)` \| ([0-9.,/]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def page() -> str:
    return (ROOM / "README.md").read_text(encoding="utf-8")


def constants() -> dict[str, float]:
    """Every number that a module of the room names, as module.NAME."""
    found = {}
    for path in ROOM.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
                    value = eval(ast.unparse(node.value), {})  # noqa: S307 - our own source
                    found[f"{path.stem}.{name}"] = float(value)
    return found


def test_the_page_names_every_constant_with_its_value() -> None:
    named = {
        name: float(Fraction(value.replace(",", ""))) for name, value, *_ in ROW.findall(page())
    }
    assert named == constants()


def test_the_page_names_every_module() -> None:
    modules = {path.name for path in ROOM.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"^\| `(\w+\.py)` \|", page(), re.MULTILINE)) == modules
