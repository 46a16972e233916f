"""Read models of calls: lists, one call in full, its turns and its usage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from control.billing.ledger.rules import ResourceCost
from control.calls.records.details import AnalysisRecord, AnalysisStatus, CallDetails
from control.calls.records.state import Direction
from control.knowledge.tool import SEARCH_KNOWLEDGE, Citation, read_citations
from shared.events import CallStatus, EndReason

LATENCY: Final = ("total_ms", "endpoint_ms", "stt_ms", "llm_first_token_ms", "tts_first_byte_ms", "playback_ms")


@dataclass(slots=True)
class ConversationTurn:
    """What the caller said, and how much of the answer the caller heard."""

    turn: Annotated[int, Field(description="Number of the turn; 0 is the greeting.", examples=[1])]
    caller: Annotated[
        str, Field(description="What the caller said; empty for nothing.", examples=["I need an appointment."])
    ] = ""
    agent: Annotated[
        str,
        Field(
            description="What the caller heard of the agent's answer; empty for nothing.",
            examples=["Of course. Which day suits you?"],
        ),
    ] = ""
    person: Annotated[
        str,
        Field(
            description="What a person said who then spoke in the agent's place; empty for nothing.",
            examples=["I have booked Friday for you."],
        ),
    ] = ""
    start_ms: Annotated[
        int | None, Field(description="When it began, in ms since the call began.", examples=[4200])
    ] = None
    interrupted: Annotated[bool, Field(description="Whether the caller interrupted the agent.")] = False
    latency_ms: Annotated[
        dict[str, int] | None,
        Field(
            description="Ms from the end of the caller's speech to the agent's first audible sound, as the "
            "caller perceived it (`total`), and its parts; null without an answer.",
            examples=[
                {"total": 640, "endpoint": 220, "stt": 90, "llm_first_token": 210, "tts_first_byte": 80, "playback": 40}
            ],
        ),
    ] = None
    tools: Annotated[
        list[str], Field(description="Names of the tools that the agent used.", examples=[["collect_digits"]])
    ] = field(default_factory=list)
    citations: Annotated[list[Citation], Field(description="Passages of documents that the model was given.")] = field(
        default_factory=list
    )


def make_turns(events: Iterable[Mapping[str, Any]]) -> list[ConversationTurn]:
    """Returns the turns of a conversation.

    Args:
        events: Their data including the type, in the order of their numbers.
    """
    turns: dict[int, ConversationTurn] = {}
    told = list(events)
    for event in told:
        number = event.get("turn")
        if not isinstance(number, int):
            continue
        turn = turns.setdefault(number, ConversationTurn(number))
        match event["type"]:
            case "caller.said":
                turn.caller = _joined(turn.caller, event["text"])
                turn.start_ms = max(0, event["start_ms"])
            case "agent.said":
                turn.agent = _joined(turn.agent, event["text"])
                turn.interrupted = turn.interrupted or event.get("interrupted", False)
                turn.start_ms = max(0, event["start_ms"]) if turn.start_ms is None else turn.start_ms
            case "turn.latency":
                turn.latency_ms = {name.removesuffix("_ms"): event.get(name, 0) for name in LATENCY}
            case "tool.ran":
                turn.tools.append(event["name"])
                if event["name"] == SEARCH_KNOWLEDGE.name and event.get("ok"):
                    turn.citations += read_citations(event.get("result", ""))
    spoken = [event for event in told if event["type"] == "person.said"]
    for event in sorted(spoken, key=lambda event: event["start_ms"]):
        began = ((turn.start_ms or 0, number) for number, turn in turns.items())
        number = max((number for start_ms, number in began if start_ms <= event["start_ms"]), default=0)
        turn = turns.setdefault(number, ConversationTurn(number))
        turn.person = _joined(turn.person, event["text"])
        turn.start_ms = event["start_ms"] if turn.start_ms is None else turn.start_ms
    return [turns[number] for number in sorted(turns)]


def _joined(before: str, more: str) -> str:
    return f"{before} {more}".strip()


# The field of CallUsage (shared/events.py) for each resource and unit.
_NUMBERS: Final[Mapping[tuple[str, str], str]] = {
    ("stt", "ms"): "stt_ms",
    ("llm", "prompt_tokens"): "llm_prompt_tokens",
    ("llm", "cached_tokens"): "llm_prompt_tokens",
    ("llm", "cache_write_tokens"): "llm_prompt_tokens",
    ("llm", "completion_tokens"): "llm_completion_tokens",
    ("tts", "characters"): "tts_characters",
}


def make_usage(reported: Mapping[str, int] | None, costs: Iterable[ResourceCost]) -> Mapping[str, int] | None:
    """Returns what the call consumed. The ledger's numbers replace those that media reported at the end.

    While the call runs, only the ledger's numbers are known.

    Returns:
        None if both are empty.
    """
    booked: dict[str, int] = {}
    for cost in costs:
        name = _NUMBERS.get((cost.resource_type, cost.unit))
        if name is not None:
            booked[name] = booked.get(name, 0) + int(cost.quantity)
    return {**(reported or {}), **booked} if booked else reported


@dataclass(frozen=True, slots=True)
class CallFilter:
    """The filters of a list of calls.

    Attributes:
        caller_number: E.164.
        since: Calls from this moment on.
        until: Calls before this moment.
        text: Words of the transcript, as `websearch_to_tsquery` reads them.
    """

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
    """A call in a list.

    Attributes:
        caller_number: None if the caller withheld it.
        cost_list: Its minutes at list price.
        cost_total: The billed part of cost_list, after included and trial minutes.
        currency: Of both.
        variables, metadata: Values of an outbound call.
    """

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
        """Returns whether the caller withheld the number."""
        return self.direction == "inbound" and not self.is_test and self.caller_number is None


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call in full.

    Attributes:
        costs: What it consumed so far, by resource.
        success, analysis: See control/calls/analysis.
    """

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
