"""The limits of CONTRIBUTING.md that no linter knows: lengths, broad excepts, positional values."""

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
ROOMS = ("media", "control", "shared", "config", "simulator", "vocalized", "benchmarks", "clients")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 400, 50, 7
MAX_BROAD_SHARE = 0.05
MAX_POSITIONAL = 7
# Their values are numbered in a query's text, or are a list.
BY_POSITION = {"execute", "fetch", "fetchrow", "fetchval", "datetime", "join"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> list[Path]:
    return [path for room in (*ROOMS, "tests") for path in sorted((ROOT / room).rglob("*.py"))]


@cache
def all_nodes() -> list[tuple[str, ast.AST]]:
    """Each function, handler and call of the code, and its file. One walk for all tests, because it takes seconds."""
    gc.disable()  # it would look at all nodes again and again: 5.5 s instead of 1.9
    try:
        return [
            (str(path.relative_to(ROOT)), node)
            for path in files()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, Function | ast.ExceptHandler | ast.Call)
        ]
    finally:
        gc.enable()


def nodes(*rooms: str) -> Iterator[tuple[str, ast.AST]]:
    """Each function, handler and call of these rooms, and its file."""
    return ((file, node) for file, node in all_nodes() if file.partition("/")[0] in rooms)


def lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id.endswith("Exception")) for kind in kinds)


def takes_positions(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in BY_POSITION or any(isinstance(value, ast.Starred) for value in call.args)


def test_files_are_short() -> None:
    counts = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in files()}
    assert {path: count for path, count in counts.items() if count > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    found = {f"{file}:{node.name}": lines(node) for file, node in nodes(*ROOMS) if isinstance(node, Function)}
    assert {name: length for name, length in found.items() if length > MAX_FUNCTION_LINES} == {}
    assert median(found.values()) <= MEDIAN_FUNCTION_LINES


def test_broad_excepts_are_few() -> None:
    handlers = [node for _, node in nodes(*ROOMS) if isinstance(node, ast.ExceptHandler)]
    assert sum(map(is_broad, handlers)) / len(handlers) <= MAX_BROAD_SHARE


def test_calls_with_many_values_name_them() -> None:
    found = [
        f"{file}:{node.lineno}"
        for file, node in nodes(*ROOMS, "tests")
        if isinstance(node, ast.Call) and len(node.args) > MAX_POSITIONAL and not takes_positions(node)
    ]
    assert found == []
