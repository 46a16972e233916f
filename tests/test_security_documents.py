"""docs/evidence/threats.md, docs/evidence/asvs.md and SECURITY.md name tests and documents that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("docs/evidence/threats.md", "docs/evidence/asvs.md", "SECURITY.md")
# `tests/x.py`, and in parentheses behind it the tests in it.
FILE = re.compile(r"`(tests/[\w./]+\.py)`(?: \(((?:`\w+`(?:, )?)+)\))?")


def defined_tests(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def missing_tests(text: str) -> list[str]:
    """Every file that does not exist, and every test that its file does not define."""
    missing = []
    for file, names in FILE.findall(text):
        defined = defined_tests(ROOT / file) if (ROOT / file).is_file() else set()
        missing += [f"{file}: {name}" for name in re.findall(r"\w+", names) or ["test_"] if not _defined(name, defined)]
    return missing


def _defined(name: str, defined: set[str]) -> bool:
    return name in defined or (name == "test_" and bool(defined))


def rows(text: str) -> Iterator[list[str]]:
    """The cells of the rows of all tables, without headings."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_tests_exist(document: str) -> None:
    assert missing_tests((ROOT / document).read_text()) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_is_named_in_the_form_that_is_checked(document: str) -> None:
    text = (ROOT / document).read_text()
    checked = {name for _, names in FILE.findall(text) for name in re.findall(r"\w+", names)}
    assert set(re.findall(r"\btest_\w+(?!\w|\.py)\b(?!\.py)", text)) <= checked


def test_every_wall_has_a_test() -> None:
    text = (ROOT / "docs/evidence/threats.md").read_text()
    walls = [row for row in rows(text.partition("## Everything else")[2])]
    assert len(walls) > 50
    assert not [row for row in walls if len(row) != 4 or not FILE.search(row[3])]
    stolen = list(rows(text.partition("## A stolen media node")[2].partition("\n## ")[0]))
    assert not [
        row for row in stolen if row[1].startswith("cannot") and not (FILE.search(row[3]) or row[3] == "as above")
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_documents_that_exist(document: str) -> None:
    path = ROOT / document
    targets = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", path.read_text())
    assert not [target for target in targets if not (path.parent / target).exists()]


def test_what_is_missing_is_noticed() -> None:
    text = "`tests/nowhere.py` and `tests/test_security_documents.py` (`test_named_tests_exist`, `test_nothing`)"
    assert missing_tests(text) == ["tests/nowhere.py: test_", "tests/test_security_documents.py: test_nothing"]
