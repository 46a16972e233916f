"""Routes of webhook endpoints and deliveries, for the members of their workspace."""

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
# Limited, because each replay sends up to 1,000 requests to a host that a customer chose.
REPLAYS: Final = RateLimit("webhook-replays", 30, 600, per_user=True)
WebhookEndpointId = Annotated[UUID, Field(description="Id of the webhook endpoint.")]
WebhookDeliveryId = Annotated[UUID, Field(description="Id of the delivery.")]
WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=ONE_LINE)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=ONE_LINE)]
EventTypes = Annotated[list[ChosenType], Field(max_length=2 * len(ALL_TYPES))]
_URL: Final = "https://example.com/hooks/vocalized"
_URL_TEXT: Final = "Where events are posted: https, on the public internet."
_TYPES_TEXT: Final = "Types to send; empty: all, those of later versions, too."


# -- Endpoints --


class NewWebhookEndpoint(Body):
    """An endpoint to create."""

    url: WebhookUrl = Field(description=_URL_TEXT, examples=[_URL])
    description: Description = Field("", description="For people.", examples=["Help desk"])
    event_types: EventTypes = Field([], description=_TYPES_TEXT, examples=[["call.ended", "message.taken"]])
    is_enabled: bool = Field(True, description="Whether events are sent, and stored for it.")


class WebhookEndpointChange(ChangeBody):
    """Changes; a field that is left out stays as it is."""

    url: WebhookUrl | None = Field(
        None, description=f"{_URL_TEXT} Deliveries that wait go there, too; null leaves it as it is.", examples=[_URL]
    )
    description: Description | None = Field(
        None, description="For people; null leaves it as it is.", examples=["Help desk"]
    )
    event_types: EventTypes | None = Field(
        None, description=f"{_TYPES_TEXT} Null leaves them as they are.", examples=[["call.ended"]]
    )
    is_enabled: bool | None = Field(
        None, description="Whether events are sent, and stored for it; null leaves it as it is."
    )


class SecretRotation(Body):
    """How a secret is replaced."""

    at_once: bool = Field(
        False, description="The old secret signs no longer, as after a leak; else both sign for 24 hours."
    )


class WebhookReplay(Body):
    """Which deliveries are sent again."""

    since: UtcDatetime = Field(
        description="Deliveries whose events were stored from then on.", examples=["2026-11-26T09:00:00Z"]
    )
    with_delivered: bool = Field(False, description="Those that were accepted, too; else those that failed for good.")


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
class WebhookTestAnswer:
    """A test that will be sent."""

    event_id: Annotated[UUID, Field(description="Id of the event, which is the header webhook-id.")]


@dataclass(frozen=True, slots=True)
class WebhookReplayAnswer:
    """Deliveries that will be sent again."""

    replayed: Annotated[int, Field(description="How many.", examples=[3])]


async def list_webhook_endpoints(context: MemberContext) -> WebhookEndpointList:
    """The workspace's webhook endpoints, the oldest first; it has 20 at most."""
    found = await context.services[OutboundWebhooks].endpoints.list_all(context.db, context.workspace_id)
    return WebhookEndpointList([to_endpoint_view(endpoint) for endpoint in found], has_more=False)


async def create_webhook_endpoint(context: MemberContext, body: NewWebhookEndpoint) -> WebhookEndpointSecretAnswer:
    """Create an endpoint. Its secret is answered here only."""
    edit = EndpointEdit(body.url, body.description, body.event_types, body.is_enabled)
    made, secret = await context.services[OutboundWebhooks].endpoints.create(
        context.db, context.workspace_id, context.actor, edit, context.now
    )
    return WebhookEndpointSecretAnswer(to_endpoint_view(made), secret)


async def get_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> WebhookEndpointAnswer:
    """An endpoint, without its secret."""
    found = await context.services[OutboundWebhooks].endpoints.get(
        context.db, context.workspace_id, webhook_endpoint_id
    )
    return WebhookEndpointAnswer(to_endpoint_view(found))


async def change_webhook_endpoint(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: WebhookEndpointChange
) -> WebhookEndpointAnswer:
    """Change an endpoint. Enabling it forgets that it failed; deliveries that wait are sent."""
    edit = EndpointEdit(body.url, body.description, body.event_types, body.is_enabled)
    changed = await context.services[OutboundWebhooks].endpoints.update(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, edit, context.now
    )
    return WebhookEndpointAnswer(to_endpoint_view(changed))


async def delete_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> None:
    """Delete an endpoint. Deliveries that wait are not sent; none can be seen any more."""
    await context.services[OutboundWebhooks].endpoints.delete(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id
    )


async def rotate_webhook_secret(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: SecretRotation
) -> WebhookEndpointSecretAnswer:
    """Replace an endpoint's secret. The new one is answered here only."""
    changed, secret = await context.services[OutboundWebhooks].endpoints.rotate_secret(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, context.now, at_once=body.at_once
    )
    return WebhookEndpointSecretAnswer(to_endpoint_view(changed), secret)


async def test_webhook_endpoint(context: MemberContext, webhook_endpoint_id: WebhookEndpointId) -> WebhookTestAnswer:
    """Has the event webhook.test sent to the endpoint, within seconds. What became of it is in its deliveries."""
    event_id = await context.services[OutboundWebhooks].deliveries.send_test(
        context.db, context.workspace_id, context.actor, webhook_endpoint_id, context.now
    )
    return WebhookTestAnswer(event_id)


async def replay_webhook_deliveries(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, body: WebhookReplay
) -> WebhookReplayAnswer:
    """Has deliveries sent again, the oldest 1,000. Receivers know them by their webhook-id."""
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
    """Filters of the list."""

    status: DeliveryStatus | None = Field(None, description="Only deliveries with this status.")


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


async def list_webhook_deliveries(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, query: DeliveriesQuery
) -> WebhookDeliveryList:
    """An endpoint's deliveries of the last 30 days, newest first."""
    found = await context.services[OutboundWebhooks].deliveries.list_page(
        context.db, context.workspace_id, webhook_endpoint_id, status=query.status, page=query.request()
    )
    return WebhookDeliveryList([to_delivery_row(delivery) for delivery in found.rows], **page_fields(query, found))


async def get_webhook_delivery(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, webhook_delivery_id: WebhookDeliveryId
) -> WebhookDeliveryAnswer:
    """A delivery with its data and its attempts."""
    found, attempts = await context.services[OutboundWebhooks].deliveries.get(
        context.db, context.workspace_id, webhook_endpoint_id, webhook_delivery_id
    )
    views = [copy_fields(WebhookAttemptView, attempt) for attempt in attempts]
    return WebhookDeliveryAnswer(to_delivery_row(found), found.event.api_version, found.event.data, views)


async def replay_webhook_delivery(
    context: MemberContext, webhook_endpoint_id: WebhookEndpointId, webhook_delivery_id: WebhookDeliveryId
) -> WebhookReplayAnswer:
    """Has a delivery sent again at once, whatever became of it, under the same webhook-id."""
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
