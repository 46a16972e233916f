"""JSON Schemas for tool arguments: validates a workspace's schema, reduces an MCP server's schema, and checks
arguments.

All three use the same dialect: the keywords that vendors of language models accept in function parameters
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
https://ai.google.dev/gemini-api/docs/structured-output). References are not allowed, so that a check reads nothing
else. Patterns are not allowed, because a customer's regular expression could block the event loop for any length of
time.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from control.tools.rules import clean
from shared.errors import Invalid

# -- The dialect: what a workspace may write --

MOST_BYTES: Final = 8_192
MOST_DEPTH: Final = 5
MOST_PROPERTIES: Final = 40
TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
# Keywords and the types of their values.
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
_UNSTORABLE: Final = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff]")
# Property names that all vendors of language models accept. Any other name would make each turn of a call fail.
_PROPERTY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
NO_ARGUMENTS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def check_schema(schema: Mapping[str, Any]) -> None:
    """Check that a schema is in the dialect. Raises ValueError with a text to append to the field's name."""
    if schema.get("type") != "object":
        raise ValueError('must have "type": "object"')
    for name in ("anyOf", "enum"):
        if name in schema:
            raise ValueError(
                f"must not have {name} beside its properties, because vendors of language models refuse it"
            )
    if fault := next(_faults(schema, "", 1), ""):
        raise ValueError(fault)
    if len(_encode(schema)) > MOST_BYTES:
        raise ValueError(f"must have at most {MOST_BYTES:,} bytes as JSON")


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
    types = types if isinstance(types, list) else [types]
    if not types or not all(name in TYPES for name in types):
        yield f"must have types of {', '.join(TYPES)}{where}"
    if "array" in types and "items" not in schema:
        yield f"must have items with the type array{where}"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if isinstance(properties, dict) and len(properties) > MOST_PROPERTIES:
        yield f"must have at most {MOST_PROPERTIES} properties{where}"
    if isinstance(properties, dict) and not all(map(_PROPERTY.fullmatch, properties)):
        yield f"must have names of properties of up to 64 letters, digits, and . _ -{where}"
    if isinstance(required, list) and not all(isinstance(name, str) and name in properties for name in required):
        yield f"must require names of properties only{where}"
    for name in ("enum", "anyOf"):
        if name in schema and not schema[name]:
            yield f"must have entries in {name}{where}"
    if not _is_plain(schema):
        yield f"must have plain texts, and an enum of texts, numbers and null{where}"


def _is_plain(schema: Mapping[str, Any]) -> bool:
    """Return whether the database can store all texts and the enum contains only scalar values."""
    texts = [value for value in schema.values() if isinstance(value, str)]
    choices = schema.get("enum", [])
    for value in choices if isinstance(choices, list) else []:
        if isinstance(value, list | dict):
            return False
        if isinstance(value, str):
            texts.append(value)
    return not any(map(_UNSTORABLE.search, texts))


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(properties := schema.get("properties"), dict):
        yield from properties.items()
    if "items" in schema:
        yield "items", schema["items"]
    if isinstance(choices := schema.get("anyOf"), list):
        yield from ((f"anyOf.{place}", choice) for place, choice in enumerate(choices))


def _encode(schema: Mapping[str, Any]) -> bytes:
    return json.dumps(schema, separators=(",", ":")).encode("utf-8", "replace")


# -- Reduction of an MCP server's schema to the dialect --

# Maximum number of parts of a reduced schema (references and entries of allOf count), and maximum size before
# reduction.
MOST_PARTS: Final = 400
MOST_SOURCE_BYTES: Final = 65_536
# Characters of a server's own property name, which becomes the title if models get a different name.
MOST_TITLE: Final = 200
_NOT_IN_PROPERTY: Final = re.compile(r"[^A-Za-z0-9_.-]")
_NESTING: Final = ("properties", "required", "items", "anyOf")
_LONGEST_PROPERTY: Final = 64
_DIGEST_LETTERS: Final = 8


@dataclass(frozen=True, slots=True)
class ReducedSchema:
    """A schema reduced to the dialect.

    Attributes:
        parameters: The schema in the dialect.
        names: The server's own property names, keyed by the names for models.
    """

    parameters: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)


