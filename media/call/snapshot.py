"""The state from which another node resumes a call, and the conversion of its conversation for storage."""

from collections.abc import Sequence
from dataclasses import dataclass

from media.providers.ports import Message, ToolCall
from shared.events import CallUsage
from shared.plan import HeardMessage, ResumePoint


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """The state of a call so far.

    Attributes:
        messages: As heard, without the current utterance.
        reported_turns: The number of the caller's turns that were reported in events. `messages` may contain one more,
            which was heard and not answered yet.
        at_ms: The time on the call's clock.
        announced: As in `ResumePoint`.
        recording_refused: As in `ResumePoint`.
        language: As in `ResumePoint`.
    """

    messages: list[HeardMessage]
    reported_turns: int
    usage: CallUsage
    at_ms: int
    announced: tuple[str, ...] = ()
    recording_refused: bool = False
    language: str = ""


def to_heard_messages(messages: Sequence[Message]) -> list[HeardMessage]:
    """Convert the model's messages to those of a checkpoint."""
    return [
        HeardMessage(
            message.role,
            message.text,
            [(call.id, call.name, call.arguments) for call in message.tool_calls],
            message.tool_call_id,
        )
        for message in messages
    ]


def to_model_messages(messages: Sequence[HeardMessage]) -> list[Message]:
    """Convert the messages of a checkpoint to the model's."""
    return [
        Message(message.role, message.text, tuple(ToolCall(*call) for call in message.calls), message.call_id)
        for message in messages
    ]


def unanswered_text(point: ResumePoint) -> str | None:
    """Return the caller's last words if they have no answer."""
    last = point.messages[-1] if point.messages else None
    return last.text if last is not None and last.role == "user" else None


def has_unreported_turn(point: ResumePoint) -> bool:
    """Return whether the call was lost before an event could report the caller's last turn."""
    return sum(message.role == "user" for message in point.messages) > point.turn
