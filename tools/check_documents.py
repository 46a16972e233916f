"""Check that what the documents name exists. `make check` runs it.

    python -m tools.check_documents

Links of all documents lead to files and headings that exist. The pages for developers name files, folders, and in
parentheses behind a file what it defines. The pages on security name tests in the same form, and each wall of
docs/evidence/threats.md names a test. Each fault is printed as FILE:LINE, and any fault makes the command exit with 1.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = ("*.md", "docs/**/*.md", "deploy/**/*.md", "clients/**/*.md")
FOR_DEVELOPERS: Final = ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/where.md", "docs/develop/*.md")
THREATS: Final = "docs/evidence/threats.md"
WALLS: Final = "## Everything else"  # the part of the threats whose tables list attacks that fail
STOLEN_NODE: Final = "## A stolen media node"
SECURITY: Final = (THREATS, "docs/evidence/asvs.md", "SECURITY.md")
# `path/file.py` (`Name`, `Class.method`, `function`); a line may end anywhere between them.
_FILE: Final = re.compile(
    r"`([\w.]+/[\w./]+\.(?:py|sql|toml|svg))`(?:\s\(((?:`[\w.]+`(?:,\s|\sand\s)?)+)\))?"
)  # fmt: skip
_FOLDER: Final = re.compile(
    r"`((?:media|control|shared|vendors|config|simulator|vocalized|lab|console|tools|tests|docs|deploy)[\w/]*/)`"
)
_ROW: Final = re.compile(r"^\| (.*) \|$", re.MULTILINE)
_TEST: Final = re.compile(r"\btest_\w+(?!\w|\.py)\b(?!\.py)")
_LINK: Final = re.compile(r"\]\((?![a-z]+:|/)([^)#\s]*)(?:#([^)\s]*))?\)")
_CODE: Final = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


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


def find_broken_links(text: str, document: Path) -> Iterator[tuple[int, str]]:
    """Yield each link to a file or heading that does not exist."""
    for match in _LINK.finditer(_CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)):
        target = document.parent / match[1] if match[1] else document
        if not target.exists():
            yield match.start(), f"there is no file {match[1]}"
        elif match[2] and match[2] not in _find_anchors(target):
            yield match.start(), f"there is no heading #{match[2]} in {target.name}"


@cache
def _find_anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w -]", "", words).replace(" ", "-")
        found.add(next(name for name in (anchor, *(f"{anchor}-{n}" for n in range(1, 99))) if name not in found))
    return found


def find_untested_refusals(text: str) -> Iterator[tuple[int, str]]:
    """Yield each row on a stolen media node that says "cannot" and names no test."""
    start = text.index(STOLEN_NODE)
    for match in _ROW.finditer(text, start, text.index("\n## ", start)):
        cells = [cell.strip() for cell in match[1].split("|")]
        if cells[1].startswith("cannot") and not (_FILE.search(cells[-1]) or cells[-1] == "as above"):
            yield match.start(), "what a stolen node cannot do needs a test"


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


def find_faults(path: Path) -> Iterator[str]:
    """Yield the faults of a document in the order of its lines."""
    document, text = path.relative_to(ROOT).as_posix(), path.read_text()
    faults = [*find_broken_links(text, path)]
    if document in SECURITY or path in _list_files(FOR_DEVELOPERS):
        faults += find_missing_names(text)
    if document in SECURITY:
        faults += find_unchecked_tests(text)
    if document == THREATS:
        faults += find_untested_walls(text)
        faults += find_untested_refusals(text)
    for offset, fault in sorted(faults):
        yield f"{document}:{text.count(chr(10), 0, offset) + 1}: {fault}"


def _list_files(patterns: tuple[str, ...]) -> list[Path]:
    files = {pattern: sorted(ROOT.glob(pattern)) for pattern in patterns}
    assert all(files.values()), f"no document for {[pattern for pattern, found in files.items() if not found]}"
    return [path for found in files.values() for path in found]


def main() -> int:
    documents = _list_files(DOCUMENTS)
    assert {path.relative_to(ROOT).as_posix() for path in documents} >= {*SECURITY}
    threats = (ROOT / THREATS).read_text()  # a pattern that matches nothing would find no fault
    assert len(_FILE.findall(threats)) > 100, f"{THREATS} names fewer tests than it did"
    faults = [fault for path in documents for fault in find_faults(path)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