def reduce_schema(schema: Mapping[str, Any]) -> ReducedSchema:
    """Reduce a schema in any dialect of JSON Schema to our dialect.

    References within the schema are resolved, `const` becomes `enum`, `oneOf` becomes `anyOf`, `allOf` is merged, and
    other keywords are dropped. A required property gets another name if vendors of language models refuse its name. A
    schema that is still too large becomes a schema that accepts any object, because the server checks the arguments
    itself.
    """
    try:
        if len(_encode(schema)) > MOST_SOURCE_BYTES:
            return ReducedSchema(dict(NO_ARGUMENTS))
        reduction = _Reduction(schema)
        reduced = reduction.reduce(schema, 1)
        for name in ("anyOf", "enum", "items"):
            reduced.pop(name, None)
        reduced = {**NO_ARGUMENTS, **reduced, "type": "object"}
        check_schema(reduced)
    except (ValueError, RecursionError):
        return ReducedSchema(dict(NO_ARGUMENTS))
    return ReducedSchema(reduced, reduction.names)


class _Reduction:
    """Reduces the parts of a schema. The parts are counted, because parts that refer to each other could multiply
    without bound.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._left = root, MOST_PARTS
        self.names: dict[str, str] = {}

    def reduce(self, schema: Any, depth: int) -> dict[str, Any]:
        """Reduce a part and drop keywords that the dialect lacks. Below the deepest level, any value is allowed.

        Raises ValueError for too many parts.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"must have at most {MOST_PARTS} parts")
        schema = self._merged(schema if isinstance(schema, Mapping) else {})
        kept = {name: _cleaned(value) for name, value in schema.items() if _fits(name, value)}
        if "const" in schema and _fits("enum", [schema["const"]]):
            kept["enum"] = [schema["const"]]
        required = kept.get("required", [])
        if "properties" in kept:  # required properties with refused names get other names
            kept["properties"] = {
                name: part
                for name, part in kept["properties"].items()
                if _PROPERTY.fullmatch(str(name)) or name in required
            }
        choices = schema.get("anyOf") or schema.get("oneOf")
        kept["anyOf"] = (
            [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
        )
        properties = kept.get("properties", {})
        required = [name for name in required if isinstance(name, str) and name in properties]
        kept["required"] = [self._named(name) for name in required]
        kept = {name: value for name, value in kept.items() if value != []}
        is_array = "array" in kept.get("type", "")
        if depth >= MOST_DEPTH:
            left_out = (*_NESTING, "type") if is_array else _NESTING
            return {name: value for name, value in kept.items() if name not in left_out}
        if is_array:
            kept.setdefault("items", {})
        return {**kept, **self._reduce_parts(kept, depth + 1)}

    def _reduce_parts(self, kept: Mapping[str, Any], depth: int) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if "properties" in kept:
            parts["properties"] = {
                self._named(str(name)): self._titled(name, self.reduce(part, depth))
                for name, part in kept["properties"].items()
            }
        if "items" in kept:
            parts["items"] = self.reduce(kept["items"], depth)
        if "anyOf" in kept:
            parts["anyOf"] = [self.reduce(choice, depth) for choice in kept["anyOf"]]
        return parts

    def _named(self, name: str) -> str:
        """Return a name that vendors accept. A changed name ends in a digest of the original, so that names stay
        distinct.
        """
        if _PROPERTY.fullmatch(name):
            return name
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_DIGEST_LETTERS]
        plain = _NOT_IN_PROPERTY.sub("_", name)[: _LONGEST_PROPERTY - _DIGEST_LETTERS - 1]
        self.names[f"{plain}_{digest}"] = name
        return f"{plain}_{digest}"

    def _titled(self, name: Any, part: dict[str, Any]) -> dict[str, Any]:
        """Return the part. If models get another name, its title is the original name."""
        if _PROPERTY.fullmatch(str(name)):
            return part
        return {"title": clean(str(name), MOST_TITLE), **part}

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge the target of the reference and the parts of `allOf` into the schema.

        References are followed only a few times, because they may form a cycle.
        """
        merged: dict[str, Any] = {}
        for _ in range(MOST_DEPTH):
            merged = {**schema, **merged}
            if not isinstance(reference := schema.get("$ref"), str):
                break
            schema = self._resolve(reference)
        parts = merged.pop("allOf", None)
        parts = parts if isinstance(parts, list) else []
        self._left -= len(parts)
        if self._left < 0:  # checked before merging, which takes quadratic time
            raise ValueError(f"must have at most {MOST_PARTS} parts")
        for part in parts:
            merged = _joined(merged, self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part)
        return merged

    def _resolve(self, reference: Any) -> Mapping[str, Any]:
        """Return the part of the schema at a reference such as #/$defs/Item.

        Returns an empty part for any other reference, so that nothing outside of the schema is read.
        """
        found: Any = self._root
        if reference == "#":
            return self._root
        if not (isinstance(reference, str) and reference.startswith("#/")):
            return {}
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def _fits(name: str, value: Any) -> bool:
    """Return whether the dialect has this keyword with a value of this type."""
    kinds = _KEYWORDS.get(name)
    if kinds is None or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return False
    if name == "type":
        return bool(value) and all(kind in TYPES for kind in (value if isinstance(value, list) else [value]))
    return name != "enum" or _is_plain({name: value})


def _cleaned(value: Any) -> Any:
    return clean(value, MOST_BYTES) if isinstance(value, str) else value


def _joined(schema: Mapping[str, Any], part: Any) -> dict[str, Any]:
    """Return the combination of both parts, as `allOf` defines it. If both have a keyword, the first value is kept."""
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


# -- Arguments from a language model --

# Limit for schema parts multiplied by argument values. Checking a value against a part takes 13 µs of the event loop.
MOST_CHECKS: Final = 10_000
DEEPEST_ARGUMENT: Final = 20
# Number of enum entries that are compared in the time of one check.
_ENUM_SHARE: Final = 20


def parse_arguments(text: str) -> dict[str, Any]:
    """Parse the arguments of a language model. Raises Invalid (code arguments_invalid)."""
    try:
        value = msgspec.json.decode(text.encode() or b"{}")  # rejects NaN and lone surrogates, as servers do
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        raise Invalid("The arguments are not valid JSON.", code="arguments_invalid") from None
    if not isinstance(value, dict):
        raise Invalid("The arguments must be a JSON object.", code="arguments_invalid")
    return value


def require_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Check arguments against a schema in the dialect.

    Raises Invalid (code arguments_invalid), which names the argument. Also raises Invalid if the check would block the
    event loop too long.
    """
    if _count_values(arguments) * _count_parts(schema) > MOST_CHECKS:
        raise Invalid("arguments: have too many values or are nested too deep.", code="arguments_invalid")
    for error in Draft202012Validator(schema).iter_errors(arguments):
        at = ".".join(str(part) for part in error.absolute_path) or "arguments"
        message = f"{at}: {error.message[:300]}."
        raise Invalid(message, code="arguments_invalid", param=f"arguments.{at}")


