"""The caller's turns: counted, in the conversation once they are taken, and told once they are taken for good."""

from collections.abc import Callable

from media.call.memory import unanswered, untold
from media.call.transcript import Handle, Transcript
from shared.events import CallerSaid, Event
from shared.plan import Resume


class Turns:
    """One call's. Moments in ms of the call's clock. number: of the latest turn, 0 before the first."""

    def __init__(self, transcript: Transcript, emit: Callable[[Event], None], number: int = 0) -> None:
        """number: how many turns were told before this stream."""
        self.number = number
        self._transcript = transcript
        self._emit = emit
        self._began: float | None = None
        self._entry: Handle | None = None
        self._said: CallerSaid | None = None

    @property
    def pending(self) -> bool:
        """A turn was taken that may still go on, and that nobody was told of."""
        return self._said is not None

    @property
    def told(self) -> int:
        """How many turns were told in events."""
        return self.number - self.pending

    def began(self, at: float) -> None:
        """The caller began to speak, or goes on."""
        if self._began is None:
            self._began = at

    def began_over(self, at: float) -> None:
        """The caller interrupted the agent: the turn began with the first sound over its words."""
        self._began = at

    def nothing(self) -> None:
        """There were no words in what sounded like speech."""
        self._began = None

    def resumed(self) -> None:
        """What sounded over the agent was no turn; one that is pending keeps its beginning."""
        if self._said is None:
            self._began = None

    def take(self, text: str, ended: float) -> None:
        """The turn is over (or goes on where it was taken too early): all its words so far."""
        if self._entry is None:
            self.number += 1
            self._entry = self._transcript.caller(text)
        else:
            self._entry.now(text)
        self._said = self._event(self.number, text, ended, ended)

    def commit(self) -> None:
        """The pending turn, if any, is taken for good: it is told."""
        if self._said is None:
            return
        self._emit(self._said)
        self._said = self._entry = self._began = None

    def last(self, text: str, now: float, ended: float) -> None:
        """Words that were spoken while the line was closed, which nobody will answer."""
        self._emit(self._event(self.number + 1, text, now, ended))

    def pick_up(self, lost: Resume) -> bool:
        """Goes on where the call was lost; returns whether the caller's last words are still to be answered."""
        words = unanswered(lost)
        if words is not None and untold(lost):
            self.number += 1
            at = max(0, lost.lost_ms - lost.began_ms)
            self._emit(CallerSaid(self.number, words, at, at))
        return words is not None

    def _event(self, number: int, text: str, unseen: float, ended: float) -> CallerSaid:
        """unseen: its beginning, when none was noticed."""
        began = self._began if self._began is not None else unseen
        return CallerSaid(number, text, round(began), round(ended))
