"""Helpers for the tests of both carriers: changed messages, the order of events, fuzzed messages."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def with_value(message: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Returns a copy in which the field at the dotted path has this value."""
    copied, inner, last = _copy(message, path)
    inner[last] = value
    return copied


def without(message: dict[str, Any], path: str) -> dict[str, Any]:
    """Returns a copy without the field at the dotted path."""
    copied, inner, last = _copy(message, path)
    del inner[last]
    return copied


def _copy(message: dict[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The copy, the object in it that holds the path's last field, and that field's name."""
    copied = copy.deepcopy(message)
    *parents, last = path.split(".")
    inner = copied
    for parent in parents:
        inner = inner[parent]
    return copied, inner, last


def allowed_prefix_length(names: list[str]) -> int:
    """Length of the longest allowed prefix of these events, by the carriers' documentation;
    repeated ones are passed over."""
    stage = "new"
    for index, name in enumerate(names):
        if name == "connected" and stage in ("new", "connected"):
            stage = "connected"
        elif name == "start" and stage in ("new", "connected"):
            stage = "running"
        elif name == "stop" and stage == "running":
            stage = "closed"
        elif name in ("connected", "start") and stage == "running":
            pass  # repeated: counted and passed over
        elif name == "error" and stage != "closed":
            pass
        elif name not in ("media", "dtmf", "mark") or stage != "running":
            return index
    return len(names)


def fuzzed(events: list[dict[str, Any]]) -> st.SearchStrategy[str | bytes]:
    """Valid messages, valid ones with one field replaced, any JSON, any text, any bytes."""
    paths = [
        (message, path)
        for message in events
        for key, value in message.items()
        for path in [key, *(f"{key}.{inner}" for inner in (value if isinstance(value, dict) else ()))]
    ]
    good = st.sampled_from(events).map(json.dumps)
    bad = st.builds(
        lambda place, value: json.dumps(with_value(place[0], place[1], value)), st.sampled_from(paths), JSON
    )
    return good | bad | JSON.map(json.dumps) | st.text() | st.binary()
