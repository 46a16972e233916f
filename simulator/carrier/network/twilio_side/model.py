"""What Twilio keeps: an account, calls with their log, recordings; and how its ids look."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.twiml import Document

Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
Direction = Literal["inbound", "outbound-api", "outbound-dial"]
FINAL: frozenset[Status] = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
EVENTS = ("initiated", "ringing", "answered", "completed")

_MOST_LOGGED = 200


@dataclass(frozen=True, slots=True)
class TwilioConfig:
    """The one account. public_url: where this network is reached, for the media of recordings.

    sign_streams: the WebSocket upgrade carries a signature. calls_per_second: REST calls begin so often, None: at once.
    """

    account_sid: str
    auth_token: str
    public_url: str = ""
    sign_streams: bool = True
    calls_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A URL to be told of a call's progress; url "" for none."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a call's next document comes from: a URL (with a fallback, and fields beside the usual), or itself."""

    url: str = ""
    method: str = "POST"
    fallback_url: str = ""
    fallback_method: str = "POST"
    fields: tuple[tuple[str, str], ...] = ()
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line in a call's log. code: of an error, 0 for what was done (say, play, stream, …)."""

    kind: str
    text: str = ""
    code: int = 0


@dataclass(slots=True)
class Recording:
    """A recording of a call; audio is there when it is completed. segments: where in the line's legs it ran."""

    sid: str
    call_sid: str
    source: str
    dual: bool
    callback: Callback
    started: datetime
    status: str = "in-progress"
    segments: list[tuple[int, int | None]] = field(default_factory=list)
    caller: bytes = b""
    agent: bytes = b""

    @property
    def duration_s(self) -> int:
        """Whole seconds, as Twilio states them."""
        return round(len(self.caller) / 8_000)


@dataclass(slots=True)
class Call:
    """One leg. `stop` ends what is being done with it; `redirect` (set with it) says how it goes on."""

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
    callback: Callback = field(default_factory=Callback)
    sequence: int = 0
    sip_code: int = 200
    extra: Mapping[str, str] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    line: Line | None = None
    redirect: Source | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: Status | None = None

    @property
    def over(self) -> bool:
        """It has its final status."""
        return self.status in FINAL

    @property
    def duration_s(self) -> int:
        """Whole seconds from answer to end; 0 without an answer."""
        if self.answered is None:
            return 0
        return round(((self.ended or datetime.now(UTC)) - self.answered).total_seconds())

    def note(self, kind: str, text: str = "", code: int = 0) -> None:
        """Writes into the log, which is bounded."""
        if len(self.log) < _MOST_LOGGED:
            self.log.append(Entry(kind, text, code))

    def move(self, source: Source) -> None:
        """The call goes on with another document, at once."""
        self.redirect = source
        self._wake()

    def end(self, status: Status = "completed") -> None:
        """The call is ended from outside; `status` counts when it was not answered."""
        self.cancelled = self.cancelled or status
        if self.line is not None:
            self.line.hang_up()
        self._wake()

    def _wake(self) -> None:
        self.stop.set()
        if self.line is not None:
            self.line.interrupt()


def fresh_sid(prefix: str) -> str:
    """Two letters and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def sid_of(prefix: str, name: str) -> str:
    """The same id for the same name each time."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:32]
