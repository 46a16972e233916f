"""What the OpenAPI document says beyond what follows from routes and types: published names, sections, error codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Section:
    """A tag of the document.

    Attributes:
        name: As `tag` in openapi.py makes it of a path.
    """

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error that an operation can answer with.

    Attributes:
        text: What it means, for people.
    """

    status: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ApiReference:
    """names: published names of schemas that differ from their class's name. sections: in the order of the document;
    others follow. error_texts: what each error of a route (`Route.errors`) means, by status and code."""

    names: Mapping[str, str] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    error_texts: Mapping[str, str] = field(default_factory=dict)
