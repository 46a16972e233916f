"""One simulated phone line: the socket between a caller and the server under test."""

import asyncio
import base64
import os
from collections.abc import Callable
from enum import Enum
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import msgspec

from lab.benchmarks import frames, twilio
from lab.benchmarks.caller import Caller
from lab.benchmarks.clip import SILENCE, Phrase


class LineState(Enum):
    """The state of a line."""

    DIALING = "dialling"
    UP = "up"
    REFUSED = "refused"
    LOST = "lost"
    HUNG_UP = "hung up"


class Line(asyncio.Protocol):
    """One call: sends a frame on each `send_frame`; handles the server's audio, marks and clears.

    silence: makes each frame in which the caller says nothing, in base64.
    """

    def __init__(
        self,
        url: str,
        number: int,
        phrase: Phrase,
        caller: Caller,
        on_up: Callable[["Line"], None],
        clock: Callable[[], float] = perf_counter,
        silence: Callable[[], bytes] = lambda: SILENCE,
    ) -> None:
        self.up_at: float | None = None  # when the stream's start message was sent
        self.state = LineState.DIALING
        self.errors = 0  # messages that violate Twilio's protocol
        self.caller = caller
        self._url = urlsplit(url)
        self._stream = twilio.Stream(number)
        self._phrase = phrase.frames
        self._on_up = on_up
        self._clock = clock
        self._silence = silence
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._opening: frames.Opening | None = frames.Opening(self._key)
        self._inbox = frames.Inbox()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.WriteTransport, transport
        )  # uvloop's transport has the interface, but not the base class
        self._transport.write(frames.request(self._url.netloc, self._url.path or "/", self._key))

    def data_received(self, data: bytes) -> None:
        now = self._clock()
        try:
            if self._opening is not None:
                data = self._open(self._opening, data)
            for opcode, payload in self._inbox.feed(data):
                self._message(now, opcode, payload)
        except frames.FrameError:
            self._fail()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail()

    def send_frame(self, now: float) -> None:
        """Sends the caller's next 20 ms, and the marks that were reached since the last frame."""
        index = self.caller.tick(now)
        self._send(self._stream.media(self._silence() if index is None else self._phrase[index]))
        for name in self.caller.played(now):
            self._send(self._stream.mark(name))

    def hang_up(self) -> None:
        """Ends the call as Twilio does: a stop message, a close frame, and end of file.

        Closing a socket with unread data would reset it, and the server would not get the stop message.
        """
        if self.state is not LineState.UP:
            self.close()
            return
        self._send(self._stream.stop())
        self._write(frames.control(frames.CLOSE, (1000).to_bytes(2)))
        self.state = LineState.HUNG_UP
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Closes the socket at once."""
        if self._transport is not None:
            self._transport.close()

    def _open(self, opening: frames.Opening, data: bytes) -> bytes:
        rest = opening.feed(data)
        if rest is None:
            return b""
        self._opening = None
        self._send(twilio.CONNECTED)
        self._send(self._stream.start())
        self.state, self.up_at = LineState.UP, self._clock()
        self._on_up(self)
        return rest

    def _message(self, now: float, opcode: int, payload: bytes) -> None:
        if opcode == frames.TEXT:
            self._on_text(now, payload)
        elif opcode == frames.PING:
            self._write(frames.control(frames.PONG, payload))
        elif opcode == frames.CLOSE:
            self._fail()

    def _on_text(self, now: float, payload: bytes) -> None:
        try:
            message = twilio.parse(payload)
        except msgspec.DecodeError:
            self.errors += 1
            return
        if message.stream_sid != self._stream.stream_sid:
            self.errors += 1
        elif message.event == "media" and message.media is not None:
            self._audio(now, message.media.payload)
        elif message.event == "mark" and message.mark is not None:
            self.caller.mark(now, message.mark.name)
        elif message.event == "clear":
            for name in self.caller.clear(now):
                self._send(self._stream.mark(name))
        else:
            self.errors += 1

    def _audio(self, now: float, ulaw: bytes) -> None:
        self.caller.heard(now, len(ulaw), audible=twilio.audible(ulaw))

    def _fail(self) -> None:
        if self.state is LineState.UP:
            self.state = LineState.LOST
        elif self.state is LineState.DIALING:
            self.state = LineState.REFUSED
        if self._transport is not None:
            self._transport.close()

    def _send(self, message: bytes) -> None:
        self._write(frames.text(message))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
