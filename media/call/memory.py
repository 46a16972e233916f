"""What another node needs to go on with a call, and how a conversation is written down for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from media.providers.ports import Message, ToolCall
from shared.events import Usage
from shared.plan import HeardMessage, Resume


@dataclass(frozen=True, slots=True)
class Memory:
    """A call so far. messages: as heard, without the utterance under way. turn: the caller's turns that were told in
    events; one more may be in `messages`, heard and not answered yet. at_ms: on the call's clock."""

    messages: list[HeardMessage]
    turn: int
    usage: Usage
    at_ms: int


def written(messages: Sequence[Message]) -> list[HeardMessage]:
    """The model's memory in the words of the bus."""
    return [
        HeardMessage(
            message.role,
            message.text,
            [(call.id, call.name, call.arguments) for call in message.tool_calls],
            message.tool_call_id,
        )
        for message in messages
    ]


def remembered(messages: Sequence[HeardMessage]) -> list[Message]:
    """And back."""
    return [
        Message(message.role, message.text, tuple(ToolCall(*call) for call in message.calls), message.call_id)
        for message in messages
    ]


def unanswered(resume: Resume) -> str | None:
    """The caller's last words, when nobody has answered them."""
    last = resume.messages[-1] if resume.messages else None
    return last.text if last is not None and last.role == "user" else None


def untold(resume: Resume) -> bool:
    """Whether the last turn of the caller's was lost before an event could tell it."""
    return sum(message.role == "user" for message in resume.messages) > resume.turn
