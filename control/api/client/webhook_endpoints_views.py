"""Response models of webhook endpoints and deliveries (client API)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore, ListAnswer
from control.outbound_webhooks.rules import (
    DeliveryAttempt,
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
)


@dataclass(frozen=True, slots=True)
class WebhookEndpointView:
    """An address to which events are posted, without its secret."""

    id: Id
    url: Annotated[str, Field(description="Where events are posted.", examples=["https://example.com/hooks/vocalized"])]
    description: Annotated[str, Field(description="For people.", examples=["Help desk"])]
    event_types: Annotated[
        list[str] | None,
        Field(description="Types that are sent; null: all.", examples=[["call.ended", "message.taken"]]),
    ]
    is_enabled: Annotated[bool, Field(description="Whether events are sent, and stored for it.")]
    disabled_reason: Annotated[
        DisabledReason | None,
        Field(
            description="Why the platform disabled it: failing (for five days) or gone (it answered 410); "
            "null: it did not."
        ),
    ]
    failing_since: Annotated[
        datetime | None,
        Field(description="When the first attempt failed after the last success; null: the last attempt was accepted."),
    ]
    old_secret_until: Annotated[
        datetime | None,
        Field(description="Until when the secret before the current one signs, too; null: it does not."),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class WebhookEndpointAnswer:
    """A webhook endpoint."""

    webhook_endpoint: Annotated[WebhookEndpointView, Field(description="The endpoint, without its secret.")]


@dataclass(frozen=True, slots=True)
class WebhookEndpointSecretAnswer:
    """A webhook endpoint with its new secret, which is shown only now."""

    webhook_endpoint: Annotated[WebhookEndpointView, Field(description="The endpoint, without its secret.")]
    webhook_secret: Annotated[
        str,
        Field(
            description="The secret that signs, shown only now: whsec_ and a key in base64.",
            examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class WebhookEndpointList:
    """The workspace's webhook endpoints, the oldest first."""

    webhook_endpoints: Annotated[list[WebhookEndpointView], Field(description="The endpoints, the oldest first.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class WebhookDeliveryRow:
    """An event on its way to an endpoint."""

    id: Id
    event_id: Annotated[UUID, Field(description="Id of the event, which is the header webhook-id.")]
    event_type: Annotated[str, Field(description="Type of the event.", examples=["call.ended"])]
    object_id: Annotated[UUID, Field(description="Id of what the event is about: its call, message, agent and so on.")]
    sequence: Annotated[
        int,
        Field(
            description="Higher than that of each earlier event of the same object.", examples=[1_795_683_600_123_456]
        ),
    ]
    status: Annotated[DeliveryStatus, Field(description="pending, delivered, or failed for good.")]
    attempts: Annotated[int, Field(description="Requests so far.", examples=[1])]
    due_at: Annotated[datetime, Field(description="When the next attempt is made, while it is pending.")]
    expires_at: Annotated[datetime, Field(description="When it fails for good.")]
    occurred_at: Annotated[datetime, Field(description="When it happened (UTC).")]
    created_at: CreatedAt
    finished_at: Annotated[
        datetime | None, Field(description="When it was delivered, or failed for good; null: it is pending.")
    ]


@dataclass(frozen=True, slots=True)
class WebhookDeliveryList(ListAnswer):
    """A page of deliveries, newest first."""

    webhook_deliveries: Annotated[list[WebhookDeliveryRow], Field(description="The deliveries, newest first.")]


@dataclass(frozen=True, slots=True)
class WebhookAttemptView:
    """A request to a receiver."""

    number: Annotated[int, Field(description="Counted from 1.", examples=[1])]
    started_at: Annotated[datetime, Field(description="When it began (UTC).")]
    took_ms: Annotated[int, Field(description="Milliseconds until it was over.", examples=[84])]
    status_code: Annotated[int | None, Field(description="HTTP status; null: there was no answer.", examples=[204])]
    error: Annotated[
        str | None,
        Field(
            description="Why the event does not count as delivered; null: it does.",
            examples=["there was no answer within 10 s"],
        ),
    ]
    answer: Annotated[str, Field(description="The first 500 characters of the answer's body.", examples=["ok"])]


@dataclass(frozen=True, slots=True)
class WebhookDeliveryAnswer:
    """A delivery with what is sent."""

    webhook_delivery: Annotated[WebhookDeliveryRow, Field(description="The delivery.")]
    api_version: Annotated[str, Field(description="Version of the data.", examples=["2026-11-26"])]
    data: Annotated[
        Mapping[str, Any],
        Field(description="The event's data.", examples=[{"call_id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"}]),
    ]
    attempts: Annotated[Sequence[WebhookAttemptView], Field(description="The latest 100 attempts, the latest first.")]


@dataclass(frozen=True, slots=True)
class WebhookTestAnswer:
    """A test that will be sent."""

    event_id: Annotated[UUID, Field(description="Id of the event, which is the header webhook-id.")]


@dataclass(frozen=True, slots=True)
class WebhookReplayAnswer:
    """Deliveries that will be sent again."""

    replayed: Annotated[int, Field(description="How many.", examples=[3])]


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
