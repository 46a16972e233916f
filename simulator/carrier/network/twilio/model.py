"""Twilio's objects: the account, calls with their log, recordings, and the form of ids."""

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
# US dollars a minute, United States.
_MINUTE_PRICE: dict[Direction, float] = {"inbound": 0.0085, "outbound-api": 0.014, "outbound-dial": 0.014}


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """One account. public_url: where this network is reached, for the media of recordings.

    sign_streams: whether the WebSocket upgrade carries a signature. calls_per_second: rate at which calls by REST
    start, None for no limit. create_requests_per_second: above this rate, requests that create a call are refused with
    20429 and not processed (docs: api/errors/20429); None for no limit. shared_key: id and secret of the key that a
    Webhook Rule for all URLs names; None without one. goes_on_after_broken_stream: whether the call goes on with its
    next instruction when a media socket breaks; no page of Twilio's says so. Otherwise it is silent until it is
    redirected or ended. regulated: numbers that are not sold to everybody. rated_after_s: how long after its end a call
    has no price (docs: voice/api/call-resource). faults: may change while the network runs.
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
    """A callback URL and its events; url "" for none."""

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
    """An entry of a call's log. code: of an error; 0 for actions (say, play, stream, …)."""

    kind: str
    text: str = ""
    code: int = 0


@dataclass(slots=True)
class TwilioRecording:
    """A recording of a call; its audio is set when it is completed. segments: its ranges in the line's audio."""

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
        """The length in whole seconds."""
        return round(len(self.caller) / 8_000)


@dataclass(slots=True)
class TwilioCall:
    """One leg. stop: interrupts what is being done with it. redirect: set with `stop`, the document that follows."""

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
        """The number of the phone at the other end."""
        return self.caller if self.direction == "inbound" else self.called

    @property
    def over(self) -> bool:
        """Whether it has its final status."""
        return self.status in FINAL

    @property
    def duration_s(self) -> int:
        """Whole seconds from answer to end; 0 without an answer."""
        if self.answered is None:
            return 0
        return round(((self.ended or datetime.now(UTC)) - self.answered).total_seconds())

    def price(self, rated_after_s: float) -> str | None:
        """What the account pays for the begun minutes, as a negative number; None before the call is rated."""
        if self.ended is None or (datetime.now(UTC) - self.ended).total_seconds() < rated_after_s:
            return None
        return f"-{-(-self.duration_s // 60) * _MINUTE_PRICE[self.direction]:.5f}"

    def write_log(self, kind: str, text: str = "", code: int = 0) -> None:
        """Append to the log, up to 200 entries."""
        if len(self.log) < _MAX_LOG:
            self.log.append(CallLogEntry(kind, text, code))

    def redirect_to(self, source: DocumentSource) -> None:
        """Continue the call with another document, at once."""
        self.redirect = source
        self._interrupt()

    def end(self, status: Status = "completed") -> None:
        """End the call. status: its final status if it was not answered."""
        self.cancelled = self.cancelled or status
        if self.line is not None:
            self.line.hang_up()
        self._interrupt()

    def _interrupt(self) -> None:
        self.stop.set()
        if self.line is not None:
            self.line.interrupt()


def fresh_sid(prefix: str) -> str:
    """A new id: two letters and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def sid_of(prefix: str, name: str) -> str:
    """The id of a name, always the same."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:32]
