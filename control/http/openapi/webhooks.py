"""The part `webhooks` of the OpenAPI document: events that are posted to customers' addresses, by type."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

Schema = dict[str, Any]
SchemaInput = tuple[str, JsonSchemaMode, TypeAdapter[Any]]

_ID: Final = {"type": "string", "format": "uuid", "examples": ["01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"]}
_SIGNATURE: Final = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
_HEADERS: Final[Mapping[str, tuple[str, Schema]]] = {
    "webhook-id": ("Id of the event: the same in each attempt and for each endpoint.", _ID),
    "webhook-timestamp": (
        "Unix time of the attempt, in seconds. Refuse what is more than five minutes off.",
        {"type": "integer", "examples": [1_795_683_600]},
    ),
    "webhook-signature": (
        "Signatures of Standard Webhooks, separated by spaces: one for each secret that is valid.",
        {"type": "string", "examples": [_SIGNATURE]},
    ),
}


class EventText(Protocol):
    """An event type.

    Attributes:
        summary: When the event is sent.
        data: The type of the event's data.
        details: Further sentences in Markdown.
    """

    @property
    def summary(self) -> str: ...

    @property
    def data(self) -> type[Any]: ...

    @property
    def details(self) -> str: ...


def event_inputs(events: Mapping[str, EventText]) -> list[SchemaInput]:
    """Return the types whose schemas `make_webhooks` needs, by `event_key`."""
    return [(event_key(name), "serialization", TypeAdapter(event.data)) for name, event in events.items()]


def event_key(name: str) -> str:
    """Return the key of an event type's data schema."""
    return f"event {name}"


def make_webhooks(events: Mapping[str, EventText], schemas: Mapping[str, Schema], api_version: str) -> Schema:
    """Return the webhook operations by event type.

    Args:
        schemas: Schemas of the data, by `event_key`.
    """
    return {
        name: {"post": _operation(name, event, schemas[event_key(name)], api_version)} for name, event in events.items()
    }


def _operation(name: str, event: EventText, data: Schema, api_version: str) -> Schema:
    return {
        "operationId": f"on_{name.replace('.', '_')}",
        "tags": ["Webhook endpoints"],
        "summary": event.summary,
        **({"description": event.details} if event.details else {}),
        "parameters": [_header(header, text, schema) for header, (text, schema) in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _envelope(name, data, api_version)}},
        },
        "responses": {
            "2XX": {"description": "The event is accepted. Answer within 10 seconds, and work on it afterwards."},
            "410": {"description": "The address is gone: the endpoint is disabled."},
            "default": {"description": "Any other answer, or none: the event is sent again, for three days."},
        },
    }


def _header(name: str, text: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": True, "description": text, "schema": schema}


def _envelope(name: str, data: Schema, api_version: str) -> Schema:
    properties: Schema = {
        "id": {**_ID, "description": "Id of the event, as in webhook-id."},
        "type": {"const": name, "description": "Type of the event."},
        "api_version": {"const": api_version, "description": "Version of the data."},
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened (UTC).",
            "examples": ["2026-11-26T09:30:00Z"],
        },
        "workspace_id": {**_ID, "description": "Id of the workspace."},
        "object_id": {**_ID, "description": "Id of what the event is about: its call, message, agent and so on."},
        "sequence": {
            "type": "integer",
            "description": "Higher than that of each earlier event of the same object. Events may arrive in any order.",
            "examples": [1_795_683_600_123_456],
        },
        "data": data,
    }
    return {"type": "object", "required": list(properties), "properties": properties}
