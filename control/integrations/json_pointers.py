"""JSON pointers (RFC 6901)."""

import re
from typing import Any, Final

# Python converts no text of more than 4,300 digits.
_INDEX: Final = re.compile("[0-9]{1,9}")


def find_value(document: Any, pointer: str) -> Any:
    """What stands at the pointer; None if there is nothing."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(key)
        elif isinstance(found, list) and _INDEX.fullmatch(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found
