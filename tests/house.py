"""Figures of the program's own code: how long its files and functions are, and how split up.

    python -m tests.house [FOLDER …]

Without a folder it is `batch/`. Nothing is imported or run: the files are parsed.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The figures of one folder.

    files: lines of each. functions: lines of each, with decorators left out and docstrings not.
    longest: where the longest function is. used_once: private functions that their own file names
    once. documented, public: public functions with a docstring, and all of them.
    """

    files: Sequence[int]
    functions: Sequence[int]
    longest: str
    used_once: int
    documented: int
    public: int

    @property
    def lines(self) -> int:
        """All lines, blank ones too."""
        return sum(self.files)

    def __str__(self) -> str:
        per_1000 = 1000 * self.used_once / max(1, self.lines)
        return (
            f"{len(self.files)} files, {self.lines:,} lines\n"
            f"lines of a file: {_spread(self.files)}\n"
            f"lines of a function: {_spread(self.functions)} ({self.longest})\n"
            f"private helpers used once: {self.used_once}, {per_1000:.1f} per 1,000 lines\n"
            f"public functions with a docstring: {self.documented} of {self.public}"
        )


def measure(folder: Path) -> House:
    """Measure all Python files below a folder. Raises ValueError when there is none."""
    paths = sorted(folder.rglob("*.py"))
    if not paths:
        raise ValueError(f"{folder}: found no Python file.")
    texts = {path: path.read_text("utf-8") for path in paths}
    trees = {path: ast.parse(text, str(path)) for path, text in texts.items()}
    functions = {
        f"{path.relative_to(folder)}:{each.lineno} {each.name}": each
        for path, tree in trees.items()
        for each in _functions(tree)
    }
    lengths = {where: (each.end_lineno or 0) - each.lineno + 1 for where, each in functions.items()}
    public = [each for each in functions.values() if not each.name.startswith("_")]
    return House(
        files=[text.count("\n") for text in texts.values()],
        functions=list(lengths.values()),
        longest=max(lengths, key=lambda where: lengths[where], default="none"),
        used_once=sum(map(_used_once, trees.values())),
        documented=sum(ast.get_docstring(each) is not None for each in public),
        public=len(public),
    )


def _functions(tree: ast.Module) -> list[Function]:
    return [each for each in ast.walk(tree) if isinstance(each, Function)]


def _used_once(tree: ast.Module) -> int:
    uses = Counter(each.id for each in ast.walk(tree) if isinstance(each, ast.Name))
    uses.update(each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute))
    names = (each.name for each in _functions(tree))
    return sum(name[:1] == "_" != name[1:2] and uses[name] == 1 for name in names)


def _spread(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers) or [0]
    nine_of_ten = ordered[round(0.9 * (len(ordered) - 1))]
    return f"median {median(ordered):g}, 9 of 10 at most {nine_of_ten}, longest {ordered[-1]}"


def main() -> None:
    """Print the figures of each folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "batch"])
    for folder in parser.parse_args().folders:
        print(f"{folder.name}: {measure(folder)}")


if __name__ == "__main__":
    main()
