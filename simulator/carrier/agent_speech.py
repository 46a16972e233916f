"""The agent's speech as the caller perceives it: when an answer arrived, when it was heard, and the silence since."""

from simulator.carrier.audio_level import audible_span, milliseconds

# Audio that began before the end of the caller's turn is not an answer. If the agent talks over the caller and then
# stays silent, it counts as finished after this much additional silence.
_OVERLAP_SILENCE_MS = 2_000.0
_SHORTEST_OVERLAP_MS = 400.0


class AgentSpeech:
    """Tracks the audible agent audio of a call. Times are milliseconds of the call.

    Attributes:
        arrived_ms: When the first audible audio of the answer to the latest turn reached the carrier.
        heard_ms: When that audio began to play.
        since_ms: When the speech of the caller's latest turn ended; 0 before the first turn.
    """

    def __init__(self) -> None:
        self.since_ms = 0.0
        self.arrived_ms: float | None = None
        self.heard_ms: float | None = None
        self._plays_until = 0.0
        self._overlaps = False  # whether the audio playing now began before the end of the caller's turn

    def end_turn(self, at_ms: float) -> None:
        """Record that the caller stopped speaking. Audio that begins from now on is the answer."""
        self.since_ms = at_ms
        self.arrived_ms = self.heard_ms = None
        self._overlaps = self._plays_until > at_ms

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Record agent audio that reached the carrier and begins to play at `begins_ms`."""
        span = audible_span(payload)
        if span is None:
            return
        if self._overlaps and at_ms >= self._plays_until:
            self._overlaps = False
        if not self._overlaps and self.arrived_ms is None:
            self.arrived_ms = at_ms
            self.heard_ms = begins_ms + milliseconds(span.start)
        self._plays_until = max(self._plays_until, begins_ms + milliseconds(span.end))

    def cleared(self, at_ms: float) -> None:
        """Record that the queued audio was discarded. An answer that was not heard at all is dropped."""
        self._plays_until = min(self._plays_until, at_ms)
        self._overlaps = False
        if self.heard_ms is not None and self.heard_ms >= at_ms:
            self.arrived_ms = self.heard_ms = None

    def speaking(self, at_ms: float) -> bool:
        """Return whether agent audio is playing or queued at this moment."""
        return self._plays_until > at_ms

    def quiet_ms(self, at_ms: float) -> float | None:
        """Return how long the agent has been silent since its answer; 0 while it speaks, None before an answer."""
        if self.heard_ms is not None and at_ms >= self.heard_ms:
            return max(0.0, at_ms - self._plays_until)
        if self._overlaps and self._plays_until - self.since_ms > _SHORTEST_OVERLAP_MS:
            return max(0.0, at_ms - self._plays_until - _OVERLAP_SILENCE_MS)
        return None
