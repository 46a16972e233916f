"""What a tool gives to an action: whether it fits when it is saved, and its values in a call."""

from typing import Any

import pytest
from pydantic import ValidationError

from control.agents.call_tools.actions import fill_arguments, list_argument_faults
from control.agents.config_parts import ActionToolConfig
from control.integrations.types.rules import Action

ONE = "01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"


def make_tool(**changes: Any) -> ActionToolConfig:
    """A tool with the arguments `text` (needed) and `count`."""
    properties = {"text": {"type": "string"}, "count": {"type": "integer"}, "any": {}}
    base = {
        "name": "tell_the_team", "description": "Tells.", "integration_id": ONE, "action": "post",
        "parameters": {"type": "object", "properties": properties, "required": ["text"]},
    }  # fmt: skip
    return ActionToolConfig.model_validate({**base, **changes})


def make_action(properties: dict[str, Any], *required: str, method: str = "POST", **changes: Any) -> Action:
    """An action with these arguments."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Action.model_validate(
        {
            "name": "post", "input_schema": schema, "request": {"method": method, "path": "/x"},
            "response": {"fields": {}}, **changes,
        }
    )  # fmt: skip


TEXT = {"type": "string", "maxLength": 5}
ROW = {"type": "array", "items": {"type": "string"}, "minItems": 1}


@pytest.mark.parametrize(
    ("arguments", "properties", "required", "place", "words"),
    [
        ({"body": "{{input.text}}"}, {"text": TEXT}, (), "body", "does not have this argument; it has text"),
        ({"text": "{{input.text}}"}, {"text": TEXT, "to": TEXT}, ("to",), "to", "needs it"),
        ({"text": "{{input.count}}"}, {"text": TEXT}, (), "text", "is integer, and the action takes string"),
        ({"count": "{{input.text}}"}, {"count": {"type": "number"}}, (), "count", "is string"),
        ({"count": "no {{input.count}}"}, {"count": {"type": "integer"}}, (), "count", "is string"),
        ({"count": "{{call.now}}"}, {"count": {"type": "integer"}}, (), "count", "is string"),
        ({"count": "{{input.count}}"}, {"count": {"type": "integer"}}, ("count",), "count", "must require count"),
        ({"text": "too long"}, {"text": TEXT}, (), "text", "does not fit the action's schema"),
        ({"row": ["a", 3]}, {"row": ROW}, (), "row", "does not fit"),
        ({"row": ["{{input.text}}", 3]}, {"row": ROW}, (), "row.1", "does not fit"),
        ({"row": "{{input.text}}"}, {"row": ROW}, (), "row", "takes array"),
        ({"row": {"a": "{{input.text}}"}}, {"row": ROW}, (), "row", "is object"),
        ({"row": {"a": "{{input.count}}"}}, {"row": {"type": "object", "properties": {"a": TEXT}}}, (), "row.a", "is"),
    ],
)  # fmt: skip
def test_argument_that_does_not_fit_the_action(
    arguments: dict[str, Any], properties: dict[str, Any], required: tuple[str, ...], place: str, words: str
) -> None:
    ((at, fault),) = list_argument_faults(make_tool(arguments=arguments), make_action(properties, *required))
    assert at == place and words in fault


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"text": "a", "count": 1.5},
        {"text": "{{call.customer_number}}", "count": "{{input.count}}"},
        {"text": "a", "any": "{{input.any}}"},
        {"text": "{{input.text}}", "row": ["{{call.now}}", "{{input.text}}", "fixed"]},
    ],
)
def test_arguments_that_fit(arguments: dict[str, Any]) -> None:
    properties = {"text": TEXT, "count": {"type": "number"}, "row": ROW, "any": {}}
    assert list(list_argument_faults(make_tool(arguments=arguments), make_action(properties, "text"))) == []


@pytest.mark.parametrize(
    "changes", [{"read_only": True}, {"method": "GET"}, {"response": {"items": "/found", "fields": {}}}]
)
def test_model_does_not_choose_the_arguments_of_a_lookup(changes: dict[str, Any]) -> None:
    action = make_action({"text": TEXT}, **changes)
    asked = {"arguments": {"text": "{{input.text}}"}}
    ((at, fault),) = list_argument_faults(make_tool(**asked), action)
    assert at == "" and "allow_free_lookup" in fault
    assert list(list_argument_faults(make_tool(**asked, allow_free_lookup=True), action)) == []
    own = make_tool(arguments={"text": "{{call.customer_number}}"})
    assert list(list_argument_faults(own, action)) == []
    assert len(list(list_argument_faults(make_tool(arguments={"text": "{{call.now}}{{input.text}}"}), action))) == 1


def test_values_take_their_places() -> None:
    template = {
        "text": "{{call.now}}: {{input.text}} x{{input.count}}", "count": "{{input.count}}", "left": "{{input.left}}",
        "row": ["{{input.left}}", "{{input.text}}", 3], "inner": {"left": "{{call.left}}", "kept": None, "a": "b"},
    }  # fmt: skip
    values = {"input.text": "{{call.now}}", "input.count": 2, "call.now": "noon"}
    assert fill_arguments(template, values) == {
        "text": "noon: {{call.now}} x2", "count": 2, "row": ["", "{{call.now}}", 3], "inner": {"kept": None, "a": "b"},
    }, "what the model says is no placeholder"  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arguments": {"text": "{{input.nothing}}"}}, "names no argument"),
        ({"arguments": {"text": "{{call.secret}}"}}, "names no argument"),
        ({"arguments": {"text": "{{config.token}}"}}, "names no argument"),
        ({"arguments": {"text": "{{input text}}"}}, "placeholders like"),
        ({"arguments": {"{{input.text}}": "a"}}, "names without placeholders"),
        ({"arguments": {"text": "a\0"}}, "control characters"),
        ({"arguments": {"text": "a" * 8_192}}, "8,192 bytes"),
        ({"arguments": {"text": float("nan")}}, "must be JSON"),
        ({"arguments": {"text": [[[[[["deep"]]]]]]}}, "at most 5 deep"),
        ({"parameters": {"type": "string"}}, "type"),
        ({"integration_id": "x"}, "integration_id"),
        ({"name": "a__b"}, "name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_config_that_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make_tool(**changes)
