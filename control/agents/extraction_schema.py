"""JSON Schemas of values to extract from calls, in the subset that vendors' structured outputs accept. Pure functions.

Source of the subset: OpenAI, "Structured Outputs", section "Supported schemas": objects without further properties, all
of them required, up to five levels. An optional property is a property that may be null.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

MOST_BYTES: Final = 8_192
MOST_DEPTH: Final = 4
MOST_PROPERTIES: Final = 50
MOST_VALUES: Final = 50
LONGEST_TEXT: Final = 500
_SCALARS: Final = ("string", "number", "integer", "boolean")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEYWORDS: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset({"type", "description", "properties", "required", "additionalProperties"}),
    "array": frozenset({"type", "description", "items"}),
    "string": frozenset({"type", "description", "enum"}),
    **{name: frozenset({"type", "description"}) for name in _SCALARS if name != "string"},
}


def require_extraction_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema. Raises ValueError, which contains the path of the first fault."""
    if len(msgspec.json.encode(schema)) > MOST_BYTES:
        raise ValueError(f"must have at most {MOST_BYTES // 1024} KiB")
    if schema.get("type") != "object":
        raise ValueError('must be a JSON Schema of type "object"')
    fault = next(_faults(schema, "", 1), None)
    if fault is not None:
        raise ValueError(fault)
    if _count_properties(schema) > MOST_PROPERTIES:
        raise ValueError(f"must have at most {MOST_PROPERTIES} properties in all")
    return schema


def make_strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema in the form that vendors require: closed, with every property required.

    Optional properties become nullable.
    """
    strict: dict[str, Any] = dict(schema)
    if schema["type"] == "object":
        required = schema.get("required", ())
        properties = {
            name: make_strict(part) if name in required else _nullable(make_strict(part))
            for name, part in schema["properties"].items()
        }
        strict |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    elif schema["type"] == "array":
        strict["items"] = make_strict(schema["items"])
    return strict


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    made = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        made["enum"] = [*schema["enum"], None]
    return made


def _faults(schema: object, at: str, depth: int) -> Iterator[str]:
    place = at or "the schema"
    if not isinstance(schema, Mapping):
        yield f"{place} must be an object"
        return
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KEYWORDS:
        yield f"{place}: type must be one of {', '.join(_KEYWORDS)}"
        return
    unknown = sorted(set(schema) - _KEYWORDS[kind])
    if unknown:
        yield f"{place}: a schema of type {kind} takes no {unknown[0]!r:.40}"
    if depth > MOST_DEPTH:
        yield f"{place} is nested more than {MOST_DEPTH} levels deep"
        return
    yield from _text_faults(schema, place)
    if kind == "object":
        yield from _object_faults(schema, at, place, depth)
    elif kind == "array":
        yield from _faults(schema.get("items"), f"{at}.items".lstrip("."), depth + 1)


def _text_faults(schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if not _is_text(schema.get("description", "-")):
        yield f"{place}: description must be a text of 1 to {LONGEST_TEXT} characters"
    values = schema.get("enum", ["-"])
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES or not all(map(_is_text, values)):
        yield f"{place}: enum must be a list of 1 to {MOST_VALUES} texts of up to {LONGEST_TEXT} characters"
    elif len(set(values)) < len(values):
        yield f"{place}: enum must name each value once"


def _object_faults(schema: Mapping[str, Any], at: str, place: str, depth: int) -> Iterator[str]:
    properties, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, Mapping) or not properties:
        yield f"{place}: properties must be an object with at least one property"
        return
    if schema.get("additionalProperties", False) is not False:
        yield f"{place}: additionalProperties can only be false"
    is_list = isinstance(required, list) and all(isinstance(name, str) for name in required)
    if not is_list or not set(required) <= set(properties) or len(set(required)) < len(required):
        yield f"{place}: required must list names of its properties, each once"
    for name, part in properties.items():
        if not _NAME.fullmatch(name):
            yield f"{place}: a property's name is a letter or _, then up to 63 letters, digits and _"
        else:
            yield from _faults(part, f"{at}.{name}".lstrip("."), depth + 1)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT and "\0" not in value


def _count_properties(schema: Mapping[str, Any]) -> int:
    if schema["type"] == "object":
        return sum(1 + _count_properties(part) for part in schema["properties"].values())
    return _count_properties(schema["items"]) if schema["type"] == "array" else 0
