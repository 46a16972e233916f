"""What a simulated model answers where a JSON Schema is asked for: the least that is valid, with the first words of the
caller as each text."""

import json
from collections.abc import Mapping
from typing import Any

from simulator.vendors.chat_reply import ChatReply


def wants_schema(body: Mapping[str, Any]) -> bool:
    """Whether a request of chat completions asks for a JSON Schema."""
    return (body.get("response_format") or {}).get("type") == "json_schema"


def answer_by_schema(body: Mapping[str, Any]) -> ChatReply:
    """The reply to a request whose last message of the user is a transcript."""
    transcript = json.loads(next(message["content"] for message in body["messages"] if message["role"] == "user"))
    said = next((one["text"] for one in transcript if one["speaker"] == "caller"), "The caller said nothing.")
    return ChatReply(json.dumps(_make_value(body["response_format"]["json_schema"]["schema"], said)))


def _make_value(schema: Mapping[str, Any], text: str) -> Any:
    """Null where it may be; of a list of values the middle one."""
    kind = schema["type"]
    if isinstance(kind, list):
        return None
    if kind == "object":
        return {name: _make_value(part, text) for name, part in schema["properties"].items()}
    if "enum" in schema:
        return schema["enum"][len(schema["enum"]) // 2]
    return {"string": text, "number": 0, "integer": 0, "boolean": False, "array": []}[kind]
