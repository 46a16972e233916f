"""The config's bounds, and that the published JSON Schema states the same."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from pydantic import BaseModel, ValidationError

from control.agents.config import AgentConfig, json_schema
from control.agents.rules import merge_patch
from tests.control.agents.strategies import configs

SCHEMA = jsonschema_rs.validator_for(json_schema())


@given(configs)
def test_valid_config_is_stored_whole(config: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(config)
    written = AgentConfig.model_validate(config).model_dump()
    assert SCHEMA.is_valid(written)
    assert AgentConfig.model_validate(written).model_dump() == written
    assert merge_patch(written, config) == written


@pytest.mark.parametrize(
    "config",
    [
        {"prompt": "x" * 30_001},
        {"prompt": "a\0b"},
        {"prompt": None},
        {"prompt": 3},
        {"greeting": "x" * 1_401},
        {"goodbye": "x" * 401},
        {"first_message": "caller_first"},
        {"greeting_interruptible": "no"},
        {"language": "english"},
        {"language": "EN"},
        {"facts": {"Business": "x"}},
        {"facts": {"city": ""}},
        {"facts": {"city": "x" * 4_001}},
        {"facts": {f"f{n}": "x" for n in range(101)}},
        {"variables": {"Name": {}}},
        {"variables": {"name": "Ms Ito"}},
        {"variables": {"name": {"default": "a\nb"}}},
        {"variables": {"name": {"default": "x" * 501}}},
        {"variables": {"name": {"required": "yes"}}},
        {"variables": {f"v{n}": {} for n in range(51)}},
        {"speech": {"stt": [{"provider": "a"}] * 8}},
        {"speech": {"stt": [{"provider": "A b"}]}},
        {"speech": {"stt": [{"options": {}}]}},
        {"speech": {"vad": []}},
        {"speech": {"llm": [{"provider": "a", "options": {"x": {"deep": 1}}}]}},
        {"speech": {"llm": [{"provider": "a", "options": {"x": None}}]}},
        {"speech": {"llm": [{"provider": "a", "options": {"x": 2**53}}]}},
        {"speech": {"llm": [{"provider": "a", "options": {f"o{n}": 1 for n in range(31)}}]}},
        {"voices": {f"v{n}": {} for n in range(9)}},
        {"turn": {"silence_ms": 99}},
        {"turn": {"silence_ms": 5_001}},
        {"turn": {"silence_ms": "600"}},
        {"turn": {"silence_ms": 600.5}},
        {"turn": {"min_words": 0}},
        {"turn": {"min_words": 11}},
        {"turn": {"barge_in": "yes"}},
        {"turn": {"nonsense": 1}},
        {"tools": ["fax"]},
        {"tools": ["end_call"] * 13},
        {"limits": {"max_duration_s": -1}},
        {"limits": {"max_duration_s": 86_401}},
        {"limits": {"reply_s": 60.5}},
        {"recording": True},
        {"recording": {"consent": "maybe"}},
        {"recording": {"announcement": "x" * 501}},
        {"recording": {"statement": "x" * 1_001}},
        {"recording": {"refusal_words": ["x"] * 21}},
        {"recording": {"refusal_words": ["x" * 101]}},
        {"recording": {"refusal_key": "0"}},
        {"recording": {"refusal_key": "12"}},
        {"disclosure": "x" * 501},
        {"fallback_number": "0301234567"},
        {"fallback_number": "+1 415 555 2671"},
        {"fallback_number": "+14155552671;ext=12x"},
        {"fallback_number": "sip:" + "a" * 200},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_out_of_bounds_is_refused_by_schema_and_model(config: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(config)
    with pytest.raises(ValidationError):
        AgentConfig.model_validate(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"recording": {"enabled": True}}, "needs consent"),
        ({"recording": {"enabled": True, "consent": "announced", "announcement": "  "}}, "announcement's text"),
        ({"recording": {"enabled": True, "consent": "given_otherwise"}}, "statement of where"),
        ({"turn": {"barge_in": "always"}}, 'must be true, false, "off", "polite" or "eager"'),
        ({"tools": ["end_call", "end_call"]}, "each name only once"),
        ({"fallback_number": "+12345678"}, "not a phone number of its country"),
        ({"fallback_number": "+999123456789"}, "is not a phone number"),
        ({"fallback_number": "+19005550123"}, "Premium-rate"),
        ({"fallback_number": "+449098790000"}, "Premium-rate"),
        ({"fallback_number": "+447012345678"}, "personal"),
        ({"fallback_number": "+881612345678"}, "without a country"),
        ({"fallback_number": "+870773111632"}, "without a country"),
        ({"fallback_number": "+979123456789"}, "without a country"),
        ({"fallback_number": "+12129761234"}, "Premium-rate"),
        ({"fallback_number": "sip:desk@10.0.0.1"}, "public host"),
        ({"fallback_number": "+14155552671;ext=204", "transfer_mode": "warm"}, "cannot be warm"),
    ],
)
def test_rules_beyond_the_schema_are_checked(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AgentConfig.model_validate(config)


@pytest.mark.parametrize("literal", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(literal: float) -> None:
    with pytest.raises(ValidationError):
        AgentConfig.model_validate({"limits": {"reply_s": literal}})
    with pytest.raises(ValidationError):
        AgentConfig.model_validate({"voices": {"a": {"speed": literal}}})


def test_booleans_are_not_numbers() -> None:
    config = AgentConfig.model_validate({"voices": {"a": {"x": True, "y": 1, "z": 1.0}}})
    assert [type(value) for value in config.voices["a"].values()] == [bool, int, float]


def test_every_field_is_described() -> None:
    for model in _models(AgentConfig):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += _models(field.annotation)
    return found


def test_schema_has_its_id() -> None:
    assert json_schema()["$id"] == "/schemas/agent-config.json"
    assert json_schema()["$schema"].endswith("2020-12/schema")
