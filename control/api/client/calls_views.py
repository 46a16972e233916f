"""Response models of calls (client API)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.api.call_analysis_views import CallAnalysisView, to_analysis
from control.billing.model import ResourceCost
from control.billing.prices import LedgerUnit, Role
from control.calls.records.details import ConsentRecord, encode_details
from control.calls.records.rules import (
    Attestation,
    CallReport,
    CallSummary,
    ConversationTurn,
    Direction,
    EventLine,
    make_usage,
)
from control.calls.records.word_times import Word, make_words
from control.http.body import Currency, Money
from control.http.fields import (
    CalledNumber,
    CallerNumber,
    CallerWithheld,
    CallId,
    CallStartedAt,
    Carrier,
    CreatedAt,
    Id,
    IsTest,
    OptionalAgentId,
)
from control.http.pagination import HasMore, ListAnswer
from shared.events import CallStatus, EndReason, TransferFailure


@dataclass(frozen=True, slots=True)
class Placed:
    """An outbound call that will be dialled; its status shows the progress."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class TestPlaced:
    """A test call that will be dialled; it is not charged."""

    test_call_id: Annotated[UUID, Field(description="Id of the test call, as of any call.")]


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out."""

    outcome: Annotated[str, Field(description="`done`: the command was carried out.", examples=["done"])]


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in the list."""

    id: Id
    agent_id: OptionalAgentId
    agent_name: Annotated[str | None, Field(description="Name of the agent; null for none.", examples=["Front desk"])]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    end_reason: Annotated[
        EndReason | None,
        Field(description="How the conversation ended; null while it has not, or for a call without one."),
    ]
    end_detail: Annotated[
        str | None, Field(description="Why it was refused, or more about its end.", examples=["over_limit"])
    ]
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: Annotated[
        str | None,
        Field(
            description="The call's id at its carrier; null before the carrier gave one.",
            examples=["CA0123456789abcdef"],
        ),
    ]
    duration_seconds: Annotated[
        int, Field(description="Seconds from the answer to the end; 0 for an unanswered call.", examples=[94])
    ]
    cost_total: Annotated[
        Money, Field(description="What is billed for it, after included and trial minutes.", examples=[0.06])
    ]
    cost_list: Annotated[Money, Field(description="At list price.", examples=[0.19])]
    currency: Currency
    created_at: CreatedAt
    started_at: CallStartedAt
    variables: Annotated[
        Mapping[str, str],
        Field(
            description="What placeholders in the agent's texts stand for in this call.",
            examples=[{"customer_name": "Ada"}],
        ),
    ]
    metadata: Annotated[
        Mapping[str, str],
        Field(
            description="Values of the customer's own, by name; returned as they were sent.",
            examples=[{"order_id": "4711"}],
        ),
    ]


@dataclass(frozen=True, slots=True)
class CallList(ListAnswer):
    """A page of calls, newest first. `total` counts up to 100,000 calls, and is null with `q`."""

    calls: Annotated[list[CallRow], Field(description="The calls.")]


@dataclass(frozen=True, slots=True)
class LiveCallRow:
    """A call in progress or not answered yet."""

    id: Id
    agent_id: OptionalAgentId
    agent_name: Annotated[str | None, Field(description="Name of the agent; null for none.", examples=["Front desk"])]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    is_test: IsTest
    duration_so_far: Annotated[int, Field(description="Seconds since it was answered, 0 before.", examples=[12])]
    started_at: CallStartedAt


