"""Routes of phone calls, for the members of their workspace and for the staff.

The staff can read the content of a call only with a reason, which the workspace's owner can see.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import structs
from pydantic import BeforeValidator, Field, StringConstraints

from control.agents.destinations import LONGEST_TARGET, TARGET
from control.agents.service import Agents
from control.agents.variables import CallVariables
from control.analytics.platform_figures.rules import cost_warning
from control.audit.service import Change, ReadContent, mask_number, record_change, record_read, record_search
from control.billing.ledger.rules import ResourceCost
from control.billing.prices.rules import LedgerUnit, Role
from control.calls.browser_calls.service import BROWSER_CALLERS, BrowserCallRequest, BrowserCalls
from control.calls.feed.service import LiveFeed
from control.calls.live.service import CallNotLive, MediaAssignment, end_by_staff
from control.calls.outbound.service import CallRequest, OutboundCalls
from control.calls.recordings.wav import read_range
from control.calls.records.callers import Attestation
from control.calls.records.details import AnalysisMethod, AnalysisStatus, ConsentRecord, encode_details
from control.calls.records.reports import CallFilter, CallReport, CallSummary, ConversationTurn, EventLine, make_usage
from control.calls.records.service import CallRecords
from control.calls.records.state import Direction
from control.calls.records.word_times import Word, make_words
from control.carriers.rules import E164
from control.http.access import admin, member
from control.http.body import ONE_LINE, Body, Currency, Money
from control.http.context import AdminContext, MemberContext
from control.http.fields import (
    AgentId,
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
    ProviderName,
    WorkspaceId,
)
from control.http.pagination import HasMore, ListAnswer, ListQuery, Query, UtcDatetime, page_fields
from control.http.responses.after_commit import AfterCommit, IdempotentAfterCommit
from control.http.responses.file_response import FileResponse
from control.http.route import RateLimit, Route
from control.validation import bounded_map
from shared.bus.client import BusUnavailable
from shared.bus.commands import DONE, OUTCOME_UNKNOWN, Command, EndCall, SayText, TransferCall
from shared.bus.live import Floor
from shared.errors import Conflict, Invalid, NotFound, Unavailable
from shared.events import CallStatus, EndReason, TransferFailure
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

# Metadata is for the customer's own programs; the platform does not read it. The limits are those of Stripe's metadata:
# https://docs.stripe.com/metadata.
MOST_ENTRIES: Final = 50
LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 500
# As at Stripe: no square brackets, which forms use for nesting. No control characters, so that a name can be displayed.
MetadataName = Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u001f\u007f\[\]]{1,40}$")]
# Any text without NUL, which PostgreSQL does not store.
MetadataValue = Annotated[str, StringConstraints(max_length=LONGEST_VALUE, pattern=r"^[^\u0000]*$")]
CallMetadata = Annotated[
    dict[MetadataName, MetadataValue],
    Field(
        max_length=MOST_ENTRIES,
        description="Data of your own, returned with the call: up to 50 entries, names of up to 40 and values of up to "
        "500 characters.",
        examples=[{"order": "7731"}],
        json_schema_extra={"additionalProperties": False},
    ),
    bounded_map(MOST_ENTRIES, LONGEST_NAME),
]


AGENT = "/workspaces/{workspaceId}/agents/{agentId}"
CALLS = "/workspaces/{workspaceId}/calls"
CALL = f"{CALLS}/{{callId}}"
ADMIN_CALLS = "/admin/calls"
MAX_EVENTS: Final = 5_000
# Seconds that a media node may take for a command, and for which a link to a recording is valid.
COMMAND_TIMEOUT_S = 2.0
LINK_VALID_S = 300
STORAGE_TIMEOUT_S = 5.0
# Calls contain callers' numbers and words, which finance does not need to see.
READERS = admin("support", "read_only")


# --- Fields that several answers have --------------------------------------------------------------------------------

AgentNameField = Annotated[str | None, Field(description="Name of the agent; null for none.", examples=["Front desk"])]
DirectionField = Annotated[
    Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
]
FloorField = Annotated[
    Floor | None,
    Field(
        description="Who has the floor; `agent` also while it prepares its words, `person` for a person who speaks in "
        "the agent's place. Up to 2 s old; null before the call's node reports it, and while Redis is unavailable."
    ),
]
StatusField = Annotated[CallStatus, Field(description="Present status.")]
EndReasonField = Annotated[
    EndReason | None,
    Field(description="How the conversation ended; null while it has not, or for a call without one."),
]
CarrierCallIdField = Annotated[
    str | None,
    Field(
        description="The call's id at its carrier; null before the carrier gave one.",
        examples=["CA0123456789abcdef"],
    ),
]
DurationSecondsField = Annotated[
    int, Field(description="Seconds from the answer to the end; 0 for an unanswered call.", examples=[94])
]
VariablesField = Annotated[
    Mapping[str, str],
    Field(
        description="What placeholders in the agent's texts stand for in this call.",
        examples=[{"customer_name": "Ada"}],
    ),
]
MetadataField = Annotated[
    Mapping[str, str],
    Field(
        description="Values of the customer's own, by name; returned as they were sent.",
        examples=[{"order_id": "4711"}],
    ),
]
DurationSoFarField = Annotated[int, Field(description="Seconds since it was answered, 0 before.", examples=[12])]
ResourceTypeField = Annotated[Role, Field(description="What was consumed.")]
QuantityField = Annotated[float, Field(description="In `unit`.", examples=[93_100])]
UnitField = Annotated[LedgerUnit, Field(description="Unit of `quantity`.", examples=["ms"])]
AgentVersionField = Annotated[
    int | None, Field(description="The version of the agent that answers; null without an agent.", examples=[3])
]
PhoneNumberIdField = Annotated[UUID | None, Field(description="Id of the workspace's phone number; null for none.")]
EndDetailField = Annotated[
    str | None,
    Field(
        description="More about the end, or why the call was refused; null for nothing more.",
        examples=["over_limit"],
    ),
]
AnsweredAtField = Annotated[datetime | None, Field(description="When the call was answered (UTC); null if it was not.")]
EndedAtField = Annotated[datetime | None, Field(description="When the call ended (UTC); null before.")]
CostTotalField = Annotated[
    Money,
    Field(description="What the customer is billed for the call, after included and trial minutes.", examples=[0.06]),
]
CostListField = Annotated[
    Money, Field(description="The call's minutes at list price, in major units.", examples=[0.19])
]
SentimentField = Annotated[
    str | None, Field(description="The caller's mood; null while it is unknown.", examples=["positive"])
]
SuccessField = Annotated[
    bool | None, Field(description="Whether the agent's criterion of success was met; null while that is unknown.")
]
TurnsField = Annotated[Sequence[ConversationTurn], Field(description="The conversation by turns.")]
TranscriptionField = Annotated[
    str | None,
    Field(
        description="What was heard, as text; null if nothing was said.",
        examples=["Agent: Hello.\nCaller: Good morning."],
    ),
]
SummaryField = Annotated[
    str | None,
    Field(
        description="A summary of the conversation; null without one.",
        examples=["The caller booked a check-up for Friday."],
    ),
]
EventsField = Annotated[list[EventLine], Field(description="The events, in order.")]
WorkspaceNameField = Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]


# --- Requests of members ---------------------------------------------------------------------------------------------

CarrierCallId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000]*$")]
# Words in the syntax of web searches. Any text is accepted.
SearchText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\u0000]*$")
]


def _with_plus(text: str) -> str:
    """In a query, "+" means a space unless it is written as %2B."""
    return f"+{text[1:]}" if text.startswith(" ") else text


NumberFilter = Annotated[str, StringConstraints(pattern=E164), BeforeValidator(_with_plus)]


class EventsQuery(Query):
    """Filters of the list."""

    after_seq: int = Field(-1, ge=-1, le=2**31 - 1, description="Only events with a higher sequence number.")
    limit: int = Field(MAX_EVENTS, ge=1, le=MAX_EVENTS, description="The most that are returned.")


class RecordingQuery(Query):
    """How the recording is sent."""

    redirect: bool = Field(
        True,
        description="Whether storage that makes links may send it: false for pages whose policy forbids other hosts.",
    )


class CallListQuery(ListQuery):
    """Filters of both lists of calls."""

    agent_id: UUID | None = Field(None, description="Only calls of this agent.")
    status: CallStatus | None = Field(None, description="Only those with this status.")
    direction: Direction | None = Field(None, description="Only inbound or only outbound calls.")
    caller_number: NumberFilter | None = Field(
        None, description="Only calls from this number (E.164; its + is written as %2B).", examples=["+12025550123"]
    )
    since: UtcDatetime | None = Field(None, alias="from", description="Only calls created at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Only calls created before this time.")
    carrier_call_id: CarrierCallId | None = Field(
        None, description="Only the call with this id at its carrier.", examples=["CA0123456789abcdef"]
    )
    q: SearchText | None = Field(
        None,
        description="Only calls that are over and whose transcript has these words, in any case: all of them; "
        '"in quotes" next to each other; `or` between two for one of them; `-` before one that it must not have.',
    )

    def to_filter(self, workspace_id: UUID | None) -> CallFilter:
        """Returns the filter of the query.

        Args:
            workspace_id: None for all workspaces.
        """
        return CallFilter(
            workspace_id=workspace_id,
            agent_id=self.agent_id,
            status=self.status,
            direction=self.direction,
            caller_number=self.caller_number,
            carrier_call_id=self.carrier_call_id,
            since=self.since,
            until=self.until,
            text=self.q,
        )


PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$", max_length=16)]
SpokenText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000, pattern=r"^[^\u0000]*$")
]


class OutboundCall(Body):
    """The agent, the number that it calls, and what the call brings."""

    agent_id: Annotated[UUID, Field(description="Id of the agent that calls; it must be live.")]
    phone_number_to_call: PhoneNumber = Field(description="E.164.", examples=["+12025550123"])
    variables: CallVariables = Field({})
    metadata: CallMetadata = Field({})


class TestCall(Body):
    """The number that the agent calls, and what the call brings."""

    phone_number_to_call: PhoneNumber = Field(description="E.164.", examples=["+12025550123"])
    uses_draft: bool = Field(False, description="The agent speaks as its draft says; 404 without one.")
    variables: CallVariables = Field({})
    metadata: CallMetadata = Field({})


class BrowserCallBody(Body):
    """What the test call brings."""

    uses_draft: bool = Field(False, description="The agent speaks as its draft says; 404 without one.")
    variables: CallVariables = Field({})
    metadata: CallMetadata = Field({})


class Ending(Body):
    """How the call ends."""

    polite: bool = Field(True, description="The agent says goodbye first.")


class Saying(Body):
    """What the agent says."""

    text: Annotated[
        SpokenText,
        Field(
            description="What the agent says, up to 1,000 characters.",
            examples=["Dr. Lee will be with you in a minute."],
        ),
    ]


class TransferBody(Body):
    """The number that the caller is transferred to."""

    number: str = Field(
        pattern=TARGET,
        min_length=1,
        max_length=LONGEST_TARGET,
        examples=["+14155550100", "+14155550100;ext=204", "sip:desk@pbx.acme.com"],
        description="The number that the caller is transferred to, in E.164.",
    )


# --- Answers to members ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in the list."""

    id: Id
    agent_id: OptionalAgentId
    agent_name: AgentNameField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    end_reason: EndReasonField
    end_detail: Annotated[
        str | None, Field(description="Why it was refused, or more about its end.", examples=["over_limit"])
    ]
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: CarrierCallIdField
    duration_seconds: DurationSecondsField
    cost_total: Annotated[
        Money, Field(description="What is billed for it, after included and trial minutes.", examples=[0.06])
    ]
    cost_list: Annotated[Money, Field(description="At list price.", examples=[0.19])]
    currency: Currency
    created_at: CreatedAt
    started_at: CallStartedAt
    variables: VariablesField
    metadata: MetadataField


