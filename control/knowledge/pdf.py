"""Sections of a PDF: the text of each page. The only file that knows pypdf. Runs in the child process only."""

import io
import logging
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from control.knowledge.rules import DocumentSection


class PdfRefused(Exception):
    """The PDF cannot be read.

    Args:
        code: See control/knowledge/rules.py.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def count_pages(data: bytes) -> tuple[PdfReader, int]:
    """Returns the opened file and how many pages it has. Raises PdfRefused."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it would repeat the file's own texts
    try:
        reader = PdfReader(io.BytesIO(data))
        # Many PDFs are encrypted with an empty password only to forbid changes.
        if reader.is_encrypted and not reader.decrypt(""):
            raise PdfRefused("encrypted")
        return reader, len(reader.pages)
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise PdfRefused("unreadable") from error


def split_pdf(reader: PdfReader) -> Iterator[DocumentSection]:
    """Yields the pages, numbered from 1. Raises PdfRefused."""
    try:
        for number, page in enumerate(reader.pages, 1):
            yield DocumentSection(page.extract_text(), page=number)
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise PdfRefused("unreadable") from error
