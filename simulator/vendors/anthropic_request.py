"""What Anthropic's Messages API refuses, and how it words it; and a request of it as one of chat completions.

Sources: the anthropic SDK 2.15.0 (`_constants.py`, `types/message_create_params.py`, `types/shared/`),
platform.claude.com "Migrating to API version 2026-10-21"; docs/vendors/anthropic.md.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

KNOWN_FIELDS: Final = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "stream",
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "output_config",
        "cache_control",
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "container",
    }
)
VERSION: Final = "2026-10-21"
OLD_VERSION: Final = "2023-06-01"
_SAMPLING: Final = ("temperature", "top_p", "top_k")
THINKING: Final = frozenset({"disabled", "enabled", "adaptive", "between_tools"})
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(eq=False)
class MessagesRefusal(Exception):
    """An answer other than 200."""

    status: int
    message: str

    def body(self) -> dict[str, Any]:
        """As the vendor writes it."""
        return error_body(_TYPES[self.status], self.message)


def error_body(kind: str, message: str) -> dict[str, Any]:
    """An error, in an answer or inside of a stream."""
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def check_version(version: str | None) -> str:
    """Return the API version that a request names in its header. Raises MessagesRefusal."""
    if version is None:
        raise MessagesRefusal(400, "anthropic-version: header is required")
    if version not in (VERSION, OLD_VERSION):
        raise MessagesRefusal(400, f'anthropic-version: "{version}" is not a valid version')
    return version


def check_body(body: Any, *, version: str = VERSION, fixed_temperature: bool = False) -> None:
    """Raises MessagesRefusal. fixed_temperature: the model takes no temperature in the older version, either."""
    for fault in _faults(body, version=version, fixed_temperature=fixed_temperature):
        raise MessagesRefusal(400, fault)


def _faults(body: Any, *, version: str, fixed_temperature: bool) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "The request body is not valid JSON"
        return
    yield from (f"{name}: Field required" for name in ("model", "max_tokens", "messages") if not body.get(name))
    yield from (f"{name}: Extra inputs are not permitted" for name in sorted(set(body) - KNOWN_FIELDS))
    if version != OLD_VERSION:
        yield from (f"{name}: Extra inputs are not permitted" for name in _SAMPLING if name in body)
    if fixed_temperature and "temperature" in body:
        yield "`temperature` is deprecated for this model."
    if (body.get("thinking") or {"type": "disabled"}).get("type") not in THINKING:
        yield "thinking: Input tag found using 'type' does not match any of the expected tags"
    yield from _schema_faults((body.get("output_config") or {}).get("format"))
    for block in body.get("system") or []:
        if isinstance(block, dict) and not block.get("text", "").strip():
            yield "system: text content blocks must be non-empty"
    yield from _message_faults(body.get("messages") or [])


def _schema_faults(wanted: Any) -> Iterator[str]:
    """Objects of a schema have to be closed."""
    if wanted is None:
        return
    if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
        yield "output_config.format: Input should be a json_schema with a schema"
        return
    parts = [wanted["schema"]]
    while parts:
        part = parts.pop()
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false"
        parts += [one for one in (part.get("properties") or {}).values() if isinstance(one, dict)]


def _message_faults(messages: list[Any]) -> Iterator[str]:
    """Turns alternate once those of one side are combined; each call of a tool is answered in the next turn."""
    if messages and messages[0].get("role") != "user":
        yield 'messages: first message must use the "user" role'
    if messages and messages[-1].get("role") == "assistant":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    open_ids: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        blocks = blocks_of(message)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if set(open_ids) - set(results):
            yield (
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(set(open_ids) - set(results)))}"
            )
        if set(results) - set(open_ids):
            yield f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks"
        if seen & set(calls) or len(set(calls)) < len(calls):
            yield f"messages.{index}: `tool_use` ids must be unique"
        if not all(map(_ID.fullmatch, calls)):
            yield f"messages.{index}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield "messages: text content blocks must be non-empty"
        open_ids, seen = calls, seen | set(calls)


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message's content, which may be one text, as blocks."""
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def to_chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request as one of chat completions, which the simulated models read."""
    system = body.get("system") or []
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "\n\n".join(texts)}] if texts else []
    for message in body["messages"]:
        messages.extend(_chat_messages(message["role"], blocks_of(message)))
    functions = [
        {"name": tool["name"], "description": tool.get("description", ""), "parameters": tool["input_schema"]}
        for tool in body.get("tools") or []
    ]
    chat: dict[str, Any] = {
        "messages": messages,
        "tools": [{"type": "function", "function": function} for function in functions],
    }
    wanted = (body.get("output_config") or {}).get("format")
    if wanted:
        chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": wanted["schema"]}}
    return chat


def _chat_messages(role: str, blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    calls = [
        {"id": one["id"], "type": "function", "function": {"name": one["name"], "arguments": json.dumps(one["input"])}}
        for one in blocks
        if one["type"] == "tool_use"
    ]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if calls:
        yield {"role": role, "content": " ".join(texts), "tool_calls": calls}
        return
    for block in blocks:
        if block["type"] == "tool_result":
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": block["content"]}
    yield from ({"role": role, "content": text} for text in texts)
