"""Arguments of an action that an agent uses: whether a tool's fit the action, and their values in a call. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from control.agents.action_config import CALL, INPUT, ActionToolConfig, placeholders
from control.integrations.types.rules import PLACEHOLDER, Action

Schema = Mapping[str, Any]
# A fault with the place where it is, dotted.
Fault = tuple[str, str]
_ANY: Final[frozenset[str]] = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})


def fill_arguments(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The action's arguments. values: by the names of placeholders. A member that is a placeholder without a value is
    left out; in a list an empty text stands for it, so that the others keep their places."""
    return {name: _fill(part, values) for name, part in template.items() if not _is_missing(part, values)}


def list_argument_faults(tool: ActionToolConfig, action: Action) -> Iterator[Fault]:
    """Why the tool's arguments cannot be those of the action, each with the argument's name."""
    template, schema = tool.template(), action.input_schema
    properties: Schema = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in template:
            yield name, f"the action {action.name} needs it"
        elif (missing := _optional_input(template[name], tool.parameters)) is not None:
            yield name, f"the action {action.name} needs it, so parameters must require {missing}"
    for name, value in template.items():
        if name not in properties:
            yield name, f"the action {action.name} has no such argument; it has {', '.join(properties) or 'none'}"
        else:
            yield from _value_faults(value, properties[name], name, tool.parameters)
    names = placeholders(template)
    if is_lookup(action) and not tool.allow_free_lookup and any(name.startswith(INPUT) for name in names):
        fault = (
            "looks up what the model asks for, whoever calls: take {{call.customer_number}} or fixed values, or have "
        )
        yield "", f"{fault}an owner or admin set allow_free_lookup"


def is_lookup(action: Action) -> bool:
    """Whether what the action answers with is what it is for: it only reads, or it lists records."""
    return action.read_only or action.request.method == "GET" or action.response.items is not None


def _is_missing(part: Any, values: Mapping[str, Any]) -> bool:
    whole = PLACEHOLDER.fullmatch(part) if isinstance(part, str) else None
    return whole is not None and values.get(whole[1]) is None


def _fill(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, str):
        whole = PLACEHOLDER.fullmatch(part)
        if whole is not None:
            return "" if values.get(whole[1]) is None else values[whole[1]]
        return PLACEHOLDER.sub(lambda found: _text(values.get(found[1])), part)
    if isinstance(part, list):
        return [_fill(item, values) for item in part]
    return fill_arguments(part, values) if isinstance(part, dict) else part


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _optional_input(value: Any, parameters: Schema) -> str | None:
    """The model's argument that `value` is, if the model may leave it out."""
    whole = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    name = whole[1].removeprefix(INPUT) if whole is not None and whole[1].startswith(INPUT) else None
    return name if name is not None and name not in parameters.get("required", []) else None


def _value_faults(value: Any, schema: Schema, at: str, parameters: Schema) -> Iterator[Fault]:
    if not placeholders(value):
        if not Draft202012Validator(schema).is_valid(value):
            yield at, "this value does not fit the action's schema"
        return
    if isinstance(value, str):
        given, taken = _given_types(value, parameters), _types(schema)
        if not all(one in taken or (one == "integer" and "number" in taken) for one in given):
            yield at, f"is {_join(given)}, and the action takes {_join(taken)}"
        return
    kind = "array" if isinstance(value, list) else "object"
    if kind not in _types(schema):
        yield at, f"is {kind}, and the action takes {_join(_types(schema))}"
        return
    parts = enumerate(value) if isinstance(value, list) else value.items()
    for name, part in parts:
        inner = schema.get("items") if isinstance(value, list) else schema.get("properties", {}).get(name)
        if isinstance(inner, dict):
            yield from _value_faults(part, inner, f"{at}.{name}", parameters)


def _given_types(text: str, parameters: Schema) -> Sequence[str]:
    """Of a text with placeholders; of an argument without a type none, which is checked in the call."""
    whole = PLACEHOLDER.fullmatch(text)
    if whole is None or whole[1].startswith(CALL):
        return ["string"]
    schema: Schema = parameters["properties"][whole[1].removeprefix(INPUT)]
    return sorted(_types(schema)) if "type" in schema else []


def _types(schema: Schema) -> frozenset[str]:
    kind = schema.get("type", _ANY)
    return frozenset({kind} if isinstance(kind, str) else kind)


def _join(types: Any) -> str:
    return " or ".join(sorted(types))
