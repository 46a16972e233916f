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
# Of a schema that is reduced, references included.
MOST_PARTS: Final = 400
_NESTING: Final = ("properties", "required", "items", "anyOf")
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
    try:
        reduced = _Reduction(schema).reduce(schema, 1)
        reduced.pop("anyOf", None)  # a choice at the top is refused by vendors
        reduced = {**NO_ARGUMENTS, **reduced, "type": "object"}
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


class _Reduction:
    """Reduces the parts of one schema. Each part counts, because parts that refer to each other could multiply without
    bound."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._left = root, MOST_PARTS

    def reduce(self, schema: Any, depth: int) -> dict[str, Any]:
        """What does not fit into the dialect is left out; below the deepest place anything is allowed. Raises
        ValueError for too many parts."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"must have at most {MOST_PARTS} parts")
        schema = self._merged(schema if isinstance(schema, Mapping) else {})
        kept = {name: value for name, value in schema.items() if _fits(name, value)}
        if "const" in schema:
            kept["enum"] = [schema["const"]]
        choices = schema.get("anyOf") or schema.get("oneOf")
        kept["anyOf"] = [one for one in choices if isinstance(one, Mapping)] if isinstance(choices, list) else []
        properties = kept.get("properties", {})
        kept["required"] = [name for name in kept.get("required", []) if isinstance(name, str) and name in properties]
        kept = {name: value for name, value in kept.items() if value != []}
        if depth >= MOST_DEPTH:
            return {name: value for name, value in kept.items() if name not in _NESTING}
        return {**kept, **self._reduce_parts(kept, depth + 1)}

    def _reduce_parts(self, kept: Mapping[str, Any], depth: int) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if "properties" in kept:
            parts["properties"] = {str(name): self.reduce(part, depth) for name, part in kept["properties"].items()}
        if "items" in kept:
            parts["items"] = self.reduce(kept["items"], depth)
        if "anyOf" in kept:
            parts["anyOf"] = [self.reduce(choice, depth) for choice in kept["anyOf"]]
        return parts

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the target of its reference, and the parts of `allOf`, in it. References are followed a few times only,
        because they may lead to each other."""
        merged: dict[str, Any] = {}
        for _ in range(MOST_DEPTH):
            merged = {**schema, **merged}
            if not isinstance(reference := schema.get("$ref"), str):
                break
            schema = self._resolve(reference)
        parts = merged.pop("allOf", None)
        for part in parts if isinstance(parts, list) else []:
            merged = _joined(merged, self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part)
        return merged

    def _resolve(self, reference: Any) -> Mapping[str, Any]:
        """The part of the schema at a reference like #/$defs/Item; an empty one for any other reference: nothing
        outside of the schema is read."""
        found: Any = self._root
        if reference == "#":
            return self._root
        if not (isinstance(reference, str) and reference.startswith("#/")):
            return {}
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def _fits(name: str, value: Any) -> bool:
    """Whether the dialect has this keyword with such a value."""
    kinds = _KEYWORDS.get(name)
    if kinds is None or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return False
    if name == "type":
        return bool(value) and all(one in TYPES for one in (value if isinstance(value, list) else [value]))
    return True


def _joined(schema: Mapping[str, Any], part: Any) -> dict[str, Any]:
    """Both at once, as `allOf` has it; of a keyword in both, the first one's value."""
    if not isinstance(part, Mapping):
        return dict(schema)
    joined = {**part, **schema}
    mine, theirs = schema.get("properties"), part.get("properties")
    if isinstance(mine, dict) and isinstance(theirs, dict):
        joined["properties"] = {**theirs, **mine}
    mine, theirs = schema.get("required"), part.get("required")
    if isinstance(mine, list) and isinstance(theirs, list):
        joined["required"] = [*mine, *theirs]
    return joined


def _encode(schema: Mapping[str, Any]) -> bytes:
    return json.dumps(schema, separators=(",", ":")).encode("utf-8", "replace")
