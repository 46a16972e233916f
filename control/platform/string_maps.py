"""Maps by name that clients send, bounded before their entries are looked at."""

from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError


def bounded_map(most: int, longest_name: int) -> BeforeValidator:
    """A validator that refuses more than `most` entries, and names with more than `longest_name` characters, before the
    types of the entries are checked: an error names each wrong entry, and would be as long as what was sent."""

    def check(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > most:
            bounds = {"field_type": "Dictionary", "max_length": most, "actual_length": len(value)}
            raise PydanticKnownError("too_long", bounds)
        if isinstance(value, dict) and any(len(name) > longest_name for name in value):
            raise ValueError(f"must have names of at most {longest_name} characters")
        return value

    return BeforeValidator(check)
