"""Detects early that a sound may be speech, which is enough to lower the agent."""

from typing import Final

# The model's probabilities above _THRESHOLD add up, each by at most _MOST, until the sum reaches _ENOUGH. Chosen on the
# development set: see docs/experiments/interruptions.md.
_THRESHOLD: Final = 0.03
_MOST: Final = 0.45
_ENOUGH: Final = 0.2
# The suspicion uses the first _WINDOWS windows (of 32 ms) of a sound. They must be louder than the silence before by
# _RISE_DB. After these windows, the detector has decided, and endless noise raises no suspicion.
_WINDOWS: Final = 6
_RISE_DB: Final = 12.0


class SpeechSuspicion:
    """The suspicion about one caller's latest sound."""

    __slots__ = ("_evidence", "_left")

    def __init__(self) -> None:
        self._evidence = 0.0
        self._left = 0

    @property
    def is_raised(self) -> bool:
        """Whether the sound may be speech."""
        return self._evidence >= _ENOUGH

    def begin(self) -> None:
        """Start the suspicion of a sound after silence."""
        self._evidence = 0.0
        self._left = _WINDOWS

    def end(self) -> None:
        """Clear the suspicion, because the sound is over or is known to be speech."""
        self._evidence = 0.0
        self._left = 0

    def add_window(self, probability: float, rise_db: float) -> None:
        """Add a window of the sound.

        Args:
            probability: The model's probability of speech.
            rise_db: How much louder the window's loudest part is than the silence before the sound.
        """
        if not self._left or rise_db < _RISE_DB:
            self._evidence = 0.0
            return
        self._left -= 1
        self._evidence = max(0.0, self._evidence + min(_MOST, probability - _THRESHOLD))
