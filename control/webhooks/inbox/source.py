"""What the inbox needs to know of a source of webhooks. `control/webhooks/sources.py` is the table of all sources."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from control.webhooks.inbox.request import MAX_BODY_BYTES, WebhookRequest
from control.webhooks.inbox.store import OpenEvent

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class BadSignature(Exception):
    """The request cannot be shown to be the source's. reason: for logs and metrics, one of "missing", "wrong",
    "stale", "no_key", "unknown_account", "unknown_shared_key"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SourceReader(Protocol[M_co]):
    """How requests of one source are recognised, verified and parsed; without side effects."""

    @property
    def name(self) -> str:
        """As in webhook_events.source and in the label `carrier` of metrics."""

    def claims(self, request: WebhookRequest) -> bool:
        """Whether the request says that it is of this source. Not to be trusted before `verify`."""

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Raises BadSignature, and Malformed for a body that cannot be read."""

    def parse(self, request: WebhookRequest, now: datetime) -> M_co:
        """Returns the source's message of a verified request. Raises Malformed."""


@dataclass(frozen=True, slots=True)
class WebhookSource(Generic[M]):
    """One source. answers: what answers a verified message, by the path of the address. retry: finishes an event that
    stayed open. ordering_key: open events with the same key are retried one after another, in the order received.
    max_body_bytes: of a request at its addresses."""

    reader: SourceReader[M]
    answers: Mapping[str, Callable[[M, datetime], Awaitable[web.Response]]]
    retry: Callable[[OpenEvent, datetime], Awaitable[None]]
    ordering_key: Callable[[OpenEvent], str]
    max_body_bytes: int = MAX_BODY_BYTES

    @property
    def name(self) -> str:
        """The reader's."""
        return self.reader.name
