"""Check that what the documents name exists. `make check` runs it.

    python -m tools.check_documents

ARCHITECTURE.md and CONTRIBUTING.md name files, folders, and in parentheses behind a file what it defines. The pages on
security name tests in the same form, and each wall of docs/threats.md names a test. The links of all documents lead to
files that exist. Each fault is printed as FILE:LINE, and any fault makes the command exit with 1.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = ("*.md", "docs/**/*.md", "deploy/**/*.md")
MAPS: Final = ("ARCHITECTURE.md", "CONTRIBUTING.md")
WALLS: Final = "## Everything else"  # the part of docs/threats.md whose tables list attacks that fail
SECURITY: Final = ("docs/threats.md", "docs/asvs.md", "SECURITY.md")
# `path/file.py` (`Name`, `Class.method`, `function`); a line may end anywhere between them.
_FILE: Final = re.compile(
    r"`([\w.]+/[\w./]+\.(?:py|sql|toml|svg))`(?:\s\(((?:`[\w.]+`(?:,\s|\sand\s)?)+)\))?"
)  # fmt: skip
_FOLDER: Final = re.compile(
    r"`((?:media|control|shared|vendors|config|simulator|vocalized|benchmarks|console|tools|tests|docs|deploy)[\w/]*/)`"
)
_ROW: Final = re.compile(r"^\| (.*) \|$", re.MULTILINE)
_TEST: Final = re.compile(r"\btest_\w+(?!\w|\.py)\b(?!\.py)")
_LINK: Final = re.compile(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)")


def find_missing_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and a description of each named file, folder or definition that does not exist."""
    for match in _FILE.finditer(text):
        file, names = match[1], re.findall(r"`([\w.]+)`", match[2] or "")
        if not (ROOT / file).is_file():
            yield match.start(), f"there is no file {file}"
        elif missing := [name for name in names if not defines(_parse(ROOT / file), name)]:
            yield match.start(), f"{file} does not define {', '.join(missing)}"
    for match in _FOLDER.finditer(text):
        if not (ROOT / match[1]).is_dir():
            yield match.start(), f"there is no folder {match[1]}"


def find_unchecked_tests(text: str) -> Iterator[tuple[int, str]]:
    """Yield each name of a test that does not stand in parentheses behind its file, where its existence is checked."""
    checked = {name for _, names in _FILE.findall(text) for name in re.findall(r"\w+", names)}
    for match in _TEST.finditer(text):
        if match[0] not in checked:
            yield match.start(), f"{match[0]} does not stand in parentheses behind its file"


def find_broken_links(text: str, folder: Path) -> Iterator[tuple[int, str]]:
    """Yield each link to a file that does not exist."""
    for match in _LINK.finditer(text):
        if not (folder / match[1]).exists():
            yield match.start(), f"there is no file {match[1]}"


def find_untested_walls(text: str) -> Iterator[tuple[int, str]]:
    """Yield each row of the tables of threats that claims a wall and names no test."""
    start = text.index(WALLS)
    for match in _ROW.finditer(text, start, text.index("\n## ", start)):
        cells = match[1].split(" | ")
        if cells[0].strip() not in ("attacker", "---") and (len(cells) != 4 or not _FILE.search(cells[3])):
            yield match.start(), "a row needs attacker, attempt, wall and test"


def defines(tree: ast.AST, name: str) -> bool:
    """Whether a dotted name is a class, function, method, or assigned name of a module, or a test anywhere in it."""
    if name.startswith("test_"):
        return any(getattr(node, "name", "") == name for node in ast.walk(tree))
    head, _, rest = name.partition(".")
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == head:
            return not rest or defines(node, rest)
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if not rest and any(isinstance(target, ast.Name) and target.id == head for target in targets):
            return True
    return False


@cache
def _parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text() if path.suffix == ".py" else "")


def find_faults(document: str) -> Iterator[str]:
    """Yield the faults of a document in the order of its lines."""
    path = ROOT / document
    text = path.read_text()
    faults = [*find_broken_links(text, path.parent)]
    if document in (*MAPS, *SECURITY):
        faults += find_missing_names(text)
    if document in SECURITY:
        faults += find_unchecked_tests(text)
    if WALLS in text:
        faults += find_untested_walls(text)
    for offset, fault in sorted(faults):
        yield f"{document}:{text.count(chr(10), 0, offset) + 1}: {fault}"


def main() -> int:
    documents = [path.relative_to(ROOT).as_posix() for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    faults = [fault for document in documents for fault in find_faults(document)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
