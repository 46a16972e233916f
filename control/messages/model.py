"""Messages of callers as values, and the pace of their delivery."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CallerMessage:
    """A message that a caller left. callback_number: as the caller gave it, else the number of the call; empty if both
    are unknown. reason: what it is about, in a few words. emailed_at: when its e-mails were enqueued."""

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
class MessageCall:
    """A message that was not sent yet, with what is known of its call. caller_number: as the carrier sent it. is_over:
    the call has ended. ended_at: None where that is not known. is_recorded: its agent records. has_recording: it is
    in our storage."""

    message: CallerMessage
    workspace_id: UUID
    workspace_name: str
    timezone: str
    caller_number: str
    is_over: bool
    ended_at: datetime | None
    is_recorded: bool
    has_recording: bool


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member of the workspace who gets a message: with a confirmed address, and able to sign in."""

    user_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """In seconds: poll_s, slow_poll_s: the shortest and the longest time between two looks at a call that is not over;
    the shortest one holds for its recording, too. call_s: the longest wait for the call's end; recording_s: for its
    recording after that. Then the message is sent as it is.

    daily_emails: e-mails about messages that a member gets from one workspace in a day (UTC)."""

    poll_s: float = 5.0
    slow_poll_s: float = 60.0
    call_s: float = 18_000.0
    recording_s: float = 600.0
    daily_emails: int = 100
