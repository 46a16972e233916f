"""Webhooks as Telnyx sends them: the envelope, the signature, the attempts, then the failover URL."""

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simulator.carrier.network.hooks import Hooks, Policy, Request, Why
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.signing import Signer

Event = dict[str, object]

ATTEMPTS = 3
_AGAIN: frozenset[Why] = frozenset({"connect", "timeout", "broken", "4xx", "5xx"})
_PAUSE_S = 0.1
_MOST_TOLD = 10_000


def now() -> str:
    """This moment as Telnyx writes it: ISO 8601 with microseconds and Z."""
    return iso(datetime.now(UTC))


def iso(moment: datetime) -> str:
    """A moment (UTC) as Telnyx writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_event(event_type: str, payload: Mapping[str, object]) -> Event:
    """`data` of an envelope, with an id of its own: a receiver knows a repetition by it."""
    return {
        "record_type": "event",
        "event_type": event_type,
        "id": str(uuid.uuid4()),
        "occurred_at": now(),
        "payload": dict(payload),
    }


def envelope(event: Event, attempt: int, url: str) -> bytes:
    """The raw body of one attempt."""
    return json.dumps({"data": event, "meta": {"attempt": attempt, "delivered_to": url}}).encode()


class Webhooks:
    """Tells the customer's servers. told: the latest events, in the order in which they happened."""

    def __init__(self, hooks: Hooks, config: TelnyxConfig, clock: Callable[[], float] = time.time) -> None:
        self.told: deque[Event] = deque(maxlen=_MOST_TOLD)
        self._hooks, self._config, self._clock = hooks, config, clock
        self._signer = Signer(config.signing_key)

    @property
    def public_key(self) -> str:
        """What the receiver verifies with, base64."""
        return self._signer.public_key

    def tell(self, url: str, event_type: str, payload: Mapping[str, object]) -> None:
        """Delivers in the background: three attempts, then three more at the failover URL when there is one."""
        event = make_event(event_type, payload)
        self.told.append(event)
        if url:
            self._hooks.send(lambda attempt: self._request(event, url, attempt), self._policy())

    def _policy(self) -> Policy:
        attempts = ATTEMPTS * (2 if self._config.webhook_failover_url else 1)
        limit = self._config.webhook_timeout_s
        return Policy(attempts, connect_s=limit, total_s=limit, again=_AGAIN, pause_s=_PAUSE_S)

    def _request(self, event: Event, url: str, attempt: int) -> Request:
        to = url if attempt <= ATTEMPTS else self._config.webhook_failover_url
        body = envelope(event, attempt, to)
        headers = {"content-type": "application/json", "user-agent": "telnyx-webhooks"}
        return Request("POST", to, headers | self._signer.headers(body, int(self._clock())), body)
