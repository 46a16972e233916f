"""The receptionist's rules as what a simulated model answers with: from the facts of whatever prompt it gets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from media.providers.ports import CALL_BEGAN_PROMPT, ChatRequest, Message, TextDelta, ToolCall, ToolSpec
from media.providers.receptionist.llm import ReceptionistLanguageModel
from simulator.vendors.chat_reply import ChatReply, ToolUse
from vocalized.vendors.schema_reply import answer_by_schema, wants_schema

_MODEL = ReceptionistLanguageModel()


def answer_by_rules(body: Mapping[str, Any]) -> ChatReply:
    """The reply to a request of chat completions."""
    if wants_schema(body):
        return answer_by_schema(body)
    system, messages = _read_messages(body["messages"])
    request = ChatRequest(system, messages, [_read_tool(tool["function"]) for tool in body.get("tools") or ()])
    events = list(_MODEL.events(request))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    tools = tuple(ToolUse(event.name, event.arguments) for event in events if isinstance(event, ToolCall))
    return ChatReply(text, tools)


def _read_messages(entries: Sequence[Mapping[str, Any]]) -> tuple[str, list[Message]]:
    """The system's text and the conversation."""
    system = "\n\n".join(_text(entry) for entry in entries if entry["role"] in ("system", "developer"))
    return system, list(_conversation(entries))


def _conversation(entries: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    for entry in entries:
        if entry["role"] == "user" and _text(entry) == CALL_BEGAN_PROMPT:
            continue
        if entry["role"] == "user":
            yield Message("user", _text(entry).rpartition("\n\n")[2])  # behind the phone system's note
        elif entry["role"] == "tool":
            yield Message("tool", _text(entry), tool_call_id=entry["tool_call_id"])
        elif entry["role"] == "assistant":
            calls = [(call["id"], call["function"]) for call in entry.get("tool_calls") or ()]
            made = tuple(ToolCall(call_id, function["name"], function["arguments"]) for call_id, function in calls)
            yield Message("assistant", _text(entry), tool_calls=made)


def _text(entry: Mapping[str, Any]) -> str:
    """A message's text, whose parts may stand in a list."""
    content = entry.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _read_tool(function: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(function["name"], function.get("description", ""), function.get("parameters") or {})
