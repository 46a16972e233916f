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
    """Settings for running calls.

    Attributes:
        recordings: Who makes them: media (ours), the carrier or both.
        apology: The first words of an English-speaking agent after a media stream was lost.
    """

    recordings: Literal["ours", "carrier", "both"] = "ours"
    apology: str = "Sorry, we were cut off for a moment."


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that an agent answers. Its plan goes to a media node (control/calls/live/service.py).

    Attributes:
        leg: Number of the plan's media stream. Above 0, the call continues after its stream was lost.
        records_at_carrier: The carrier records it from its beginning. A recording that has to be announced begins later
            (control/calls/recordings/tasks.py).
        spend_terms: What must be reserved before the call begins; None for nothing.
        was_assigned: This stream was assigned to a node before.
    """

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
    """Another request has given the call its next media stream.

    Attributes:
        leg: The number of its latest stream.
    """

    def __init__(self, leg: int) -> None:
        super().__init__(f"stream {leg} follows already")
        self.leg = leg


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is not over, has been over for less than a minute, or was transferred (see status). Its values decide
    whether it continues.

    Attributes:
        leg: Number of its latest media stream.
        media_node: The node that the stream was assigned to; empty before it is stored. `MediaAssignment.find_node_id`
            finds the node that took the stream.
        end_reason: Set if the call is over.
        stream_id: The carrier's id in reports of the stream's end, if it gives one (Telnyx).
        carrier_call_id: The carrier's current id of the call.
        stored_id: The id in the row; empty before it has one.
        was_answered: The carrier reported an answer.
        is_transferring: The target of a transfer is being called, or was called.
        is_connected: The target was reached.
        transfer_failures: Why transfers led back to the agent, by the media stream before each.
        last_stream: The latest media stream that was connected.
        variables: Values of an outbound call.
        call_screening: The rule of the campaign, if it has one.
        announced, recording_refused: As in shared.plan.ResumePoint, as far as events were stored.
    """

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

        The value stays until the next stream is connected.
        """
        return self.transfer_failures.get(self.last_stream)

    def to_planned(self, at: datetime) -> PlannedCall:
        """Returns the call for which a plan is made.

        Args:
            at: When the plan is made.
        """
        return PlannedCall(
            at=at,
            id=str(self.call_id),
            direction=self.direction,
            caller=self.caller_number,
            called=self.called_number,
            variables=self.variables,
            call_screening=self.call_screening,
        )
