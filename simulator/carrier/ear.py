"""What the caller perceives of the agent: when an answer arrived, when it was heard, how long it has been quiet."""

from simulator.carrier.level import audible_span, milliseconds

# Old audio that plays on after the caller's turn isn't an answer, but an agent that talks over the caller and then
# falls silent for good has finished too: it's believed after this much more silence.
_DOUBT_MS = 2_000.0
_RESIDUE_MS = 400.0


class Ear:
    """One caller's ear. Times are milliseconds of the call; only sound that can be heard counts.

    arrived_ms: when the first audible audio of the answer to the latest turn came to the carrier.
    heard_ms: when that audio began to sound at the caller.
    since_ms: when the caller's latest turn truly ended; 0 before the first.
    """

    def __init__(self) -> None:
        self.since_ms = 0.0
        self.arrived_ms: float | None = None
        self.heard_ms: float | None = None
        self._sounds_until = 0.0
        self._old = False  # what sounds now began before the caller's turn ended

    def listen(self, at_ms: float) -> None:
        """The caller has just stopped speaking: what begins from now on is the answer."""
        self.since_ms = at_ms
        self.arrived_ms = self.heard_ms = None
        self._old = self._sounds_until > at_ms

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Agent audio came to the carrier; it'll begin to sound at `begins_ms`."""
        span = audible_span(payload)
        if span is None:
            return
        if self._old and at_ms >= self._sounds_until:
            self._old = False
        if not self._old and self.arrived_ms is None:
            self.arrived_ms = at_ms
            self.heard_ms = begins_ms + milliseconds(span.start)
        self._sounds_until = max(self._sounds_until, begins_ms + milliseconds(span.end))

    def cleared(self, at_ms: float) -> None:
        """The queue was thrown away. An answer that nobody heard any of is no answer."""
        self._sounds_until = min(self._sounds_until, at_ms)
        self._old = False
        if self.heard_ms is not None and self.heard_ms >= at_ms:
            self.arrived_ms = self.heard_ms = None

    def hears(self, at_ms: float) -> bool:
        """Whether agent audio sounds at this moment, or is queued to."""
        return self._sounds_until > at_ms

    def quiet_ms(self, at_ms: float) -> float | None:
        """For how long the agent has been silent after answering; 0 while it speaks, None before it did."""
        if self.heard_ms is not None and at_ms >= self.heard_ms:
            return max(0.0, at_ms - self._sounds_until)
        if self._old and self._sounds_until - self.since_ms > _RESIDUE_MS:
            return max(0.0, at_ms - self._sounds_until - _DOUBT_MS)
        return None