@dataclass(frozen=True, slots=True)
class CallList(ListAnswer):
    """A page of calls, newest first. `total` counts up to 100,000 calls, and is null with `q`."""

    calls: Annotated[list[CallRow], Field(description="The calls.")]


@dataclass(frozen=True, slots=True)
class LiveCallRow:
    """A call in progress or not answered yet."""

    id: Id
    agent_id: OptionalAgentId
    agent_name: AgentNameField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    is_test: IsTest
    duration_so_far: DurationSoFarField
    started_at: CallStartedAt
    floor: FloorField


@dataclass(frozen=True, slots=True)
class LiveCallList:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: Annotated[list[LiveCallRow], Field(description="The calls.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class Placed:
    """An outbound call that will be dialed; its status shows the progress."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class TestPlaced:
    """A test call that will be dialed; it is not charged."""

    test_call_id: Annotated[UUID, Field(description="Id of the test call, as of any call.")]


@dataclass(frozen=True, slots=True)
class BrowserCallBegun:
    """A test call that a browser may begin; it is not charged."""

    call_id: CallId
    socket_url: Annotated[
        str,
        Field(
            description="Address of the WebSocket that carries the call. It holds a token that works once: do not log "
            "or store it.",
            examples=["wss://media-1.example.com/media/browser/4yTn0kF2xA7v"],
        ),
    ]
    expires_at: Annotated[datetime, Field(description="The socket must be open by then.")]


@dataclass(frozen=True, slots=True)
class Done:
    """The command was carried out."""

    outcome: Annotated[str, Field(description="`done`: the command was carried out.", examples=["done"])]


@dataclass(frozen=True, slots=True)
class CallCost:
    """What the call consumed of one resource."""

    resource_type: ResourceTypeField
    quantity: QuantityField
    unit: UnitField
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
class CallAnalysisView:
    """What was made of a call after its end."""

    status: Annotated[AnalysisStatus, Field(description="`pending`: it waits. `skipped`: it is not made.")]
    reason: Annotated[
        str,
        Field(
            description="Why it failed, waits for another attempt or was skipped, or why no language model was "
            "asked; else empty.",
            examples=["busy"],
        ),
    ]
    method: Annotated[
        AnalysisMethod | None,
        Field(description="`model`: by a language model. `heuristic`: sentences of the call. Null without a result."),
    ]
    sentiment_score: Annotated[
        float | None,
        Field(description="The caller's mood from -1, very negative, to 1; null while it is unknown.", examples=[0.4]),
    ]
    success_reason: Annotated[
        str,
        Field(
            description="Why the criterion was met or not; empty where that is not judged.",
            examples=["A time was agreed."],
        ),
    ]
    extracted: Annotated[
        Mapping[str, Any] | None, Field(description="By the agent's schema.", examples=[{"appointment_day": "Friday"}])
    ]
    analysed_at: Annotated[
        datetime | None, Field(description="When the last attempt ended (UTC); null before the first.")
    ]


@dataclass(frozen=True, slots=True)
class CallView:
    """A call."""

    id: Id
    agent_id: OptionalAgentId
    agent_version: AgentVersionField
    phone_number_id: PhoneNumberIdField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    end_reason: EndReasonField
    end_detail: EndDetailField
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: CarrierCallIdField
    created_at: CreatedAt
    started_at: CallStartedAt
    answered_at: AnsweredAtField
    ended_at: EndedAtField
    duration_seconds: DurationSecondsField
    recording_seconds: Annotated[
        float | None, Field(description="Length of the recording in seconds; null without one.", examples=[93.8])
    ]
    cost_total: CostTotalField
    cost_list: CostListField
    currency: Currency
    sentiment: SentimentField
    success: SuccessField
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
    turns: TurnsField
    variables: VariablesField
    metadata: MetadataField
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
    transcription: TranscriptionField
    summary: SummaryField


@dataclass(frozen=True, slots=True)
class UtteranceView:
    """An utterance as it was heard. Times are in ms since the call began."""

    speaker: Annotated[
        str,
        Field(
            description="Who spoke: `caller`, `agent`, or `person`, who spoke in the agent's place.",
            examples=["caller"],
        ),
    ]
    text: Annotated[
        str,
        Field(
            description="What was heard; empty for words of a person that could not be transcribed.",
            examples=["I need an appointment."],
        ),
    ]
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

    events: EventsField
    has_more: HasMore


# --- Handlers of members ---------------------------------------------------------------------------------------------


async def list_calls(context: MemberContext, query: CallListQuery) -> CallList:
    """The workspace's calls, newest first."""
    wanted = query.to_filter(context.workspace_id)
    found = await context.services[CallRecords].list_page(context.db, wanted, page=query.request())
    return CallList([to_row(call) for call in found.rows], **page_fields(query, found))


async def list_live(context: MemberContext) -> AfterCommit[LiveCallList]:
    """The workspace's calls that have not ended."""
    found = await context.services[CallRecords].list_open(context.db, context.workspace_id)

    async def answer() -> LiveCallList:
        floors = await context.services[LiveFeed].find_floors(found.rows)
        return LiveCallList([to_live(call, context.now, floors) for call in found.rows], found.has_more)

    return AfterCommit(answer)


async def get_call(context: MemberContext, call_id: CallId) -> CallAnswer:
    """A call with all its data: turns with their latency, usage, interruptions."""
    call = await context.services[CallRecords].get(context.db, context.workspace_id, call_id)
    return to_answer(call, f"/workspaces/{context.workspace_id}/calls/{call_id}/recording")


async def get_recording(context: MemberContext, call_id: CallId, query: RecordingQuery) -> AfterCommit[FileResponse]:
    """The call's recording: the caller on the left channel, the agent on the right one."""
    call = await context.services[CallRecords].find(context.db, context.workspace_id, call_id)
    key = call.recording_key
    if key is None and call.details.is_recording_withheld:
        raise NotFound("The recording holds what the workspace redacts.", code="recording_withheld")
    if key is None:
        raise NotFound("This call has no recording.", code="no_recording")
    name = f"{call_id}.{key.rpartition('.')[2]}"
    return AfterCommit(partial(_recording, context.services[Storage], key, name, may_link=query.redirect))


async def get_transcription(context: MemberContext, call_id: CallId) -> Transcription:
    """What was heard from both sides."""
    text, utterances = await context.services[CallRecords].get_transcription(context.db, context.workspace_id, call_id)
    return to_transcription(text, utterances)


async def list_events(context: MemberContext, call_id: CallId, query: EventsQuery) -> Events:
    """All events of the call, in order."""
    found = await context.services[CallRecords].list_events(
        context.db, context.workspace_id, call_id, after_seq=query.after_seq, most=query.limit
    )
    return Events(found.rows, found.has_more)


async def place_call(context: MemberContext, body: OutboundCall) -> Placed:
    """Makes a live agent call a number."""
    request = CallRequest(
        workspace_id=context.workspace_id,
        agent_id=body.agent_id,
        number=body.phone_number_to_call,
        is_test=False,
        variables=body.variables,
        metadata=body.metadata,
    )
    return Placed(await context.services[OutboundCalls].place(context.db, context.actor, request, context.now))


async def place_test(context: MemberContext, agent_id: AgentId, body: TestCall) -> TestPlaced:
    """Makes an agent, live or not, call a number as a test. A test call is not charged."""
    drafts, version = context.services[Agents].drafts, None
    if body.uses_draft:
        version = await drafts.keep_for_test(context.db, context.workspace_id, context.actor, agent_id, context.now)
    request = CallRequest(
        workspace_id=context.workspace_id,
        agent_id=agent_id,
        number=body.phone_number_to_call,
        is_test=True,
        agent_version=version,
        variables=body.variables,
        metadata=body.metadata,
    )
    return TestPlaced(await context.services[OutboundCalls].place(context.db, context.actor, request, context.now))


async def begin_browser_call(context: MemberContext, agent_id: AgentId, body: BrowserCallBody) -> BrowserCallBegun:
    """Lets a browser talk to an agent, live or not, as a test: over a WebSocket instead of a phone.

    A test call is not charged.
    """
    drafts, version = context.services[Agents].drafts, None
    if body.uses_draft:
        version = await drafts.keep_for_test(context.db, context.workspace_id, context.actor, agent_id, context.now)
    request = BrowserCallRequest(context.workspace_id, agent_id, version, body.variables, body.metadata)
    begun = await context.services[BrowserCalls].begin(
        context.db, context.actor, context.credential, request, context.now
    )
    return BrowserCallBegun(begun.call_id, begun.socket_url, begun.expires_at)


async def end_call(context: MemberContext, call_id: CallId, body: Ending) -> AfterCommit[Done]:
    """Ends a running call."""
    await _record_command(context, call_id, "call.end")
    command = EndCall(polite=body.polite, by="member")
    return AfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def say_words(context: MemberContext, call_id: CallId, body: Saying) -> IdempotentAfterCommit[Done]:
    """Makes the agent say a text as soon as it is its turn."""
    await _record_command(context, call_id, "call.say")
    command = SayText(body.text)
    return IdempotentAfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def transfer_call(context: MemberContext, call_id: CallId, body: TransferBody) -> IdempotentAfterCommit[Done]:
    """Transfers the caller of a running call to another number."""
    number = await context.services[OutboundCalls].require_transferable(context.db, context.workspace_id, body.number)
    await _record_command(context, call_id, "call.transfer", {"number": mask_number(number)})
    command = TransferCall(number)
    return IdempotentAfterCommit(partial(_send_command, context.services[MediaAssignment], call_id, command))


async def _record_command(
    context: MemberContext, call_id: UUID, action: str, after: Mapping[str, str] | None = None
) -> None:
    """Records the request in the audit log, whatever its outcome. Raises NotFound."""
    await context.services[CallRecords].find(context.db, context.workspace_id, call_id)
    change = Change(action, "call", str(call_id), context.workspace_id, after=after)
    await record_change(context.db, context.actor, change)


async def _send_command(
    media_assignment: MediaAssignment, call_id: UUID, command: Command, command_id: str | None = None
) -> Done:
    """Sends a command to the call's media node.

    Args:
        command_id: See `MediaAssignment.send_command`.

    Raises:
        Conflict: Codes call_not_live, command_refused, outcome_unknown.
        Unavailable: Codes bus_away, no_answer.
    """
    try:
        outcome = await media_assignment.send_command(call_id, command, COMMAND_TIMEOUT_S, command_id=command_id)
    except CallNotLive:
        raise Conflict("This call is not running.", code="call_not_live") from None
    except BusUnavailable:
        raise Unavailable("Running calls cannot be reached. Try again in a moment.", code="bus_away") from None
    if outcome is None:
        raise Unavailable("The call did not answer in time; it may do so yet.", code="no_answer")
    if outcome == OUTCOME_UNKNOWN:
        raise Conflict(
            "This may have been done: its media node was lost, or the call is over. The call's events show if it was.",
            code="outcome_unknown",
        )
    if outcome != DONE:
        raise Conflict(f"This cannot be done now: {outcome}.", code="command_refused")
    return Done(outcome)


async def _recording(storage: Storage, key: str, name: str, *, may_link: bool = True) -> FileResponse:
    """The recording: a link to it if the storage makes links and `may_link`, else its content. Raises NotFound,
    Unavailable."""

    def read(start: int, length: int) -> AsyncIterator[bytes]:
        return read_range(storage, key, start, length)

    kind = "audio/mpeg" if key.endswith(".mp3") else "audio/wav"
    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S):
            link = await storage.link(key, LINK_VALID_S) if may_link else None
            return FileResponse(name, kind, 0 if link else await storage.size(key), read, link or "")
    except ObjectNotFound:
        raise NotFound("This call's recording is not there any more.", code="no_recording") from None
    except (StorageUnavailable, TimeoutError):
        raise Unavailable("Recordings cannot be reached. Try again in a moment.", code="storage_away") from None


# --- Answers to members, from the records ----------------------------------------------------------------------------


def to_row(call: CallSummary) -> CallRow:
    return CallRow(**{name: getattr(call, name) for name in CallRow.__slots__})


def to_live(call: CallSummary, now: datetime, floors: Mapping[UUID, Floor]) -> LiveCallRow:
    values = {name: getattr(call, name) for name in LiveCallRow.__slots__ if hasattr(call, name)}
    return LiveCallRow(**values, duration_so_far=seconds_so_far(call, now), floor=floors.get(call.id))


def seconds_so_far(line: CallSummary, now: datetime) -> int:
    """Seconds since the call was answered, 0 before."""
    return max(0, int((now - line.answered_at).total_seconds())) if line.answered_at else 0


def to_answer(call: CallReport, recording_url: str | None) -> CallAnswer:
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
        failed_transfers=[
            FailedTransferView(returned.number or None, returned.failure, returned.at) for returned in details.returns
        ],
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
    return ConsentView(consent.disclosed_at, consent.announced_at, consent.refused_at, consent.refused_by or None)


def to_costs(costs: Iterable[ResourceCost], currency: str) -> list[CallCost]:
    """Returns the costs by resource and unit. Customers do not see which provider was used.

    Args:
        currency: The workspace's currency.
    """
    groups: dict[tuple[Role, LedgerUnit], list[ResourceCost]] = {}
    for cost in costs:
        groups.setdefault((cost.resource_type, cost.unit), []).append(cost)
    return [
        CallCost(role, float(sum(cost.quantity for cost in group)), unit, _sum_prices(group), currency)
        for (role, unit), group in groups.items()
    ]


def _sum_prices(costs: Iterable[ResourceCost]) -> Decimal | None:
    """Returns the sum, or None if any price is unknown."""
    prices = [cost.price for cost in costs]
    known = [price for price in prices if price is not None]
    return sum(known, Decimal(0)) if len(known) == len(prices) else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def to_transcription(text: str | None, utterances: Sequence[Mapping[str, Any]]) -> Transcription:
    """Returns the transcription.

    Args:
        utterances: As stored, with the times of their words.
    """
    words = [word for utterance in utterances for word in make_words(utterance)]
    views = [
        UtteranceView(utterance["speaker"], utterance["text"], utterance["start_ms"], utterance["end_ms"])
        for utterance in utterances
    ]
    return Transcription(text, words, views)


def to_analysis(call: CallReport) -> CallAnalysisView | None:
    """Returns the analysis; None for a call that is not over or has no words."""
    return None if call.analysis_status is None else CallAnalysisView(**_common(call, call.analysis_status))


def _common(call: CallReport, status: AnalysisStatus) -> dict[str, Any]:
    record = call.analysis
    return {
        "status": status,
        "reason": record.reason,
        "method": record.method,
        "sentiment_score": call.sentiment_score,
        "success_reason": record.success_reason,
        "extracted": record.extracted,
        "analysed_at": record.at,
    }


# --- Requests of the staff -------------------------------------------------------------------------------------------

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=ONE_LINE)]
_REASON = "Why this is read, such as the number of a ticket; the workspace's owner sees it."


