"""Completes the schemas that pydantic makes: published names, titles, descriptions and examples, as people and
generators of clients need them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from control.http.api_reference import NO_EXAMPLE, PropertyText

Schema = dict[str, Any]

REF: Final = "#/components/schemas/{model}"
# Examples of values whose format says all.
_FORMATS: Final[Mapping[str, str]] = {
    "uuid": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60",
    "date-time": "2026-11-26T09:30:00Z",
}
# Defaults that show nothing.
_EMPTY: Final[tuple[Any, ...]] = ("", [], {})


def complete_schemas(
    components: Mapping[str, Schema], names: Mapping[str, str], texts: Mapping[str, PropertyText]
) -> dict[str, Schema]:
    """The named schemas under their published names (`names`, by class), each with its name as title, and with a
    description and an example of every property, as far as its class or `texts` has them."""
    renamed: dict[str, Schema] = rename_schemas(components, names)
    summaries = {name: _summary(schema) for name, schema in renamed.items()}
    return {name: _complete(name, schema, texts, summaries) for name, schema in renamed.items()}


def rename_schemas(part: Any, names: Mapping[str, str]) -> Any:
    """The part with published names in place of classes' names, in `$ref`s and as keys."""
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
    """A parameter's or an inline schema without pydantic's titles and nulls as default."""
    plain: Schema = _without_noise(schema)
    return plain


def with_example(schema: Schema, text: PropertyText | None) -> Schema:
    """The schema with an example: its own, one that follows from the type, or that of the text. None for a boolean, nor
    for what another schema describes."""
    if "examples" in schema or not has_values(schema):
        return schema
    example = _type_example(schema)
    if example is NO_EXAMPLE and text is not None:
        example = text.example
    if example is NO_EXAMPLE and schema.get("default", "") not in _EMPTY:
        example = schema["default"]
    return schema if example is NO_EXAMPLE else {**schema, "examples": [example]}


def has_values(schema: Schema) -> bool:
    """Whether the schema itself says which values there are, beyond true and false."""
    choices = [choice.get("items", choice) for choice in _choices(schema)]
    return not all("$ref" in choice or choice.get("type") == "boolean" for choice in choices)


def split_description(text: str, names: Iterable[str]) -> tuple[str, dict[str, str]]:
    """A class's docstring as its own description and those of its properties: "A turn. start_ms, end_ms: since the call
    began." has a text of its own and one of both properties."""
    flat = " ".join(text.split())
    name = "|".join(re.escape(name) for name in names)
    if not name:
        return flat, {}
    parts = re.split(rf"(?:^|(?<=\s))((?:{name})(?:, (?:{name}))*): ", flat)
    described = zip(parts[1::2], parts[2::2], strict=True)
    texts = {one: _sentence(body) for together, body in described for one in together.split(", ")}
    return parts[0].strip(), texts


def _complete(name: str, schema: Schema, known: Mapping[str, PropertyText], summaries: Mapping[str, str]) -> Schema:
    plain = _without_noise(schema)
    properties: Schema = plain.get("properties", {})
    own, texts = split_description(plain.get("description", ""), properties)
    completed = {"title": name, **plain, **({"description": own} if own else {})}
    if properties:
        completed["properties"] = {
            key: _property(value, known.get(f"{name}.{key}"), _text(key, texts, known), summaries)
            for key, value in properties.items()
        }
    return completed


def _text(name: str, texts: Mapping[str, str], known: Mapping[str, PropertyText]) -> PropertyText | None:
    """What is said of the property in its class's docstring, or wherever the name is used."""
    general = known.get(name)
    if name in texts:
        return PropertyText(texts[name], general.example if general else NO_EXAMPLE)
    return general


def _property(
    schema: Schema, special: PropertyText | None, text: PropertyText | None, summaries: Mapping[str, str]
) -> Schema:
    """special: what is said of the property in this schema only, which goes before what its type says."""
    hoisted = _hoist(schema)
    described = (
        (special.description if special else "")
        or hoisted.get("description")
        or (text.description if text else "")
        or _described_type(hoisted, summaries)
    )
    completed = with_example(hoisted, special or text)
    return {**completed, "description": described} if described else completed


def _choices(schema: Schema) -> list[Schema]:
    """What a value may be beside null."""
    return [choice for choice in schema.get("anyOf", [schema]) if choice != {"type": "null"}]


def _hoist(schema: Schema) -> Schema:
    """Description and examples of the only choice beside null belong to the property."""
    choices = _choices(schema)
    if "anyOf" not in schema or len(choices) != 1:
        return schema
    only = choices[0]
    moved: Schema = {key: only[key] for key in ("description", "examples") if key in only}
    rest = {key: value for key, value in only.items() if key not in moved}
    return {**moved, **schema, "anyOf": [rest, {"type": "null"}]}


def _described_type(schema: Schema, summaries: Mapping[str, str]) -> str:
    """The description of the schema that a property refers to, for want of another."""
    for choice in [schema, *schema.get("anyOf", []), schema.get("items", {})]:
        if "$ref" in choice:
            return summaries.get(choice["$ref"].rpartition("/")[2], "")
    return ""


def _type_example(schema: Schema) -> Any:
    choices = _choices(schema)
    if "anyOf" in schema:
        return _type_example(choices[0]) if len(choices) == 1 else NO_EXAMPLE
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "array":
        example = _type_example(schema.get("items", {}))
        return example if example is NO_EXAMPLE else [example]
    return _FORMATS.get(schema.get("format", ""), NO_EXAMPLE)


def _summary(schema: Schema) -> str:
    own, _ = split_description(schema.get("description", ""), schema.get("properties", {}))
    return own


def _without_noise(part: Any) -> Any:
    """Without generated titles and defaults of null, which would say that a field left out is one that is removed; and
    with the values of a map under `additionalProperties`, where generators of clients look for their type."""
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
    """Keys are names of properties, one of which may be `title`."""
    return {name: _without_noise(schema) for name, schema in schemas.items()}


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip().rstrip(";,")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
