"""The documents for developers name only files, definitions and pages that exist; the list of packages is current."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import module_index

ROOT = Path(__file__).parents[1]
WHERE = ROOT / "docs" / "where.md"
PAGES = (ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", WHERE, *sorted((ROOT / "docs" / "develop").glob("*.md")))
TEXT = " ".join(" ".join(page.read_text() for page in PAGES).split())
# `path/file.py` (`Name`, `Class.method`, `function`)
FILE = re.compile(r"`([\w.]+/[\w./]+\.(?:py|sql|toml|svg))`(?: \(((?:`[\w.]+`(?:, | and )?)+)\))?")
FOLDER = re.compile(
    r"`((?:media|control|shared|vendors|config|simulator|vocalized|benchmarks|tests|docs|deploy)[\w/]*/)`"
)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
# A successor should be able to read it in ten minutes.
ARCHITECTURE_BYTES = 10_000


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


def test_named_files_define_the_names() -> None:
    assert [(file, name) for file, name in sorted(set(references())) if not exists(file, name)] == []


def exists(file: str, name: str) -> bool:
    """Return whether there is such a file, and whether the file defines the name, if there is one."""
    path = ROOT / file
    return path.is_file() and (not name or defines(ast.parse(path.read_text()), name))


def test_named_folders_exist() -> None:
    assert [folder for folder in sorted(set(FOLDER.findall(TEXT))) if not (ROOT / folder).is_dir()] == []


def test_each_question_names_the_code_that_decides_it() -> None:
    rows = [line for line in WHERE.read_text().splitlines() if line.startswith("| ")]
    places = [row.split(" | ")[1] for row in rows if not row.startswith(("| question", "| ---"))]
    assert len(places) > 60
    assert [place for place in places if not (match := FILE.match(place)) or match[2] is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_a_page_and_heading(page: Path) -> None:
    broken = []
    for link, anchor in LINK.findall(page.read_text()):
        target = page.parent / link if link else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{link}#{anchor}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_index_of_packages_is_current() -> None:
    assert module_index.TARGET.read_text() == module_index.make_page(), "run python -m tools.module_index"


def test_architecture_stays_short() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_bytes()) <= ARCHITECTURE_BYTES


def test_references_are_found() -> None:
    assert len(set(references())) > 100


def test_a_wrong_name_is_found() -> None:
    tree = ast.parse("class Call:\n    def end(self): ...\nLIMIT = 1")
    assert defines(tree, "Call.end")
    assert defines(tree, "LIMIT")
    assert not defines(tree, "Call.begin")
    assert not defines(tree, "end")
