"""The Python client stands alone: it imports the standard library, httpx, and the library of its extra."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.platform.api_document import api_document
from vocalized.clients.python_distribution import PACKAGE, TEMPLATE, generate_modules


def roots(source: str) -> Iterator[str]:
    """The first parts of the names of imported modules."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_modules_import_what_the_distribution_depends_on() -> None:
    written = {path.stem: path.read_text(encoding="utf-8") for path in Path(TEMPLATE / PACKAGE).glob("*.py")}
    generated = generate_modules(api_document())
    assert not written.keys() & generated.keys()
    imported = {root for source in (*written.values(), *generated.values()) for root in roots(source)}
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["webhooks"]
    assert imported - set(sys.stdlib_module_names) == {name.partition(">")[0] for name in wanted}
