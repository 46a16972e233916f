"""The carrier of a call in virtual time: plays what the call sends, returns marks, and remembers when the agent
sounded."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from media.audio.mulaw import BYTES_PER_MS, SILENCE


@dataclass(slots=True)
class SoundSpan:
    """A stretch of agent audio without a gap. Times in ms of the loop's clock; end: as it stands now."""

    start: float
    end: float


class VirtualCarrier:
    """The call's `MediaStream`. Like Twilio it drops its buffer on `clear` and returns the pending marks at once.

    on_mark: called when a mark is reached. spans: when the agent was audible, in order; silence that the call sends,
    such as the rest of a last frame, is part of them. clears: when its buffer was dropped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self.on_mark: Callable[[str], None] = lambda name: None
        self.spans: list[SoundSpan] = []
        self.clears: list[float] = []
        self.audio = bytearray()
        self.is_closed = False

    def play(self, ulaw: bytes) -> None:
        """Queues agent audio."""
        now = self._now
        length = len(ulaw) / BYTES_PER_MS
        if self.spans and self.spans[-1].end >= now:
            self.spans[-1].end += length
        else:
            self.spans.append(SoundSpan(now, now + length))
        self._record(ulaw)

    def mark(self, name: str) -> None:
        """Returns `name` once everything queued before it has been played."""
        due = max(self._now, self.spans[-1].end if self.spans else 0.0)
        self._marks[name] = self._loop.call_at(due / 1_000, self._return, name)

    def clear(self) -> None:
        """Drops what has not been played."""
        now = self._now
        self.clears.append(now)
        if self.spans and self.spans[-1].end > now:
            self.spans[-1].end = max(now, self.spans[-1].start)
            del self.audio[round(now * BYTES_PER_MS) :]
        for name in list(self._marks):
            self._marks[name].cancel()
            self._loop.call_soon(self._return, name)

    def hang_up(self) -> None:
        """The call has ended the stream."""
        self.is_closed = True

    @property
    def _now(self) -> float:
        return self._loop.time() * 1_000

    def _return(self, name: str) -> None:
        if self._marks.pop(name, None) is not None:
            self.on_mark(name)

    def _record(self, ulaw: bytes) -> None:
        """Keeps the agent's side as the caller hears it, for recordings."""
        start = round((self.spans[-1].end * BYTES_PER_MS) - len(ulaw))
        self.audio += SILENCE * max(0, start - len(self.audio))
        self.audio += ulaw
