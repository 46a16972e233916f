"""A response as JSON or PDF, depending on the request's Accept header."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from control.http.responses.file_response import FileResponse

PDF: Final = "application/pdf"
JSON: Final = "application/json"
# Maximum number of ranges that are read from an Accept header.
_MOST_RANGES: Final = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JsonOrPdf(Generic[T]):
    """Returned by a handler instead of a T.

    Attributes:
        make: Creates the PDF. Called after the commit and without a connection.
    """

    value: T
    make: Callable[[], Awaitable[FileResponse]]


def wants_pdf(accept: str) -> bool:
    """Return whether an Accept header prefers a PDF to JSON (RFC 9110, section 12.5.1).

    Without a preference, the response is JSON.
    """
    return _quality(accept, PDF) > _quality(accept, JSON)


def _quality(accept: str, kind: str) -> float:
    """Return the q-value of the most specific matching range. Return 0 without a match and 1 without a header."""
    if not accept.strip():
        return 1.0
    found: dict[str, float] = {}
    for part in accept.split(",")[:_MOST_RANGES]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found[name] = next((_number(parameter[2:]) for parameter in parameters if parameter.startswith("q=")), 1.0)
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((found[media_range] for media_range in ranges if media_range in found), 0.0)


def _number(text: str) -> float:
    """Return a q-value. An invalid value counts as 0."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
