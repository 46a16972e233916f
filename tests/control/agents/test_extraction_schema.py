"""Schemas of what is extracted: a bounded subset, closed for vendors."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.agents.checks import parse_config
from control.agents.extraction_schema import MOST_DEPTH, MOST_PROPERTIES, make_strict, require_extraction_schema
from shared.errors import Invalid

TEXT: dict[str, Any] = {"type": "string"}


def make_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def nested(levels: int) -> dict[str, Any]:
    return TEXT if levels == 1 else make_object(a=nested(levels - 1))


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "string"}, 'of type "object"'),
        ({"type": "object"}, "the schema: properties must be an object"),
        (make_object(a={"type": "date"}), "a: type must be one of"),
        (make_object(a={"type": ["string", "null"]}), "a: type must be one of"),
        (make_object(a=7), "a must be an object"),
        (make_object(a={**TEXT, "pattern": "(a+)+$"}), "a: a schema of type string takes no 'pattern'"),
        (make_object(a={"$ref": "#"}), "a: type must be one of"),
        (make_object(a={"type": "array"}), "a.items must be an object"),
        (
            make_object(a={"type": "array", "items": {"type": "integer", "enum": [1]}}),
            "a.items: a schema of type integer",
        ),
        (make_object(a={**TEXT, "enum": []}), "a: enum must be a list"),
        (make_object(a={**TEXT, "enum": ["x", "x"]}), "a: enum must name each value once"),
        (make_object(a={**TEXT, "enum": ["x\0"]}), "a: enum must be a list"),
        (make_object(a={**TEXT, "description": "x" * 501}), "a: description must be"),
        (make_object(**{"a b": TEXT}), "the schema: a property's name is"),
        ({**make_object(a=TEXT), "required": ["b"]}, "the schema: required must list"),
        ({**make_object(a=TEXT), "additionalProperties": True}, "additionalProperties can only be false"),
        (nested(MOST_DEPTH + 1), f"a.a.a.a is nested more than {MOST_DEPTH} levels deep"),
        (make_object(**{f"a{index}": TEXT for index in range(MOST_PROPERTIES + 1)}), "at most 50 properties"),
        (make_object(**{f"a{index}": {**TEXT, "description": "x" * 400} for index in range(30)}), "at most 8 KiB"),
    ],
)
def test_rejects_schemas_that_vendors_do_not_support(schema: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace("(", r"\(").replace("$", r"\$")):
        require_extraction_schema(schema)


def test_a_config_names_the_field() -> None:
    with pytest.raises(Invalid) as caught:
        parse_config({"analysis": {"extraction": make_object(a={"type": "date"})}})
    assert caught.value.param == "config.analysis.extraction"
    assert "a: type must be one of" in str(caught.value)


def test_a_config_without_it_is_dumped_as_before() -> None:
    assert "analysis" not in parse_config({}).model_dump()
    schema = make_object(a=TEXT)
    assert parse_config({"analysis": {"extraction": schema}}).model_dump()["analysis"]["extraction"] == schema


_scalars = st.sampled_from(["string", "number", "integer", "boolean"]).map(lambda kind: {"type": kind})


def _objects(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.dictionaries(st.sampled_from(["a", "b", "c"]), parts, min_size=1)
    return names.flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties)), unique=True).map(
            lambda required: {"type": "object", "properties": properties, "required": required}
        )
    )


_arrays = _scalars.map(lambda items: {"type": "array", "items": items})


@settings(max_examples=30)
@given(_objects(st.one_of(_scalars, _arrays, _objects(_scalars))))
def test_a_strict_schema_is_valid_and_closed(schema: dict[str, Any]) -> None:
    strict = make_strict(require_extraction_schema(schema))
    jsonschema.Draft202012Validator.check_schema(strict)
    validator = jsonschema.Draft202012Validator(strict)
    # A value that names only what is required, and null for the others, is valid; with another name it is not.
    value = {
        name: _example(part) if name in schema["required"] else None for name, part in schema["properties"].items()
    }
    assert validator.is_valid(value)
    assert not validator.is_valid({**value, "other": 1})


def _example(schema: dict[str, Any]) -> Any:
    if schema["type"] == "object":
        required = schema["required"]
        return {name: _example(part) if name in required else None for name, part in schema["properties"].items()}
    return {"string": "x", "number": 1.5, "integer": 1, "boolean": True, "array": []}[schema["type"]]
