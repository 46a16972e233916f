"""Copies the documents into a folder that Sphinx reads.

Links that leave `docs/` cannot work on the site: pages of the root are copied to `repository/`, and links to code
become plain text. Links to a folder lead to a list of its pages.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
REPOSITORY: Final = "repository"
# Pages outside of `docs/` that its pages link to.
ROOT_PAGES: Final = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "deploy/kubernetes/README.md",
)
_PICTURES: Final = (".png", ".svg")
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_PAGE_LINK: Final = re.compile(r"\[([^]]+)\]\(([^)#]+)\.md\)")
_FENCE: Final = re.compile(r"(^[ ]*```.*?^[ ]*```$)", re.DOTALL | re.MULTILINE)


def copy_pages(target: Path, root: Path = ROOT) -> None:
    """Writes all pages and pictures of the site to `target`."""
    pages = {page: _place(page) for page in _pages(root)}
    folders: set[Path] = set()
    for page, place in pages.items():
        destination = target / place
        destination.parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".md":
            destination.write_text(_move_links((root / page).read_text(), page, pages, folders))
        else:
            shutil.copyfile(root / page, destination)
    for folder in folders:
        (target / folder / "index.md").write_text(_list_pages(target / folder))
    front = target / "index.md"
    front.write_text(_with_contents(front.read_text()))


def _pages(root: Path) -> Iterator[Path]:
    for path in sorted((root / "docs").rglob("*")):
        if path.suffix == ".md" or path.suffix in _PICTURES:
            yield path.relative_to(root)
    yield from map(Path, ROOT_PAGES)


def _place(page: Path) -> Path:
    """Returns where a page of the repository is on the site."""
    if page == Path("docs/README.md"):
        return Path("index.md")
    if page.parts[0] == "docs":
        return page.relative_to("docs")
    return Path(REPOSITORY, "-".join(page.parts))


def _move_links(text: str, page: Path, pages: Mapping[Path, Path], folders: set[Path]) -> str:
    """Returns a page with links that fit its place on the site. Adds the folders that need a list to `folders`."""

    def find_place(linked: Path) -> Path | None:
        if linked in pages:
            return pages[linked]
        if linked / "README.md" in pages:
            return pages[linked / "README.md"]
        if any(known.parent == linked for known in pages):
            folders.add(_place(linked))
            return _place(linked) / "index.md"
        return None

    def move(found: re.Match[str]) -> str:
        mark, label, link = found.groups()
        path, hash_mark, section = link.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        place = find_place(Path(os.path.normpath(page.parent / path)))
        if place is None:
            return label
        return f"{mark}[{label}]({os.path.relpath(place, _place(page).parent)}{hash_mark}{section})"

    parts = _FENCE.split(text)
    parts[::2] = [_LINK.sub(move, part) for part in parts[::2]]
    return "".join(parts)


def _with_contents(text: str) -> str:
    """Returns the front page with a hidden table of contents for each door."""
    doors = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    trees = (
        _tree((f"{label} <{page}>" for label, page in _PAGE_LINK.findall(body)), "hidden", f"caption: {title}")
        for title, body in zip(doors[::2], doors[1::2], strict=True)
    )
    return "\n".join((text, *trees))


def _list_pages(folder: Path) -> str:
    """Returns a page that lists the pages of a folder."""
    names = sorted(page.stem for page in folder.glob("*.md") if page.stem != "index")
    return f"# {folder.name.capitalize()}\n\n{_tree(names, 'maxdepth: 1')}"


def _tree(pages: Iterable[str], *options: str) -> str:
    lines = (*(f":{option}" if ":" in option else f":{option}:" for option in options), "", *pages)
    return "\n".join(("```{toctree}", *lines, "```", ""))
