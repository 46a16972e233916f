"""Schemas of arguments: what is accepted, and what schemas of MCP servers become."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.tools.argument_schema import (
    MOST_BYTES,
    NO_ARGUMENTS,
    check_schema,
    parse_arguments,
    reduce_schema,
    require_arguments,
    restore_names,
)
from shared.errors import Invalid
from tests.platform.computation import slowed

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "items",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "$ref",
                    "$defs",
                    "enum",
                    "const",
                    "x",
                ]
            ),
            inner | st.sampled_from(["object", "string", "#/$defs/x", "#", "#/properties/x"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, 'must have "type": "object"'),
        (an_object(a={"type": "text"}), "must have types of"),
        (an_object(a={"$ref": "https://example.com/schema"}), "must not use the keyword '$ref' at a"),
        (an_object(a={"type": "string", "pattern": "(a+)+$"}), "must not use the keyword 'pattern' at a"),
        ({**an_object(), "required": ["a"]}, "must require names of properties only"),
        (an_object(**{f"p{n}": {} for n in range(41)}), "must have at most 40 properties"),
        (an_object(a={"enum": []}), "must have entries in enum at a"),
        (an_object(a={"enum": [{"b": 1}]}), "must have plain texts, and an enum of texts, numbers and null at a"),
        (an_object(a={"description": "x\x00"}), "must have plain texts"),
        (an_object(a={"type": [{}]}), "must have types of"),
        (an_object(a={"type": []}), "must have types of"),
        (an_object(a={"type": "array"}), "must have items with the type array at a"),
        (an_object(**{"a b": {}}), "must have names of properties of up to 64 letters"),
        ({**an_object(), "anyOf": [{}]}, "must not have anyOf beside its properties"),
        ({**an_object(), "enum": [1]}, "must not have enum beside its properties"),
        (an_object(a={"minimum": True}), "must have another value of minimum at a"),
        (an_object(a=["string"]), "must have an object at a"),
        (an_object(a={"description": "x" * MOST_BYTES}), "must have at most 8,192 bytes"),
        (an_object(a=an_object(b=an_object(c=an_object(d=an_object(e={}))))), "must be nested at most 5 deep"),
    ],
)
def test_schemas_outside_of_the_dialect_are_refused(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"^must ") as caught:
        check_schema(schema)
    assert words in str(caught.value)


def test_dialects_become_ours() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$defs": {"Zone": {"type": "string", "pattern": "^x", "description": "A zone."}},
        "type": "object",
        "properties": {
            "zone": {"$ref": "#/$defs/Zone"},
            "mode": {"const": "fast"},
            "day": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "both": {"allOf": [{"$ref": "#/$defs/Zone"}, {"type": "string", "maxLength": 3}]},
            "far": {"$ref": "https://example.com/schema"},
        },
        "required": ["zone", "gone"],
    }
    assert reduce_schema(schema).parameters == {
        "type": "object",
        "properties": {
            "zone": {"type": "string", "description": "A zone."},
            "mode": {"enum": ["fast"]},
            "day": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "both": {"type": "string", "description": "A zone.", "maxLength": 3},
            "far": {},
        },
        "required": ["zone"],
    }


def test_schema_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    reduced = reduce_schema({"$defs": {"Node": node}, "$ref": "#/$defs/Node"}).parameters
    check_schema(reduced)
    assert reduced["properties"]["next"]["type"] == "object"


def test_parts_that_multiply_are_counted() -> None:
    many = {f"p{n}": {"$ref": "#"} for n in range(30)}
    assert reduce_schema({"type": "object", "properties": many}).parameters == NO_ARGUMENTS


def test_parts_of_all_of_are_counted_before_they_are_merged() -> None:
    """So many took a second of the event loop, and 20,000 took 6 s."""
    many: list[Any] = [{"properties": {f"p{n}": {}}} for n in range(8_000)]
    began = time.process_time()
    assert reduce_schema({"type": "object", "allOf": many}).parameters == NO_ARGUMENTS
    assert time.process_time() - began < slowed(0.1)


def test_what_vendors_or_the_database_refuse_is_left_out() -> None:
    schema = {
        **an_object(
            **{
                "when": {"type": "array", "description": "Days\x00\u202e.", "title": "\ud800"},
                "user name": {"type": "string"},
                "mode": {"type": "string", "enum": ["a\x00"]},
            }
        ),
        "enum": [1],
        "oneOf": [{"required": ["when"]}],
    }
    assert reduce_schema(schema).parameters == an_object(
        when={"type": "array", "description": "Days.", "title": "", "items": {}}, mode={"type": "string"}
    )


def test_required_property_that_vendors_refuse_has_another_name_for_models() -> None:
    item = an_object(**{"größe": {"type": "integer"}, "color": {}})
    schema = {
        **an_object(
            **{
                "first name": {"type": "string", "title": "Name"},
                "first/name": {"type": "string"},
                "x" * 100: {},
                "items": {"type": "array", "items": {**item, "required": ["größe"]}},
                "not needed": {},
            }
        ),
        "required": ["first name", "first/name", "x" * 100],
    }
    reduced = reduce_schema(schema)
    check_schema(reduced.parameters)
    by_name = {name: given for given, name in reduced.names.items()}
    assert set(by_name) == {"first name", "first/name", "x" * 100, "größe"} and len(reduced.names) == 4
    assert set(reduced.parameters["properties"]) == {by_name[n] for n in schema["required"]} | {"items"}
    assert reduced.parameters["required"] == [by_name[name] for name in schema["required"]]
    titles = {part.get("title") for part in reduced.parameters["properties"].values()}
    assert titles == {"Name", "first/name", "x" * 100, None}
    arguments = {by_name["first name"]: "Ada", "items": [{by_name["größe"]: 4, "color": {"größe": 1}}], "other": 1}
    require_arguments(an_object(), arguments)
    assert restore_names(arguments, reduced.names) == {
        "first name": "Ada",
        "items": [{"größe": 4, "color": {"größe": 1}}],
        "other": 1,
    }
    with pytest.raises(Invalid, match="is a required property"):
        require_arguments(reduced.parameters, {})
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="nested too deep"):
        restore_names(deep, reduced.names)
    assert restore_names(deep, {}) == deep


def test_schema_that_is_too_large_takes_any_arguments() -> None:
    assert (
        reduce_schema(an_object(**{f"p{n}": {"description": "x" * 300} for n in range(40)})).parameters == NO_ARGUMENTS
    )


@settings(max_examples=60, deadline=None)
@given(ANY_JSON)
def test_every_schema_of_a_server_ends_in_the_dialect(schema: Any) -> None:
    if isinstance(schema, dict):
        check_schema(reduce_schema(schema).parameters)


@pytest.mark.parametrize("text", ["[1]", "{", "7", "[" * 100_000, '{"a": NaN}', r'{"a": "\ud800"}'])
def test_arguments_that_are_no_object_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_arguments(text)
    assert caught.value.code == "arguments_invalid"


def test_arguments_are_checked_by_the_schema() -> None:
    schema = {**an_object(hour={"type": "integer", "maximum": 23}), "required": ["hour"]}
    require_arguments(schema, {"hour": 8})
    with pytest.raises(Invalid, match="hour: 24 is greater"):
        require_arguments(schema, {"hour": 24})
    with pytest.raises(Invalid, match="'hour' is a required property"):
        require_arguments(schema, {})


@pytest.mark.parametrize("many", [[1] * 100, [[1] * 10] * 10])
def test_arguments_that_take_too_long_to_check_are_refused(many: list[Any]) -> None:
    """300,000 numbers, each tried with 450 choices, would stop the event loop for half an hour."""
    choices = {"anyOf": [*({"type": "null"} for _ in range(450)), {}]}
    schema = an_object(a={"type": "array", "items": choices})
    check_schema(schema)
    require_arguments(schema, {"a": [1] * 10})
    with pytest.raises(Invalid, match="too many values"):
        require_arguments(schema, {"a": many})


def test_arguments_that_are_nested_too_deep_are_refused() -> None:
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(Invalid, match="nested too deep"):
        require_arguments(an_object(), {"a": deep})
