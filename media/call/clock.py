"""The two clocks of a call."""

from collections.abc import Callable


class CallClock:
    """Two clocks in ms, which drift apart while the carrier or the event loop is delayed.

    Attributes:
        now: Real time since the call's first stream began. It never decreases.
        audio_ms: The caller audio of this stream so far, with silence in place of missing audio.
        audio_at: When the audio clock had this value.
    """

    __slots__ = ("audio_at", "audio_ms", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.audio_ms = 0
        self.audio_at = now()

    def at_audio(self, audio_ms: float) -> float:
        """Convert a moment of the audio clock to real time."""
        return self.audio_at - (self.audio_ms - audio_ms)

    def to_audio(self, at: float) -> int:
        """Convert a moment of real time to the audio clock."""
        return round(self.audio_ms - (self.audio_at - at))
