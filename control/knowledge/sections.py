"""Detects a file's format, splits text, Markdown and HTML into sections by headings, and cuts sections into chunks.

Pure functions.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from control.knowledge.rules import DocumentChunk, DocumentFormat, DocumentSection
from shared.errors import Invalid

# -- Formats --

# Programs accept a PDF whose header is within the first 1,024 bytes (ISO 32000-1, Adobe's implementation note 13).
_PDF_WITHIN: Final = 1_024
# Groups are atomic to avoid exponential backtracking while a request waits: 26 comments without HTML after them took 6
# s, and each further comment doubled the time.
_HTML: Final = re.compile(
    r"(?:\s+|<\?xml[^>]*+>|<!--(?>.*?-->))*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
# Starts of lines with a meaning in Markdown: a heading, a link reference, a fence, the rule of a table. A label ends
# with its line, to avoid backtracking.
_MARKDOWN: Final = re.compile(r"^(?:#{1,6} \S|```|~~~|\|? ?:?-{3,}:? ?\||\[[^\]\n]++\]: \S)", re.MULTILINE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_HEAD: Final = 65_536
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def find_format(data: bytes) -> DocumentFormat:
    """Detect the format from the first 64 KiB, because a request waits.

    Raises Invalid (code file_unknown) for an empty file and for formats other than text, Markdown, HTML and PDF.
    """
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return "pdf"
    head = decode_text(data[:_HEAD], is_whole=len(data) <= _HEAD)
    if not head.strip():
        raise _unknown("it is empty")
    if _HTML.match(head):
        return "html"
    return "markdown" if _MARKDOWN.search(head) else "text"


def decode_text(data: bytes, *, is_whole: bool = True) -> str:
    """Decode UTF-8, UTF-16 with a byte order mark, or Windows-1252.

    Raises Invalid (code file_unknown) if the result has control characters that do not occur in texts.

    Args:
        is_whole: False if the data may end within a character.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = getincrementaldecoder(encoding)().decode(data, final=is_whole)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if _CONTROL.search(text):
        raise _unknown("it is neither text nor a PDF")
    return text


def _unknown(why: str) -> Invalid:
    return Invalid(f"file: {why}. Text, Markdown, HTML and PDF can be searched.", code="file_unknown", param="file")


# -- Headings --

LONGEST_HEADING: Final = 200
SEPARATOR: Final = " > "


@dataclass(frozen=True, slots=True)
class HeadingPath:
    """The headings above a passage.

    Attributes:
        parts: (level, title) of the headings, outermost first, with increasing levels.
    """

    parts: tuple[tuple[int, str], ...] = ()

    def enter(self, level: int, title: str) -> "HeadingPath":
        """Return the path after another heading, which ends headings of its own and deeper levels."""
        kept = tuple(part for part in self.parts if part[0] < level)
        return HeadingPath((*kept, (level, " ".join(title.split()))))

    @property
    def text(self) -> str:
        """The titles in one line of at most LONGEST_HEADING characters. The innermost titles are kept."""
        titles = [title for _, title in self.parts if title]
        while len(titles) > 1 and len(SEPARATOR.join(titles)) > LONGEST_HEADING:
            titles.pop(0)
        return SEPARATOR.join(titles)[:LONGEST_HEADING]


# -- HTML --

_SKIPPED: Final = frozenset({
    "head", "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "canvas", "select",
    "textarea", "title",
})  # fmt: skip
# HTML standard, section 13.1.2: elements without content and without an end tag.
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_CELLS: Final = frozenset(("td", "th"))
# HTML standard, section 13.1.2.4: elements whose start tag ends an open element without an end tag. A head ends at the
# first element that is not metadata, a paragraph at the first block.
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
# Deeper elements are ignored, because whether they are hidden is not tracked.
_DEEPEST: Final = 2_000


def split_html(text: str) -> Iterator[DocumentSection]:
    """Yield the visible text between headings, each with its headings.

    Python's own parser keeps all text. Libraries that extract a page's main text drop footers, which often have the
    opening hours. Text that is hidden from visitors is left out, so that nobody can hide instructions for a language
    model.
    """
    reader = _PageReader()
    reader.feed(text)
    reader.close()
    yield from reader.sections()


