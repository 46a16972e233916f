"""The events that customers' systems are told, with what each holds. Data names calls by their ids, not by the numbers
of callers: who may read these asks the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args
from uuid import UUID

from pydantic import PlainSerializer, WithJsonSchema

from shared.events import CallStatus, EndReason, TransferFailure

# Of all data below. Data with fewer fields, or with other meanings, gets a new one; further fields do not.
API_VERSION: Final = "2026-11-26"
# What endpoints choose from.
ChosenType = Literal[
    "call.started", "call.ended", "call.analysed", "recording.ready", "transfer.started", "transfer.failed",
    "caller.opted_out", "message.taken", "appointment.booked", "appointment.changed", "invoice.updated",
    "spending_limit.near", "spending_limit.reached", "agent.created", "agent.updated", "agent.deleted",
    "campaign.started", "campaign.paused", "campaign.completed", "campaign.recipient_finished",
]  # fmt: skip
# A test is sent on request only.
EventType = Literal[ChosenType, "webhook.test"]
ALL_TYPES: Final[tuple[ChosenType, ...]] = get_args(ChosenType)
# In major units: a Decimal inside, a JSON number outside.
EventMoney = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]


@dataclass(frozen=True, slots=True)
class CallEventData:
    """A call. started_at, answered_at, ended_at: null until then. duration_seconds: since it was answered. end_reason:
    null while it runs."""

    call_id: UUID
    agent_id: UUID | None
    direction: Literal["inbound", "outbound"]
    status: CallStatus
    is_test: bool
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int
    end_reason: EndReason | None


@dataclass(frozen=True, slots=True)
class AnalysisEventData:
    """The analysis of a call. analysis_status: done, failed or skipped."""

    call_id: UUID
    agent_id: UUID | None
    analysis_status: Literal["done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class RecordingEventData:
    """A recording that can be fetched. seconds: its length; null where it is not known."""

    call_id: UUID
    agent_id: UUID | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class TransferEventData:
    """A transfer of a caller. failure: busy, no_answer, refused or failed, with which it led back to the agent; null:
    the caller was transferred."""

    call_id: UUID
    agent_id: UUID | None
    failure: TransferFailure | None


@dataclass(frozen=True, slots=True)
class OptOutEventData:
    """A person who asked in a call not to be called again. opted_out_by: words or key."""

    call_id: UUID
    agent_id: UUID | None
    opted_out_by: str


@dataclass(frozen=True, slots=True)
class MessageEventData:
    """A message that a caller left, without what the workspace does not keep. callback_number: empty if unknown."""

    message_id: UUID
    call_id: UUID
    agent_id: UUID
    taken_at: datetime
    caller_name: str
    callback_number: str
    reason: str
    text: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class AppointmentEventData:
    """An appointment that was made in a call. replaces: the appointment that it is in place of; null for a new one."""

    appointment_id: UUID
    call_id: UUID
    integration_id: UUID
    starts_at: datetime
    ends_at: datetime
    replaces: UUID | None


@dataclass(frozen=True, slots=True)
class InvoiceEventData:
    """An invoice. number: null until it is issued. amount, amount_paid: with taxes."""

    invoice_id: UUID
    number: str | None
    status: str
    amount: EventMoney
    amount_paid: EventMoney
    currency: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class SpendingLimitEventData:
    """The use of a spending limit in a billing period. spent: by calls that are over, so less than the limit while the
    last ones run. ends_calls: calls end at the limit."""

    period_start: datetime
    usage_limit: EventMoney
    spent: EventMoney
    currency: str
    ends_calls: bool


@dataclass(frozen=True, slots=True)
class AgentEventData:
    """An agent after its change. version: of its config. status: draft, live or paused."""

    agent_id: UUID
    name: str
    status: str
    version: int


@dataclass(frozen=True, slots=True)
class CampaignEventData:
    """A campaign after its change. status: running, paused, completed or canceled. reason: why the platform changed it;
    null: a member did, or it is done."""

    campaign_id: UUID
    name: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class RecipientEventData:
    """A recipient of a campaign who is not called any more. outcome: of the last call, or why there was none; detail: a
    code that explains it. attempts: calls that the carrier had."""

    campaign_id: UUID
    recipient_id: UUID
    outcome: str
    detail: str | None
    attempts: int
    last_call_id: UUID | None


@dataclass(frozen=True, slots=True)
class TestEventData:
    """What a member had sent to see whether it arrives. webhook_endpoint_id: where to."""

    webhook_endpoint_id: UUID


EventData = (
    CallEventData
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
    """summary: when it is sent. data: its type."""

    summary: str
    data: type[Any]


EVENT_DESCRIPTIONS: Final[Mapping[str, EventDescription]] = {
    "call.started": EventDescription("A call was answered.", CallEventData),
    "call.ended": EventDescription("A call that had been answered or dialled is over.", CallEventData),
    "call.analysed": EventDescription("The analysis of a call is finished.", AnalysisEventData),
    "recording.ready": EventDescription("The recording of a call can be fetched.", RecordingEventData),
    "transfer.started": EventDescription("A caller was transferred to a number.", TransferEventData),
    "transfer.failed": EventDescription("A transfer led back to the agent.", TransferEventData),
    "caller.opted_out": EventDescription("Somebody asked not to be called again.", OptOutEventData),
    "message.taken": EventDescription("A caller left a message.", MessageEventData),
    "appointment.booked": EventDescription("An appointment was booked in a call.", AppointmentEventData),
    "appointment.changed": EventDescription("An appointment was moved in a call.", AppointmentEventData),
    "invoice.updated": EventDescription("An invoice was issued, or its state changed.", InvoiceEventData),
    "spending_limit.near": EventDescription("The threshold of the spending limit is passed.", SpendingLimitEventData),
    "spending_limit.reached": EventDescription("The spending limit is reached.", SpendingLimitEventData),
    "agent.created": EventDescription("An agent was created.", AgentEventData),
    "agent.updated": EventDescription("An agent's config, number or status changed.", AgentEventData),
    "agent.deleted": EventDescription("An agent was deleted.", AgentEventData),
    "campaign.started": EventDescription("A campaign was started, or started again.", CampaignEventData),
    "campaign.paused": EventDescription("A campaign was paused, by a member or the platform.", CampaignEventData),
    "campaign.completed": EventDescription("A campaign was completed or canceled.", CampaignEventData),
    "campaign.recipient_finished": EventDescription("A recipient is not called any more.", RecipientEventData),
    "webhook.test": EventDescription("A member asked for a test.", TestEventData),
}
