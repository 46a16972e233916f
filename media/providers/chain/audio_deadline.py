"""The deadline for a voice that has text which it can speak, and has not delivered audio."""

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
    """How long a voice's audio may take, in seconds. first_s: its first. next_s: further audio; and while what it sent
    is still played, nothing is missing until lead_s before the end of that, which the next voice needs to begin.
    torn_s: how long audio may lack in one speech, over all its gaps."""

    first_s: float
    next_s: float
    lead_s: float = 0.0
    torn_s: float = math.inf


class AudioDeadline:
    """The deadline of one voice's next audio. All times are seconds of `clock`.

    played_until: when the audio so far has been played.
    started_at: when audio was due; None while none is. on_start: called when it is set by new text, and before
    it on_due, which is given for the deadline's whole life.
    whole_clauses: every piece of text is a clause or sentence, so that a voice can begin with any of them.
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
        self._has_text = False  # speakable
        self._has_audio = False
        self._is_complete = False
        self._lasts_until = 0.0  # if all that the voice sent is played as it comes
        self._lacked_s = 0.0  # audio, over all gaps
        self.started_at: float | None = None
        self.on_start: Callable[[], None] | None = None

    def expires_at(self, began: float) -> float | None:
        """When audio is overdue for a caller that waits since `began`; None while no audio is due."""
        if self.started_at is None:
            return None
        since = max(self.started_at, began)
        if not self._has_audio:
            return since + self._limits.first_s
        stalled_at = max(since + self._limits.next_s, self._played_until() - self._limits.lead_s)
        if not self._lacked_s:  # a first gap is judged as a stall only
            return stalled_at
        return min(stalled_at, max(since, self._lasts_until) + max(0.0, self._limits.torn_s - self._lacked_s))

    def waited_s(self, began: float) -> float:
        """How long audio is due for a caller that waits since `began`."""
        return 0.0 if self.started_at is None else self._clock() - max(self.started_at, began)

    def add_audio(self, seconds: float, began: float) -> None:
        """Adds so much audio, for which a caller has waited since `began`: until now audio lacked, if all that came
        before has been played."""
        now = self._clock()
        if not self._has_audio:
            self._lasts_until = self._played_until()
        elif self.started_at is not None:
            self._lacked_s += max(0.0, now - max(self.started_at, began, self._lasts_until))
        self._lasts_until = max(self._lasts_until, now) + seconds

    @property
    def is_torn(self) -> bool:
        """Whether more audio lacked than may."""
        missing_s = 0.0 if self.started_at is None else self._clock() - max(self.started_at, self._lasts_until)
        return bool(self._lacked_s) and self._lacked_s + max(0.0, missing_s) >= self._limits.torn_s - _EARLY_S

    @property
    def played_until(self) -> float:
        """When the audio so far has been played."""
        return self._played_until()

    @property
    def overdue_s(self) -> float:
        """How long nothing has been played while audio was due."""
        return 0.0 if self.started_at is None else max(0.0, self._clock() - max(self.started_at, self.played_until))

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
    """Whether a voice can make sound of the text: punctuation alone is silent."""
    return any(map(str.isalnum, text))