class _PageReader(HTMLParser):
    """Collects the sections of an HTML page.

    `_open` has the names of open elements, each with whether its text is skipped. `_deeper` counts the elements that
    are nested too deep.
    """

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
    """Return whether a start tag ends an open element that has no end tag."""
    return tag not in _METADATA if open_tag == "head" else tag in _ENDED_BY.get(open_tag, ())


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style") or ""
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or bool(_INVISIBLE.search(style))


# -- Markdown and plain text --

# CommonMark 0.31, section 4.2: up to three spaces, one to six #, then a space.
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")  # section 4.3
_FENCE: Final = re.compile(r"^ {0,3}(```|~~~)")  # section 4.5
_EMPHASIS: Final = re.compile(r"(\*\*|__|`)")
_LINK: Final = re.compile(r"!?\[([^\]]{0,500})\]\([^)\s]{0,2000}\)")


def split_markdown(text: str) -> Iterator[DocumentSection]:
    """Yield the text between headings, each with its headings."""
    path, lines, fence = HeadingPath(), list[str](), ""
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else (fence or mark[1])
            continue
        level, title = (0, "") if fence else _read_heading(line, lines)
        if not level:
            lines.append(line)
            continue
        yield DocumentSection(_plain("\n".join(lines)), path.text)
        path, lines = path.enter(level, _plain(title)), []
    yield DocumentSection(_plain("\n".join(lines)), path.text)


def split_text(text: str) -> Iterator[DocumentSection]:
    """Yield plain text as a single section, because it has no headings."""
    yield DocumentSection(text)


def _read_heading(line: str, before: list[str]) -> tuple[int, str]:
    """Return the heading's level and title. The level is 0 if the line is not a heading.

    The title of an underlined heading is removed from the lines before it.
    """
    if match := _HEADING.match(line):
        return len(match[1]), match[2]
    if (match := _UNDERLINE.match(line)) and before and before[-1].strip() and len(before[-1]) <= 200:
        return (1 if match[1].startswith("=") else 2), before.pop()
    return 0, ""


def _plain(text: str) -> str:
    return _EMPHASIS.sub("", _LINK.sub(r"\1", text))


# -- Chunks --

# Characters. A chunk is quoted as a unit and has about 150 words.
LONGEST_CHUNK: Final = 900
# A sentence up to this length is repeated at the start of the next chunk, so that references to it can be found.
LONGEST_OVERLAP: Final = 200
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?\u2026\u3002])[\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]?[A-Z\u00c0-\u00de\u0410-\u042f0-9])|\n+"
)


def make_chunks(sections: Iterable[DocumentSection]) -> Iterator[DocumentChunk]:
    """Yield chunks of whole sentences with at most LONGEST_CHUNK characters. Chunks do not cross headings or pages."""
    number = 0
    for section in sections:
        for text in _pack(_sentences(section.text)):
            yield DocumentChunk(number, text, section.heading, section.page)
            number += 1


def _pack(sentences: Iterable[str]) -> Iterator[str]:
    chunk: list[str] = []
    length, is_new = 0, False
    for sentence in sentences:
        if chunk and length + len(sentence) + 1 > LONGEST_CHUNK:
            yield " ".join(chunk)
            chunk = chunk[-1:] if len(chunk[-1]) <= LONGEST_OVERLAP else []
            length, is_new = sum(map(len, chunk)), False
            if length + len(sentence) + 1 > LONGEST_CHUNK:
                chunk, length = [], 0
        chunk.append(sentence)
        length, is_new = length + len(sentence) + 1, True
    if is_new:
        yield " ".join(chunk)


def _sentences(text: str) -> Iterator[str]:
    for piece in _SENTENCE_END.split(text):
        sentence = " ".join(piece.split())
        first = 0
        while len(sentence) - first > LONGEST_CHUNK:  # offsets avoid copying the rest of up to 2,000,000 characters
            cut = sentence.rfind(" ", first + LONGEST_CHUNK // 2, first + LONGEST_CHUNK)
            cut = first + LONGEST_CHUNK if cut < 0 else cut
            yield sentence[first:cut]
            first = cut + (sentence[cut] == " ")
        if rest := sentence[first:]:
            yield rest
