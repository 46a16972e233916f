"""JSON pointers (RFC 6901)."""

from typing import Any


def find_value(document: Any, pointer: str) -> Any:
    """What stands at the pointer; None if there is nothing."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and key.isascii() and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found
