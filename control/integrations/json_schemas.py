"""JSON Schemas (draft 2020-12) of what the staff declare, and the values that have to fit them.

A schema is whole in itself: no `$ref`, so that none is fetched and none goes round in circles.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

from control.platform.validation_errors import make_invalid
from shared.errors import ErrorDetail

MAX_DEPTH: Final = 20
_MOST_FAULTS: Final = 20
_REFERENCES: Final = ("$ref", "$dynamicRef", "$schema", "$id")


def require_schema(schema: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The schema's properties. Raises ValueError, which names `field`, for what is no schema of an object."""
    try:
        used = next((word for word in _words(schema, 0) if word in _REFERENCES), None)
        if used is not None:
            raise ValueError(f"{field}: {used} is not allowed, write the schema out")
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"{field}: is no JSON Schema ({error.message[:200]})") from None
    properties = schema.get("properties", {})
    if schema.get("type") != "object":
        raise ValueError(f'{field}: its type must be "object"')
    found: Mapping[str, Any] = properties
    return found


def list_defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of the schema's own properties, by their names."""
    properties = schema.get("properties", {})
    return {name: part["default"] for name, part in properties.items() if isinstance(part, dict) and "default" in part}


def require_fit(value: Any, schema: Mapping[str, Any], param: str) -> None:
    """Raises Invalid (code setting_invalid), which names each field below `param`; the messages hold no value."""
    errors = islice(Draft202012Validator(schema).iter_errors(value), _MOST_FAULTS)
    faults = [ErrorDetail(".".join([param, *_path(error)]), "setting_invalid", _message(error)) for error in errors]
    if faults:
        raise make_invalid(faults, "setting_invalid")


def list_misfits(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Why the value does not fit, each with the name of the part; the texts hold no value."""
    errors = islice(Draft202012Validator(schema).iter_errors(value), _MOST_FAULTS)
    return [": ".join(filter(None, (".".join(_path(error)), _message(error)))) for error in errors]


def _path(error: Any) -> list[str]:
    """Of a missing property its own name, of the others where they are."""
    return [str(part) for part in error.absolute_path]


def _message(error: Any) -> str:
    match error.validator:
        case "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"needs {', '.join(missing)}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            return f"has no setting {', '.join(sorted(set(error.instance) - set(known)))[:200]}"
        case "type":
            return f"must be of type {error.validator_value}"
        case "enum":
            return f"must be one of {', '.join(map(str, error.validator_value))[:200]}"
    return f"does not fit `{error.validator}` of the schema"


def _words(value: Any, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ValueError(f"a schema is at most {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _words(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner, depth + 1)
