"""Outbound webhooks as values, and the pace of their delivery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from control.outbound_webhooks.event_types import EventType

DeliveryStatus = Literal["pending", "delivered", "failed"]
# Why we disabled an endpoint: it failed for days, or answered 410.
DisabledReason = Literal["failing", "gone"]
# What became of an attempt: accepted, not accepted, or not made by a fault of the platform.
AttemptOutcome = Literal["delivered", "refused", "failed"]
# In which a delivery is tried, from its event or its replay on.
WINDOW: Final = timedelta(days=3)
# Errors of attempts for which no receiver is to blame.
UNSEALED: Final = "the secret is sealed with an unknown key"
CRASHED: Final = "the platform could not make the request"


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The secrets that sign for an endpoint. old: the one before, which signs as well until `old_until`."""

    current: bytes = field(repr=False)
    old: bytes | None = field(default=None, repr=False)
    old_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where events of a workspace are sent. event_types: None for all. failing_since: the first failure since the last
    success."""

    id: UUID
    workspace_id: UUID
    url: str
    description: str
    event_types: Sequence[str] | None
    is_enabled: bool
    disabled_reason: DisabledReason | None
    secrets: SealedSecrets
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OutboundEvent:
    """An event. id: the same in each attempt and for each endpoint. sequence: higher than that of any earlier event of
    the same object. data: as of `api_version`."""

    id: UUID
    workspace_id: UUID
    type: EventType
    api_version: str
    object_id: UUID
    occurred_at: datetime
    sequence: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """An event on its way to an endpoint. due_at: of the next attempt, while it is pending. expires_at: when it fails
    for good. finished_at: when it was delivered, or failed."""

    id: UUID
    endpoint_id: UUID
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    finished_at: datetime | None
    event: OutboundEvent


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One request. status_code: None without an answer. error: why it does not count as delivered; None: it does.
    answer: the beginning of the answer's body."""

    number: int
    started_at: datetime
    took_ms: int
    status_code: int | None
    error: str | None
    answer: str

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has accepted the event."""
        return self.error is None

    @property
    def outcome(self) -> AttemptOutcome:
        """What counts: see AttemptOutcome."""
        if self.error is None:
            return "delivered"
        return "refused" if self.is_receivers_failure else "failed"

    @property
    def is_receivers_failure(self) -> bool:
        """Whether it failed, and not by a fault of the platform."""
        return self.error is not None and self.error not in (UNSEALED, CRASHED)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that a worker sends. attempts, failures: so far. is_failing: the endpoint's last attempt failed."""

    id: UUID
    attempts: int
    failures: int
    expires_at: datetime
    endpoint_id: UUID
    url: str
    secrets: SealedSecrets
    is_failing: bool
    event: OutboundEvent


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """Requests that a worker may begin. failing: of them to endpoints whose last attempt failed."""

    all: int
    failing: int


@dataclass(frozen=True, slots=True)
class WebhookOwner:
    """Who is told that an endpoint was disabled."""

    workspace_name: str
    email: str


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """slots: requests of one worker at once; failing_slots: of them to endpoints whose last attempt failed.
    per_endpoint, per_workspace: requests of all workers at once; a failing endpoint gets one. timeout_s: of a request
    with its answer. lease: after which a delivery whose worker died is sent again; longer than `timeout_s`. poll_s:
    seconds between two looks. disable_after: an endpoint that has failed for so long is disabled. longest_gap: between
    two failures of that time; longer than any wait between two attempts. kept: how long events and attempts can be
    read and replayed."""

    slots: int = 64
    failing_slots: int = 16
    per_endpoint: int = 4
    per_workspace: int = 16
    timeout_s: float = 10.0
    lease: timedelta = timedelta(seconds=60)
    poll_s: float = 1.0
    disable_after: timedelta = timedelta(days=5)
    longest_gap: timedelta = timedelta(days=1)
    kept: timedelta = timedelta(days=30)
