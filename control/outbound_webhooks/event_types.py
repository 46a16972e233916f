"""The events that customers' systems receive, and the data of each.

Data names calls by their ids and holds no caller's number: receivers that may read numbers request them from the API.
Exceptions are messages and refused calls: of a refused call the platform knows nothing but the number.

To add an event, add its type to `ChosenType` and an entry to `EVENT_DESCRIPTIONS`; if no class of data fits, add one to
`EventData`. The API's documentation and the generated clients follow. Report the event with
`control.outbound_webhooks.service.report_facts` in the transaction that stores the fact; what follows from a change of
a call is in `control/calls/changes/service.py` (`find_facts`; `report_refused_at_once` for a call that is inserted as
refused).
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

# Version of the data below. Removed fields and new meanings need a new version; additional fields do not.
API_VERSION: Final = "2026-11-26"
# Types that endpoints can choose.
ChosenType = Literal[
    "call.started", "call.refused", "call.ended", "call.analysed", "recording.ready", "transfer.started",
    "transfer.failed", "caller.opted_out", "message.taken", "appointment.booked", "appointment.changed",
    "invoice.updated", "spending_limit.near", "spending_limit.reached", "agent.created", "agent.updated",
    "agent.deleted", "campaign.started", "campaign.paused", "campaign.completed", "campaign.recipient_finished",
]  # fmt: skip
# webhook.test is sent only on request.
EventType = Literal[ChosenType, "webhook.test"]
ALL_TYPES: Final[tuple[ChosenType, ...]] = get_args(ChosenType)
# An amount in major units: a Decimal in Python, a number in JSON.
EventMoney = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]


CampaignExternalRef = Annotated[
    str | None, Field(description="The campaign's `external_ref`; null: none.", examples=["recall-2026-12"])
]


@dataclass(frozen=True, slots=True)
class CallEventData:
    """A call."""

    call_id: CallId
    agent_id: OptionalAgentId
    direction: Annotated[
        Literal["inbound", "outbound"],
        Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called."),
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    is_test: IsTest
    created_at: CreatedAt
    started_at: Annotated[datetime | None, Field(description="When it was dialed or rang; null before.")]
    answered_at: Annotated[datetime | None, Field(description="Null until then.")]
    ended_at: Annotated[datetime | None, Field(description="Null until then.")]
    duration_seconds: Annotated[int, Field(description="Since it was answered.", examples=[94])]
    end_reason: Annotated[EndReason | None, Field(description="Null while it runs.")]


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
            "had no room) or unusable (the agent's config or providers). Later versions may have further reasons.",
            examples=["outside_hours"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class AnalysisEventData:
    """The analysis of a call."""

    call_id: CallId
    agent_id: OptionalAgentId
    analysis_status: Annotated[Literal["done", "failed", "skipped"], Field(description="Done, failed or skipped.")]


@dataclass(frozen=True, slots=True)
class RecordingEventData:
    """A recording that can be fetched."""

    call_id: CallId
    agent_id: OptionalAgentId
    seconds: Annotated[
        float | None, Field(description="Its length in seconds; null where it is not known.", examples=[184.2])
    ]


@dataclass(frozen=True, slots=True)
class TransferEventData:
    """A transfer of a caller."""

    call_id: CallId
    agent_id: OptionalAgentId
    failure: Annotated[
        TransferFailure | None,
        Field(
            description="Busy, no_answer, refused or failed, with which it led back to the agent; null: the "
            "caller was transferred."
        ),
    ]


@dataclass(frozen=True, slots=True)
class OptOutEventData:
    """A person who asked in a call not to be called again."""

    call_id: CallId
    agent_id: OptionalAgentId
    opted_out_by: Annotated[str, Field(description="Words or key.", examples=["words"])]


@dataclass(frozen=True, slots=True)
class MessageEventData:
    """A message that a caller left, without what the workspace does not keep."""

    message_id: Annotated[UUID, Field(description="Id of the message.")]
    call_id: CallId
    agent_id: AgentId
    taken_at: Annotated[datetime, Field(description="When the message was taken (UTC).")]
    caller_name: Annotated[
        str, Field(description="Name of the caller, as given; empty if unknown.", examples=["Ada Lovelace"])
    ]
    callback_number: Annotated[str, Field(description="Empty if unknown.", examples=["+12025550123"])]
    reason: Annotated[str, Field(description="Why, for the staff and the audit log.", examples=["Payment overdue"])]
    text: Annotated[str, Field(description="What was heard.", examples=["I need an appointment."])]
    is_urgent: Annotated[bool, Field(description="Whether the caller said that it is urgent.")]


@dataclass(frozen=True, slots=True)
class AppointmentEventData:
    """An appointment that was made in a call."""

    appointment_id: Annotated[UUID, Field(description="Id of the appointment.")]
    call_id: CallId
    integration_id: Annotated[UUID, Field(description="Id of the integration.")]
    starts_at: Annotated[datetime, Field(description="When it begins (UTC).")]
    ends_at: Annotated[datetime, Field(description="When it ends (UTC).")]
    replaces: Annotated[UUID | None, Field(description="The appointment that it is in place of; null for a new one.")]


@dataclass(frozen=True, slots=True)
class InvoiceEventData:
    """An invoice."""

    invoice_id: InvoiceId
    number: Annotated[str | None, Field(description="Its number; null until it is issued.", examples=["2026-000042"])]
    status: Annotated[str, Field(description="pending, paid, overdue, void or uncollectible.", examples=["paid"])]
    amount: Annotated[EventMoney, Field(description="With taxes.", examples=[118.5])]
    amount_paid: Annotated[EventMoney, Field(description="With taxes.", examples=[20.0])]
    currency: Annotated[
        str, Field(description="Currency of the amounts beside it: ISO 4217, lower case.", examples=["usd"])
    ]
    due_at: Annotated[datetime | None, Field(description="When it is to be paid (UTC); null before it is issued.")]


@dataclass(frozen=True, slots=True)
class SpendingLimitEventData:
    """The use of a spending limit in a billing period."""

    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    usage_limit: Annotated[EventMoney, Field(description="What may be spent in the period.", examples=[500])]
    spent: Annotated[
        EventMoney,
        Field(
            description="What calls that are over have cost in it; those that run still may take the rest.",
            examples=[412.5],
        ),
    ]
    currency: Annotated[
        str, Field(description="Currency of the amounts beside it: ISO 4217, lower case.", examples=["usd"])
    ]
    ends_calls: Annotated[bool, Field(description="Calls end at the limit.")]


@dataclass(frozen=True, slots=True)
class AgentEventData:
    """An agent after its change."""

    agent_id: AgentId
    name: Name
    status: Annotated[str, Field(description="draft, live or paused.", examples=["live"])]
    version: Annotated[int, Field(description="Of its config.", examples=[3])]


@dataclass(frozen=True, slots=True)
class CampaignEventData:
    """A campaign after its change."""

    campaign_id: CampaignId
    name: Annotated[str, Field(description="The campaign's name.", examples=["Recall December"])]
    external_ref: CampaignExternalRef
    status: Annotated[str, Field(description="running, paused, completed or canceled.", examples=["paused"])]
    reason: Annotated[
        str | None,
        Field(description="Why the platform changed it; null: a member did, or it is done.", examples=["no_number"]),
    ]


@dataclass(frozen=True, slots=True)
class RecipientEventData:
    """A recipient of a campaign who is not called any more."""

    campaign_id: CampaignId
    external_ref: CampaignExternalRef
    recipient_id: Annotated[UUID, Field(description="Id of the recipient.")]
    outcome: Annotated[str, Field(description="As the recipient's outcome.", examples=["answered"])]
    detail: Annotated[
        str | None,
        Field(description="A code that explains the outcome; null: there is none.", examples=["number_is_own"]),
    ]
    attempts: Annotated[int, Field(description="Calls that the carrier had.", examples=[1])]
    last_call_id: Annotated[UUID | None, Field(description="Id of the last call; null: there was none.")]


@dataclass(frozen=True, slots=True)
class TestEventData:
    """What a member had sent to see whether it arrives."""

    webhook_endpoint_id: Annotated[UUID, Field(description="Where to.")]


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
    """The description of a type.

    Attributes:
        summary: When it is sent.
        data: The class of its data.
        details: What else a receiver has to know, in Markdown.
    """

    summary: str
    data: type[Any]
    details: str = ""


EVENT_DESCRIPTIONS: Final[Mapping[str, EventDescription]] = {
    "call.started": EventDescription("A call was answered.", CallEventData),
    "call.refused": EventDescription(
        "An inbound call was refused before an agent had it.",
        RefusalEventData,
        "Sent once per call. A call that an agent has had, and an outbound call, send only `call.ended`.",
    ),
    "call.ended": EventDescription(
        "A call is over.",
        CallEventData,
        "A call that a failed transfer leads back to its agent ends twice; the later event counts. A call that was "
        "refused as it came (a blocked caller, outside the opening hours, too many calls) sends only `call.refused`; "
        "a call that was refused later (spend_limit, all_busy, unusable) sends both.",
    ),
    "call.analysed": EventDescription("The analysis of a call is finished.", AnalysisEventData),
    "recording.ready": EventDescription(
        "The recording of a call can be fetched.",
        RecordingEventData,
        "If the workspace redacts recordings, the event is sent when the recording is redacted.",
    ),
    "transfer.started": EventDescription("A caller was transferred to a number.", TransferEventData),
    "transfer.failed": EventDescription("A transfer led back to the agent.", TransferEventData),
    "caller.opted_out": EventDescription(
        "Somebody asked not to be called again.",
        OptOutEventData,
        "The number is on the do-not-call list, unless the caller withheld it.",
    ),
    "message.taken": EventDescription("A caller left a message.", MessageEventData),
    "appointment.booked": EventDescription("An appointment was booked in a call.", AppointmentEventData),
    "appointment.changed": EventDescription("An appointment was moved in a call.", AppointmentEventData),
    "invoice.updated": EventDescription("An invoice was issued, or its state changed.", InvoiceEventData),
    "spending_limit.near": EventDescription(
        "The threshold of the spending limit is passed.", SpendingLimitEventData, "Sent once per billing period."
    ),
    "spending_limit.reached": EventDescription(
        "The spending limit is reached.", SpendingLimitEventData, "Sent once per billing period."
    ),
    "agent.created": EventDescription("An agent was created.", AgentEventData),
    "agent.updated": EventDescription("An agent's config, number or status changed.", AgentEventData),
    "agent.deleted": EventDescription("An agent was deleted.", AgentEventData),
    "campaign.started": EventDescription("A campaign was started, or started again.", CampaignEventData),
    "campaign.paused": EventDescription("A campaign was paused, by a member or the platform.", CampaignEventData),
    "campaign.completed": EventDescription("A campaign was completed or canceled.", CampaignEventData),
    "campaign.recipient_finished": EventDescription(
        "A recipient is not called any more.",
        RecipientEventData,
        "If the outcome of the last call is corrected afterwards, the event is sent again, and the later event counts. "
        "Recipients that were left when a campaign was canceled or its end date passed send no event.",
    ),
    "webhook.test": EventDescription(
        "A member asked for a test.", TestEventData, "Sent whatever types the endpoint has chosen."
    ),
}
