"""Each relative link of a document leads to a file and a section that exist."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "deploy").rglob("*.md"),
    *(ROOT / "clients").rglob("*.md"),
)


def test_links_lead_somewhere() -> None:
    dead = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in links(document)
        if not exists(document, link)
    ]
    assert not dead


def links(document: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(document)))
    return [link for link in found if not re.match(r"[a-z]+:|/", link)]


def exists(document: Path, link: str) -> bool:
    path, _, section = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    return target.exists() and (not section or section in sections(target))


@cache
def sections(document: Path) -> set[str]:
    """Returns the anchors of a page as GitHub makes them of its headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w -]", "", text.strip().lower()).replace(" ", "-")
        found.add(next(name for name in (anchor, *(f"{anchor}-{n}" for n in range(1, 99))) if name not in found))
    return found


@cache
def prose(document: Path) -> str:
    """Returns a document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
