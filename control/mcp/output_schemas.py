"""JSON Schemas of what tools take and give. What they give is outlined: a model is shown names and types, and the
whole schemas of 25 answers have 90,000 characters, their outlines 44,000."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Schema = dict[str, Any]
# How deep an outline goes; what is deeper is any object.
DEPTH: Final = 3
_KEPT: Final = ("type", "format")


def inline(schema: Any, schemas: Mapping[str, Schema]) -> Any:
    """The schema with its references to `#/components/schemas` replaced by what they refer to, which must not refer to
    itself."""
    if isinstance(schema, list):
        return [inline(part, schemas) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inline(_resolve(schema, schemas), schemas)
    return {key: inline(part, schemas) for key, part in schema.items()}


def outline(schema: Schema, schemas: Mapping[str, Schema], omitted: Sequence[str] = (), depth: int = DEPTH) -> Schema:
    """Names, types and descriptions only, of `depth` levels of objects; so whatever is true of the whole schema is true
    of this one. omitted: dotted names that are left out."""
    whole = _resolve(schema, schemas)
    if "anyOf" in whole:
        choices = [outline(choice, schemas, omitted, depth) for choice in whole["anyOf"]]
        return {"anyOf": choices} | _description(whole)
    if whole.get("type") == "array":
        return {"type": "array", "items": outline(whole.get("items", {}), schemas, omitted, depth)}
    if whole.get("type") == "object":
        return _outline_object(whole, schemas, omitted, depth)
    return {key: whole[key] for key in _KEPT if key in whole} | _description(whole)


def _outline_object(whole: Schema, schemas: Mapping[str, Schema], omitted: Sequence[str], depth: int) -> Schema:
    if depth == 0 or "properties" not in whole:
        return {"type": "object"}
    kept = {name: one for name, one in whole["properties"].items() if name not in omitted}
    return {
        "type": "object",
        "properties": {
            name: outline(one, schemas, _below(omitted, name), depth - 1 if _is_deep(one) else depth)
            for name, one in kept.items()
        },
        "required": [name for name in whole.get("required", ()) if name in kept],
    }


def _below(omitted: Sequence[str], name: str) -> list[str]:
    return [path.removeprefix(f"{name}.") for path in omitted if path.startswith(f"{name}.")]


def _is_deep(schema: Schema) -> bool:
    return schema.get("type") not in ("string", "integer", "number", "boolean")


def _resolve(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The description beside a reference holds over that of what it refers to."""
    if "$ref" not in schema:
        return schema
    beside = {key: part for key, part in schema.items() if key != "$ref"}
    return _resolve(schemas[schema["$ref"].rpartition("/")[2]], schemas) | beside


def _description(schema: Schema) -> Schema:
    return {"description": schema["description"]} if "description" in schema else {}
