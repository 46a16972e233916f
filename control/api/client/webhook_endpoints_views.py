"""Response models of webhook endpoints and deliveries (client API)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.http.pagination import HasMore, ListAnswer
from control.outbound_webhooks.model import (
    DeliveryAttempt,
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
)


@dataclass(frozen=True, slots=True)
class WebhookEndpointView:
    """An address to which events are posted, without its secret.

    url: Where events are posted.
    event_types: Types that are sent; null: all.
    is_enabled: Whether events are sent, and stored for it.
    disabled_reason: Why the platform disabled it: failing (for five days) or gone (it answered 410); null: it did not.
    failing_since: When the first attempt failed after the last success; null: the last attempt was accepted.
    old_secret_until: Until when the secret before the current one signs, too; null: it does not.
    """

    id: UUID
    url: str
    description: str
    event_types: list[str] | None
    is_enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    old_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookEndpointAnswer:
    """A webhook endpoint."""

    webhook_endpoint: WebhookEndpointView


@dataclass(frozen=True, slots=True)
class WebhookEndpointSecretAnswer:
    """A webhook endpoint with its new secret, which is shown only now."""

    webhook_endpoint: WebhookEndpointView
    webhook_secret: str


@dataclass(frozen=True, slots=True)
class WebhookEndpointList:
    """The workspace's webhook endpoints, the oldest first."""

    webhook_endpoints: list[WebhookEndpointView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class WebhookDeliveryRow:
    """An event on its way to an endpoint.

    status: pending, delivered, or failed for good.
    attempts: Requests so far.
    due_at: When the next attempt is made, while it is pending.
    expires_at: When it fails for good.
    finished_at: When it was delivered, or failed for good; null: it is pending.
    """

    id: UUID
    event_id: UUID
    event_type: str
    object_id: UUID
    sequence: int
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    expires_at: datetime
    occurred_at: datetime
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookDeliveryList(ListAnswer):
    """A page of deliveries, newest first."""

    webhook_deliveries: list[WebhookDeliveryRow]


@dataclass(frozen=True, slots=True)
class WebhookAttemptView:
    """A request to a receiver.

    number: Counted from 1.
    took_ms: Milliseconds until it was over.
    status_code: HTTP status; null: there was no answer.
    error: Why the event does not count as delivered; null: it does.
    answer: The first 500 characters of the answer's body.
    """

    number: int
    started_at: datetime
    took_ms: int
    status_code: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class WebhookDeliveryAnswer:
    """A delivery with what is sent.

    api_version: Version of the data.
    data: The event's data.
    attempts: The latest 100 attempts, the latest first.
    """

    webhook_delivery: WebhookDeliveryRow
    api_version: str
    data: Mapping[str, Any]
    attempts: Sequence[WebhookAttemptView]


@dataclass(frozen=True, slots=True)
class WebhookTestAnswer:
    """A test that will be sent.

    event_id: Id of the event, which is the header webhook-id.
    """

    event_id: UUID


@dataclass(frozen=True, slots=True)
class WebhookReplayAnswer:
    """Deliveries that will be sent again.

    replayed: How many.
    """

    replayed: int


def to_endpoint_view(one: WebhookEndpoint) -> WebhookEndpointView:
    return WebhookEndpointView(
        id=one.id,
        url=one.url,
        description=one.description,
        event_types=None if one.event_types is None else list(one.event_types),
        is_enabled=one.is_enabled,
        disabled_reason=one.disabled_reason,
        failing_since=one.failing_since,
        old_secret_until=one.secrets.old_until,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )


def to_delivery_row(one: WebhookDelivery) -> WebhookDeliveryRow:
    return WebhookDeliveryRow(
        id=one.id,
        event_id=one.event.id,
        event_type=one.event.type,
        object_id=one.event.object_id,
        sequence=one.event.sequence,
        status=one.status,
        attempts=one.attempts,
        due_at=one.due_at,
        expires_at=one.expires_at,
        occurred_at=one.event.occurred_at,
        created_at=one.created_at,
        finished_at=one.finished_at,
    )


def to_attempt_view(one: DeliveryAttempt) -> WebhookAttemptView:
    return WebhookAttemptView(**{name: getattr(one, name) for name in WebhookAttemptView.__slots__})
