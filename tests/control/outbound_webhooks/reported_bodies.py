"""The bodies that an endpoint is sent, checked against the OpenAPI document."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from openapi_schema_validator import OAS31Validator

from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.openapi.document import make_document
from control.outbound_webhooks.event_types import API_VERSION, EVENT_DESCRIPTIONS
from control.outbound_webhooks.rules import make_body
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk


@cache
def document() -> dict[str, Any]:
    return make_document(
        ROUTES,
        version="1",
        public_url="https://api.example.com",
        reference=REFERENCE,
        events=EVENT_DESCRIPTIONS,
        event_version=API_VERSION,
    )


def require_valid(body: dict[str, Any]) -> None:
    """The body is as the document says."""
    operation = document()["webhooks"][body["type"]]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    OAS31Validator({**schema, "components": document()["components"]}).validate(body)


async def reported(desk: WebhookDesk, endpoint: UUID) -> list[dict[str, Any]]:
    """The bodies that are sent, in their order by sequence."""
    events = sorted((delivery.event for delivery in await desk.deliveries(endpoint)), key=lambda one: one.sequence)
    bodies = [msgspec.json.decode(make_body(event)) for event in events]
    for body in bodies:
        require_valid(body)
    return bodies
