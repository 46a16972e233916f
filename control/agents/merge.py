"""How one config is laid over another: JSON Merge Patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on it; both stay as they are.

    Objects are merged, field by field and however deep; a null takes a field away, so that its default holds;
    everything else, lists too, replaces what was there.
    """
    merged = dict(base)
    for name, value in over.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
