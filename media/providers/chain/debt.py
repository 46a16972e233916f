"""Since when a voice has had text that it can speak, without delivering audio."""

from collections.abc import Callable
from typing import Final

# A voice that takes words one by one may wait for so many characters, or the end of a clause, before it begins.
ENOUGH_TO_BEGIN: Final = 40
_CLAUSE_ENDS: Final = (",", ".", ";", ":", "!", "?", "\n")


class Debt:
    """Kept for one voice. since: seconds of `clock`, None while nothing is owed. on_owed: called when it begins.

    limit_s: how long it may be owed.
    whole: every piece of text is a clause or sentence, so that a voice can begin with any of them.
    """

    def __init__(self, clock: Callable[[], float], limit_s: float, *, whole: bool) -> None:
        self.limit_s = limit_s
        self._clock = clock
        self._whole = whole
        self._waiting = ""
        self._all = False
        self.since: float | None = None
        self.on_owed: Callable[[], None] | None = None

    def due(self, began: float) -> float | None:
        """When the audio is overdue for somebody who waits since `began`; None while nothing is owed."""
        return None if self.since is None else max(self.since, began) + self.limit_s

    def gave(self, piece: str) -> None:
        """More text is there for the voice; an empty piece means that it has to speak what it has."""
        self._waiting += piece
        if is_speakable(self._waiting) and (self._whole or not piece or self._can_begin()):
            self._owe()

    def gave_all(self) -> None:
        """The text is complete."""
        self._all = True
        if is_speakable(self._waiting):
            self._owe()

    def paid(self) -> None:
        """Audio came. Once the text is complete, the next audio or the end of the stream is owed at once."""
        self._waiting = ""
        self.since = self._clock() if self._all else None

    def _can_begin(self) -> bool:
        return len(self._waiting) >= ENOUGH_TO_BEGIN or self._waiting.rstrip(" ").endswith(_CLAUSE_ENDS)

    def _owe(self) -> None:
        if self.since is None:
            self.since = self._clock()
            if self.on_owed:
                self.on_owed()


def is_speakable(text: str) -> bool:
    """A voice can make sound of it: punctuation alone is silent."""
    return any(map(str.isalnum, text))
