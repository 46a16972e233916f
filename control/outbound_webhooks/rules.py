"""Records of outbound webhooks, their body and signature, and when a failed delivery is repeated. Pure functions."""

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
# Why we disabled an endpoint: it failed for days, or answered 410.
DisabledReason = Literal["failing", "gone"]
# Outcome of an attempt: accepted, not accepted, or not made by a fault of the platform.
AttemptOutcome = Literal["delivered", "refused", "failed"]
# Time in which a delivery is attempted, from its event or its replay on.
WINDOW: Final = timedelta(days=3)
# Errors of attempts that do not count against the receiver.
UNSEALED: Final = "the secret is sealed with an unknown key"
CRASHED: Final = "the platform could not make the request"


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The secrets that sign for an endpoint.

    Attributes:
        old: The one before, which signs as well until `old_until`.
    """

    current: bytes = field(repr=False)
    old: bytes | None = field(default=None, repr=False)
    old_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where events of a workspace are sent.

    Attributes:
        event_types: None for all.
        failing_since: The first failure since the last success.
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
    """An event.

    Attributes:
        id: The same in each attempt and for each endpoint.
        sequence: Higher than that of any earlier event of the same object.
        data: As of `api_version`.
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
    """An event on its way to an endpoint.

    Attributes:
        due_at: Of the next attempt, while it is pending.
        expires_at: When it fails for good.
        finished_at: When it was delivered, or failed.
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
    """One request.

    Attributes:
        status_code: None without an answer.
        error: Why it does not count as delivered; None: it does.
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
        """Whether the receiver has accepted the event."""
        return self.error is None

    @property
    def outcome(self) -> AttemptOutcome:
        """The outcome that metrics count: see AttemptOutcome."""
        if self.error is None:
            return "delivered"
        return "refused" if self.is_receivers_failure else "failed"

    @property
    def is_receivers_failure(self) -> bool:
        """Whether the attempt failed by a fault of the receiver."""
        return self.error is not None and self.error not in (UNSEALED, CRASHED)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that a worker sends.

    Attributes:
        attempts, failures: So far.
        is_failing: The endpoint's last attempt failed.
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
    """Requests that a worker may begin.

    Attributes:
        failing: Of them to endpoints whose last attempt failed.
    """

    all: int
    failing: int


@dataclass(frozen=True, slots=True)
class WebhookOwner:
    """An owner who gets the e-mail about a disabled endpoint."""

    workspace_name: str
    email: str


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The pace of deliveries.

    Attributes:
        slots: Concurrent requests of one worker.
        failing_slots: How many of them may go to endpoints whose last attempt failed.
        per_endpoint: Concurrent requests of all workers to one endpoint; a failing endpoint gets 1.
        per_workspace: Concurrent requests of all workers for one workspace.
        timeout_s: Longest request with its answer.
        lease: Time after which the delivery of a dead worker is sent again. Longer than `timeout_s`.
        poll_s: Seconds between two searches for due deliveries.
        disable_after: An endpoint that has failed for this long is disabled.
        longest_gap: Longest time between two failures of this period. Longer than any wait between two attempts.
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
# 10 s, 30 s, 90 s, 4.5, 13.5 and 40.5 minutes, 2 and 6 hours, then 8 hours: 16 attempts in three days.
_FACTOR: Final = 3
_JITTER: Final = 0.2


def next_wait(failures: int, chance: float) -> timedelta:
    """Return the time from the `failures`-th failure (from 1 on) to the next attempt.

    Args:
        chance: 0 to 1, which moves it by up to 20 % either way, so that what failed together is not tried again
            together.
    """
    steps = min(failures - 1, 10)  # beyond the longest wait; the power of a thousand would overflow
    usual: timedelta = min(FIRST * int(_FACTOR**steps), LONGEST)
    return usual * (1 + _JITTER * (2 * chance - 1))


# -- Body and signature --

_ENCODER: Final = msgspec.json.Encoder()


def make_body(event: OutboundEvent) -> bytes:
    """JSON, the same bytes at each attempt."""
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
# The specification requires 24 to 64 bytes.
KEY_BYTES: Final = 32


def new_secret() -> str:
    """Return a random secret as receivers configure it: whsec_ and the key in base64."""
    return PREFIX + b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sign(webhook_id: str, at: datetime, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """Return the headers of a request with this body, signed by Standard Webhooks (symmetric scheme).

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Args:
        keys: Secrets. Each of them signs, and a receiver accepts the signature of any secret that it has.
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
    """Seals and opens secrets of endpoints."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def create(self) -> tuple[str, SealedSecrets]:
        """Return a new secret, to be shown once, and what is stored of it."""
        secret = new_secret()
        return secret, SealedSecrets(self._sealer.seal(secret.encode(), WEBHOOK_SECRET_PURPOSE))

    def rotate(self, before: SealedSecrets, now: datetime) -> tuple[str, SealedSecrets]:
        """Return a new secret. The current secret also signs for 24 hours; an older one no longer signs."""
        secret, new = self.create()
        return secret, SealedSecrets(new.current, before.current, now + OVERLAP)

    def open(self, sealed: SealedSecrets, now: datetime) -> list[str]:
        """Return the secrets that sign now, the current one first. Raises shared.secrets.UnsealError."""
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
    """Names the receiver's host only: the rest of an address may be secret."""
    host, name = urlsplit(url).hostname or "", letter_name(owner.workspace_name)
    return Email(
        owner.email,
        f"{name}: a webhook endpoint was disabled",
        f"""Hello,

the webhook endpoint of {name} at {host} was disabled. {_WHY[reason]}, so nothing is sent there any
more, and events that happen now are not kept for it.

When it works again, enable it, and have the deliveries that failed sent again:

{link}
""",
    )
