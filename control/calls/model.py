"""Calls as values: what rings, who is let in and who is not, and what the records hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from control.carriers.model import CarrierName
from shared.events import EndReason, Status
from shared.plan import CallPlan

Direction = Literal["inbound", "outbound"]
# Why a call is not answered by an agent; see Refused.
Why = Literal["unknown_number", "suspended", "over_limit", "all_busy", "unusable", "cut_off"]
# Statuses that a call never leaves.
FINAL: frozenset[Status] = frozenset({"completed", "failed", "busy", "no_answer", "canceled"})


@dataclass(frozen=True, slots=True)
class Ring:
    """A call that reached one of our numbers. caller: E.164, or whatever the carrier tells ("anonymous", a SIP URI)."""

    carrier: CarrierName
    carrier_call_id: str
    caller: str
    called: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that is answered: hand the plan over (control/calls/handover.py). leg: of the plan; above 0 it goes on
    after a loss."""

    call_id: UUID
    workspace_id: UUID
    carrier: CarrierName
    carrier_call_id: str
    plan: CallPlan
    leg: int = 0
    records_at_carrier: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that is not answered by an agent. words: what the caller is told, in `language`.

    why: unknown_number (no such number of ours, or without a live agent), suspended, over_limit (the workspace's
    concurrent calls), all_busy (no room on any media node, or Redis away), unusable (the agent's plan cannot be made),
    cut_off (its stream is over, and Redis away: nobody can tell what comes next).
    """

    why: Why
    words: str
    language: str = "en"
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a carrier tells about a call's state. call_id: ours, where the webhook carries it. sequence: the carrier's,
    if it numbers. duration_s: connected seconds. answered_by: of answering-machine detection."""

    carrier: CarrierName
    carrier_call_id: str
    status: Status | None
    at: datetime
    call_id: UUID | None = None
    end_reason: EndReason | None = None
    duration_s: int | None = None
    sequence: int | None = None
    answered_by: Literal["", "human", "machine", "fax", "unknown"] = ""
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CarrierRecording:
    """A recording that a carrier has made. url: where it is fetched, without a sign-in of ours in it. leg_id: the
    carrier's id of the call's leg, by which it can be looked for; of these three, some may be empty."""

    carrier: CarrierName
    carrier_call_id: str
    recording_id: str
    url: str
    duration_s: int | None
    call_id: UUID | None = None
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A call that is not over, or has been so for a moment (status tells), as decisions on going on need it.

    leg: of its last media stream, which was led to the node media_node (empty before it is noted; whose it became, see
    Handover.holder). began_at: when it was answered. end_reason: of one that is over. stream: by which the end of that
    stream is known, where its carrier tells it and it was noted."""

    call_id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    leg: int
    caller: str
    called: str
    direction: Direction
    status: Status
    carrier: CarrierName
    carrier_call_id: str
    media_node: str = ""
    began_at: datetime | None = None
    end_reason: EndReason | None = None
    stream: str = ""
