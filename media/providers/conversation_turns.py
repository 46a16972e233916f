"""A conversation as turns of user and model, which alternate, for vendors that want it so; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from media.providers.ports import CALL_BEGAN_PROMPT, ChatRequest, Message, ToolCall

# Sent where a reply was interrupted before its tool answered: every call wants a result.
NO_RESULT: Final = "No result: the call was interrupted."


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The result of a tool call, which follows the turn that made it."""

    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """All that one side says until the other one does. parts: texts, which are never blank; of the model also calls of
    tools, behind its text; of the user also their results, in front."""

    role: Literal["user", "assistant"]
    parts: tuple[str | ToolCall | ToolAnswer, ...]


def make_turns(request: ChatRequest) -> list[SpeakerTurn]:
    """The conversation. It begins with the user, and every call of a tool has its result in the next turn."""
    turns: list[SpeakerTurn] = []
    for one in _each(request.messages):
        if turns and turns[-1].role == one.role:
            turns[-1] = SpeakerTurn(one.role, turns[-1].parts + one.parts)
        else:
            turns.append(one)
    if not turns or turns[0].role == "assistant":
        turns.insert(0, SpeakerTurn("user", (CALL_BEGAN_PROMPT,)))
    return turns


def parse_arguments(call: ToolCall) -> dict[str, Any]:
    """A call's arguments as an object; empty for what is none, which was answered as an error already."""
    try:
        arguments = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def join_texts(*texts: str) -> str:
    """Those of the texts that are not empty, each a paragraph."""
    return "\n\n".join(text for text in texts if text)


def _each(messages: Sequence[Message]) -> Iterator[SpeakerTurn]:
    results = {message.tool_call_id: message.text for message in messages if message.role == "tool"}
    for message in messages:
        text = join_texts(message.note, message.text)
        texts = (text,) if text.strip() else ()
        if message.role == "assistant" and message.tool_calls:
            answers = (ToolAnswer(call, results.get(call.id, NO_RESULT)) for call in message.tool_calls)
            yield SpeakerTurn("assistant", (*texts, *message.tool_calls))
            yield SpeakerTurn("user", tuple(answers))
        elif message.role != "tool" and texts:
            yield SpeakerTurn(message.role, texts)
