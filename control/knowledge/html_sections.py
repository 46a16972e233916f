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
    "textarea", "title",
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
# HTML, 13.1.2.4: the elements whose start tag ends an open one that has no end tag. A head ends with the first element
# that is not one of its own, a paragraph with the first block.
_METADATA: Final = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})
_ENDED_BY: Final = {
    "dd": frozenset(("dd", "dt")),
    "dt": frozenset(("dd", "dt")),
    "li": frozenset(("li",)),
    "p": _BLOCKS - {"br"} | {f"h{level}" for level in range(1, 7)},
    "tbody": frozenset(("tbody", "tfoot")),
    "td": frozenset(("tbody", "td", "tfoot", "th", "tr")),
    "th": frozenset(("tbody", "td", "tfoot", "th", "tr")),
    "thead": frozenset(("tbody", "tfoot")),
    "tr": frozenset(("tbody", "tfoot", "tr")),
}
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_INVISIBLE: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)|font-size\s*:\s*0", re.I
)
_SPACE: Final = re.compile(r"\s+")
# Deeper elements are left out, because nobody keeps what is hidden among them.
_DEEPEST: Final = 2_000


def split_html(text: str) -> Iterator[DocumentSection]:
    """Yields the visible text between headings, each with the headings that it stands under."""
    reader = _PageReader()
    reader.feed(text)
    reader.close()
    yield from reader.sections()


class _PageReader(HTMLParser):
    """Collects sections. _open: names of open elements with whether each is skipped. _deeper: how many are in those."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool]] = []
        self._deeper = 0
        self._path, self._level = HeadingPath(), 0
        self._text: list[str] = []
        self._found: list[DocumentSection] = []

    def sections(self) -> Iterable[DocumentSection]:
        self._end_section()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_implied(tag)
        if tag in _HEADINGS and not self._is_skipped:
            self._end_section()
            self._level = _HEADINGS[tag]
        self._separate(tag)
        if tag in _VOID:
            return
        if len(self._open) == _DEEPEST:
            self._deeper += 1
        else:
            self._open.append((tag, self._is_skipped or tag in _SKIPPED or _is_hidden(dict(attrs))))

    def handle_endtag(self, tag: str) -> None:
        if self._deeper:
            self._deeper -= tag not in _VOID
            return
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
        return bool(self._deeper) or (bool(self._open) and self._open[-1][1])

    def _end_implied(self, tag: str) -> None:
        while self._open and not self._deeper and _is_ended(self._open[-1][0], tag):
            self._open.pop()

    def _separate(self, tag: str) -> None:
        if not self._is_skipped:
            if tag in _BLOCKS:
                self._text.append("\n")
            elif tag in _CELLS:
                self._text.append(" ")

    def _end_section(self) -> None:
        self._found.append(DocumentSection("".join(self._text), self._path.text))
        self._text = []


def _is_ended(open_tag: str, tag: str) -> bool:
    """Whether an element ends where another begins, though it has no end tag."""
    return tag not in _METADATA if open_tag == "head" else tag in _ENDED_BY.get(open_tag, ())


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style") or ""
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or bool(_INVISIBLE.search(style))
