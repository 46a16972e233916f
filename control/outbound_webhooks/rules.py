"""Pure functions for outbound webhooks: records, request body, signature, and retry schedule."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from control.accounts.emails.service import Email
from control.http.names import letter_name
from control.outbound_webhooks.event_types import EventType
from shared.secrets import Sealer

# -- Records --

DeliveryStatus = Literal["pending", "delivered", "failed"]
# Why the platform disabled an endpoint: it failed for days, or it answered 410.
DisabledReason = Literal["failing", "gone"]
# Outcome of an attempt: the receiver accepted it, the receiver did not accept it, or the platform failed to make it.
AttemptOutcome = Literal["delivered", "refused", "failed"]
# How long a delivery is attempted, counted from its event or its last replay.
WINDOW: Final = timedelta(days=3)
# Errors of attempts that do not count as failures of the receiver.
UNSEALED: Final = "the secret is sealed with an unknown key"
CRASHED: Final = "the platform could not make the request"


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The sealed secrets that sign for an endpoint.

    Attributes:
        old: The previous secret, which also signs until `old_until`.
    """

    current: bytes = field(repr=False)
    old: bytes | None = field(default=None, repr=False)
    old_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A customer's address that receives a workspace's events.

    Attributes:
        event_types: None for all types.
        failing_since: Time of the first failure since the last success.
    """

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
    """An event that is delivered to one or more endpoints.

    Attributes:
        id: Identical in each attempt and for each endpoint.
        sequence: Higher than the sequence of every earlier event of the object.
        data: Event data in the format of `api_version`.
    """

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
    """The delivery of an event to an endpoint.

    Attributes:
        due_at: Time of the next attempt, while the delivery is pending.
        expires_at: When the delivery fails for good.
        finished_at: When the event was delivered, or the delivery failed for good.
    """

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
    """One request to a receiver, with its result.

    Attributes:
        status_code: HTTP status; None if the receiver did not answer.
        error: Why the attempt failed; None if the event was delivered.
        answer: The beginning of the answer's body.
    """

    number: int
    started_at: datetime
    took_ms: int
    status_code: int | None
    error: str | None
    answer: str

    @property
    def is_delivered(self) -> bool:
        """Return whether the receiver accepted the event."""
        return self.error is None

    @property
    def outcome(self) -> AttemptOutcome:
        """Return the outcome that metrics count."""
        if self.error is None:
            return "delivered"
        return "refused" if self.is_receivers_failure else "failed"

    @property
    def is_receivers_failure(self) -> bool:
        """Return whether the receiver caused the failure of this attempt."""
        return self.error is not None and self.error not in (UNSEALED, CRASHED)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that a worker has leased and sends.

    Attributes:
        attempts: Number of attempts before this attempt.
        failures: Number of failed attempts before this attempt.
        is_failing: Whether the endpoint's last attempt failed.
    """

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
    """The number of requests that a worker may start now.

    Attributes:
        failing: How many of the requests may go to endpoints whose last attempt failed.
    """

    all: int
    failing: int


