"""The body of a webhook: pure."""

from datetime import UTC
from typing import Final

import msgspec

from control.outbound_webhooks.model import OutboundEvent

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
