"""The two clocks of a call."""

from collections.abc import Callable


class CallClock:
    """Both clocks count ms. They drift apart while the carrier or the event loop is held up.

    now: real time since the call's first stream began, never going back. audio_ms: caller audio of this stream
    so far, with silence in place of what is missing. audio_at: when the audio clock stood there.
    """

    __slots__ = ("audio_at", "audio_ms", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.audio_ms = 0
        self.audio_at = now()

    def at_audio(self, audio_ms: float) -> float:
        """Converts a moment of the audio clock to real time."""
        return self.audio_at - (self.audio_ms - audio_ms)

    def to_audio(self, at: float) -> int:
        """Converts a moment of real time to the audio clock."""
        return round(self.audio_ms - (self.audio_at - at))
