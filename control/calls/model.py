"""Calls as values: incoming, admitted, refused and open ones, and what carriers report about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from control.agents.variables import PlannedCall
from control.billing.spend_snapshot import SpendTerms
from control.carriers.rules import CarrierName
from shared.events import CallStatus, EndReason, TransferFailure
from shared.plan import CallPlan

Direction = Literal["inbound", "outbound"]
# STIR/SHAKEN (ATIS-1000074). A: the originating carrier knows the caller, who may use the number; B: it knows the
# caller only; C: it knows the gateway only; failed: the signature is not valid.
Attestation = Literal["A", "B", "C", "failed"]
# Who reported a fact of a call.
CallSource = Literal["carrier", "media", "control"]
# Why a call is not answered by an agent; see CallRefused.
RefusalReason = Literal[
    "unknown_number", "suspended", "blocked", "outside_hours", "over_limit", "spend_limit", "all_busy", "unusable",
    "cut_off", "code_call",
]  # fmt: skip
# Statuses that a call never leaves.
FINAL: frozenset[CallStatus] = frozenset({"completed", "failed", "busy", "no_answer", "canceled"})


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call to one of our numbers. caller: E.164, or whatever the carrier sends ("anonymous", a SIP URI). attestation:
    of the caller's number by STIR/SHAKEN, as in CallDetails."""

    carrier: CarrierName
    carrier_call_id: str
    caller: str
    called: str
    attestation: Attestation | None = None


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that an agent answers; its plan goes to a media node (control/calls/media_assignment.py). leg: the plan's;
    above 0 the call continues after its stream was lost. records_at_carrier: the carrier records it from its beginning;
    a recording that has to be announced begins later (control/calls/recording_start.py). spend_terms: what must be
    reserved before it begins; None: nothing. was_assigned: this stream was given to a node before."""

    call_id: UUID
    workspace_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    plan: CallPlan
    leg: int = 0
    records_at_carrier: bool = False
    spend_terms: SpendTerms | None = None
    was_assigned: bool = False


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that no agent answers. announcement: what the caller hears, in `language` (BCP 47).

    reason: unknown_number (no such number of ours, or without a live agent), suspended, blocked (by the workspace:
    nothing is said), outside_hours (of an agent that hangs up then), over_limit (the workspace's concurrent calls),
    spend_limit (the workspace's money of the period), all_busy (no media node has room, or Redis is unavailable),
    unusable (the agent's plan cannot be made), cut_off (the stream ended while Redis is unavailable, so it is unknown
    how the call continues), code_call (it only speaks the code by which a phone number is verified; nothing went
    wrong).
    """

    reason: RefusalReason
    announcement: str
    language: str = "en"
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CarrierStatus:
    """A carrier's report on a call. status: None when it does not change. call_id: ours, where the webhook carries it.
    sequence: the carrier's number of the report, if it numbers them. duration_s: connected seconds. answered_by: result
    of answering-machine detection, empty without one. greeting_ended: of a machine, which records from now on.
    facts: stored as the carrier named them. session_id: the id that
    stays when carrier_call_id changes (Telnyx)."""

    carrier: CarrierName
    carrier_call_id: str
    status: CallStatus | None
    at: datetime
    call_id: UUID | None = None
    end_reason: EndReason | None = None
    duration_s: int | None = None
    sequence: int | None = None
    answered_by: Literal["", "human", "machine", "fax", "unknown"] = ""
    greeting_ended: bool = False
    facts: Mapping[str, Any] | None = None
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class CarrierRecording:
    """A recording made by a carrier. url: where it can be fetched, without our credentials in it. leg_id: the carrier's
    id of the call's leg, by which the recording can be looked up. recording_id, url and leg_id may be empty, not all of
    them. session_id: see CarrierStatus."""

    carrier: CarrierName
    carrier_call_id: str
    recording_id: str
    url: str
    duration_s: int | None
    call_id: UUID | None = None
    leg_id: str = ""
    session_id: str = ""


class StreamFollowed(Exception):
    """Another request has given the call its next media stream meanwhile. leg: the number of its latest one."""

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
    caller: str
    called: str
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
        """Why the transfer after the latest media stream led back to the agent; None where there was none. It stays
        until the next stream is connected."""
        return self.transfer_failures.get(self.last_stream)

    def to_planned(self, at: datetime) -> PlannedCall:
        """What a plan is made for. at: when it is made."""
        return PlannedCall(
            at=at,
            id=str(self.call_id),
            direction=self.direction,
            caller=self.caller,
            called=self.called,
            variables=self.variables,
            call_screening=self.call_screening,
        )


@dataclass(frozen=True, slots=True)
class BlockedCaller:
    """A caller whose calls a workspace rejects. caller: E.164, or ANONYMOUS for all who withhold their number."""

    id: UUID
    caller: str
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCode:
    """A code that a call speaks. language: BCP 47. code: sealed. failures: wrong codes that were given."""

    id: UUID
    workspace_id: UUID
    user_id: UUID
    phone_number: str
    call_id: UUID
    language: str
    code: bytes
    failures: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeletedCall:
    """A call whose number is deleted. carrier_call_id, session: the carrier's ids of it, where it gave any."""

    id: UUID
    carrier_call_id: str | None
    session: str | None
