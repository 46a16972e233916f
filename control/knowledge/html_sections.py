"""Sections of an HTML page: its visible text by headings. Pure.

Python's own parser, because it needs no further package and keeps all text: libraries that look for a page's main text
leave out footers, where opening hours are. What a visitor does not see is left out, so that nobody can hide text there
for a language model."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Final

from control.knowledge.headings import HeadingPath
from control.knowledge.model import DocumentSection

_SKIPPED: Final = frozenset({
    "head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas", "select",
    "textarea",
})  # fmt: skip
# HTML, 13.1.2: elements without content, and so without an end tag.
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_CELLS: Final = frozenset(("td", "th"))
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_INVISIBLE: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)|font-size\s*:\s*0", re.I
)
_SPACE: Final = re.compile(r"\s+")
# Deeper elements are read as text of the one at this depth.
_DEEPEST: Final = 2_000


def split_html(text: str) -> Iterator[DocumentSection]:
    """Yields the visible text between headings, each with the headings that it stands under."""
    reader = _PageReader()
    reader.feed(text)
    reader.close()
    yield from reader.sections()


class _PageReader(HTMLParser):
    """Collects sections. _open: names of open elements with whether each is skipped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool]] = []
        self._path, self._level = HeadingPath(), 0
        self._text: list[str] = []
        self._found: list[DocumentSection] = []

    def sections(self) -> Iterable[DocumentSection]:
        self._end_section()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HEADINGS and not self._is_skipped:
            self._end_section()
            self._level = _HEADINGS[tag]
        self._separate(tag)
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append((tag, self._is_skipped or tag in _SKIPPED or _is_hidden(dict(attrs))))

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS and self._level:
            self._path = self._path.enter(self._level, "".join(self._text))
            self._level, self._text = 0, []
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        if not self._is_skipped:
            self._text.append(_SPACE.sub(" ", data))

    @property
    def _is_skipped(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _separate(self, tag: str) -> None:
        if not self._is_skipped:
            if tag in _BLOCKS:
                self._text.append("\n")
            elif tag in _CELLS:
                self._text.append(" ")

    def _end_section(self) -> None:
        self._found.append(DocumentSection("".join(self._text), self._path.text))
        self._text = []


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style") or ""
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or bool(_INVISIBLE.search(style))
