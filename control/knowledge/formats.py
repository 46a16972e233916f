"""The format of a file, found by its content: names and content types are what the sender says."""

import re
from codecs import getincrementaldecoder
from typing import Final

from control.knowledge.model import DocumentFormat
from shared.errors import Invalid

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
    """UTF-8, UTF-16 with a byte order mark, or Windows-1252. is_whole: False for a beginning, whose last character may
    be cut. Raises Invalid (code file_unknown) for other control characters than text has."""
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