def _count_values(value: Any) -> int:
    """Count a value and all values in it. Returns more than MOST_CHECKS if the value is nested too deep."""
    count, left = 0, [(value, 1)]
    while left:
        part, depth = left.pop()
        count += 1
        if depth > DEEPEST_ARGUMENT or count > MOST_CHECKS:
            return MOST_CHECKS + 1
        parts = part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
        left += [(part, depth + 1) for part in parts]
    return count


def _count_parts(schema: Any) -> int:
    """Count the parts of a schema in the dialect."""
    if not isinstance(schema, Mapping):
        return 1
    return 1 + len(schema.get("enum", ())) // _ENUM_SHARE + sum(_count_parts(part) for _, part in _parts(schema))


def restore_names(arguments: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments with the server's own property names.

    Raises Invalid (code arguments_invalid) if the arguments are nested too deep.
    """
    if not names:
        return dict(arguments)
    restored: dict[str, Any] = _restored(arguments, names, DEEPEST_ARGUMENT)
    return restored


def _restored(value: Any, names: Mapping[str, str], depth: int) -> Any:
    if depth < 0:
        raise Invalid("arguments: are nested too deep.", code="arguments_invalid")
    if isinstance(value, Mapping):
        return {names.get(name, name): _restored(part, names, depth - 1) for name, part in value.items()}
    return [_restored(part, names, depth - 1) for part in value] if isinstance(value, list) else value
