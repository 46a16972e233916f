"""Calls as the API tells them to customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from control.calls.listed import Call, CallLine, EventLine
from control.calls.model import Direction
from control.calls.turns import Turn
from control.http.body import Money
from shared.events import EndReason, Status


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in the list. cost_total: what it is charged with."""

    id: UUID
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: Status
    end_reason: EndReason | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    duration_seconds: int
    cost_total: Money
    created_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallList:
    """A page of calls, newest first. total: no more than 100,000 are counted; what lies deeper is asked for by its
    time."""

    calls: list[CallRow]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that is not over. duration_so_far: seconds since it was answered, 0 before."""

    id: UUID
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: Status
    is_test: bool
    duration_so_far: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """Those that are not over, the longest first; up to 1,000."""

    active_calls: list[LiveCall]


@dataclass(frozen=True, slots=True)
class CallView:
    """A call. usage: what it consumed. gaps: where it went on after a loss, in ms. interruptions: by the caller.
    answered_by: of answering-machine detection."""

    id: UUID
    agent_id: UUID | None
    agent_version: int | None
    phone_number_id: UUID | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: Status
    end_reason: EndReason | None
    end_detail: str | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int
    recording_seconds: float | None
    cost_total: Money
    sentiment: str | None
    answered_by: str | None
    interruptions: int
    usage: Mapping[str, int] | None
    gaps: Sequence[Mapping[str, int]]
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class AgentName:
    """Who answered."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A call in full. recording_url: where the recording is, with the same sign-in; null without one."""

    call: CallView
    agent: AgentName | None
    recording_url: str | None
    transcription: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """An utterance as it was heard. Times in ms since the call began."""

    speaker: str
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said, as text and utterance by utterance. transcription: null while nothing was heard."""

    transcription: str | None
    words: list[Word]


@dataclass(frozen=True, slots=True)
class Events:
    """A call's events in the order of their numbers."""

    events: list[EventLine]


def call_row(line: CallLine) -> CallRow:
    """As the list shows it."""
    return CallRow(**{name: getattr(line, name) for name in CallRow.__slots__})


def live_call(line: CallLine, now: datetime) -> LiveCall:
    """As it is at this moment."""
    given = {name: getattr(line, name) for name in LiveCall.__slots__ if name != "duration_so_far"}
    return LiveCall(**given, duration_so_far=seconds_so_far(line, now))


def seconds_so_far(line: CallLine, now: datetime) -> int:
    """Since it was answered."""
    return max(0, int((now - line.answered_at).total_seconds())) if line.answered_at else 0


def call_answer(call: Call, recording_url: str | None) -> CallAnswer:
    """In full."""
    line, details = call.line, call.details
    view = CallView(
        **{name: getattr(line, name) for name in CallView.__slots__ if hasattr(line, name)},
        agent_version=call.agent_version,
        phone_number_id=call.phone_number_id,
        end_detail=call.end_detail,
        recording_seconds=_float(call.recording_seconds),
        sentiment=call.sentiment,
        answered_by=details.get("amd"),
        interruptions=details.get("interruptions", 0),
        usage=details.get("usage"),
        gaps=details.get("gaps", ()),
        turns=call.turns,
    )
    agent = AgentName(line.agent_id, line.agent_name) if line.agent_id and line.agent_name is not None else None
    url = recording_url if call.recording_key else None
    return CallAnswer(view, agent, url, call.transcription, call.summary)


def transcription(text: str | None, words: Sequence[Mapping[str, Any]]) -> Transcription:
    """As kept."""
    return Transcription(text, [Word(**word) for word in words])


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
