"""Puts a mutant into modules that are loaded already: the code of its function is replaced."""

import gc
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType


def swap(path: str, before: str, after: str) -> bool:
    """Give the functions of a loaded file the code of another text; whether that could be done.

    path: as it was compiled. Code that has run already, of a module or a class, can't be replaced.
    """
    old = list(_functions(compile(before, path, "exec", dont_inherit=True)))
    new = list(_functions(compile(after, path, "exec", dont_inherit=True)))
    if [each.co_qualname for each in old] != [each.co_qualname for each in new]:
        return False
    changed = {_key(a): b for a, b in zip(old, new, strict=True) if a != b}
    loaded = [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType)
        and each.__code__.co_filename == path
        and _key(each.__code__) in changed
    ]
    if not changed or changed.keys() - {_key(each.__code__) for each in loaded}:
        return False
    try:
        for function in loaded:
            function.__code__ = changed[_key(function.__code__)]
    except ValueError:  # it uses fewer of the variables around it
        return False
    return True


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
