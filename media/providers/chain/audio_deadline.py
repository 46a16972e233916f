"""The deadline for a voice that has text which it can speak, and has not delivered audio."""

from collections.abc import Callable
from typing import Final

# A voice that takes words one by one may wait for this many characters, or the end of a clause, before it begins.
MIN_CHARACTERS: Final = 40
_CLAUSE_ENDS: Final = (",", ".", ";", ":", "!", "?", "\n")


class AudioDeadline:
    """The deadline of one voice's next audio.

    limit_s: how long audio may take.
    started_at: seconds of `clock`; None while no audio is due. on_start: called when it is set by new text, and before
    it on_due, which is given for the deadline's whole life.
    whole_clauses: every piece of text is a clause or sentence, so that a voice can begin with any of them.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        limit_s: float,
        *,
        whole_clauses: bool,
        on_due: Callable[[], None] | None = None,
    ) -> None:
        self.limit_s = limit_s
        self._clock = clock
        self._whole_clauses = whole_clauses
        self._on_due = on_due
        self._unspoken = ""
        self._has_text = False  # speakable
        self._is_complete = False
        self.started_at: float | None = None
        self.on_start: Callable[[], None] | None = None

    def expires_at(self, began: float) -> float | None:
        """When audio is overdue for a caller that waits since `began`; None while no audio is due."""
        return None if self.started_at is None else max(self.started_at, began) + self.limit_s

    def add_text(self, piece: str) -> None:
        """Adds text for the voice; an empty piece asks it to speak what it has."""
        self._unspoken += piece
        self._has_text = self._has_text or is_speakable(piece)
        if is_speakable(self._unspoken) and (self._whole_clauses or not piece or self._can_begin()):
            self._start()

    def end_text(self) -> None:
        """Marks the text as complete: the rest of the audio, or the stream's end, is due."""
        self._is_complete = True
        if self._has_text:
            self._start()

    def audio_received(self) -> None:
        """Restarts after audio came: once the text is complete, the next audio or the stream's end is due at once."""
        self._unspoken = ""
        self.started_at = self._clock() if self._is_complete else None

    def _can_begin(self) -> bool:
        return len(self._unspoken) >= MIN_CHARACTERS or self._unspoken.rstrip(" ").endswith(_CLAUSE_ENDS)

    def _start(self) -> None:
        if self.started_at is None:
            self.started_at = self._clock()
            if self._on_due:
                self._on_due()
            if self.on_start:
                self.on_start()


def is_speakable(text: str) -> bool:
    """Whether a voice can make sound of the text: punctuation alone is silent."""
    return any(map(str.isalnum, text))