class AdminCallsQuery(CallListQuery):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only calls of this workspace.")
    reason: Reason | None = Field(
        None,
        description=f"{_REASON} Required with `q`, because its answer tells what was said.",
        examples=["Ticket 1234"],
    )


class AdminCallQuery(Query):
    """Whether the content is asked for."""

    reason: Reason | None = Field(
        None, description=f"{_REASON} Without it the content is withheld.", examples=["Payment overdue"]
    )


class AdminEventsQuery(EventsQuery):
    """Filters of the list."""

    reason: Reason = Field(description=_REASON, examples=["Ticket 1234: caller heard nothing"])


class AdminEnding(Body):
    """How the call ends."""

    polite: bool = Field(True, description="The agent says goodbye first.")
    reason: Reason | None = Field(
        None, description="Why the staff ends it, for the audit log.", examples=["Ticket 1234: toll fraud"]
    )


# --- Answers to the staff --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdminCallRow:
    """A call in the list."""

    id: Id
    workspace_id: WorkspaceId
    workspace_name: WorkspaceNameField
    agent_name: AgentNameField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    end_reason: EndReasonField
    is_test: IsTest
    carrier: Carrier
    duration_seconds: DurationSecondsField
    cost_total: CostTotalField
    cost_list: CostListField
    currency: Currency
    created_at: CreatedAt
    started_at: CallStartedAt
    variables: VariablesField
    metadata: MetadataField


