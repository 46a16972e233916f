"""Finds out which source a request is of, and verifies its signature."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from control.webhooks.inbox.request import WebhookRequest
from control.webhooks.inbox.source import BadSignature, SourceReader
from control.webhooks.metrics import WebhookMetrics
from shared.errors import Forbidden

log = structlog.get_logger()


def verified_reader(
    request: WebhookRequest, readers: Sequence[SourceReader[Any]], metrics: WebhookMetrics, now: datetime
) -> SourceReader[Any]:
    """Returns the first reader that claims the request, or the first of all; its signature is right. Raises Forbidden
    (code bad_signature) and Malformed."""
    reader = next((one for one in readers if one.claims(request)), readers[0])
    try:
        reader.verify(request, now)
    except BadSignature as bad:
        metrics.refused.labels(reader.name, bad.reason).inc()
        log.warning("webhook.refused", source=reader.name, reason=bad.reason, request_id=request.request_id)
        raise Forbidden("The signature is missing or wrong.", code="bad_signature") from None
    return reader
