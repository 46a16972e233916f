"""The SQL texts of queries, stores and read models; and which of them read tables of workspaces, but name none."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CONTROL: Final = ROOT / "control"
_STATEMENT: Final = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_TABLES: Final = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?(\w+)")
# Of an f-string: what is put in when the query runs, and is no constant of the module.
_PUT_IN: Final = "\0"


@dataclass(frozen=True, slots=True)
class SqlText:
    """A statement as written, constants of its module put in. name: the module and the function that run it. tables: of
    workspaces, that it names."""

    name: str
    text: str
    tables: frozenset[str]

    @property
    def names_workspace(self) -> bool:
        """Whether it says which workspace's rows it wants. The id of a row in `workspaces` is the workspace's."""
        return "workspace_id" in self.text or self.tables == {"workspaces"}


@cache
def tenant_tables() -> frozenset[str]:
    """The tables with rows of workspaces, by schema.sql; without the months' partitions."""
    schema = (CONTROL / "db" / "schema.sql").read_text()
    found = re.findall(r"CREATE TABLE public\.(\w+) \((.*?)\n\)", schema, re.DOTALL)
    named = {table for table, columns in found if re.search(r"^\s+workspace_id ", columns, re.MULTILINE)}
    return frozenset(table for table in named | {"workspaces"} if not re.search(r"_(\d{4}_\d\d|default)$", table))


def sql_texts() -> Iterator[SqlText]:
    """All statements on tables of workspaces, in stores and read models."""
    for path in sorted(path for name in ("queries.py", "store*.py", "read_*.py") for path in CONTROL.rglob(name)):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts[1:])
        yield from _module_texts(module, ast.parse(path.read_text()))


def _module_texts(module: str, tree: ast.Module) -> Iterator[SqlText]:
    constants: dict[str, str] = {}
    for statement in tree.body:
        names = [
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None and len(names) == 1:
            constants[names[0]] = " ".join(_texts(statement.value, constants))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    texts = {name: list(_texts(node, constants)) for name, node in functions.items()}
    for name, node in functions.items():
        # What is put in when the query runs comes from the function itself, or from one of its module that it calls.
        called = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} & functions.keys()
        rest = " ".join(text for other in {name, *called} for text in texts[other] if not _STATEMENT.search(text))
        for text in texts[name]:
            whole = text.replace(_PUT_IN, f" {rest} ")
            tables = frozenset(_TABLES.findall(whole)) & tenant_tables()
            if tables and _STATEMENT.search(whole):
                yield SqlText(f"{module}.{name}", whole, tables)


def _texts(node: ast.AST, constants: Mapping[str, str]) -> Iterator[str]:
    """The string literals below a node, f-strings as one; not docstrings."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(_part(value, constants) for value in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    else:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for child in () if is_docstring else ast.iter_child_nodes(node):
            yield from _texts(child, constants)


def _part(value: ast.expr, constants: Mapping[str, str]) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    inner = value.value if isinstance(value, ast.FormattedValue) else value
    return constants.get(inner.id, _PUT_IN) if isinstance(inner, ast.Name) else _PUT_IN
