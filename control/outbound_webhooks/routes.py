"""Routes for members to manage their workspace's webhook endpoints and deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.http.access import member
from control.http.body import ONE_LINE, Body, ChangeBody
from control.http.context import MemberContext
from control.http.fields import CreatedAt, Id, UpdatedAt, copy_fields
from control.http.pagination import HasMore, ListAnswer, ListQuery, UtcDatetime, page_fields
from control.http.route import RateLimit, Route
from control.outbound_webhooks.event_types import ALL_TYPES, ChosenType
from control.outbound_webhooks.rules import (
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
)
from control.outbound_webhooks.service import EndpointEdit, OutboundWebhooks

ENDPOINTS: Final = "/workspaces/{workspaceId}/webhook-endpoints"
ENDPOINT: Final = f"{ENDPOINTS}/{{webhookEndpointId}}"
DELIVERIES: Final = f"{ENDPOINT}/deliveries"
DELIVERY: Final = f"{DELIVERIES}/{{webhookDeliveryId}}"
# Rate-limited, because each replay sends up to 1,000 requests to a host that a customer chose.
REPLAYS: Final = RateLimit("webhook-replays", 30, 600, per_user=True)
WebhookEndpointId = Annotated[UUID, Field(description="Id of the webhook endpoint.")]
WebhookDeliveryId = Annotated[UUID, Field(description="Id of the delivery.")]
WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=ONE_LINE)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=ONE_LINE)]
EventTypes = Annotated[list[ChosenType], Field(max_length=2 * len(ALL_TYPES))]
_URL: Final = "https://example.com/hooks/vocalized"
_URL_TEXT: Final = "HTTPS address on the public internet that receives the events."
_TYPES_TEXT: Final = "Event types to send. An empty list selects all types, including types added in later versions."


# -- Endpoints --


class NewWebhookEndpoint(Body):
    """A webhook endpoint to create."""

    url: WebhookUrl = Field(description=_URL_TEXT, examples=[_URL])
    description: Description = Field("", description="For people.", examples=["Help desk"])
    event_types: EventTypes = Field([], description=_TYPES_TEXT, examples=[["call.ended", "message.taken"]])
    is_enabled: bool = Field(
        True, description="Whether the endpoint is enabled. No events are stored for a disabled endpoint."
    )


class WebhookEndpointChange(ChangeBody):
    """Changes to a webhook endpoint. Omitted fields stay unchanged."""

    url: WebhookUrl | None = Field(
        None,
        description=f"{_URL_TEXT} Pending deliveries go to the new address. Null leaves it unchanged.",
        examples=[_URL],
    )
    description: Description | None = Field(
        None, description="Description for people; null leaves it unchanged.", examples=["Help desk"]
    )
    event_types: EventTypes | None = Field(
        None, description=f"{_TYPES_TEXT} Null leaves them unchanged.", examples=[["call.ended"]]
    )
    is_enabled: bool | None = Field(
        None,
        description="Whether the endpoint is enabled. No events are stored for a disabled endpoint. Null "
        "leaves it unchanged.",
    )


class SecretRotation(Body):
    """Options for replacing an endpoint's secret."""

    at_once: bool = Field(
        False,
        description="If true, the old secret stops signing immediately, for example after a leak. "
        "Otherwise both secrets sign for 24 hours.",
    )


class WebhookReplay(Body):
    """The deliveries to send again."""

    since: UtcDatetime = Field(
        description="Replay deliveries whose events were stored at or after this time.",
        examples=["2026-11-26T09:00:00Z"],
    )
    with_delivered: bool = Field(
        False,
        description="Whether to replay accepted deliveries, too. Otherwise "
        "only deliveries that failed for good are replayed.",
    )


