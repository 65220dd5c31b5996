"""Puts a mutant into modules that are loaded already: the code of functions, and constants."""

import gc
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from types import CodeType, FunctionType


def swap(path: str, before: str, after: str) -> bool:
    """Give a loaded file's functions and constants those of another text; whether that could be.

    path: as it was compiled. Not so classes, decorators and defaults, which have run already, nor
    what other files have made of a constant while they were loaded.
    """
    old = list(_functions(compile(before, path, "exec", dont_inherit=True)))
    new = list(_functions(compile(after, path, "exec", dont_inherit=True)))
    if [each.co_qualname for each in old] != [each.co_qualname for each in new]:
        return False
    changed = {_key(a): b for a, b in zip(old, new, strict=True) if _body(a) != _body(b)}
    return _swap_functions(path, changed) if changed else _swap_constants(path, after)


def _swap_functions(path: str, changed: Mapping[tuple[str, int], CodeType]) -> bool:
    loaded = [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType)
        and each.__code__.co_filename == path
        and _key(each.__code__) in changed
    ]
    if changed.keys() - {_key(each.__code__) for each in loaded}:
        return False
    try:
        for function in loaded:
            function.__code__ = changed[_key(function.__code__)]
    except ValueError:  # it uses fewer of the variables around it
        return False
    return True


def _swap_constants(path: str, after: str) -> bool:
    modules = list(sys.modules.values())
    (module,) = [each for each in modules if getattr(each, "__file__", None) == path]
    made: dict[str, object] = {"__name__": module.__name__, "__file__": path}
    exec(compile(after, path, "exec", dont_inherit=True), made)  # noqa: S102 - it is our own
    known = vars(module)
    changed = {
        name: value
        for name, value in made.items()
        if _is_plain(value) and _is_plain(known.get(name)) and value != known.get(name)
    }
    for name, value in changed.items():
        was = known[name]
        for each in modules:
            for other, held in list(getattr(each, "__dict__", {}).items()):
                if held is was and other == name:
                    setattr(each, other, value)
    return bool(changed)


def _is_plain(value: object) -> bool:
    """Whether it holds nothing that the file itself makes, which would be made a second time."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    if isinstance(value, Enum):
        return getattr(sys.modules[type(value).__module__], type(value).__name__) is type(value)
    return value is None or isinstance(value, str | bytes | int | float | re.Pattern)


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The code of all functions that stand in a module or a class, not those within functions."""
    for each in code.co_consts:
        if not isinstance(each, CodeType):
            continue
        if each.co_name.startswith("<"):  # a lambda, or a comprehension of the module's own
            continue
        if each.co_flags & inspect.CO_NEWLOCALS:  # of a function
            yield each
        else:
            yield from _functions(each)


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _body(code: CodeType) -> CodeType:
    """The code but for its line, which moves with what stands above it."""
    return code.replace(co_firstlineno=1)
