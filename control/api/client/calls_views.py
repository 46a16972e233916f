"""Response models of calls (client API)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from control.api.call_analysis_views import CallAnalysisView, to_analysis
from control.billing.model import ResourceCost
from control.billing.prices import LedgerUnit, Role
from control.calls.details import ConsentRecord, encode_details
from control.calls.model import Attestation, Direction
from control.calls.record_model import CallReport, CallSummary, EventLine
from control.calls.turns import ConversationTurn
from control.calls.usage import make_usage
from control.calls.word_times import Word, make_words
from control.http.body import Currency, Money
from control.http.pagination import HasMore, ListAnswer
from shared.events import CallStatus, EndReason, TransferFailure


@dataclass(frozen=True, slots=True)
class Placed:
    """An outbound call that will be dialled; its status shows the progress."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class TestPlaced:
    """A test call that will be dialled; it is not charged."""

    test_call_id: UUID


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out."""

    outcome: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in the list. end_detail: why it was refused, or more about its end. cost_total: what is
    billed for it, after included and trial minutes. cost_list: at list price."""

    id: UUID
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    duration_seconds: int
    cost_total: Money
    cost_list: Money
    currency: Currency
    created_at: datetime
    started_at: datetime | None
    variables: Mapping[str, str]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallList(ListAnswer):
    """A page of calls, newest first. total: counts up to 100,000 calls; null with `q` and next to a call. Older calls
    are reached by starting_after, or by `to`."""

    calls: list[CallRow]


@dataclass(frozen=True, slots=True)
class LiveCallRow:
    """A call in progress or not answered yet. duration_so_far: seconds since it was answered, 0 before."""

    id: UUID
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
    is_test: bool
    duration_so_far: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveCallList:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: list[LiveCallRow]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class CallCost:
    """What the call consumed of one resource. cost: what is charged for it, null if that is unknown; recognition,
    language model, voice and line are part of the price of a minute. quantity: in `unit`."""

    resource_type: Role
    quantity: float
    unit: LedgerUnit
    cost: Money | None
    currency: Currency


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What the caller heard to its end and said about being recorded. disclosed_at: when the caller had heard that an
    artificial voice speaks; null where that was not said. announced_at: when the caller had heard that the call is
    recorded; null where that was not said, or not heard to its end. refused_at: when the caller refused the recording,
    which is deleted. refused_by: words or key; null without a refusal."""

    disclosed_at: datetime | None
    announced_at: datetime | None
    refused_at: datetime | None
    refused_by: str | None


@dataclass(frozen=True, slots=True)
class FailedTransferView:
    """A transfer that led back to the agent. failure: busy, no_answer, refused (the target declined) or failed (the
    carrier could not call it). number: null if it is unknown."""

    number: str | None
    failure: TransferFailure
    at: datetime


@dataclass(frozen=True, slots=True)
class CallView:
    """A call. usage: what it consumed, by resource: ms, tokens and characters; while it runs, too. costs: what it
    consumed and what is charged for it, by resource; while it runs, too. gaps: where it continued after its media
    stream was lost, in ms since it began. interruptions: number of times that the caller interrupted the agent.
    answered_by: result of answering-machine detection; null without one. transferred_to: the number that the caller was
    transferred to; null without a transfer. failed_transfers: those that led back to the agent. consent: what the
    caller heard to its end and said about being recorded."""

    id: UUID
    agent_id: UUID | None
    agent_version: int | None
    phone_number_id: UUID | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
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
    cost_list: Money
    currency: Currency
    sentiment: str | None
    success: bool | None
    analysis: CallAnalysisView | None
    answered_by: str | None
    interruptions: int
    usage: Mapping[str, int] | None
    costs: Sequence[CallCost]
    gaps: Sequence[Mapping[str, int]]
    consent: ConsentView
    caller_attestation: Attestation | None
    screened_at: datetime | None
    opted_out_at: datetime | None
    opted_out_by: str | None
    turns: Sequence[ConversationTurn]
    variables: Mapping[str, str]
    metadata: Mapping[str, str]
    transferred_to: str | None
    failed_transfers: Sequence[FailedTransferView]


@dataclass(frozen=True, slots=True)
class AgentName:
    """The agent that answered."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A call with all its data. recording_url: path of the recording, which needs the same sign-in, or null."""

    call: CallView
    agent: AgentName | None
    recording_url: str | None
    transcription: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class UtteranceView:
    """An utterance as it was heard. Times are in ms since the call began."""

    speaker: str
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcription:
    """The conversation as text, by word and by utterance. transcription: null if nothing was said."""

    transcription: str | None
    words: list[Word]
    utterances: list[UtteranceView]