@dataclass(frozen=True, slots=True)
class WebhookEndpointView:
    """A webhook endpoint, without its secret."""

    id: Id
    url: Annotated[
        str, Field(description="Address that receives the events.", examples=["https://example.com/hooks/vocalized"])
    ]
    description: Annotated[str, Field(description="For people.", examples=["Help desk"])]
    event_types: Annotated[
        list[str] | None,
        Field(description="Event types that are sent; null for all types.", examples=[["call.ended", "message.taken"]]),
    ]
    is_enabled: Annotated[
        bool, Field(description="Whether the endpoint is enabled. No events are stored for a disabled endpoint.")
    ]
    disabled_reason: Annotated[
        DisabledReason | None,
        Field(
            description="Why the platform disabled the endpoint: `failing` (for five days) or `gone` (it "
            "answered 410); null if the platform did not disable it."
        ),
    ]
    failing_since: Annotated[
        datetime | None,
        Field(
            description="Time of the first failed attempt since the last success (UTC); null if the last "
            "attempt was accepted."
        ),
    ]
    old_secret_until: Annotated[
        datetime | None,
        Field(description="Until when the previous secret also signs (UTC); null if only the current secret signs."),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class WebhookEndpointAnswer:
    """A webhook endpoint."""

    webhook_endpoint: Annotated[WebhookEndpointView, Field(description="The endpoint, without its secret.")]


@dataclass(frozen=True, slots=True)
class WebhookEndpointSecretAnswer:
    """A webhook endpoint with its new secret, which is shown only once."""

    webhook_endpoint: Annotated[WebhookEndpointView, Field(description="The endpoint, without its secret.")]
    webhook_secret: Annotated[
        str,
        Field(
            description="The signing secret, shown only once: `whsec_` and a key in base64.",
            examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class WebhookEndpointList:
    """The workspace's webhook endpoints, oldest first."""

    webhook_endpoints: Annotated[list[WebhookEndpointView], Field(description="The endpoints, oldest first.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class WebhookTestAnswer:
    """A test event that was enqueued."""

    event_id: Annotated[UUID, Field(description="Id of the event, sent as the header `webhook-id`.")]


@dataclass(frozen=True, slots=True)
class WebhookReplayAnswer:
    """The number of deliveries that were enqueued again."""

    replayed: Annotated[int, Field(description="How many.", examples=[3])]


async def list_webhook_endpoints(context: MemberContext) -> WebhookEndpointList:
    """List the workspace's webhook endpoints, oldest first. A workspace has at most 20 endpoints."""
    found = await context.services[OutboundWebhooks].endpoints.list_all(context.db, context.workspace_id)
    return WebhookEndpointList([to_endpoint_view(endpoint) for endpoint in found], has_more=False)


async def create_webhook_endpoint(context: MemberContext, body: NewWebhookEndpoint) -> WebhookEndpointSecretAnswer:
    """Create a webhook endpoint. Only this answer contains its secret."""
    edit = EndpointEdit(body.url, body.description, body.event_types, body.is_enabled)
    made, secret = await context.services[OutboundWebhooks].endpoints.create(
        context.db, context.workspace_id, context.actor, edit, context.now
    )
    return WebhookEndpointSecretAnswer(to_endpoint_view(made), secret)


async def get_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> WebhookEndpointAnswer:
    """Return a webhook endpoint, without its secret."""
    found = await context.services[OutboundWebhooks].endpoints.get(
        context.db, context.workspace_id, webhook_endpoint_id
    )
    return WebhookEndpointAnswer(to_endpoint_view(found))


async def change_webhook_endpoint(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: WebhookEndpointChange
) -> WebhookEndpointAnswer:
    """Change a webhook endpoint. Enabling an endpoint clears its failure and sends its pending deliveries."""
    edit = EndpointEdit(body.url, body.description, body.event_types, body.is_enabled)
    changed = await context.services[OutboundWebhooks].endpoints.update(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, edit, context.now
    )
    return WebhookEndpointAnswer(to_endpoint_view(changed))


async def delete_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> None:
    """Delete a webhook endpoint. Its pending deliveries are not sent, and its deliveries can no longer be read."""
    await context.services[OutboundWebhooks].endpoints.delete(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id
    )


async def rotate_webhook_secret(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: SecretRotation
) -> WebhookEndpointSecretAnswer:
    """Replace a webhook endpoint's secret. Only this answer contains the new secret."""
    changed, secret = await context.services[OutboundWebhooks].endpoints.rotate_secret(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, context.now, at_once=body.at_once
    )
    return WebhookEndpointSecretAnswer(to_endpoint_view(changed), secret)


async def test_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> WebhookTestAnswer:
    """Send the event `webhook.test` to the endpoint within seconds. The endpoint's deliveries show the result."""
    event_id = await context.services[OutboundWebhooks].deliveries.send_test(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, context.now
    )
    return WebhookTestAnswer(event_id)


async def replay_webhook_deliveries(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: WebhookReplay
) -> WebhookReplayAnswer:
    """Send an endpoint's deliveries again, oldest first, up to 1,000.

    Receivers recognize repeated events by `webhook-id`.
    """
    replayed = await context.services[OutboundWebhooks].deliveries.replay_since(
        context.db,
        context.workspace_id,
        context.actor,
        webhook_endpoint_id,
        since=body.since,
        with_delivered=body.with_delivered,
        now=context.now,
    )
    return WebhookReplayAnswer(replayed)


def to_endpoint_view(endpoint: WebhookEndpoint) -> WebhookEndpointView:
    types = None if endpoint.event_types is None else list(endpoint.event_types)
    return copy_fields(WebhookEndpointView, endpoint, event_types=types, old_secret_until=endpoint.secrets.old_until)


# -- Deliveries --


class DeliveriesQuery(ListQuery):
    """Filters for the list of deliveries."""

    status: DeliveryStatus | None = Field(None, description="Only deliveries with this status.")


@dataclass(frozen=True, slots=True)
class WebhookDeliveryRow:
    """The delivery of an event to an endpoint."""

    id: Id
    event_id: Annotated[UUID, Field(description="Id of the event, sent as the header `webhook-id`.")]
    event_type: Annotated[str, Field(description="Type of the event.", examples=["call.ended"])]
    object_id: Annotated[
        UUID, Field(description="Id of the object that the event is about, such as a call, message or agent.")
    ]
    sequence: Annotated[
        int,
        Field(
            description="Higher than the sequence of every earlier event of the object.",
            examples=[1_795_683_600_123_456],
        ),
    ]
    status: Annotated[
        DeliveryStatus, Field(description="Status of the delivery: `pending`, `delivered` or `failed` (for good).")
    ]
    attempts: Annotated[int, Field(description="Number of requests so far.", examples=[1])]
    due_at: Annotated[datetime, Field(description="When the next attempt is due (UTC), while the delivery is pending.")]
    expires_at: Annotated[datetime, Field(description="When the delivery fails for good (UTC).")]
    occurred_at: Annotated[datetime, Field(description="When the event happened (UTC).")]
    created_at: CreatedAt
    finished_at: Annotated[
        datetime | None,
        Field(description="When the event was delivered or failed for good (UTC); null while the delivery is pending."),
    ]


@dataclass(frozen=True, slots=True)
class WebhookDeliveryList(ListAnswer):
    """A page of deliveries, newest first."""

    webhook_deliveries: Annotated[list[WebhookDeliveryRow], Field(description="The deliveries, newest first.")]


@dataclass(frozen=True, slots=True)
class WebhookAttemptView:
    """One request to a receiver."""

    number: Annotated[int, Field(description="Number of the attempt, counted from 1.", examples=[1])]
    started_at: Annotated[datetime, Field(description="When the attempt began (UTC).")]
    took_ms: Annotated[int, Field(description="Duration of the attempt in milliseconds.", examples=[84])]
    status_code: Annotated[
        int | None, Field(description="HTTP status; null if the receiver did not answer.", examples=[204])
    ]
    error: Annotated[
        str | None,
        Field(
            description="Why the attempt failed; null if the event was delivered.",
            examples=["there was no answer within 10 s"],
        ),
    ]
    answer: Annotated[str, Field(description="The first 500 characters of the answer's body.", examples=["ok"])]


@dataclass(frozen=True, slots=True)
class WebhookDeliveryAnswer:
    """A delivery with its data and attempts."""

    webhook_delivery: Annotated[WebhookDeliveryRow, Field(description="The delivery.")]
    api_version: Annotated[str, Field(description="Version of the event data.", examples=["2026-11-26"])]
    data: Annotated[
        Mapping[str, Any],
        Field(description="The event's data.", examples=[{"call_id": "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"}]),
    ]
    attempts: Annotated[Sequence[WebhookAttemptView], Field(description="The latest 100 attempts, latest first.")]


async def list_webhook_deliveries(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, query: DeliveriesQuery
) -> WebhookDeliveryList:
    """List an endpoint's deliveries of the last 30 days, newest first."""
    found = await context.services[OutboundWebhooks].deliveries.list_page(
        context.db, context.workspace_id, webhook_endpoint_id, status=query.status, page=query.request()
    )
    return WebhookDeliveryList([to_delivery_row(delivery) for delivery in found.rows], **page_fields(query, found))


async def get_webhook_delivery(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, webhook_delivery_id: WebhookDeliveryId
) -> WebhookDeliveryAnswer:
    """Return a delivery with its data and attempts."""
    found, attempts = await context.services[OutboundWebhooks].deliveries.get(
        context.db, context.workspace_id, webhook_endpoint_id, webhook_delivery_id
    )
    views = [copy_fields(WebhookAttemptView, attempt) for attempt in attempts]
    return WebhookDeliveryAnswer(to_delivery_row(found), found.event.api_version, found.event.data, views)


async def replay_webhook_delivery(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, webhook_delivery_id: WebhookDeliveryId
) -> WebhookReplayAnswer:
    """Send a delivery again immediately, whatever its status. It keeps its `webhook-id`."""
    await context.services[OutboundWebhooks].deliveries.replay(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, webhook_delivery_id, context.now
    )
    return WebhookReplayAnswer(1)


def to_delivery_row(delivery: WebhookDelivery) -> WebhookDeliveryRow:
    return copy_fields(
        WebhookDeliveryRow, delivery, delivery.event, event_id=delivery.event.id, event_type=delivery.event.type
    )


# -- Routes --

ROUTES: tuple[Route, ...] = (
    Route("GET", ENDPOINTS, list_webhook_endpoints, member("admin"), beyond_spec=True),
    Route(
        "POST",
        ENDPOINTS,
        create_webhook_endpoint,
        member("admin"),
        status=201,
        beyond_spec=True,
        errors=("409 webhook_endpoint_limit", "409 workspace_suspended", "422 address_refused"),
    ),
    Route(
        "GET",
        ENDPOINT,
        get_webhook_endpoint,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found",),
    ),
    Route(
        "PUT",
        ENDPOINT,
        change_webhook_endpoint,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found", "409 workspace_suspended", "422 address_refused"),
    ),
    Route(
        "DELETE",
        ENDPOINT,
        delete_webhook_endpoint,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found",),
    ),
    Route(
        "POST",
        f"{ENDPOINT}/rotate-secret",
        rotate_webhook_secret,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found",),
    ),
    Route(
        "POST",
        f"{ENDPOINT}/test",
        test_webhook_endpoint,
        member("admin"),
        status=202,
        limit=REPLAYS,
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found", "409 webhook_endpoint_disabled"),
    ),
    Route(
        "POST",
        f"{ENDPOINT}/replay",
        replay_webhook_deliveries,
        member("admin"),
        status=202,
        limit=REPLAYS,
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found", "409 webhook_endpoint_disabled"),
    ),
    Route(
        "GET",
        DELIVERIES,
        list_webhook_deliveries,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found",),
    ),
    Route(
        "GET",
        DELIVERY,
        get_webhook_delivery,
        member("admin"),
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found", "404 webhook_delivery_not_found"),
    ),
    Route(
        "POST",
        f"{DELIVERY}/replay",
        replay_webhook_delivery,
        member("admin"),
        status=202,
        limit=REPLAYS,
        beyond_spec=True,
        errors=("404 webhook_endpoint_not_found", "404 webhook_delivery_not_found", "409 webhook_endpoint_disabled"),
    ),
)
