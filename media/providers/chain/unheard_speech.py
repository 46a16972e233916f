"""Detected speech for which a recognizer gave no text: decides when the recognizer may be deaf. Pure."""

from typing import Final

from media.audio.mulaw import BYTES_PER_MS

# Durations from detected speech to the request for its text, including the pause before the request (0.2 s). Sounds
# shorter than LEAST_MS are coughs and clicks. Speech longer than LONG_MS contains a word.
LEAST_MS: Final = 600.0
LONG_MS: Final = 1_500.0
# One long speech without text, or two shorter ones in a row, is a reason to doubt the recognizer. Music and voices in
# the room are not: after another recognizer understood nothing either, the limit doubles until words arrive.
_DOUBTFUL: Final = 2
_DOUBTFUL_IN_NOISE: Final = 4


class UnheardSpeech:
    """Counts speech that one recognizer did not transcribe. Positions count bytes of the call's audio."""

    __slots__ = ("_asked_ms", "_doubt", "_limit", "_start")

    def __init__(self) -> None:
        self._start: int | None = None  # start of the speech whose text was not requested yet
        self._asked_ms = 0.0  # length of the speech whose text was requested but has not arrived
        self._doubt = 0
        self._limit = _DOUBTFUL

    @property
    def is_doubtful(self) -> bool:
        """Whether the recognizer may be deaf."""
        return self._doubt >= self._limit

    @property
    def is_speaking(self) -> bool:
        """Whether the caller has begun to speak, and the text was not requested yet."""
        return self._start is not None

    def started(self, position: int) -> None:
        """Record that the caller speaks."""
        if self._start is None:
            self._start = position

    def asked(self, position: int) -> None:
        """Record that the text up to this position is requested."""
        if self._start is not None:
            self._asked_ms += (position - self._start) / BYTES_PER_MS
            self._start = None

    def answered(self, *, is_new: bool) -> None:
        """Record that the requested text arrived.

        Args:
            is_new: The text has new words.
        """
        if is_new:
            self.understood()
        elif self._asked_ms >= LEAST_MS:
            self._doubt += _DOUBTFUL if self._asked_ms >= LONG_MS else 1
        self._asked_ms = 0.0

    def understood(self) -> None:
        """Record that words arrived, final or not."""
        self._doubt = 0
        self._limit = _DOUBTFUL

    def was_noise(self) -> None:
        """Record that another recognizer understood nothing either."""
        self._doubt = 0
        self._limit = _DOUBTFUL_IN_NOISE

    def forget(self) -> None:
        """Reset the doubt, because no other recognizer could check the speech."""
        self._doubt = 0

    def drop(self) -> None:
        """Reset the speech length, because the requested text is no longer needed."""
        self._asked_ms = 0.0
