"""The deadline of a voice that has speakable text but has not delivered its audio."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# A voice that takes words one by one may wait for this many characters, or the end of a clause, before it begins.
MIN_CHARACTERS: Final = 40
_EARLY_S: Final = 0.002  # timers fire up to 1 ms early
_CLAUSE_ENDS: Final = (",", ".", ";", ":", "!", "?", "\n")


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """Limits for a voice's audio, in seconds.

    Attributes:
        first_s: The limit for the first audio.
        next_s: The limit for further audio. While audio that was sent is still playing, the voice is not late until
            lead_s before its end.
        lead_s: The time that the next voice needs to begin.
        torn_s: The maximum total length of all gaps in one speech.
    """

    first_s: float
    next_s: float
    lead_s: float = 0.0
    torn_s: float = math.inf


class AudioDeadline:
    """The deadline for one voice's next audio. All times are seconds of `clock`.

    Args:
        whole_clauses: Every piece of text is a clause or sentence, so that a voice can begin with any piece.
        on_due: Called each time before `on_start`, during the deadline's whole life.
        played_until: Returns the time at which the audio so far has been played.

    Attributes:
        started_at: The time at which audio was due, or None if no audio is due.
        on_start: Called when new text starts the deadline.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        limits: AudioLimits,
        *,
        whole_clauses: bool,
        on_due: Callable[[], None] | None = None,
        played_until: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._whole_clauses = whole_clauses
        self._on_due = on_due
        self._played_until = played_until
        self._unspoken = ""
        self._has_text = False  # whether any text is speakable
        self._has_audio = False
        self._is_complete = False
        self._lasts_until = 0.0  # when all audio ends if it is played as it arrives
        self._lacked_s = 0.0  # total length of all gaps
        self.started_at: float | None = None
        self.on_start: Callable[[], None] | None = None

    def expires_at(self, began: float) -> float | None:
        """Return when audio is overdue for a caller that has waited since `began`, or None while no audio is due."""
        if self.started_at is None:
            return None
        since = max(self.started_at, began)
        if not self._has_audio:
            return since + self._limits.first_s
        stalled_at = max(since + self._limits.next_s, self._played_until() - self._limits.lead_s)
        if not self._lacked_s:  # a first gap counts only as a possible stall
            return stalled_at
        return min(stalled_at, max(since, self._lasts_until) + max(0.0, self._limits.torn_s - self._lacked_s))

    def waited_s(self, began: float) -> float:
        """Return how long audio has been due for a caller that has waited since `began`."""
        return 0.0 if self.started_at is None else self._clock() - max(self.started_at, began)

    def add_audio(self, seconds: float, began: float) -> None:
        """Add audio for which the caller has waited since `began`. If all earlier audio has been played, the wait
        counts as a gap."""
        now = self._clock()
        if not self._has_audio:
            self._lasts_until = self._played_until()
        elif self.started_at is not None:
            self._lacked_s += max(0.0, now - max(self.started_at, began, self._lasts_until))
        self._lasts_until = max(self._lasts_until, now) + seconds

    @property
    def is_torn(self) -> bool:
        """Whether the gaps exceed the limit (`torn_s`)."""
        missing_s = 0.0 if self.started_at is None else self._clock() - max(self.started_at, self._lasts_until)
        return bool(self._lacked_s) and self._lacked_s + max(0.0, missing_s) >= self._limits.torn_s - _EARLY_S

    @property
    def played_until(self) -> float:
        """The time at which the audio so far has been played."""
        return self._played_until()

    @property
    def overdue_s(self) -> float:
        """How long the line has been silent while audio was due."""
        return 0.0 if self.started_at is None else max(0.0, self._clock() - max(self.started_at, self.played_until))

    def add_text(self, piece: str) -> None:
        """Add text for the voice. An empty piece requests the audio of all text so far."""
        self._unspoken += piece
        self._has_text = self._has_text or is_speakable(piece)
        if is_speakable(self._unspoken) and (self._whole_clauses or not piece or self._can_begin()):
            self._start()

    def end_text(self) -> None:
        """Mark the text as complete. The rest of the audio, or the stream's end, is now due."""
        self._is_complete = True
        if self._has_text:
            self._start()

    def audio_received(self) -> None:
        """Restart the deadline after audio arrived. If the text is complete, the next audio or the stream's end is due
        at once."""
        self._unspoken = ""
        self._has_audio = True
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
    """Return whether a voice can speak the text. Punctuation alone is silent."""
    return any(map(str.isalnum, text))
