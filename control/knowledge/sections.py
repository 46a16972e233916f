"""Finds a file's format, reads its sections by headings (text, Markdown, HTML), and cuts sections into chunks.

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

# Formats

# Programs accept a PDF whose header is within its first 1,024 bytes (ISO 32000-1, implementation note 13 of Adobe's).
_PDF_WITHIN: Final = 1_024
# The groups are atomic, and a label ends with its line, because a request waits: 26 comments that no HTML follows took
# 6 s to be tried in all ways, and each further one doubled that.
_HTML: Final = re.compile(
    r"(?:\s+|<\?xml[^>]*+>|<!--(?>.*?-->))*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
# Line beginnings that Markdown gives a meaning: a heading, a link reference, a fence, a table's rule.
_MARKDOWN: Final = re.compile(r"^(?:#{1,6} \S|```|~~~|\|? ?:?-{3,}:? ?\||\[[^\]\n]++\]: \S)", re.MULTILINE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_HEAD: Final = 65_536
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def find_format(data: bytes) -> DocumentFormat:
    """By the first 64 KiB, because a request waits. Raises Invalid (code file_unknown) for anything but text, Markdown,
    HTML and PDF, an empty file included."""
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return "pdf"
    head = decode_text(data[:_HEAD], is_whole=len(data) <= _HEAD)
    if not head.strip():
        raise _unknown("it is empty")
    if _HTML.match(head):
        return "html"
    return "markdown" if _MARKDOWN.search(head) else "text"


def decode_text(data: bytes, *, is_whole: bool = True) -> str:
    """UTF-8, UTF-16 with a byte order mark, or Windows-1252. Raises Invalid (code file_unknown) for other control
    characters than text has.

    Args:
        is_whole: False for a beginning, whose last character may be cut.
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


# Headings

LONGEST_HEADING: Final = 200
SEPARATOR: Final = " > "


@dataclass(frozen=True, slots=True)
class HeadingPath:
    """The headings above a passage.

    Attributes:
        parts: (level, title) of the headings, the outermost first, with increasing levels.
    """

    parts: tuple[tuple[int, str], ...] = ()

    def enter(self, level: int, title: str) -> "HeadingPath":
        """Returns the path below a further heading; it ends those of its level and of deeper ones."""
        kept = tuple(part for part in self.parts if part[0] < level)
        return HeadingPath((*kept, (level, " ".join(title.split()))))

    @property
    def text(self) -> str:
        """The titles in one line, of LONGEST_HEADING characters at most: the innermost ones are kept."""
        titles = [title for _, title in self.parts if title]
        while len(titles) > 1 and len(SEPARATOR.join(titles)) > LONGEST_HEADING:
            titles.pop(0)
        return SEPARATOR.join(titles)[:LONGEST_HEADING]


# HTML

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
# Deeper elements are left out: whether they are hidden is not recorded.
_DEEPEST: Final = 2_000


def split_html(text: str) -> Iterator[DocumentSection]:
    """Yields the visible text between headings, each with the headings that it stands under.

    Python's own parser keeps all text: libraries that look for a page's main text drop footers, where opening hours
    are. Text that a visitor does not see is left out, so that no one can hide text there for a language model."""
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
    """Returns whether an element ends where another begins, though it has no end tag."""
    return tag not in _METADATA if open_tag == "head" else tag in _ENDED_BY.get(open_tag, ())


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style") or ""
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or bool(_INVISIBLE.search(style))


# Markdown and plain text

# CommonMark 0.31, 4.2: up to three spaces, one to six #, then a space.
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")  # 4.3
_FENCE: Final = re.compile(r"^ {0,3}(```|~~~)")  # 4.5
_EMPHASIS: Final = re.compile(r"(\*\*|__|`)")
_LINK: Final = re.compile(r"!?\[([^\]]{0,500})\]\([^)\s]{0,2000}\)")


def split_markdown(text: str) -> Iterator[DocumentSection]:
    """Yields the text between headings, each with the headings that it stands under."""
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
    """Yields plain text, which has no headings."""
    yield DocumentSection(text)


def _read_heading(line: str, before: list[str]) -> tuple[int, str]:
    """Level and title; level 0 for a line that is not a heading. Takes the title of an underlined one out of the lines
    before it."""
    if match := _HEADING.match(line):
        return len(match[1]), match[2]
    if (match := _UNDERLINE.match(line)) and before and before[-1].strip() and len(before[-1]) <= 200:
        return (1 if match[1].startswith("=") else 2), before.pop()
    return 0, ""


def _plain(text: str) -> str:
    return _EMPHASIS.sub("", _LINK.sub(r"\1", text))


# Chunks

# Characters. A chunk is what one answer quotes: about 150 words.
LONGEST_CHUNK: Final = 900
# A sentence up to this length is repeated at the beginning of the next chunk, so that what refers back to it is found.
LONGEST_OVERLAP: Final = 200
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?\u2026\u3002])[\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]?[A-Z\u00c0-\u00de\u0410-\u042f0-9])|\n+"
)


def make_chunks(sections: Iterable[DocumentSection]) -> Iterator[DocumentChunk]:
    """Yields chunks of whole sentences, none across a heading or a page, each of LONGEST_CHUNK characters at most."""
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
        while len(sentence) - first > LONGEST_CHUNK:  # by offsets: the rest of 2,000,000 characters is not copied
            cut = sentence.rfind(" ", first + LONGEST_CHUNK // 2, first + LONGEST_CHUNK)
            cut = first + LONGEST_CHUNK if cut < 0 else cut
            yield sentence[first:cut]
            first = cut + (sentence[cut] == " ")
        if rest := sentence[first:]:
            yield rest
