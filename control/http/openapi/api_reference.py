"""Additions to the OpenAPI document that do not follow from routes and types: names, sections and error codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Section:
    """A tag of the document.

    Attributes:
        name: The name that `tag` in document.py derives from a path.
    """

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error that an operation can return.

    Attributes:
        text: Description of the error for people.
    """

    status: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ApiReference:
    """Additions to the OpenAPI document.

    Attributes:
        names: Published names of schemas that differ from their class's name.
        sections: Sections in the order of the document. Other sections follow.
        error_texts: Description of each error of a route (`Route.errors`), by status and code.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    error_texts: Mapping[str, str] = field(default_factory=dict)
