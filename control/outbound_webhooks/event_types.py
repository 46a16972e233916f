"""The event types that customers' systems receive, and the data of each type.

Event data identifies calls by id and omits phone numbers; receivers that may read numbers request them from the API.
The exceptions are messages and refused calls: for a refused call, the platform has only the number.

To add an event, add its type to `ChosenType` and an entry to `EVENT_DESCRIPTIONS`; if no data class fits, add one to
`EventData`. The API's documentation and the generated clients follow. Report the event with
`control.outbound_webhooks.service.report_facts` in the transaction that stores the fact. Events that follow from a
change of a call are reported in `control/calls/changes/service.py` (`find_facts`; `report_refused_at_once` for a call
that is inserted as refused).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args
from uuid import UUID

from pydantic import Field, PlainSerializer, WithJsonSchema

from control.http.fields import (
    AgentId,
    CallerNumber,
    CallId,
    CampaignId,
    CreatedAt,
    InvoiceId,
    IsTest,
    Name,
    OptionalAgentId,
)
from shared.events import CallStatus, EndReason, TransferFailure

# Version of the event data below. Removing a field or changing its meaning requires a new version; adding a field does
# not.
API_VERSION: Final = "2026-11-26"
# Event types that an endpoint can subscribe to.
ChosenType = Literal[
    "call.started", "call.refused", "call.ended", "call.analysed", "recording.ready", "transfer.started",
    "transfer.failed", "caller.opted_out", "message.taken", "appointment.booked", "appointment.changed",
    "invoice.updated", "spending_limit.near", "spending_limit.reached", "agent.created", "agent.updated",
    "agent.deleted", "campaign.started", "campaign.paused", "campaign.completed", "campaign.recipient_finished",
]  # fmt: skip
# `webhook.test` is sent only on request.
EventType = Literal[ChosenType, "webhook.test"]
ALL_TYPES: Final[tuple[ChosenType, ...]] = get_args(ChosenType)
# An amount in major units: a Decimal in Python, a number in JSON.
EventMoney = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]


CampaignExternalRef = Annotated[
    str | None, Field(description="The campaign's `external_ref`; null if it has none.", examples=["recall-2026-12"])
]


@dataclass(frozen=True, slots=True)
class CallEventData:
    """Data of `call.started` and `call.ended`: the call's state when the event was stored."""

    call_id: CallId
    agent_id: OptionalAgentId
    direction: Annotated[
        Literal["inbound", "outbound"],
        Field(description="`inbound` if somebody called the workspace's number; `outbound` if an agent called."),
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    is_test: IsTest
    created_at: CreatedAt
    started_at: Annotated[
        datetime | None, Field(description="When the call was dialed or started to ring (UTC); null before.")
    ]
    answered_at: Annotated[datetime | None, Field(description="When the call was answered (UTC); null before.")]
    ended_at: Annotated[datetime | None, Field(description="When the call ended (UTC); null before.")]
    duration_seconds: Annotated[int, Field(description="Seconds since the call was answered.", examples=[94])]
    end_reason: Annotated[EndReason | None, Field(description="Why the call ended; null while the call runs.")]


@dataclass(frozen=True, slots=True)
class RefusalEventData:
    """An inbound call that was refused."""

    call_id: CallId
    agent_id: OptionalAgentId
    caller_number: CallerNumber
    reason: Annotated[
        str,
        Field(
            description="The call's `end_detail`: unknown_number (the number has no live agent), suspended (the "
            "workspace), blocked (the caller, by the workspace), outside_hours (the agent hangs up then), over_limit "
            "(the workspace's concurrent calls), spend_limit (the workspace's spending limit), all_busy (the platform "
            "had no room) or unusable (the agent's config or providers). Later versions may add reasons.",
            examples=["outside_hours"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class AnalysisEventData:
    """The result of a call's analysis."""

    call_id: CallId
    agent_id: OptionalAgentId
    analysis_status: Annotated[
        Literal["done", "failed", "skipped"],
        Field(description="Status of the analysis: `done`, `failed` or `skipped`."),
    ]


@dataclass(frozen=True, slots=True)
class RecordingEventData:
    """A call's recording that is ready to be downloaded."""

    call_id: CallId
    agent_id: OptionalAgentId
    seconds: Annotated[
        float | None, Field(description="Length of the recording in seconds; null if unknown.", examples=[184.2])
    ]


@dataclass(frozen=True, slots=True)
class TransferEventData:
    """A transfer of a caller to a phone number."""

    call_id: CallId
    agent_id: OptionalAgentId
    failure: Annotated[
        TransferFailure | None,
        Field(
            description="Why the transfer failed and the caller returned to the agent: `busy`, `no_answer`, "
            "`refused` or `failed`; null if the caller was transferred."
        ),
    ]


@dataclass(frozen=True, slots=True)
class OptOutEventData:
    """A person who asked during a call not to be called again."""

    call_id: CallId
    agent_id: OptionalAgentId
    opted_out_by: Annotated[str, Field(description="How the person opted out: `words` or `key`.", examples=["words"])]


@dataclass(frozen=True, slots=True)
class MessageEventData:
    """A message that a caller left. Content that the workspace redacts is replaced by placeholders."""

    message_id: Annotated[UUID, Field(description="Id of the message.")]
    call_id: CallId
    agent_id: AgentId
    taken_at: Annotated[datetime, Field(description="When the message was taken (UTC).")]
    caller_name: Annotated[
        str, Field(description="Name of the caller, as given; empty if unknown.", examples=["Ada Lovelace"])
    ]
    callback_number: Annotated[
        str, Field(description="The number to call back; empty if unknown.", examples=["+12025550123"])
    ]
    reason: Annotated[str, Field(description="Why the caller called.", examples=["Payment overdue"])]
    text: Annotated[
        str, Field(description="The message as the recognizer understood it.", examples=["I need an appointment."])
    ]
    is_urgent: Annotated[bool, Field(description="Whether the caller said that the message is urgent.")]


@dataclass(frozen=True, slots=True)
class AppointmentEventData:
    """An appointment that was booked or moved during a call."""

    appointment_id: Annotated[UUID, Field(description="Id of the appointment.")]
    call_id: CallId
    integration_id: Annotated[UUID, Field(description="Id of the integration.")]
    starts_at: Annotated[datetime, Field(description="When the appointment starts (UTC).")]
    ends_at: Annotated[datetime, Field(description="When the appointment ends (UTC).")]
    replaces: Annotated[
        UUID | None,
        Field(description="Id of the appointment that this appointment replaces; null for a new appointment."),
    ]


@dataclass(frozen=True, slots=True)
class InvoiceEventData:
    """The state of an invoice."""

    invoice_id: InvoiceId
    number: Annotated[
        str | None, Field(description="The invoice number; null until the invoice is issued.", examples=["2026-000042"])
    ]
    status: Annotated[
        str,
        Field(
            description="Status of the invoice: `pending`, `paid`, `overdue`, `void` or `uncollectible`.",
            examples=["paid"],
        ),
    ]
    amount: Annotated[EventMoney, Field(description="Total amount, including taxes.", examples=[118.5])]
    amount_paid: Annotated[EventMoney, Field(description="Amount paid so far, including taxes.", examples=[20.0])]
    currency: Annotated[str, Field(description="Currency of the amounts: ISO 4217, lower case.", examples=["usd"])]
    due_at: Annotated[
        datetime | None, Field(description="When payment is due (UTC); null before the invoice is issued.")
    ]


@dataclass(frozen=True, slots=True)
class SpendingLimitEventData:
    """The use of a spending limit in a billing period."""

    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    usage_limit: Annotated[EventMoney, Field(description="The most that may be spent in the period.", examples=[500])]
    spent: Annotated[
        EventMoney,
        Field(
            description="Cost of the calls that ended in the period. Running calls may use up the rest.",
            examples=[412.5],
        ),
    ]
    currency: Annotated[str, Field(description="Currency of the amounts: ISO 4217, lower case.", examples=["usd"])]
    ends_calls: Annotated[bool, Field(description="Whether calls are ended when the limit is reached.")]


@dataclass(frozen=True, slots=True)
class AgentEventData:
    """The state of an agent after a change."""

    agent_id: AgentId
    name: Name
    status: Annotated[str, Field(description="Status of the agent: `draft`, `live` or `paused`.", examples=["live"])]
    version: Annotated[int, Field(description="Version of the agent's config.", examples=[3])]


@dataclass(frozen=True, slots=True)
class CampaignEventData:
    """The state of a campaign after a change."""

    campaign_id: CampaignId
    name: Annotated[str, Field(description="The campaign's name.", examples=["Recall December"])]
    external_ref: CampaignExternalRef
    status: Annotated[
        str,
        Field(
            description="Status of the campaign: `running`, `paused`, `completed` or `canceled`.", examples=["paused"]
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="Why the platform changed the status; null if a member changed it or the campaign is complete.",
            examples=["no_number"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class RecipientEventData:
    """A campaign recipient whom the platform no longer calls."""

    campaign_id: CampaignId
    external_ref: CampaignExternalRef
    recipient_id: Annotated[UUID, Field(description="Id of the recipient.")]
    outcome: Annotated[str, Field(description="The recipient's outcome.", examples=["answered"])]
    detail: Annotated[
        str | None,
        Field(
            description="A code that explains the outcome; null if there is no explanation.", examples=["number_is_own"]
        ),
    ]
    attempts: Annotated[int, Field(description="Number of calls that reached the carrier.", examples=[1])]
    last_call_id: Annotated[UUID | None, Field(description="Id of the last call; null if no call was made.")]


@dataclass(frozen=True, slots=True)
class TestEventData:
    """Data of the test event that a member requested to check an endpoint."""

    webhook_endpoint_id: Annotated[UUID, Field(description="The endpoint that the test is sent to.")]


EventData = (
    CallEventData
    | RefusalEventData
    | AnalysisEventData
    | RecordingEventData
    | TransferEventData
    | OptOutEventData
    | MessageEventData
    | AppointmentEventData
    | InvoiceEventData
    | SpendingLimitEventData
    | AgentEventData
    | CampaignEventData
    | RecipientEventData
    | TestEventData
)


@dataclass(frozen=True, slots=True)
class EventDescription:
    """The public description of an event type.

    Attributes:
        summary: When the event is sent.
        data: The class of the event's data.
        details: Further notes for receivers, in Markdown.
    """

    summary: str
    data: type[Any]
    details: str = ""


EVENT_DESCRIPTIONS: Final[Mapping[str, EventDescription]] = {
    "call.started": EventDescription("A call was answered.", CallEventData),
    "call.refused": EventDescription(
        "An inbound call was refused before it reached an agent.",
        RefusalEventData,
        "Sent once per call. An inbound call that reached an agent and any outbound call send only `call.ended`.",
    ),
    "call.ended": EventDescription(
        "A call ended.",
        CallEventData,
        "If a failed transfer returns a call to its agent, the call ends twice; the later event counts. A call "
        "that was refused on arrival (blocked caller, outside opening hours, too many calls) sends only "
        "`call.refused`. A call that was refused later (`spend_limit`, `all_busy`, `unusable`) sends both "
        "events.",
    ),
    "call.analysed": EventDescription("The analysis of a call is finished.", AnalysisEventData),
    "recording.ready": EventDescription(
        "The recording of a call is ready.",
        RecordingEventData,
        "If the workspace redacts recordings, the event is sent when the recording is redacted.",
    ),
    "transfer.started": EventDescription("A caller was transferred to a number.", TransferEventData),
    "transfer.failed": EventDescription("A transfer failed and the caller returned to the agent.", TransferEventData),
    "caller.opted_out": EventDescription(
        "Somebody asked not to be called again.",
        OptOutEventData,
        "The number is on the do-not-call list, unless the caller withheld the number.",
    ),
    "message.taken": EventDescription("A caller left a message.", MessageEventData),
    "appointment.booked": EventDescription("An appointment was booked in a call.", AppointmentEventData),
    "appointment.changed": EventDescription("An appointment was moved in a call.", AppointmentEventData),
    "invoice.updated": EventDescription("An invoice was issued, or its status changed.", InvoiceEventData),
    "spending_limit.near": EventDescription(
        "Spending passed the warning threshold of the spending limit.",
        SpendingLimitEventData,
        "Sent once per billing period.",
    ),
    "spending_limit.reached": EventDescription(
        "Spending reached the spending limit.", SpendingLimitEventData, "Sent once per billing period."
    ),
    "agent.created": EventDescription("An agent was created.", AgentEventData),
    "agent.updated": EventDescription("An agent's config, number or status changed.", AgentEventData),
    "agent.deleted": EventDescription("An agent was deleted.", AgentEventData),
    "campaign.started": EventDescription("A campaign was started or restarted.", CampaignEventData),
    "campaign.paused": EventDescription("A campaign was paused, by a member or the platform.", CampaignEventData),
    "campaign.completed": EventDescription("A campaign was completed or canceled.", CampaignEventData),
    "campaign.recipient_finished": EventDescription(
        "The platform no longer calls a recipient.",
        RecipientEventData,
        "If the outcome of the last call is corrected later, the event is sent again, and the later event "
        "counts. Recipients that were left when a campaign was canceled or its end date passed send no event.",
    ),
    "webhook.test": EventDescription(
        "A member requested a test.", TestEventData, "Sent regardless of the types that the endpoint chose."
    ),
}
