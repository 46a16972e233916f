"""The child process that reads a document: bounded in memory, time and output, without secrets, network and files.

python -m control.knowledge.parser_process FORMAT MOST_PAGES MOST_CHARACTERS < file

It writes one JSON object: `{"pages", "sections": [{"text", "heading", "page"}]}` or `{"failure": code}`. Both also have
`"confined"`, the parts of `confinement.ALL` that are in force.
"""

import re
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from control.knowledge.confinement import confine, python_folders
from control.knowledge.rules import DocumentSection
from control.knowledge.sections import decode_text, split_html, split_markdown, split_text
from shared.errors import Invalid

MEMORY_BYTES: Final = 512 * 1024 * 1024
CPU_S: Final = 20
_UNSTORABLE: Final = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPLITTERS: Final = {"text": split_text, "markdown": split_markdown, "html": split_html}


class _TooLong(Exception):
    """The document has too much text."""


def main(arguments: list[str]) -> None:
    """Limit this process, read the file from stdin, and write the result to stdout."""
    limit_process()
    confined = confine(_readable())
    kind, pages, characters = arguments[0], int(arguments[1]), int(arguments[2])
    try:
        result = read_document(kind, sys.stdin.buffer.read(), most_pages=pages, most_characters=characters)
        output = msgspec.json.encode(result | {"confined": confined})
    except MemoryError:
        output = msgspec.json.encode({"failure": "too_costly", "confined": confined})
    sys.stdout.buffer.write(output)


def limit_process() -> None:
    """Set the limits of this process. Excess memory raises MemoryError, excess time sends SIGXCPU, and no file can be
    written.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _readable() -> list[Path]:
    """Return the folders that the process may read. Of our own code, only module folders are included, because settings
    and data may be next to them.
    """
    root = Path(__file__).parents[2]
    others = [folder for folder in python_folders() if folder.resolve() != root.resolve()]
    return [*others, root / "control", root / "shared"]


def read_document(kind: str, data: bytes, *, most_pages: int, most_characters: int) -> dict[str, Any]:
    """Return the object to write.

    Args:
        kind: A DocumentFormat.
    """
    try:
        if kind == "pdf":
            return _read_pdf(data, most_pages, most_characters)
        sections = _bounded(_SPLITTERS[kind](decode_text(data)), most_characters)
    except Invalid:
        return {"failure": "unreadable"}
    except _TooLong:
        return {"failure": "too_long"}
    return {"pages": None, "sections": sections} if sections else {"failure": "no_text"}


def _read_pdf(data: bytes, most_pages: int, most_characters: int) -> dict[str, Any]:
    from control.knowledge.pdf import (
        PdfRefused,
        count_pages,
        split_pdf,  # imported after the limits are set
    )

    try:
        reader, pages = count_pages(data)
        if pages > most_pages:
            return {"failure": "too_many_pages"}
        sections = _bounded(split_pdf(reader), most_characters)
    except PdfRefused as refused:
        return {"failure": refused.code}
    return {"pages": pages, "sections": sections} if sections else {"failure": "no_text"}


def _bounded(sections: Iterable[DocumentSection], most_characters: int) -> list[DocumentSection]:
    """Return the sections that have text. Raises _TooLong."""
    kept: list[DocumentSection] = []
    left = most_characters
    for section in sections:
        left -= len(section.text)
        if left < 0:
            raise _TooLong
        text = clean_text(section.text)
        if text.strip():
            kept.append(DocumentSection(text, clean_text(section.heading), section.page))
    return kept


def clean_text(text: str) -> str:
    """Replace characters that PostgreSQL or JSON cannot store with spaces.

    These are control characters except line breaks (PDF texts may contain NUL) and lone surrogates.
    """
    return _UNSTORABLE.sub(" ", text)


if __name__ == "__main__":
    main(sys.argv[1:])