@dataclass(frozen=True, slots=True)
class Events:
    """A call's events in the order of their sequence numbers."""

    events: list[EventLine]
    has_more: HasMore


def to_row(call: CallSummary) -> CallRow:
    """For the list."""
    return CallRow(**{name: getattr(call, name) for name in CallRow.__slots__})


def to_live(call: CallSummary, now: datetime) -> LiveCallRow:
    """The call at this moment."""
    values = {name: getattr(call, name) for name in LiveCallRow.__slots__ if name != "duration_so_far"}
    return LiveCallRow(**values, duration_so_far=seconds_so_far(call, now))


def seconds_so_far(line: CallSummary, now: datetime) -> int:
    """Seconds since the call was answered, 0 before."""
    return max(0, int((now - line.answered_at).total_seconds())) if line.answered_at else 0


def to_answer(call: CallReport, recording_url: str | None) -> CallAnswer:
    """The call with all its data."""
    line, details = call.summary_line, call.details
    view = CallView(
        **{name: getattr(line, name) for name in CallView.__slots__ if hasattr(line, name)},
        agent_version=call.agent_version,
        phone_number_id=call.phone_number_id,
        recording_seconds=_float(call.recording_seconds),
        sentiment=call.sentiment,
        success=call.success,
        analysis=to_analysis(call),
        answered_by=details.answered_by,
        transferred_to=(details.transfer.number or None) if details.transfer else None,
        failed_transfers=[FailedTransferView(one.number or None, one.failure, one.at) for one in details.returns],
        interruptions=details.interruptions,
        usage=make_usage(details.usage, call.costs),
        costs=to_costs(call.costs, line.currency),
        consent=to_consent(details.consent),
        caller_attestation=details.attestation,  # type: ignore[arg-type]
        screened_at=details.screened_at,
        opted_out_at=details.opted_out_at,
        opted_out_by=details.opted_out_by or None,
        gaps=encode_details(details).get("gaps", ()),
        turns=call.turns,
    )
    agent = AgentName(line.agent_id, line.agent_name) if line.agent_id and line.agent_name is not None else None
    url = recording_url if call.recording_key else None
    return CallAnswer(view, agent, url, call.transcription, call.summary)


def to_consent(consent: ConsentRecord) -> ConsentView:
    """As the call's record has it."""
    return ConsentView(consent.disclosed_at, consent.announced_at, consent.refused_at, consent.refused_by or None)


def to_costs(costs: Iterable[ResourceCost], currency: str) -> list[CallCost]:
    """By resource and unit: customers do not see which provider worked. currency: the workspace's."""
    groups: dict[tuple[Role, LedgerUnit], list[ResourceCost]] = {}
    for cost in costs:
        groups.setdefault((cost.resource_type, cost.unit), []).append(cost)
    return [
        CallCost(role, float(sum(one.quantity for one in group)), unit, _sum_prices(group), currency)
        for (role, unit), group in groups.items()
    ]


def to_transcription(text: str | None, utterances: Sequence[Mapping[str, Any]]) -> Transcription:
    """utterances: as stored, with the times of their words."""
    words = [word for one in utterances for word in make_words(one)]
    views = [UtteranceView(one["speaker"], one["text"], one["start_ms"], one["end_ms"]) for one in utterances]
    return Transcription(text, words, views)


def _sum_prices(costs: Iterable[ResourceCost]) -> Decimal | None:
    """None as soon as one is unknown."""
    prices = [cost.price for cost in costs]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
