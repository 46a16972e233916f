"""Maps of short texts that clients send, bounded before their entries are looked at."""

from typing import Any

from pydantic import BeforeValidator


def bounded_map(most: int, longest_name: int) -> BeforeValidator:
    """A validator that refuses more than `most` entries, and names with more than `longest_name` characters, before the
    types of the entries are checked: an error names each wrong entry, and would be as long as what was sent."""

    def check(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > most:
            raise ValueError(f"at most {most} entries")
        if isinstance(value, dict) and any(len(name) > longest_name for name in value):
            raise ValueError(f"names have at most {longest_name} characters")
        return value

    return BeforeValidator(check)
