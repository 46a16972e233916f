"""Defines a source of webhooks: its requests, verification, parsing, addresses and settings."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from aiohttp import web

from control.inbound_webhooks.queries import OpenEvent
from shared.errors import Malformed

# --- Requests --------------------------------------------------------------------------------------------------------

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
_MAX_FIELDS: Final = 300
# Default limit. Carriers send up to a few KB. A form must be parsed before its signature can be checked.
MAX_BODY_BYTES: Final = 65_536


@dataclass(frozen=True)
class WebhookRequest:
    """A request to a webhook address.

    Attributes:
        target: Path and query exactly as sent, with the sender's percent-encoding.
        headers: Names in any case.
        query: Decoded parameters.
    """

    target: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    body: bytes
    request_id: str

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON. An empty body counts as a form."""
        return self.content_type == JSON and bool(self.body)

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of a form, or the texts of a JSON object.

        Empty form fields are included, because they are signed, too. Raises Malformed (codes broken_body, not_json).
        """
        return _json_fields(self.body) if self.is_json else _form_fields(self.body)


def _form_fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Malformed("The body is not a form or has too many fields.", code="broken_body") from None


def _json_fields(body: bytes) -> list[tuple[str, str]]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):  # RecursionError: nested too deeply
        raise Malformed("The body is not valid JSON.", code="not_json") from None
    found: Mapping[str, object] = document if isinstance(document, dict) else {}
    return [(name, value) for name, value in found.items() if isinstance(value, str)]


# --- Sources ---------------------------------------------------------------------------------------------------------

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class BadSignature(Exception):
    """The request could not be verified to come from the source.

    Args:
        reason: For logs and metrics: "missing", "wrong", "stale", "no_key", "unknown_account" or "unknown_shared_key".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SourceReader(Protocol[M_co]):
    """Recognizes, verifies and parses the requests of a source, without side effects."""

    @property
    def name(self) -> str:
        """The value of webhook_events.source and of the metric label `carrier`."""

    def claims(self, request: WebhookRequest) -> bool:
        """Return whether the request claims to be from this source. The claim is untrusted until `verify` succeeds."""

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Verify the request. Raises BadSignature, and Malformed if the body cannot be read."""

    def parse(self, request: WebhookRequest, now: datetime) -> M_co:
        """Return the source's message in a verified request. Raises Malformed."""


@dataclass(frozen=True, slots=True)
class WebhookSource(Generic[M]):
    """A source of webhooks.

    Attributes:
        answers: Handlers of verified messages, by the path of the address.
        retry: Finishes an open event.
        ordering_key: Open events with the same key are retried one after another, in the order received.
        max_body_bytes: Size limit of requests to its addresses.
    """

    reader: SourceReader[M]
    answers: Mapping[str, Callable[[M, datetime], Awaitable[web.Response]]]
    retry: Callable[[OpenEvent, datetime], Awaitable[None]]
    ordering_key: Callable[[OpenEvent], str]
    max_body_bytes: int = MAX_BODY_BYTES

    @property
    def name(self) -> str:
        """The reader's name."""
        return self.reader.name


# --- Addresses -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """A webhook address, for the API document and its tests."""

    method: str
    path: str
    summary: str
    beyond_spec: bool = False


INBOUND: Final = "/webhooks/calls/inbound"
STATUS: Final = "/webhooks/calls/status"
RECORDING: Final = "/webhooks/calls/recording"
CONTINUE: Final = "/webhooks/calls/continue"
STREAM: Final = "/webhooks/calls/stream"
TARGET: Final = "/webhooks/calls/target"
CARRIER_ROUTES: Final = (
    WebhookRoute("POST", INBOUND, "A carrier reports an inbound call, or that an outbound call was answered."),
    WebhookRoute("POST", STATUS, "A carrier reports a call's status."),
    WebhookRoute("POST", RECORDING, "A carrier reports a recording."),
    WebhookRoute("POST", CONTINUE, "Twilio requests instructions after a media stream.", beyond_spec=True),
)
TWILIO_ROUTES: Final = (
    *CARRIER_ROUTES,
    WebhookRoute("POST", STREAM, "Twilio reports the end of a media stream.", beyond_spec=True),
    WebhookRoute("POST", TARGET, "Twilio requests instructions for the target of a warm transfer.", beyond_spec=True),
)


# --- Settings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Addresses, keys and time limits. Fields that end in _s are in seconds."""

    # --- Address and signatures ---

    #: Base URL at which carriers reach us, without a trailing slash. Signatures are computed over it.
    url: str
    #: (account, token) pairs. The first account is the main account. An account that is listed twice has two valid
    #: tokens.
    twilio_tokens: Sequence[tuple[str, str]] = field(default=(), repr=False)
    #: (id, secret) pairs of SharedKeys, which sign requests instead of tokens if a Webhook Rule of Twilio says so.
    twilio_shared_keys: Sequence[tuple[str, str]] = field(default=(), repr=False)
    #: Ed25519 public keys, each base64 of 32 bytes. Several during a rotation.
    telnyx_public_keys: Sequence[str] = ()
    #: Signing secrets of Stripe's endpoint. Several during a replacement.
    stripe_secrets: Sequence[str] = field(default=(), repr=False)
    #: Whether an unsigned request from Twilio is refused. A wrong signature is always refused.
    require_twilio_signature: bool = True

    # --- Reading and answering a request ---

    #: Size of Stripe's largest event: an invoice with ten lines, each with 50 metadata values of 500 characters, has
    #: 0.3 MB.
    stripe_body_bytes: int = 524_288
    #: Time limit for receiving the body.
    body_timeout_s: float = 5.0
    #: Time limit for a TwiML answer, and for storing an event. Twilio waits 15 s (docs: webhooks-connection-overrides).
    deadline_s: float = 6.0
    #: Time limit for choosing a media node and issuing the ticket.
    media_assignment_s: float = 1.5
    #: What the caller hears, in English, if a TwiML answer fails because of an error on our side.
    apology: str = "Sorry, something went wrong on our side. Please call again in a moment. Goodbye."

    # --- After a media stream ended ---

    #: Time limit for loading the call from the database. After it, only the stream's outcome on the bus is used.
    lookup_s: float = 1.0
    #: How long the media node's stream outcome may take to arrive after the carrier has reported the end of the stream.
    outcome_wait_s: float = 1.0

    # --- Requests to carriers ---

    #: How long commands may delay the answer to Telnyx, which waits 2 s (docs: receiving-webhooks). After this time
    #: they continue in the background.
    inline_commands_s: float = 1.5
    #: Time limit for all commands of an event, including the wait for the stream's outcome. The rest is left for a
    #: retry.
    commands_s: float = 4.0


# --- Fields that carriers send ----------------------------------------------------------------------------------------

_MAX_DIFFERENCE: Final = timedelta(days=1)


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID, or None if the text is not a UUID."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def plausible_time(reported: datetime, now: datetime) -> datetime:
    """Return `reported`. Return `now` if `reported` is in the future, is more than a day off, or has no time zone."""
    if reported.tzinfo is None or abs(reported - now) > _MAX_DIFFERENCE:
        return now
    return min(reported, now)


def non_empty(**fields: str) -> dict[str, str]:
    """Return the values that are not empty."""
    return {name: value for name, value in fields.items() if value}
