"""Speech by voice detection for which a recognizer gave no text: when to doubt that it hears anything; pure."""

from typing import Final

from media.audio.mulaw import BYTES_PER_MS

# From where speech was detected to where its text was asked for, the pause before that (0.2 s) included. Shorter sounds
# are coughs and clicks. Somebody who spoke for the longer time has said a word.
LEAST_MS: Final = 600.0
LONG_MS: Final = 1_500.0
# A long speech without text is a reason to doubt, and so are two shorter ones in a row. Music and voices in the room
# are none: once another recognizer understood nothing either, twice as much is needed, until words come.
_DOUBTFUL: Final = 2
_DOUBTFUL_IN_NOISE: Final = 4


class UnheardSpeech:
    """What one recognizer did not understand. Positions count bytes of the call's audio."""

    __slots__ = ("_asked_ms", "_doubt", "_limit", "_start")

    def __init__(self) -> None:
        self._start: int | None = None  # of the speech whose text was not asked for yet
        self._asked_ms = 0.0  # speech whose text was asked for and did not come yet
        self._doubt = 0
        self._limit = _DOUBTFUL

    @property
    def is_doubtful(self) -> bool:
        """Whether the recognizer may be deaf."""
        return self._doubt >= self._limit

    @property
    def is_speaking(self) -> bool:
        """Whether the caller has begun to speak, and the text was not asked for yet."""
        return self._start is not None

    def started(self, position: int) -> None:
        """The caller speaks."""
        if self._start is None:
            self._start = position

    def asked(self, position: int) -> None:
        """The text up to this position is asked for."""
        if self._start is not None:
            self._asked_ms += (position - self._start) / BYTES_PER_MS
            self._start = None

    def answered(self, *, is_new: bool) -> None:
        """The text that was asked for came. is_new: with words."""
        if is_new:
            self.understood()
        elif self._asked_ms >= LEAST_MS:
            self._doubt += _DOUBTFUL if self._asked_ms >= LONG_MS else 1
        self._asked_ms = 0.0

    def understood(self) -> None:
        """Words came, final or not."""
        self._doubt = 0
        self._limit = _DOUBTFUL

    def was_noise(self) -> None:
        """Another recognizer understood nothing either."""
        self._doubt = 0
        self._limit = _DOUBTFUL_IN_NOISE

    def forget(self) -> None:
        """No other recognizer could tell."""
        self._doubt = 0

    def drop(self) -> None:
        """Nobody waits for the text that was asked for."""
        self._asked_ms = 0.0