@dataclass(frozen=True, slots=True)
class LiveCallList:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: Annotated[list[LiveCallRow], Field(description="The calls.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class CallCost:
    """What the call consumed of one resource."""

    resource_type: Annotated[Role, Field(description="What was consumed.")]
    quantity: Annotated[float, Field(description="In `unit`.", examples=[93_100])]
    unit: Annotated[LedgerUnit, Field(description="Unit of `quantity`.", examples=["ms"])]
    cost: Annotated[
        Money | None,
        Field(
            description="What is charged for it, null if that is unknown; recognition, language model, voice "
            "and line are part of the price of a minute.",
            examples=[0.19],
        ),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What the caller heard to its end and said about being recorded."""

    disclosed_at: Annotated[
        datetime | None,
        Field(description="When the caller had heard that an artificial voice speaks; null where that was not said."),
    ]
    announced_at: Annotated[
        datetime | None,
        Field(
            description="When the caller had heard that the call is recorded; null where that was not said, or "
            "not heard to its end."
        ),
    ]
    refused_at: Annotated[
        datetime | None, Field(description="When the caller refused the recording, which is deleted.")
    ]
    refused_by: Annotated[str | None, Field(description="Words or key; null without a refusal.", examples=["key"])]


@dataclass(frozen=True, slots=True)
class FailedTransferView:
    """A transfer that led back to the agent."""

    number: Annotated[
        str | None,
        Field(description="The number that was called (E.164); null if it is unknown.", examples=["+14155557777"]),
    ]
    failure: Annotated[
        TransferFailure, Field(description="Why: busy, no_answer, refused (the target declined) or failed.")
    ]
    at: Annotated[datetime, Field(description="When it failed, and the caller was led back to the agent (UTC).")]


@dataclass(frozen=True, slots=True)
class CallView:
    """A call."""

    id: Id
    agent_id: OptionalAgentId
    agent_version: Annotated[
        int | None, Field(description="The version of the agent that answers; null without an agent.", examples=[3])
    ]
    phone_number_id: Annotated[UUID | None, Field(description="Id of the workspace's phone number; null for none.")]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    end_reason: Annotated[
        EndReason | None,
        Field(description="How the conversation ended; null while it has not, or for a call without one."),
    ]
    end_detail: Annotated[
        str | None,
        Field(
            description="More about the end, or why the call was refused; null for nothing more.",
            examples=["over_limit"],
        ),
    ]
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: Annotated[
        str | None,
        Field(
            description="The call's id at its carrier; null before the carrier gave one.",
            examples=["CA0123456789abcdef"],
        ),
    ]
    created_at: CreatedAt
    started_at: CallStartedAt
    answered_at: Annotated[datetime | None, Field(description="When the call was answered (UTC); null if it was not.")]
    ended_at: Annotated[datetime | None, Field(description="When the call ended (UTC); null before.")]
    duration_seconds: Annotated[
        int, Field(description="Seconds from the answer to the end; 0 for an unanswered call.", examples=[94])
    ]
    recording_seconds: Annotated[
        float | None, Field(description="Length of the recording in seconds; null without one.", examples=[93.8])
    ]
    cost_total: Annotated[
        Money,
        Field(
            description="What the customer is billed for the call, after included and trial minutes.", examples=[0.06]
        ),
    ]
    cost_list: Annotated[Money, Field(description="The call's minutes at list price, in major units.", examples=[0.19])]
    currency: Currency
    sentiment: Annotated[
        str | None, Field(description="The caller's mood; null while it is unknown.", examples=["positive"])
    ]
    success: Annotated[
        bool | None, Field(description="Whether the agent's criterion of success was met; null while that is unknown.")
    ]
    analysis: Annotated[
        CallAnalysisView | None,
        Field(description="What was made of the call after its end; null before, and if nothing was said."),
    ]
    answered_by: Annotated[
        str | None, Field(description="Result of answering-machine detection; null without one.", examples=["human"])
    ]
    interruptions: Annotated[
        int, Field(description="Number of times that the caller interrupted the agent.", examples=[1])
    ]
    usage: Annotated[
        Mapping[str, int] | None,
        Field(
            description="What the call consumed, by resource; ms, tokens and characters. Null if unknown.",
            examples=[{"call_ms": 94_200, "stt_ms": 93_100, "llm_prompt_tokens": 2310, "tts_characters": 480}],
        ),
    ]
    costs: Annotated[
        Sequence[CallCost],
        Field(description="What it consumed and what is charged for it, by resource; while it runs, too."),
    ]
    gaps: Annotated[
        Sequence[Mapping[str, int]],
        Field(
            description="Where it continued after its media stream was lost, in ms since it began.",
            examples=[[{"leg": 1, "lost_ms": 900, "at_ms": 31_400}]],
        ),
    ]
    consent: Annotated[
        ConsentView, Field(description="What the caller heard to its end, and said about being recorded.")
    ]
    caller_attestation: Annotated[
        Attestation | None,
        Field(
            description="What the carrier checked of the caller's number by STIR/SHAKEN. `A`: the caller's "
            "carrier knows the caller, who may use the number; `B`: it knows the caller; `C`: it "
            "does not; `failed`: the signature is not valid. Null: not signed, or the carrier did "
            "not say."
        ),
    ]
    screened_at: Annotated[
        datetime | None, Field(description="When the called phone asked who calls (call screening); null: it did not.")
    ]
    opted_out_at: Annotated[
        datetime | None,
        Field(
            description="When the person on the phone asked not to be called again (UTC), which puts their "
            "number on the do-not-call list, unless it was withheld. Null: nobody did."
        ),
    ]
    opted_out_by: Annotated[
        str | None,
        Field(
            description="How the person asked not to be called again: words or key; null: nobody did.",
            examples=["words"],
        ),
    ]
    turns: Annotated[Sequence[ConversationTurn], Field(description="The conversation by turns.")]
    variables: Annotated[
        Mapping[str, str],
        Field(
            description="What placeholders in the agent's texts stand for in this call.",
            examples=[{"customer_name": "Ada"}],
        ),
    ]
    metadata: Annotated[
        Mapping[str, str],
        Field(
            description="Values of the customer's own, by name; returned as they were sent.",
            examples=[{"order_id": "4711"}],
        ),
    ]
    transferred_to: Annotated[
        str | None,
        Field(
            description="The number that the caller was transferred to; null without a transfer.",
            examples=["+12025550199"],
        ),
    ]
    failed_transfers: Annotated[Sequence[FailedTransferView], Field(description="Those that led back to the agent.")]


@dataclass(frozen=True, slots=True)
class AgentName:
    """The agent that answered."""

    id: Id
    name: Annotated[str, Field(description="Name of the agent.", examples=["Front desk"])]


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A call with all its data."""

    call: Annotated[CallView, Field(description="The call.")]
    agent: Annotated[AgentName | None, Field(description="The agent.")]
    recording_url: Annotated[
        str | None,
        Field(
            description="Path of the recording, which needs the same sign-in, or null.",
            examples=[
                "/workspaces/01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60/calls/01936d30-1b2c-7d3e-8f4a-5b6c7d8e9f00/recording"
            ],
        ),
    ]
    transcription: Annotated[
        str | None,
        Field(
            description="What was heard, as text; null if nothing was said.",
            examples=["Agent: Hello.\nCaller: Good morning."],
        ),
    ]
    summary: Annotated[
        str | None,
        Field(
            description="A summary of the conversation; null without one.",
            examples=["The caller booked a check-up for Friday."],
        ),
    ]


@dataclass(frozen=True, slots=True)
class UtteranceView:
    """An utterance as it was heard. Times are in ms since the call began."""

    speaker: Annotated[str, Field(description="Who spoke.", examples=["caller"])]
    text: Annotated[str, Field(description="What was heard.", examples=["I need an appointment."])]
    start_ms: Annotated[int, Field(description="Beginning, in ms since the call began.", examples=[4200])]
    end_ms: Annotated[int, Field(description="End, in ms since the call began.", examples=[5900])]


@dataclass(frozen=True, slots=True)
class Transcription:
    """The conversation as text, by word and by utterance."""

    transcription: Annotated[
        str | None, Field(description="Null if nothing was said.", examples=["Agent: Hello.\nCaller: Good morning."])
    ]
    words: Annotated[
        list[Word], Field(description="What was heard, word by word; a placeholder of what was redacted is one word.")
    ]
    utterances: Annotated[list[UtteranceView], Field(description="What was heard, by utterance.")]


@dataclass(frozen=True, slots=True)
class Events:
    """A call's events in the order of their sequence numbers."""

    events: Annotated[list[EventLine], Field(description="The events, in order.")]
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
