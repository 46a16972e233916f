"""The OpenAPI document of the API, made once for each test process that asks for it.

A module of tests must not make it when it is imported, because every test process imports all modules.
"""

from functools import cache
from typing import Any

from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.openapi.document import make_document
from control.outbound_webhooks.event_types import API_VERSION, EVENT_DESCRIPTIONS


@cache
def api_document() -> dict[str, Any]:
    """Return the document as the API serves it."""
    return make_document(
        ROUTES,
        version="1.2.3",
        public_url="https://api.example.com",
        reference=REFERENCE,
        events=EVENT_DESCRIPTIONS,
        event_version=API_VERSION,
    )
