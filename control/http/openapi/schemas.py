"""Completes the schemas that pydantic creates.

Adds published names, titles, and the descriptions and examples that follow from types. The models declare all other
texts in pydantic's `Field`.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

REF: Final = "#/components/schemas/{model}"
# Examples of values that are fully described by their format.
_FORMATS: Final[Mapping[str, str]] = {
    "uuid": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60",
    "date-time": "2026-11-26T09:30:00Z",
}
# Defaults that are not useful as examples.
_EMPTY: Final[tuple[Any, ...]] = ("", [], {})
# Distinguishes a missing example from the example null.
_NO_EXAMPLE: Final = object()


def complete_schemas(components: Mapping[str, Schema], names: Mapping[str, str]) -> dict[str, Schema]:
    """Return the named schemas under their published names (`names`, by class), with the name as title.

    A property without a description gets the description of the schema that it refers to. A property without an example
    gets an example that follows from its type.
    """
    renamed: dict[str, Schema] = rename_schemas(components, names)
    summaries = {name: _flat(schema.get("description", "")) for name, schema in renamed.items()}
    return {name: _complete(name, schema, summaries) for name, schema in renamed.items()}


def rename_schemas(part: Any, names: Mapping[str, str]) -> Any:
    """Return the part with published names instead of class names, in `$ref`s and as keys."""
    if isinstance(part, list):
        return [rename_schemas(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    renamed = {names.get(name, name): rename_schemas(value, names) for name, value in part.items()}
    if isinstance(renamed.get("$ref"), str):
        prefix, _, name = renamed["$ref"].rpartition("/")
        renamed["$ref"] = f"{prefix}/{names.get(name, name)}"
    return renamed


def plain_schema(schema: Schema) -> Schema:
    """Return the schema of a parameter, or an inline schema, without pydantic's titles and null defaults."""
    plain: Schema = _without_noise(schema)
    return plain


def with_example(schema: Schema) -> Schema:
    """Return the schema with an example: its own, an example that follows from the type, or the default.

    A boolean needs no example, and neither does a value that another schema describes.
    """
    if "examples" in schema or not has_values(schema):
        return schema
    example = _type_example(schema)
    if example is _NO_EXAMPLE and schema.get("default", "") not in _EMPTY:
        example = schema["default"]
    return schema if example is _NO_EXAMPLE else {**schema, "examples": [example]}


def has_values(schema: Schema) -> bool:
    """Return whether the schema itself lists its values, apart from true and false."""
    choices = [choice.get("items", choice) for choice in _choices(schema)]
    return not all("$ref" in choice or choice.get("type") == "boolean" for choice in choices)


def _flat(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())


def _complete(name: str, schema: Schema, summaries: Mapping[str, str]) -> Schema:
    plain = _without_noise(schema)
    completed = {"title": name, **plain}
    if summaries[name]:
        completed["description"] = summaries[name]
    if plain.get("properties"):
        completed["properties"] = {key: _property(value, summaries) for key, value in plain["properties"].items()}
    return completed


def _property(schema: Schema, summaries: Mapping[str, str]) -> Schema:
    completed = with_example(_hoist(schema))
    described = completed.get("description") or _described_type(completed, summaries)
    return {**completed, "description": described} if described else completed


def _choices(schema: Schema) -> list[Schema]:
    """Return the alternatives of a value except null."""
    return [choice for choice in schema.get("anyOf", [schema]) if choice != {"type": "null"}]


def _hoist(schema: Schema) -> Schema:
    """Move description and examples of the only non-null alternative to the property."""
    choices = _choices(schema)
    if "anyOf" not in schema or len(choices) != 1:
        return schema
    only = choices[0]
    moved: Schema = {key: only[key] for key in ("description", "examples") if key in only}
    rest = {key: value for key, value in only.items() if key not in moved}
    return {**moved, **schema, "anyOf": [rest, {"type": "null"}]}


def _described_type(schema: Schema, summaries: Mapping[str, str]) -> str:
    """Return the description of the schema that a property refers to, as a fallback."""
    for choice in [schema, *schema.get("anyOf", []), schema.get("items", {})]:
        if "$ref" in choice:
            return summaries.get(choice["$ref"].rpartition("/")[2], "")
    return ""


def _type_example(schema: Schema) -> Any:
    choices = _choices(schema)
    if "anyOf" in schema:
        return _type_example(choices[0]) if len(choices) == 1 else _NO_EXAMPLE
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        example = _type_example(schema.get("items", {}))
        return example if example is _NO_EXAMPLE else [example]
    return _FORMATS.get(schema.get("format", ""), _NO_EXAMPLE)


def _without_noise(part: Any) -> Any:
    """Remove generated titles and null defaults, which would suggest that omitting a field removes its value.

    Values of a map are moved to `additionalProperties`, where client generators look for their type.
    """
    if isinstance(part, list):
        return [_without_noise(item) for item in part]
    if not isinstance(part, dict):
        return part
    plain = {
        name: _without_noise_map(value) if name in ("properties", "$defs") else _without_noise(value)
        for name, value in part.items()
        if not (name == "title" and isinstance(value, str)) and not (name == "default" and value is None)
    }
    patterns = plain.get("patternProperties", {})
    if len(patterns) == 1:
        del plain["patternProperties"]
        pattern, values = next(iter(patterns.items()))
        plain |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    return plain


def _without_noise_map(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Apply `_without_noise` to the values. The keys are property names, which may include `title`."""
    return {name: _without_noise(schema) for name, schema in schemas.items()}
