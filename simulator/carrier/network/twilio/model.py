"""Twilio's objects: the account, calls with their log, recordings, and ids."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio.faults import TwilioFaults
from simulator.carrier.network.twilio.number_rule import NumberRule
from simulator.carrier.network.twilio.twiml import TwimlDocument

Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
Direction = Literal["inbound", "outbound-api", "outbound-dial"]
FINAL: frozenset[Status] = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
EVENTS = ("initiated", "ringing", "answered", "completed")

_MAX_LOG = 200
# US dollars per minute, United States.
_MINUTE_PRICE: dict[Direction, float] = {"inbound": 0.0085, "outbound-api": 0.014, "outbound-dial": 0.014}


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """A Twilio account.

    Attributes:
        public_url: The network's public URL, for the media of recordings.
        sign_streams: Whether the WebSocket upgrade has a signature.
        calls_per_second: Rate at which calls through REST start; None for no limit.
        create_requests_per_second: Above this rate, requests that create a call are refused with 20429 and not
            processed (docs: api/errors/20429). None for no limit.
        shared_key: Id and secret of the key that a Webhook Rule for all URLs names; None without a rule.
        goes_on_after_broken_stream: Whether the call continues with its next instruction after a media socket broke,
            which Twilio does not document. Otherwise the call is silent until it is redirected or ended.
        regulated: Numbers with conditions for their purchase.
        rated_after_s: How long after its end a call has no price (docs: voice/api/call-resource).
        faults: May change while the network runs.
    """

    account_sid: str
    auth_token: str
    public_url: str = ""
    sign_streams: bool = True
    calls_per_second: float | None = None
    create_requests_per_second: int | None = None
    shared_key: tuple[str, str] | None = None
    goes_on_after_broken_stream: bool = True
    rated_after_s: float = 60.0
    regulated: tuple[NumberRule, ...] = ()
    faults: TwilioFaults = field(default_factory=TwilioFaults)


@dataclass(frozen=True, slots=True)
class StatusCallback:
    """A callback URL and its events. The URL is empty if there is no callback."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """The source of a call's next document: a URL with a fallback and additional fields, or the document itself."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    fields: tuple[tuple[str, str], ...] = ()
    document: TwimlDocument | None = None


@dataclass(frozen=True, slots=True)
class CallLogEntry:
    """An entry of a call's log.

    Attributes:
        code: The code of an error; 0 for actions (say, play, stream, …).
    """

    kind: str
    text: str = ""
    code: int = 0


@dataclass(slots=True)
class TwilioRecording:
    """A recording of a call. Its audio is set when the recording is completed.

    Attributes:
        segments: Ranges of the recording in the line's audio.
    """

    sid: str
    call_sid: str
    source: str
    dual: bool
    callback: StatusCallback
    started: datetime
    status: str = "in-progress"
    segments: list[tuple[int, int | None]] = field(default_factory=list)
    caller: bytes = b""
    agent: bytes = b""

    @property
    def duration_s(self) -> int:
        """Length in whole seconds."""
        return round(len(self.caller) / 8_000)


@dataclass(slots=True)
class TwilioCall:
    """A leg of a call.

    Attributes:
        stop: Interrupts the current operation on the leg.
        redirect: The document that follows; set together with `stop`.
    """

    sid: str
    direction: Direction
    caller: str
    called: str
    status: Status = "queued"
    parent_sid: str | None = None
    phone_number_sid: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    answered: datetime | None = None
    ended: datetime | None = None
    answered_by: str | None = None
    callback: StatusCallback = field(default_factory=StatusCallback)
    sequence: int = 0
    sip_code: int = 200
    extra: Mapping[str, str] = field(default_factory=dict)
    log: list[CallLogEntry] = field(default_factory=list)
    recordings: list[TwilioRecording] = field(default_factory=list)
    line: Line | None = None
    redirect: DocumentSource | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: Status | None = None

    @property
    def phone(self) -> str:
        """Number of the phone at the other end."""
        return self.caller if self.direction == "inbound" else self.called

    @property
    def over(self) -> bool:
        """Whether the call has its final status."""
        return self.status in FINAL

    @property
    def duration_s(self) -> int:
        """Whole seconds from the answer to the end; 0 without an answer."""
        if self.answered is None:
            return 0
        return round(((self.ended or datetime.now(UTC)) - self.answered).total_seconds())

    def price(self, rated_after_s: float) -> str | None:
        """Return the price for the started minutes as a negative number; None before the call is rated."""
        if self.ended is None or (datetime.now(UTC) - self.ended).total_seconds() < rated_after_s:
            return None
        return f"-{-(-self.duration_s // 60) * _MINUTE_PRICE[self.direction]:.5f}"

    def write_log(self, kind: str, text: str = "", code: int = 0) -> None:
        """Append to the log, which holds up to 200 entries."""
        if len(self.log) < _MAX_LOG:
            self.log.append(CallLogEntry(kind, text, code))

    def redirect_to(self, source: DocumentSource) -> None:
        """Continue the call immediately with another document."""
        self.redirect = source
        self._interrupt()

    def end(self, status: Status = "completed") -> None:
        """End the call. `status` becomes its final status if the call was not answered."""
        self.cancelled = self.cancelled or status
        if self.line is not None:
            self.line.hang_up()
        self._interrupt()

    def _interrupt(self) -> None:
        self.stop.set()
        if self.line is not None:
            self.line.interrupt()


def fresh_sid(prefix: str) -> str:
    """Return a new id: two letters and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def sid_of(prefix: str, name: str) -> str:
    """Return the id for a name. The same name always gets the same id."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:32]
