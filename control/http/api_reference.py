"""What the OpenAPI document says beyond what follows from routes and types: texts, examples, sections, error codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# Tells "no example" from the example null.
NO_EXAMPLE: Final = object()


@dataclass(frozen=True, slots=True)
class PropertyText:
    """Description of a property, with its unit, and an example value."""

    description: str
    example: Any = NO_EXAMPLE


@dataclass(frozen=True, slots=True)
class Section:
    """A tag of the document. name: as `tag` in openapi.py makes it of a path."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error that an operation can answer with. text: what it means, for people."""

    status: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ApiReference:
    """names: published names of schemas that differ from their class's name. properties: by name, or by schema and name
    ("CallView.usage"), which goes first. sections: in the order of the document; others follow. errors: of each
    operation, beside those that follow from its route, by operationId."""

    names: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, PropertyText] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    errors: Mapping[str, Sequence[ErrorCode]] = field(default_factory=dict)
