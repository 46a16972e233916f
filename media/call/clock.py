"""The two clocks of a call."""

from collections.abc import Callable


class CallClock:
    """Both clocks count ms. They drift apart while the carrier or the event loop is held up.

    now: real time since the call's first stream began, never going back. audio_ms: caller audio of this stream so far.
    """

    __slots__ = ("audio_ms", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.audio_ms = 0

    def at_audio(self, audio_ms: float) -> float:
        """Converts a moment of the audio clock to real time."""
        return self.now() - (self.audio_ms - audio_ms)