@dataclass(frozen=True, slots=True)
class WebhookOwner:
    """A workspace owner who receives the e-mail about a disabled endpoint."""

    workspace_name: str
    email: str


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Limits and intervals for sending deliveries.

    Attributes:
        slots: Maximum concurrent requests of one worker.
        failing_slots: How many of the slots may go to endpoints whose last attempt failed.
        per_endpoint: Maximum concurrent requests of all workers to one endpoint. A failing endpoint gets 1.
        per_workspace: Maximum concurrent requests of all workers for one workspace.
        timeout_s: Maximum duration of a request with its answer, in seconds.
        lease: Time after which the delivery of a dead worker is sent again. Longer than `timeout_s`.
        poll_s: Seconds between two searches for due deliveries.
        disable_after: An endpoint that has failed for this long is disabled.
        longest_gap: Longest time between two failures that count as one period of failing. Longer than any wait between
            two attempts.
        kept: How long events and attempts can be read and replayed.
    """

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


# -- When a failed delivery is repeated --

FIRST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(hours=8)
# The waits are 10 s, 30 s, 90 s, 4.5 min, 13.5 min, 40.5 min, 2 h, 6 h, then 8 h each: 16 attempts in three days.
_FACTOR: Final = 3
_JITTER: Final = 0.2


def next_wait(failures: int, chance: float) -> timedelta:
    """Return the wait between a failure and the next attempt.

    Args:
        failures: Number of failures so far, from 1.
        chance: A random number from 0 to 1. It changes the wait by up to 20 % in either direction, so that deliveries
            that failed together are not retried together.
    """
    steps = min(failures - 1, 10)  # The longest wait is reached earlier; 3 to the power of 1,000 would overflow.
    usual: timedelta = min(FIRST * int(_FACTOR**steps), LONGEST)
    return usual * (1 + _JITTER * (2 * chance - 1))


# -- Body and signature --

_ENCODER: Final = msgspec.json.Encoder()


def make_body(event: OutboundEvent) -> bytes:
    """Return the JSON body of an event. Each attempt sends identical bytes."""
    return _ENCODER.encode(
        {
            "id": event.id,
            "type": event.type,
            "api_version": event.api_version,
            "timestamp": event.occurred_at.astimezone(UTC),
            "workspace_id": event.workspace_id,
            "object_id": event.object_id,
            "sequence": event.sequence,
            "data": event.data,
        }
    )


PREFIX: Final = "whsec_"
# Standard Webhooks requires 24 to 64 bytes.
KEY_BYTES: Final = 32


def new_secret() -> str:
    """Return a random secret in the format that receivers configure: `whsec_` and the key in base64."""
    return PREFIX + b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sign(webhook_id: str, at: datetime, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the signed headers of a webhook request (Standard Webhooks, symmetric scheme).

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Args:
        keys: Secrets. Each secret adds a signature; a receiver accepts the signature of any secret that it has.
    """
    timestamp = str(int(at.timestamp()))
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_digest(key, content)}" for key in keys),
    }


def _digest(key: str, content: bytes) -> str:
    digest = hmac.new(b64decode(key.removeprefix(PREFIX)), content, hashlib.sha256)
    return b64encode(digest.digest()).decode()


OVERLAP: Final = timedelta(hours=24)
WEBHOOK_SECRET_PURPOSE: Final = "outbound webhook"


class SecretSafe:
    """Creates, seals and unseals the secrets of endpoints."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def create(self) -> tuple[str, SealedSecrets]:
        """Create a secret. Return its plain text, which is shown once, and its sealed form, which is stored."""
        secret = new_secret()
        return secret, SealedSecrets(self._sealer.seal(secret.encode(), WEBHOOK_SECRET_PURPOSE))

    def rotate(self, before: SealedSecrets, now: datetime) -> tuple[str, SealedSecrets]:
        """Create a new secret. The current secret also signs for 24 hours; any older secret stops signing."""
        secret, new = self.create()
        return secret, SealedSecrets(new.current, before.current, now + OVERLAP)

    def open(self, sealed: SealedSecrets, now: datetime) -> list[str]:
        """Return the secrets that sign now, current secret first. Raises shared.secrets.UnsealError."""
        valid = [sealed.current]
        if sealed.old is not None and sealed.old_until is not None and now < sealed.old_until:
            valid.append(sealed.old)
        return [self._sealer.open(secret, WEBHOOK_SECRET_PURPOSE).decode() for secret in valid]


# -- The e-mail about a disabled endpoint --

_WHY: Final[Mapping[DisabledReason, str]] = {
    "failing": "It has accepted nothing for five days",
    "gone": "It answered 410 (Gone)",
}


def disabled_email(owner: WebhookOwner, url: str, reason: DisabledReason, link: str) -> Email:
    """Return the e-mail about a disabled endpoint.

    It shows only the receiver's host, because the rest of the address may be secret.
    """
    host, name = urlsplit(url).hostname or "", letter_name(owner.workspace_name)
    return Email(
        owner.email,
        f"{name}: a webhook endpoint was disabled",
        f"""Hello,

the webhook endpoint of {name} at {host} was disabled. {_WHY[reason]}, so nothing is sent to it
anymore, and new events are not kept for it.

When it works again, enable it and replay the failed deliveries:

{link}
""",
    )
