"""ARCHITECTURE.md and CONTRIBUTING.md name files, and in parentheses behind them what they define: all of it exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = " ".join(" ".join((ROOT / name).read_text() for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")).split())
# `path/file.py` (`Name`, `Class.method`, `function`)
FILE = re.compile(r"`([\w.]+/[\w./]+\.(?:py|sql|toml|svg))`(?: \(((?:`[\w.]+`(?:, | and )?)+)\))?")
FOLDER = re.compile(
    r"`((?:media|control|shared|vendors|config|simulator|vocalized|benchmarks|tests|docs|deploy)[\w/]*/)`"
)


def references() -> Iterator[tuple[str, str]]:
    """(file, name) for each name; (file, "") for a file without names."""
    for match in FILE.finditer(TEXT):
        for name in re.findall(r"`([\w.]+)`", match[2] or "``"):
            yield match[1], name
        if match[2] is None:
            yield match[1], ""


def defines(tree: ast.AST, name: str) -> bool:
    """Whether a dotted name is a class, function, method, or assigned name of a module."""
    head, _, rest = name.partition(".")
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == head:
            return not rest or defines(node, rest)
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if not rest and any(isinstance(target, ast.Name) and target.id == head for target in targets):
            return True
    return False


@pytest.mark.parametrize(("file", "name"), sorted(set(references())))
def test_named_file_defines_the_name(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    assert not name or defines(ast.parse(path.read_text()), name)


@pytest.mark.parametrize("folder", sorted(set(FOLDER.findall(TEXT))))
def test_named_folder_exists(folder: str) -> None:
    assert (ROOT / folder).is_dir()


def test_each_decision_names_who_makes_it() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("## Where is … decided?")[2].partition("\n## ")[0]
    places = [line.split(" | ")[1] for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(places) > 30
    assert [place for place in places if not (match := FILE.match(place)) or match[2] is None] == []


def test_the_document_is_read() -> None:
    assert len(set(references())) > 100


def test_a_wrong_name_is_found() -> None:
    tree = ast.parse("class Call:\n    def end(self): ...\nLIMIT = 1")
    assert defines(tree, "Call.end")
    assert defines(tree, "LIMIT")
    assert not defines(tree, "Call.begin")
    assert not defines(tree, "end")
