"""Callers' messages: their content, their creation from a tool's arguments, and when they are sent.

Pure functions.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct
from pydantic import Field

from control.carriers.rules import is_valid
from control.http.fields import CallId, Id
from control.media_requests.handlers import RunningCall
from shared.errors import Invalid
from shared.ids import new_id

MOST_PER_CALL: Final = 10
LONGEST_TEXT: Final = 4_000
LONGEST_NAME: Final = 200
LONGEST_NUMBER: Final = 60
LONGEST_REASON: Final = 300
MOST_RECIPIENTS: Final = 10
# Control characters except line breaks. They could add formatting to an e-mail or end a line of its header.
_CONTROL: Final = re.compile(r"[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class CallerMessage:
    """A message that a caller left with an agent."""

    id: Id
    call_id: CallId
    agent_id: Annotated[UUID, Field(description="Id of the agent that took the message.")]
    agent_name: Annotated[
        str | None, Field(description="Name of the agent; null if it has none.", examples=["Front desk"])
    ]
    taken_at: Annotated[datetime, Field(description="When the message was taken (UTC).")]
    caller_name: Annotated[
        str, Field(description="Name of the caller, as given; empty if unknown.", examples=["Ada Lovelace"])
    ]
    callback_number: Annotated[
        str,
        Field(
            description="The number that the caller gave, or else the number of the call; empty if both are unknown.",
            examples=["+12025550123"],
        ),
    ]
    reason: Annotated[str, Field(description="What the message is about.", examples=["Appointment"])]
    text: Annotated[str, Field(description="The text of the message.", examples=["Please call me back before noon."])]
    is_urgent: Annotated[bool, Field(description="Whether the caller said that the message is urgent.")]
    emailed_at: Annotated[
        datetime | None,
        Field(
            description="When the message's e-mails were handed over for delivery (UTC); null before, or if "
            "nobody can receive them."
        ),
    ]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to insert.

    Attributes:
        run_id: Id of the tool's run, unique within the call.
    """

    id: UUID
    workspace_id: UUID
    call_id: UUID
    run_id: str
    agent_id: UUID
    taken_at: datetime
    caller_name: str
    callback_number: str
    reason: str
    text: str
    is_urgent: bool


class MessageArguments(Struct, frozen=True):
    """The arguments that the model passes to the tool. Null counts as omitted."""

    message: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    caller_name: Annotated[str, Meta(max_length=LONGEST_NAME)] | None = None
    callback_number: Annotated[str, Meta(max_length=LONGEST_NUMBER)] | None = None
    reason: Annotated[str, Meta(max_length=LONGEST_REASON)] | None = None
    urgent: bool | None = None


@dataclass(frozen=True, slots=True)
class MessageCall:
    """An unsent message with its call.

    Attributes:
        caller_number: The number as the carrier sent it.
        is_over: Whether the call has ended.
        ended_at: None if the time is unknown.
        is_recorded: Whether the call's agent records calls.
        has_recording: Whether the recording is in our storage.
    """

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
    """A member of the workspace who receives a message. The member has a confirmed address and can sign in."""

    user_id: UUID
    email: str


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """Intervals and limits of message delivery.

    Attributes:
        poll_s: Shortest time between two checks of a running call or its recording, in seconds.
        slow_poll_s: Longest time between two checks of a running call, in seconds.
        call_s: Longest wait for the end of the call, in seconds.
        recording_s: Longest wait for the recording after the call, in seconds. The message is then sent without it.
        daily_emails: Maximum number of e-mails about messages that a member gets from a workspace in a day (UTC).
    """

    poll_s: float = 5.0
    slow_poll_s: float = 60.0
    call_s: float = 18_000.0
    recording_s: float = 600.0
    daily_emails: int = 100


def make_message(arguments: MessageArguments, call: RunningCall, run_id: str, now: datetime) -> NewMessage:
    """Create the message to store: plain text without control characters, with the names on one line.

    Raises:
        Invalid: The text is empty after cleaning (code arguments_invalid).
    """
    text = "\n".join(filter(None, (_one_line(line) for line in arguments.message.splitlines())))
    if not text:
        raise Invalid("message: it has no text.", code="arguments_invalid", param="message")
    known = call.called if call.direction == "outbound" else call.caller
    return NewMessage(
        id=UUID(new_id()),
        workspace_id=call.workspace_id,
        call_id=call.id,
        run_id=run_id,
        agent_id=call.agent_id,
        taken_at=now,
        caller_name=_one_line(arguments.caller_name or ""),
        callback_number=_one_line(arguments.callback_number or "") or (known if is_valid(known) else ""),
        reason=_one_line(arguments.reason or ""),
        text=text,
        is_urgent=bool(arguments.urgent),
    )


def next_look_s(call: MessageCall, policy: MessagePolicy, now: datetime) -> float:
    """Return the seconds until the next check of a message's call.

    While the call continues, this is a tenth of the time since the message was taken; checks every 5 s would total 720
    for a call of an hour.
    """
    if call.is_over:
        return policy.poll_s
    return min(max(policy.poll_s, (now - call.message.taken_at).total_seconds() / 10), policy.slow_poll_s)


def is_due(call: MessageCall, policy: MessagePolicy, now: datetime) -> bool:
    """Return whether a message is due: its call is over and the recording is stored, or the wait has timed out."""
    if not call.is_over:
        return now - call.message.taken_at >= timedelta(seconds=policy.call_s)
    if call.has_recording or not call.is_recorded:
        return True
    return now - (call.ended_at or call.message.taken_at) >= timedelta(seconds=policy.recording_s)


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())
