"""A call that an agent answers, and a call that may continue in another media stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from control.agents.variables import PlannedCall
from control.billing.limits.rules import SpendTerms
from control.calls.records.state import Direction
from control.carriers.rules import CarrierName
from shared.bus.tickets import Carrier as StreamCarrier
from shared.events import CallStatus, EndReason, TransferFailure
from shared.plan import CallPlan

# A call continues in another media stream at most this often.
MOST_LEGS: Final = 5


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """recordings: Who makes them: media (ours), the carrier or both. apology: The first words of an English-speaking
    agent after a media stream was lost."""

    recordings: Literal["ours", "carrier", "both"] = "ours"
    apology: str = "Sorry, we were cut off for a moment."


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that an agent answers; its plan goes to a media node (control/calls/live/service.py). leg: the plan's;
    above 0 the call continues after its stream was lost. records_at_carrier: the carrier records it from its beginning;
    a recording that has to be announced begins later (control/calls/recordings/tasks.py). spend_terms: what must be
    reserved before it begins; None: nothing. was_assigned: this stream was given to a node before."""

    call_id: UUID
    workspace_id: UUID
    carrier: StreamCarrier
    carrier_call_id: str
    plan: CallPlan
    leg: int = 0
    records_at_carrier: bool = False
    spend_terms: SpendTerms | None = None
    was_assigned: bool = False


class StreamFollowed(Exception):
    """Another request has given the call its next media stream meanwhile. leg: The number of its latest stream."""

    def __init__(self, leg: int) -> None:
        super().__init__(f"stream {leg} follows already")
        self.leg = leg


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is not over, or has been so for less than a minute, or was transferred (see status): what decides
    whether it continues.

    leg: of its latest media stream. media_node: the node that the stream was assigned to, empty before it is stored;
    MediaAssignment.find_node_id finds the one that took it. end_reason: of a call that is over. stream_id: by which the
    end of that stream is reported, where the carrier gives one (Telnyx). carrier_call_id: as the carrier names the call
    now; stored_id: as the row does, empty before it has one. was_answered: the carrier reported so. is_transferring:
    the target of a transfer is being called, or was; is_connected: it was reached.
    transfer_failures: why transfers led back to the agent, by the media stream before each. last_stream: the latest
    media stream that was connected.
    variables: those that the call brought. call_screening: the rule of the campaign, if it has one. announced,
    recording_refused: as in shared.plan.ResumePoint, as far as events were stored."""

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    leg: int
    caller_number: str
    called_number: str
    direction: Direction
    status: CallStatus
    carrier: CarrierName
    carrier_call_id: str
    created_at: datetime
    media_node: str = ""
    answered_at: datetime | None = None
    end_reason: EndReason | None = None
    stream_id: str = ""
    stored_id: str = ""
    was_answered: bool = False
    is_transferring: bool = False
    is_connected: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    announced: tuple[str, ...] = ()
    recording_refused: bool = False
    is_test: bool = False
    last_stream: int = 0
    transfer_failures: Mapping[int, TransferFailure] = field(default_factory=dict)
    call_screening: Literal["answer", "end"] | None = None

    @property
    def returned(self) -> TransferFailure | None:
        """Returns why the transfer after the latest media stream led back to the agent; None without such a transfer.
        It stays until the next stream is connected."""
        return self.transfer_failures.get(self.last_stream)

    def to_planned(self, at: datetime) -> PlannedCall:
        """What a plan is made for. at: when it is made."""
        return PlannedCall(
            at=at,
            id=str(self.call_id),
            direction=self.direction,
            caller=self.caller_number,
            called=self.called_number,
            variables=self.variables,
            call_screening=self.call_screening,
        )
