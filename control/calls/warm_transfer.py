"""A warm transfer as a value."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from control.carriers.model import CarrierName
from shared.events import TransferFailure

WarmTransferStatus = Literal["calling", "asking", "accepted", "failed", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmTransfer:
    """A call to the target of a warm transfer. status: "calling" until it is answered, "asking" until the target has
    decided, "accepted" while the target waits in the conference or talks; "failed" (`failure` says why) and "over" are
    final. leg_id, conference: None until the carrier has given them."""

    id: UUID
    workspace_id: UUID
    call_id: UUID
    run_id: str
    carrier: CarrierName
    number: str
    language: str
    brief: str
    created_at: datetime
    status: WarmTransferStatus = "calling"
    failure: TransferFailure | None = None
    leg_id: str | None = None
    conference: str | None = None
