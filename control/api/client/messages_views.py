"""Response models of callers' messages (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import ListAnswer
from control.messages.model import CallerMessage


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message that a caller left. callback_number: as the caller gave it, else the number of the call; empty if both
    are unknown. reason: what it is about. emailed_at: when its e-mails were handed over for delivery; null: not yet."""

    id: UUID
    call_id: UUID
    agent_id: UUID
    agent_name: str | None
    taken_at: datetime
    caller_name: str
    callback_number: str
    reason: str
    text: str
    is_urgent: bool
    emailed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MessageList(ListAnswer):
    """A page of messages, newest first."""

    messages: list[MessageView]


def to_view(message: CallerMessage) -> MessageView:
    return MessageView(**{name: getattr(message, name) for name in MessageView.__slots__})
