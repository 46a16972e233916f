"""The carrier of a test call: plays what the call sends, returns marks, and keeps what the caller hears."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from media.audio.mulaw import BYTES_PER_MS, SILENCE


@dataclass(slots=True)
class SoundSpan:
    """A stretch of audio without a gap, in ms since the call began."""

    start_ms: float
    end_ms: float


class RecordingCarrier:
    """The call's `MediaStream` in virtual time. Like Twilio, it drops its buffer on `clear` and returns the pending
    marks at once.

    Attributes:
        on_mark: Called when a mark is reached.
        spans: When the agent was audible, in order.
        audio: The agent's side as the caller hears it, mu-law from the beginning of the call.
        is_closed: Whether the call has ended the stream.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self.on_mark: Callable[[str], None] = lambda name: None
        self.spans: list[SoundSpan] = []
        self.audio = bytearray()
        self.is_closed = False

    @property
    def now_ms(self) -> float:
        """Milliseconds since the call began."""
        return self._loop.time() * 1_000

    @property
    def is_sounding(self) -> bool:
        """Whether the agent is audible now."""
        return bool(self.spans) and self.spans[-1].end_ms > self.now_ms

    @property
    def silent_since_ms(self) -> float:
        """When the agent was audible last; 0 if it never was."""
        return min(self.now_ms, self.spans[-1].end_ms) if self.spans else 0.0

    def heard_ms(self, since_ms: float) -> float:
        """Returns how long the agent was audible since a moment."""
        now = self.now_ms
        return sum(max(0.0, min(now, span.end_ms) - max(since_ms, span.start_ms)) for span in self.spans)

    def play(self, ulaw: bytes) -> None:
        now, length = self.now_ms, len(ulaw) / BYTES_PER_MS
        if self.spans and self.spans[-1].end_ms >= now:
            self.spans[-1].end_ms += length
        else:
            self.spans.append(SoundSpan(now, now + length))
        start = round(self.spans[-1].end_ms * BYTES_PER_MS) - len(ulaw)
        self.audio += SILENCE * max(0, start - len(self.audio))
        self.audio += ulaw

    def mark(self, name: str) -> None:
        due_ms = max(self.now_ms, self.spans[-1].end_ms if self.spans else 0.0)
        self._marks[name] = self._loop.call_at(due_ms / 1_000, self._return, name)

    def clear(self) -> None:
        now = self.now_ms
        if self.spans and self.spans[-1].end_ms > now:
            self.spans[-1].end_ms = max(now, self.spans[-1].start_ms)
            del self.audio[round(now * BYTES_PER_MS) :]
        for name in list(self._marks):
            self._marks[name].cancel()
            self._loop.call_soon(self._return, name)

    def hang_up(self) -> None:
        self.is_closed = True

    def _return(self, name: str) -> None:
        if self._marks.pop(name, None) is not None:
            self.on_mark(name)
