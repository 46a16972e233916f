"""Reads the text of each page of a PDF. Only this module imports pypdf, and only the child process runs it."""

import io
import logging
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from control.knowledge.rules import DocumentSection


class PdfRefused(Exception):
    """The PDF cannot be read.

    Args:
        code: A key of FAILURES in control/knowledge/rules.py.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def count_pages(data: bytes) -> tuple[PdfReader, int]:
    """Open the PDF and count its pages. Raises PdfRefused."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its logs would contain texts of the file
    try:
        reader = PdfReader(io.BytesIO(data))
        # Many PDFs are encrypted with an empty password, only to forbid changes.
        if reader.is_encrypted and not reader.decrypt(""):
            raise PdfRefused("encrypted")
        return reader, len(reader.pages)
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise PdfRefused("unreadable") from error


def split_pdf(reader: PdfReader) -> Iterator[DocumentSection]:
    """Yield the pages as sections, numbered from 1. Raises PdfRefused."""
    try:
        for number, page in enumerate(reader.pages, 1):
            yield DocumentSection(page.extract_text(), page=number)
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise PdfRefused("unreadable") from error
