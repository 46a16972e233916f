"""ActionToolConfig: an action of a connected integration that an agent may use as a tool in a call."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, model_validator

from control.agents.config_part import PLAIN, ConfigPart
from control.integrations.types.rules import PLACEHOLDER, DeclaredName
from control.tools.argument_schema import NO_ARGUMENTS, check_schema
from control.tools.rules import DEFAULT_RESULT, LONGEST_RESULT, LONGEST_RUN_S, MOST_RUNS, ToolTitle

UUID_PATTERN: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# What the call knows, as `{{call.x}}`. All are texts.
CALL_VALUES: Final = ("customer_number", "contact_name", "agent_name", "call_id", "now")
INPUT: Final = "input."
CALL: Final = "call."
MOST_ARGUMENT_BYTES: Final = 8_192
MOST_ARGUMENT_DEPTH: Final = 5
_UNSTORABLE: Final = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff]")


def _check_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    check_schema(schema)
    return schema


def _check_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    for text in list_texts(arguments):
        if _UNSTORABLE.search(text):
            raise ValueError("must have texts without control characters")
        left = PLACEHOLDER.sub("", text)
        if "{{" in left or "}}" in left:
            raise ValueError("must have placeholders like {{input.name}} and {{call.customer_number}}")
    if any("{{" in name for name in _list_names(arguments)):
        raise ValueError("must have names without placeholders")
    try:
        size = len(json.dumps(arguments, allow_nan=False).encode())
    except (TypeError, ValueError):
        raise ValueError("must be JSON") from None
    if size > MOST_ARGUMENT_BYTES:
        raise ValueError(f"must have at most {MOST_ARGUMENT_BYTES:,} bytes as JSON")
    return arguments


class ActionToolConfig(ConfigPart):
    """What the language model reads of the tool, the action, and what the action gets."""

    name: ToolTitle = Field(description="Name for the language model.", examples=["tell_the_team"])
    description: str = Field(
        min_length=1,
        max_length=1_000,
        pattern=PLAIN,
        description="What the tool does and when to use it, for the language model; up to 1,000 characters.",
        examples=["Tells the team that a caller wants to be called back."],
    )
    integration_id: str = Field(
        pattern=UUID_PATTERN,
        description="The integration of the workspace by which the action is run.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    action: DeclaredName = Field(
        description="The action, of those that the integration's type has.", examples=["post_message"]
    )
    parameters: Annotated[dict[str, Any], AfterValidator(_check_parameters)] = Field(
        default=dict(NO_ARGUMENTS),
        description="JSON Schema of the arguments that the model may give: as of HTTP tools.",
        examples=[{"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}],
    )
    arguments: Annotated[dict[str, Any], AfterValidator(_check_arguments)] = Field(
        default={},
        description="Arguments of the action, up to 8 KiB: fixed values, in which {{input.name}} stands for an argument"
        f" of the model and {{{{call.name}}}} for what the call knows ({', '.join(CALL_VALUES)}). A text that is one "
        "placeholder takes the value with its type. Without it, the model's arguments by their own names.",
        examples=[{"text": "{{call.customer_number}}: {{input.text}}"}],
    )
    allow_free_lookup: bool = Field(
        default=False,
        description="Lets the model choose what an action that only reads looks up, so that a caller may ask for "
        "anybody's data; only owners and admins may set it. Without it, such an action gets fixed values and what the "
        "call knows, such as its number.",
    )
    timeout_s: float = Field(
        default=8.0,
        ge=0.5,
        le=LONGEST_RUN_S,
        allow_inf_nan=False,
        description="Seconds for the whole run, after which the model is told that there is no answer.",
        examples=[8.0],
    )
    filler: str | None = Field(
        default=None,
        max_length=300,
        pattern=PLAIN,
        description="What the agent says while the action runs and the caller waits; null: its usual words; empty: "
        "nothing.",
        examples=["I am passing that on."],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often one call may use the tool.", examples=[20]
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Characters of the result that the model reads; the rest is cut off.",
        examples=[DEFAULT_RESULT],
    )

    @model_validator(mode="after")
    def _require_known_placeholders(self) -> "ActionToolConfig":
        known = {f"{INPUT}{name}" for name in self.parameters.get("properties", {})}
        known |= {f"{CALL}{name}" for name in CALL_VALUES}
        for name in placeholders(self.arguments):
            if name not in known:
                raise ValueError(f"has a placeholder {{{{{name[:80]}}}}} that names no argument of its parameters, and "
                                 f"none of {', '.join(CALL_VALUES)} of the call")  # fmt: skip
        return self

    def template(self) -> dict[str, Any]:
        """The action's arguments, with placeholders."""
        return self.arguments or {name: f"{{{{{INPUT}{name}}}}}" for name in self.parameters.get("properties", {})}


def placeholders(value: Any) -> set[str]:
    """The names between the braces."""
    return {name for text in list_texts(value) for name in PLACEHOLDER.findall(text)}


def list_texts(value: Any, depth: int = 1) -> Iterator[str]:
    """All texts, names included. Raises ValueError for a value that is nested too deep."""
    if depth > MOST_ARGUMENT_DEPTH + 1:
        raise ValueError(f"must be nested at most {MOST_ARGUMENT_DEPTH} deep")
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from list_texts(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from list_texts(part, depth + 1)


def _list_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from _list_names(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_names(part)
