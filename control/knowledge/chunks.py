"""Cuts the sections of a document into chunks that are searched and quoted. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from control.knowledge.model import DocumentChunk, DocumentSection

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
