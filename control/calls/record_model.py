"""Calls and their events as they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.billing.model import ResourceCost
from control.calls.analysis.model import AnalysisRecord, AnalysisStatus
from control.calls.details import CallDetails
from control.calls.model import Direction
from control.calls.turns import ConversationTurn
from shared.events import CallStatus, EndReason


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are listed. caller_number: E.164. since: from this moment on; until: before it. text: what the
    transcript holds, as `websearch_to_tsquery` reads it."""

    workspace_id: UUID | None = None
    agent_id: UUID | None = None
    status: CallStatus | None = None
    direction: Direction | None = None
    caller_number: str | None = None
    carrier_call_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CallSummary:
    """A call in a list. caller_number: None if the caller withheld it. cost_list: its minutes at list price;
    cost_total: what is billed of it, after included and trial minutes. currency: of both. variables, metadata: what an
    outbound call brought."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    duration_seconds: int
    cost_total: Decimal
    cost_list: Decimal
    currency: str
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    variables: Mapping[str, str]
    metadata: Mapping[str, str]

    @property
    def caller_withheld(self) -> bool:
        """Whether the caller withheld the number."""
        return self.direction == "inbound" and not self.is_test and self.caller_number is None


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call in full. costs: what it consumed so far, by resource. success, analysis: see control/calls/analysis."""

    summary_line: CallSummary
    agent_version: int | None
    phone_number_id: UUID | None
    media_node: str | None
    recording_key: str | None
    recording_seconds: Decimal | None
    transcription: str | None
    summary: str | None
    sentiment: str | None
    sentiment_score: float | None
    success: bool | None
    analysis_status: AnalysisStatus | None
    details: CallDetails
    analysis: AnalysisRecord
    turns: Sequence[ConversationTurn] = field(default_factory=list)
    costs: Sequence[ResourceCost] = ()


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event of a call."""

    seq: Annotated[int, Field(description="Sequence number of the event.", examples=[7])]
    event_type: Annotated[str, Field(description="Type of the event.", examples=["caller.said"])]
    event_data: Annotated[
        Mapping[str, Any],
        Field(
            description="The event's fields, its type included.",
            examples=[
                {"type": "caller.said", "turn": 1, "text": "I need an appointment.", "start_ms": 4200, "end_ms": 5900}
            ],
        ),
    ]
    timestamp: Annotated[datetime, Field(description="When it happened (UTC).")]
