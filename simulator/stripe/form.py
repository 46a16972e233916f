"""Stripe's form encoding: `metadata[key]=value`, `items[0][price]=…`."""

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"[^\[\]]+")


def parse_form(text: str) -> dict[str, Any]:
    """Return nested objects. A list becomes an object whose names are its indices."""
    parsed: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *parents, last = _PART.findall(name)
        place = parsed
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = value
    return parsed
