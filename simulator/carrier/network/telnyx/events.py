"""Telnyx's webhooks: envelope, signature, retries, failover URL (docs: voice/programmable-voice/receiving-webhooks)."""

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.signature import WebhookSigner
from simulator.carrier.network.webhook_client import DeliveryPolicy, FailureKind, WebhookClient, WebhookRequest

Event = dict[str, object]

ATTEMPTS = 3
_RETRY_ON: frozenset[FailureKind] = frozenset({"connect", "timeout", "broken", "4xx", "5xx"})
_PAUSE_S = 0.1
_MAX_PUBLISHED = 10_000


def now() -> str:
    """Return the current time in Telnyx's format: ISO 8601 with microseconds and Z."""
    return iso(datetime.now(UTC))


def iso(moment: datetime) -> str:
    """Return a UTC time in Telnyx's format."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_event(event_type: str, payload: Mapping[str, object]) -> Event:
    """Return `data` of an envelope with a new id. Receivers detect repetitions by this id."""
    return {
        "record_type": "event",
        "event_type": event_type,
        "id": str(uuid.uuid4()),
        "occurred_at": now(),
        "payload": dict(payload),
    }


def envelope(event: Event, attempt: int, url: str) -> bytes:
    """Return the raw body of a delivery attempt."""
    return json.dumps({"data": event, "meta": {"attempt": attempt, "delivered_to": url}}).encode()


class TelnyxWebhooks:
    """Sends events to the customer.

    Attributes:
        published: The latest events, in order.
    """

    def __init__(self, client: WebhookClient, config: TelnyxConfig, clock: Callable[[], float] = time.time) -> None:
        self.published: deque[Event] = deque(maxlen=_MAX_PUBLISHED)
        self._client, self._config, self._clock = client, config, clock
        self._signer = WebhookSigner(config.signing_key)

    @property
    def public_key(self) -> str:
        """The public key of the signatures, base64."""
        return self._signer.public_key

    def publish(self, url: str, event_type: str, payload: Mapping[str, object], phone: str = "") -> None:
        """Deliver in the background: three attempts, then three attempts at the failover URL if there is one.

        Args:
            url: The webhook URL.
            event_type: The event's type.
            payload: The event's payload.
            phone: The phone whose call the event concerns.
        """
        shown_type = event_type.replace(".", "_") if self._config.faults.of(phone).underscores else event_type
        event = make_event(shown_type, payload)
        self.published.append(event)
        if url:
            self._client.send(lambda attempt: self._request(event, url, attempt), self._policy(), phone)

    def _policy(self) -> DeliveryPolicy:
        attempts = ATTEMPTS * (2 if self._config.webhook_failover_url else 1)
        limit = self._config.webhook_timeout_s
        return DeliveryPolicy(attempts, connect_s=limit, total_s=limit, retry_on=_RETRY_ON, pause_s=_PAUSE_S)

    def _request(self, event: Event, url: str, attempt: int) -> WebhookRequest:
        to = url if attempt <= ATTEMPTS else self._config.webhook_failover_url
        body = envelope(event, attempt, to)
        headers = {"content-type": "application/json", "user-agent": "telnyx-webhooks"}
        return WebhookRequest("POST", to, headers | self._signer.headers(body, int(self._clock())), body)
