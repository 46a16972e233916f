"""Every fault that a request can have is told in our own words, and none quotes the value."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from control.agents.config import AgentConfig
from control.app import ROUTES
from control.http.responses.errors import map_validation_error
from control.http.route import read_signature
from control.validation import (
    MAX_ERRORS,
    PATTERNS,
    UNION_ERROR,
    FieldCode,
    element_path,
    list_faults,
    make_invalid,
    words_of,
)
from shared.errors import ErrorDetail, Invalid, Malformed

LONG = "x" * 40_000
# One of these is wrong in each way in which a field can be.
VALUES: tuple[Any, ...] = (
    None, True, 7, -(10**30), 10**30, 1.5, 0.1234567891, float("inf"), "", " ", "x", "\0", "a\nb", "7x", LONG,
    "@example.com", "ann@example", "1999-13-01", "0001-01-01T00:00:00+14:00", "+12345678", [], [None], [LONG],
    [[]] * 300, ["end_call", "end_call"], {}, {"?": None}, {LONG: 1}, {f"k{number}": None for number in range(200)},
    {"enabled": True},
)  # fmt: skip
LIBRARY = re.compile(
    r"Input should|Value error|Field required|Extra inputs|should (be|have|match)|Unable to|Assertion|String|Decimal in"
)


def parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The models in a type, with those in their fields."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from parts(field.annotation)
    for part in get_args(kind):
        yield from parts(part)


def readers() -> Iterator[tuple[type[BaseModel], Callable[[Mapping[str, Any]], object]]]:
    """Each model of a request, with what reads it."""
    signatures = [read_signature(route) for route in ROUTES]
    for model in dict.fromkeys(part for signature in signatures for part in parts(signature.body)):
        yield model, lambda values, model=model: model.model_validate_json(json.dumps(values))  # type: ignore[misc]
    for model in dict.fromkeys(part for signature in signatures for part in parts(signature.query)):
        yield (
            model,
            lambda values, model=model: model.model_validate_strings(  # type: ignore[misc]
                {name: value for name, value in values.items() if isinstance(value, str)}
            ),
        )
    for model in dict.fromkeys(parts(AgentConfig)):
        yield model, model.model_validate


def errors_of_all_models() -> Iterator[ValidationError]:
    """The errors of every model: without any field, with an unknown one, and with each value in each field."""
    for model, read in readers():
        names = [field.alias or name for name, field in model.model_fields.items()]
        for values in ({}, {"unknown": "x"}, *({name: value} for name in names for value in VALUES)):
            try:
                read(values)
            except ValidationError as error:
                yield error


def test_each_fault_of_each_model_has_words_of_ours() -> None:
    kinds = set()
    for error in errors_of_all_models():
        for fault, raw in zip(list_faults(error, "at"), error.errors(include_url=False), strict=False):
            kinds.add(raw["type"])
            known = raw["type"] == UNION_ERROR or words_of(raw["type"], raw.get("ctx", {}), raw["input"]) is not None
            assert known, f"no words for {raw['type']}: add them to control/validation.py"
            if raw["type"] == "string_pattern_mismatch":
                assert raw["ctx"]["pattern"] in PATTERNS, f"no words for the pattern {raw['ctx']['pattern']}"
            assert fault.code in get_args(FieldCode) and fault.param
            assert not LIBRARY.search(fault.message), fault
            assert LONG not in fault.message and len(fault.message) < 500  # the longest names all scopes of API keys
    common = {"missing", "extra_forbidden", "string_too_long", "literal_error", "value_error", "union", "uuid_parsing"}
    assert common | {"too_long", "greater_than_equal", "decimal_max_places", "datetime_from_date_parsing"} <= kinds


def patterns(part: Any) -> Iterator[str]:
    """All patterns in a JSON Schema, also those of names."""
    if isinstance(part, list):
        for item in part:
            yield from patterns(item)
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "pattern" and isinstance(value, str))
        yield from part.get("patternProperties", {})
        for value in part.values():
            yield from patterns(value)


def test_each_pattern_of_each_model_has_words() -> None:
    """Those of a map's names and values, too, which the values above do not all reach."""
    models = dict.fromkeys(model for model, _ in readers())
    found = {pattern for model in models for pattern in patterns(model.model_json_schema())}
    assert len(found) >= 15
    assert found - PATTERNS.keys() == set(), "no words for these: add them to control/validation.py"


@pytest.mark.parametrize(
    ("kind", "context", "value", "message"),
    [
        ("string_too_long", {"max_length": 200}, "x" * 312, "must be at most 200 characters, is 312"),
        ("string_too_long", {"max_length": 1_400}, "x" * 1_500 + " ", "must be at most 1,400 characters"),
        ("string_too_short", {"min_length": 1}, "  ", "must not be empty"),
        ("string_too_short", {"min_length": 12}, "abc", "must be at least 12 characters, is 3"),
        ("too_long", {"max_length": 1, "actual_length": 3}, [], "must have at most 1 entry, has 3"),
        ("too_short", {"min_length": 2, "actual_length": 1}, [], "must have at least 2 entries, has 1"),
        ("less_than_equal", {"le": 5_000}, 9_999, "must be at most 5,000"),
        ("greater_than_equal", {"ge": -1e15}, -1e16, "must be at least -1,000,000,000,000,000"),
        ("literal_error", {"expected": "'draft', 'live' or 'paused'"}, "x", 'must be "draft", "live" or "paused"'),
        ("string_pattern_mismatch", {"pattern": "^new$"}, "x", "does not have the required form"),
        ("value_error", {"error": ValueError("must be even.")}, 1, "must be even"),
    ],
)
def test_message_has_the_limits(kind: str, context: dict[str, Any], value: object, message: str) -> None:
    words = words_of(kind, context, value)
    assert words is not None and words[1] == message


def test_unknown_type_is_not_valid() -> None:
    odd = InitErrorDetails(type=PydanticCustomError("odd", "Input should be even"), loc=("a", 2, "b"), input=7)
    error = ValidationError.from_exception_data("Model", [odd])
    assert list_faults(error, "at") == [ErrorDetail("at.a.2.b", "invalid", "is not valid")]


def test_param_and_message_are_the_first_faults_and_long_lists_are_cut() -> None:
    faults = [ErrorDetail(f"hours.{number}.opens", "missing", "is required") for number in range(80)]
    invalid = make_invalid(faults)
    assert (invalid.code, invalid.param, len(invalid.errors)) == ("invalid", "hours.0.opens", MAX_ERRORS)
    assert invalid.message == "hours[0].opens: is required (49 more in errors)."
    assert make_invalid(faults[:1]).message == "hours[0].opens: is required."


def test_body_that_is_not_json_is_malformed() -> None:
    with pytest.raises(ValidationError) as raised:
        AgentConfig.model_validate_json("{")
    assert isinstance(map_validation_error(raised.value), Malformed)
    with pytest.raises(ValidationError) as raised:
        AgentConfig.model_validate_json("[]")
    invalid = map_validation_error(raised.value)
    assert isinstance(invalid, Invalid) and invalid.message == "body: must be an object."


@pytest.mark.parametrize(
    ("param", "path"),
    [("text", "text"), ("config.voice.speed", "config.voice.speed"), ("hours.2.opens", "hours[2].opens"), ("7", "7")],
)
def test_element_path_is_as_the_caller_would_write_it(param: str, path: str) -> None:
    assert element_path(param) == path


@given(st.text(max_size=60))
def test_element_path_of_any_name(param: str) -> None:
    """Names of unknown fields are the caller's."""
    assert element_path(param).replace("[", ".").replace("]", "") == param.replace("[", ".").replace("]", "")
