"""JSON Schemas of tools' arguments: what a workspace may write, what an MCP server's schema is reduced to, and whether
a model's arguments fit.

One dialect serves all: the keywords that the vendors of language models take in a function's parameters
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
https://ai.google.dev/gemini-api/docs/structured-output). No references, so that a check reads nothing else; no
patterns, because a regular expression of a customer's could take the event loop's time without bound.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from shared.errors import Invalid

MOST_BYTES: Final = 8_192
MOST_DEPTH: Final = 5
MOST_PROPERTIES: Final = 40
TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
# Keywords with what their values must be.
_KEYWORDS: Final[Mapping[str, tuple[type, ...]]] = {
    "type": (str, list),
    "description": (str,),
    "title": (str,),
    "enum": (list,),
    "properties": (dict,),
    "required": (list,),
    "additionalProperties": (bool,),
    "items": (dict,),
    "anyOf": (list,),
    "format": (str,),
    "minimum": (int, float),
    "maximum": (int, float),
    "minLength": (int,),
    "maxLength": (int,),
    "minItems": (int,),
    "maxItems": (int,),
}
NO_ARGUMENTS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises ValueError, which completes the field's name, for a schema outside of the dialect."""
    if schema.get("type") != "object":
        raise ValueError('must have "type": "object"')
    if fault := next(_faults(schema, "", 1), ""):
        raise ValueError(fault)
    if len(_encode(schema)) > MOST_BYTES:
        raise ValueError(f"must have at most {MOST_BYTES:,} bytes as JSON")


def reduce_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema in the dialect for one in any dialect of JSON Schema: references within it are resolved, `const` becomes
    `enum`, `oneOf` becomes `anyOf`, `allOf` is merged, and what is left over is dropped. A schema that stays too large
    takes any object: its server checks the arguments in any case."""
    reduced = _reduce(schema, schema, 1)
    reduced = {**reduced, "type": "object"} if isinstance(reduced.get("properties", {}), dict) else dict(NO_ARGUMENTS)
    reduced.setdefault("properties", {})
    reduced.pop("anyOf", None)  # a choice at the top is refused by vendors
    try:
        check_schema(reduced)
    except ValueError:
        return dict(NO_ARGUMENTS)
    return reduced


def parse_arguments(text: str) -> dict[str, Any]:
    """A model's arguments. Raises Invalid (code arguments_invalid)."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise Invalid("The arguments are no JSON.", code="arguments_invalid") from None
    if not isinstance(value, dict):
        raise Invalid("The arguments must be a JSON object.", code="arguments_invalid")
    return value


def require_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raises Invalid (code arguments_invalid), which names the argument."""
    for error in Draft202012Validator(schema).iter_errors(arguments):
        at = ".".join(str(part) for part in error.absolute_path) or "arguments"
        message = f"{at}: {error.message[:300]}."
        raise Invalid(message, code="arguments_invalid", param=f"arguments.{at}")


def _faults(schema: Any, at: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield f"must have an object at {at}"
        return
    if depth > MOST_DEPTH:
        yield f"must be nested at most {MOST_DEPTH} deep"
        return
    where = f" at {at}" if at else ""
    for keyword, value in schema.items():
        kinds = _KEYWORDS.get(keyword)
        if kinds is None:
            yield f"must not use the keyword {keyword[:40]!r}{where}; it takes {', '.join(_KEYWORDS)}"
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"must have another value of {keyword}{where}"
    yield from _keyword_faults(schema, where)
    for name, part in _parts(schema):
        yield from _faults(part, f"{at}.{name}".lstrip("."), depth + 1)


def _keyword_faults(schema: Mapping[str, Any], where: str) -> Iterator[str]:
    types = schema.get("type", "object")
    if not set(types if isinstance(types, list) else [types]) <= set(TYPES):
        yield f"must have types of {', '.join(TYPES)}{where}"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if isinstance(properties, dict) and len(properties) > MOST_PROPERTIES:
        yield f"must have at most {MOST_PROPERTIES} properties{where}"
    if isinstance(required, list) and not all(isinstance(name, str) and name in properties for name in required):
        yield f"must require names of properties only{where}"
    for name in ("enum", "anyOf"):
        if name in schema and not schema[name]:
            yield f"must have entries in {name}{where}"


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(properties := schema.get("properties"), dict):
        yield from properties.items()
    if "items" in schema:
        yield "items", schema["items"]
    if isinstance(choices := schema.get("anyOf"), list):
        yield from ((f"anyOf.{place}", choice) for place, choice in enumerate(choices))


def _reduce(schema: Any, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """What does not fit into the dialect is left out; at the deepest place anything is allowed."""
    if not isinstance(schema, Mapping) or depth > MOST_DEPTH:
        return {}
    schema = _merged(schema, root)
    kept: dict[str, Any] = {
        name: value
        for name, value in schema.items()
        if name in _KEYWORDS and isinstance(value, _KEYWORDS[name]) and (type(value) is not bool or name[0] == "a")
    }
    if isinstance(properties := kept.get("properties"), dict):
        kept["properties"] = {str(name): _reduce(part, root, depth + 1) for name, part in properties.items()}
        kept["required"] = [name for name in kept.get("required", []) if name in properties]
    else:
        kept.pop("required", None)
    if "items" in kept:
        kept["items"] = _reduce(kept["items"], root, depth + 1)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list):
        kept["anyOf"] = [_reduce(choice, root, depth + 1) for choice in choices if isinstance(choice, Mapping)]
    if "const" in schema:
        kept["enum"] = [schema["const"]]
    return {name: value for name, value in kept.items() if value not in ([], "")}


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the target of its reference, and the parts of `allOf`, in it. References are followed a few times only,
    because they may lead to each other."""
    merged: dict[str, Any] = {}
    for _ in range(MOST_DEPTH):
        reference = schema.get("$ref")
        merged = {**schema, **merged}
        if not isinstance(reference, str):
            break
        schema = _resolve(reference, root)
    for part in merged.pop("allOf", None) or []:
        found = _resolve(part["$ref"], root) if isinstance(part, Mapping) and "$ref" in part else part
        if isinstance(found, Mapping):
            properties = {**(merged.get("properties") or {}), **(found.get("properties") or {})}
            required = [*(merged.get("required") or []), *(found.get("required") or [])]
            merged = {**found, **merged, "properties": properties, "required": required}
    return merged


def _resolve(reference: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the schema at a reference like #/$defs/Item; an empty one for any other reference: nothing outside of
    the schema is read."""
    found: Any = root
    if not (isinstance(reference, str) and reference.startswith("#/")):
        return {}
    for part in reference[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _encode(schema: Mapping[str, Any]) -> bytes:
    return json.dumps(schema, separators=(",", ":")).encode("utf-8", "replace")