@dataclass(frozen=True, slots=True)
class AdminCallList(ListAnswer):
    """A page of calls, newest first. `total` counts up to 100,000 calls, and is null with `q`."""

    calls: Annotated[list[AdminCallRow], Field(description="The calls.")]


@dataclass(frozen=True, slots=True)
class AdminLiveCall:
    """A call in progress or not answered yet."""

    id: Id
    workspace_id: WorkspaceId
    workspace_name: WorkspaceNameField
    agent_id: OptionalAgentId
    agent_name: AgentNameField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    is_test: IsTest
    duration_so_far: DurationSoFarField
    started_at: CallStartedAt
    floor: FloorField


@dataclass(frozen=True, slots=True)
class AdminLiveCalls:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: Annotated[list[AdminLiveCall], Field(description="The calls.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the order."""

    outcome: Annotated[
        Literal["ending", "ended"],
        Field(description="`ending`: the call ends within seconds. `ended`: it was over before."),
    ]


@dataclass(frozen=True, slots=True)
class AdminCallCost:
    """What the call consumed of one resource."""

    resource_type: ResourceTypeField
    provider: ProviderName
    vendor: Annotated[str, Field(description="The adapter to the provider's API.", examples=["openai"])]
    model: Annotated[
        str,
        Field(description="The model, as the vendor names it; empty where it has none.", examples=["llama-3.3-70b"]),
    ]
    quantity: QuantityField
    unit: UnitField
    cost: Annotated[
        Money | None, Field(description="What we pay for it, in major units; null if it is unknown.", examples=[0.0042])
    ]
    price: Annotated[
        Money | None,
        Field(description="What the customer is charged, in major units; null if it is unknown.", examples=[0.19]),
    ]
    currency: Currency
    price_currency: Currency
    estimated: Annotated[bool, Field(description="We counted at least a part of it ourselves.")]


@dataclass(frozen=True, slots=True)
class AdminCallAnalysis(CallAnalysisView):
    """What was made of a call after its end, and by which model."""

    extracted: Annotated[
        Mapping[str, Any] | None,
        Field(
            description="What was extracted by the agent's `analysis.extraction`; null without one, or without a "
            "language model.",
            examples=[{"appointment_day": "Friday"}],
        ),
    ]
    provider: Annotated[
        str, Field(description="The provider that answered; empty without a language model.", examples=["openai"])
    ]
    model: Annotated[str, Field(description="The model that answered; empty without one.", examples=["llama-3.3-70b"])]
    tokens: Annotated[
        int, Field(description="Used for it so far, attempts without a result included.", examples=[1240])
    ]
    attempts: Annotated[int, Field(description="So far.", examples=[1])]


@dataclass(frozen=True, slots=True)
class AdminCall:
    """A call with all its data."""

    id: Id
    agent_version: AgentVersionField
    phone_number_id: PhoneNumberIdField
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: DirectionField
    status: StatusField
    end_reason: EndReasonField
    end_detail: EndDetailField
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: CarrierCallIdField
    media_node: Annotated[
        str | None, Field(description="The media node that runs or ran the call; null before.", examples=["media-7f9c"])
    ]
    created_at: CreatedAt
    started_at: CallStartedAt
    answered_at: AnsweredAtField
    ended_at: EndedAtField
    duration_seconds: DurationSecondsField
    has_recording: Annotated[bool, Field(description="Whether there is a recording.")]
    cost_total: CostTotalField
    cost_list: CostListField
    currency: Currency
    provider_cost: Annotated[
        Money | None,
        Field(
            description="Their sum in US dollars; null if one of them is unknown, and warning says so.", examples=[0.05]
        ),
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why a cost is too low, and so a margin unknown; null where all costs are known.",
            examples=[None],
        ),
    ]
    transcription: TranscriptionField
    summary: SummaryField
    sentiment: SentimentField
    success: SuccessField
    analysis: Annotated[
        AdminCallAnalysis | None,
        Field(description="What was made of the call after its end; null before, and if nothing was said."),
    ]
    details: Annotated[
        Mapping[str, Any],
        Field(
            description="Usage, carrier, media streams, gaps and other recorded facts.",
            examples=[{"answered_by": "human"}],
        ),
    ]
    costs: Annotated[Sequence[AdminCallCost], Field(description="What it consumed by resource, while it runs, too.")]
    turns: TurnsField
    variables: VariablesField
    metadata: MetadataField
    is_content_withheld: Annotated[
        bool, Field(description="No reason was given, so transcription, summary and turns are left out.")
    ]


@dataclass(frozen=True, slots=True)
class Named:
    """An id and its name."""

    id: Id
    name: Annotated[str, Field(description="Its name.", examples=["Riverside Dental"])]


@dataclass(frozen=True, slots=True)
class AdminCallAnswer:
    """A call, its workspace and the agent that answered."""

    call: Annotated[AdminCall, Field(description="The call.")]
    workspace: Annotated[Named, Field(description="The workspace.")]
    agent: Annotated[Named | None, Field(description="The agent.")]


@dataclass(frozen=True, slots=True)
class AdminCallEvents:
    """A call's events in the order of their sequence numbers."""

    events: EventsField
    has_more: HasMore


# --- Handlers of the staff -------------------------------------------------------------------------------------------


async def admin_list_calls(context: AdminContext, query: AdminCallsQuery) -> AdminCallList:
    """The platform's calls, newest first. A search by words needs a `reason`, which is written to the audit log of each
    workspace that it answers calls of."""
    wanted = query.to_filter(query.workspace_id)
    if wanted.text is not None and query.reason is None:
        raise Invalid("Say why transcripts are searched.", param="reason", code="reason_required")
    found = await context.services[CallRecords].list_page(context.db, wanted, page=query.request())
    if wanted.text is not None and query.reason is not None:
        await _record_search(context, query.workspace_id, found.rows, query.reason)
    return AdminCallList([to_admin_row(call) for call in found.rows], **page_fields(query, found))


async def admin_list_live(context: AdminContext) -> AfterCommit[AdminLiveCalls]:
    """The platform's calls that have not ended."""
    found = await context.services[CallRecords].list_open(context.db, None)

    async def answer() -> AdminLiveCalls:
        floors = await context.services[LiveFeed].find_floors(found.rows)
        return AdminLiveCalls([to_admin_live(call, context.now, floors) for call in found.rows], found.has_more)

    return AfterCommit(answer)


async def admin_get_call(context: AdminContext, call_id: CallId, query: AdminCallQuery) -> AdminCallAnswer:
    """A call with all its data. What was said is answered with a `reason` only, which is written to the audit log."""
    call = await context.services[CallRecords].get(context.db, None, call_id)
    if query.reason is None:
        return to_admin_answer(without_content(call), is_content_withheld=True)
    await _record_read(context, call.summary_line.workspace_id, call_id, "call", query.reason)
    return to_admin_answer(call, is_content_withheld=False)


async def admin_end_call(context: AdminContext, call_id: CallId, body: AdminEnding) -> Ended:
    """Ends a call of any workspace: queued, ringing, in progress or transferred. A call that is over stays as it is, so
    a repeated request is harmless."""
    is_ending = await end_by_staff(context.db, context.actor, call_id, body.reason, context.now, polite=body.polite)
    return Ended("ending" if is_ending else "ended")


async def admin_list_events(context: AdminContext, call_id: CallId, query: AdminEventsQuery) -> AdminCallEvents:
    """All events of the call, in order. The reason is written to the audit log."""
    records = context.services[CallRecords]
    call = await records.find(context.db, None, call_id)
    await _record_read(context, call.summary_line.workspace_id, call_id, "events", query.reason)
    found = await records.list_events(context.db, None, call_id, after_seq=query.after_seq, most=query.limit)
    return AdminCallEvents(found.rows, found.has_more)


async def _record_search(
    context: AdminContext, searched: UUID | None, found: Sequence[CallSummary], reason: str
) -> None:
    """Records the search in the audit log.

    A search within one workspace (`searched`) is recorded even without results, because an empty result is information,
    too.
    """
    counts = Counter(call.workspace_id for call in found)
    for workspace_id in sorted({*counts, *([searched] if searched else [])}):
        await record_search(context.db, context.actor, workspace_id, counts[workspace_id], reason)


async def _record_read(
    context: AdminContext, workspace_id: UUID, call_id: UUID, content: ReadContent, reason: str
) -> None:
    await record_read(context.db, context.actor, workspace_id, call_id, content, reason)


# --- Answers to the staff, from the records --------------------------------------------------------------------------


def to_admin_row(line: CallSummary) -> AdminCallRow:
    return AdminCallRow(**{name: getattr(line, name) for name in AdminCallRow.__slots__})


def to_admin_live(call: CallSummary, now: datetime, floors: Mapping[UUID, Floor]) -> AdminLiveCall:
    values = {name: getattr(call, name) for name in AdminLiveCall.__slots__ if hasattr(call, name)}
    return AdminLiveCall(**values, duration_so_far=seconds_so_far(call, now), floor=floors.get(call.id))


def without_content(call: CallReport) -> CallReport:
    """Returns the call without its words, and without conclusions in words."""
    analysis = structs.replace(call.analysis, success_reason="", extracted=None)
    return replace(call, transcription=None, summary=None, turns=[], analysis=analysis)


def to_admin_answer(call: CallReport, *, is_content_withheld: bool) -> AdminCallAnswer:
    line = call.summary_line
    values = {name: getattr(line, name) for name in AdminCall.__slots__ if hasattr(line, name)}
    values |= {name: getattr(call, name) for name in AdminCall.__slots__ if hasattr(call, name) and name not in values}
    values |= {"has_recording": call.recording_key is not None, "details": encode_details(call.details)}
    costs = [_to_cost(cost, line.currency) for cost in call.costs]
    unpriced = sum(entry.cost is None for entry in costs)
    values |= {"provider_cost": None if unpriced else sum((entry.cost or 0 for entry in costs), Decimal(0))}
    values |= {"warning": cost_warning(unpriced)}
    values |= {"analysis": to_admin_analysis(call), "costs": costs, "is_content_withheld": is_content_withheld}
    agent = Named(line.agent_id, line.agent_name) if line.agent_id and line.agent_name is not None else None
    return AdminCallAnswer(AdminCall(**values), Named(line.workspace_id, line.workspace_name), agent)


def _to_cost(cost: ResourceCost, price_currency: str) -> AdminCallCost:
    values = {name: getattr(cost, name) for name in AdminCallCost.__slots__ if name != "price_currency"}
    return AdminCallCost(**{**values, "quantity": float(cost.quantity)}, price_currency=price_currency)


def to_admin_analysis(call: CallReport) -> AdminCallAnalysis | None:
    if call.analysis_status is None:
        return None
    record = call.analysis
    return AdminCallAnalysis(
        **_common(call, call.analysis_status),
        provider=record.provider,
        model=record.model,
        tokens=record.tokens,
        attempts=record.runs,
    )


# --- Routes ----------------------------------------------------------------------------------------------------------

# Errors that several operations can return.
_DESTINATION_ERRORS: Final = (
    "422 number_invalid",
    "422 number_refused",
    "422 number_is_own",
    "422 country_not_allowed",
)
_TRIAL_DESTINATION_ERRORS: Final = (*_DESTINATION_ERRORS, "422 number_unverified")
_OUTBOUND_LIMITS_ERRORS: Final = (
    "429 outbound_rate",
    "429 outbound_hourly_limit",
    "429 outbound_daily_limit",
    "429 outbound_repeat_limit",
    "429 outbound_minutes_limit",
    "429 platform_limit",
)
_PLACE_ERRORS: Final = (
    "404 agent_not_found",
    *_TRIAL_DESTINATION_ERRORS,
    "422 number_on_do_not_call_list",
    "409 call_limit",
    "409 cannot_answer",
    "409 no_number",
    "409 owner_unverified",
    "409 spend_limit_reached",
    "409 workspace_suspended",
    *_OUTBOUND_LIMITS_ERRORS,
    "422 variable_missing",
    "422 too_long",
)
_COMMAND_ERRORS: Final = (
    "404 call_not_found",
    "409 call_not_live",
    "409 command_refused",
    "409 outcome_unknown",
    "503 bus_away",
    "503 no_answer",
)

ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, member("viewer", "calls:read"), errors=("422 too_deep",)),
    Route("GET", f"{CALLS}/live", list_live, member("viewer", "calls:read")),
    Route(
        "POST",
        f"{CALLS}/outbound",
        place_call,
        member("member", "calls:write"),
        status=201,
        idempotent=True,
        errors=(*_PLACE_ERRORS, "409 agent_not_live", "409 outbound_not_in_tier"),
    ),
    Route("GET", CALL, get_call, member("viewer", "calls:read"), errors=("404 call_not_found",)),
    Route(
        "GET",
        f"{CALL}/recording",
        get_recording,
        member("viewer", "calls:read"),
        errors=("404 call_not_found", "404 no_recording", "404 recording_withheld", "503 storage_away"),
    ),
    Route(
        "GET",
        f"{CALL}/transcription",
        get_transcription,
        member("viewer", "calls:read"),
        errors=("404 call_not_found",),
    ),
    Route("GET", f"{CALL}/events", list_events, member("viewer", "calls:read"), errors=("404 call_not_found",)),
    Route("POST", f"{CALL}/end", end_call, member("member", "calls:write"), beyond_spec=True, errors=_COMMAND_ERRORS),
    Route(
        "POST",
        f"{CALL}/say",
        say_words,
        member("member", "calls:write"),
        idempotent=True,
        beyond_spec=True,
        errors=_COMMAND_ERRORS,
    ),
    Route(
        "POST",
        f"{CALL}/transfer",
        transfer_call,
        member("member", "calls:write"),
        idempotent=True,
        beyond_spec=True,
        errors=(*_COMMAND_ERRORS, *_TRIAL_DESTINATION_ERRORS, "422 sip_invalid"),
    ),
    Route(
        "POST",
        f"{AGENT}/test",
        place_test,
        member("member", "calls:write"),
        status=201,
        idempotent=True,
        limit=RateLimit("test-calls", 30, 60, per_user=True),
        is_heavy=True,
        errors=(*_PLACE_ERRORS, "404 draft_not_found", "429 test_limit", "429 trial_test_limit"),
    ),
    Route(
        "POST",
        f"{AGENT}/browser-calls",
        begin_browser_call,
        BROWSER_CALLERS,
        status=201,
        limit=RateLimit("test-calls", 30, 60, per_user=True),
        is_heavy=True,
        beyond_spec=True,
        errors=(
            "404 agent_not_found",
            "404 draft_not_found",
            "409 call_limit",
            "409 cannot_answer",
            "409 owner_unverified",
            "409 workspace_suspended",
            "422 too_long",
            "422 variable_missing",
            "429 test_limit",
            "429 trial_test_limit",
            "503 no_media_node",
        ),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", ADMIN_CALLS, admin_list_calls, READERS, errors=("422 too_deep", "422 reason_required")),
    Route("GET", f"{ADMIN_CALLS}/live", admin_list_live, READERS),
    Route("GET", f"{ADMIN_CALLS}/{{callId}}", admin_get_call, READERS, errors=("404 call_not_found",)),
    Route(
        "POST",
        f"{ADMIN_CALLS}/{{callId}}/end",
        admin_end_call,
        admin("support"),
        beyond_spec=True,
        errors=("404 call_not_found",),
    ),
    Route(
        "GET",
        f"{ADMIN_CALLS}/{{callId}}/events",
        admin_list_events,
        READERS,
        beyond_spec=True,
        errors=("404 call_not_found",),
    ),
)
