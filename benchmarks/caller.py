"""One simulated caller: speaks a phrase, waits for the whole answer, speaks again; or speaks into the answer.

A pure state machine: it is told the time and what came from the server, and says which frame to send next.
"""

from dataclasses import dataclass, field

from benchmarks.playout import Playout

# The generator stamps arrivals to about a millisecond; a gap below this is not told apart from its own clock.
UNDERRUN_S = 0.005


@dataclass(frozen=True, slots=True)
class CallerBehaviour:
    """How all callers behave; times in seconds.

    cycle_s: from one turn's first word to the next one's, at the earliest.
    rest_s: quiet after the answer, before the caller speaks again.
    patience_s: after this long without an answer the turn counts as unanswered and the caller goes on.
    barge_after_s: where set, the caller interrupts every second answer so long after its first audio.
    """

    phrase_frames: int
    cycle_s: float = 8.0
    rest_s: float = 0.5
    patience_s: float = 8.0
    barge_after_s: float | None = None


@dataclass(slots=True)
class Turn:
    """What became of one turn of the caller; times in seconds of the generator's clock.

    began, ended: its first and last frame of speech were handed to the socket.
    answered: the first audible audio of the answer arrived. cleared: the interrupted answer was taken back.
    cut_in: agent audio arrived while the caller was speaking. gaps: seconds of each underrun within the answer.
    """

    began: float
    interrupts: bool = False
    ended: float | None = None
    answered: float | None = None
    cleared: float | None = None
    cut_in: bool = False
    gaps: list[float] = field(default_factory=list)


class Caller:
    """`turns` grows by one as each turn begins."""

    def __init__(self, manner: CallerBehaviour, first_turn_at: float) -> None:
        self.turns: list[Turn] = []
        self._manner = manner
        self._playout = Playout()
        self._next_at = first_turn_at
        self._frame = 0  # of the phrase, while speaking

    @property
    def speaking(self) -> bool:
        """Whether the caller is in the midst of a phrase."""
        return bool(self.turns) and self.turns[-1].ended is None

    @property
    def pending_marks(self) -> int:
        """Marks that the server is still waiting for."""
        return self._playout.pending

    def tick(self, now: float) -> int | None:
        """Called every 20 ms: the index of the phrase's frame to send now, or None for silence."""
        if not self.speaking and not self._begin(now):
            return None
        frame = self._frame
        self._frame += 1
        if self._frame == self._manner.phrase_frames:
            self.turns[-1].ended = now
        return frame

    def played(self, now: float) -> list[str]:
        """The marks to send back now."""
        return self._playout.played(now)

    def heard(self, now: float, size: int, *, audible: bool = True) -> None:
        """Agent audio of `size` bytes arrived; what is not audible fills the buffer, but is no answer."""
        gap = self._playout.play(now, size)
        if not self.turns:
            return
        turn = self.turns[-1]
        if turn.interrupts and turn.cleared is None:
            return  # the rest of the answer that is being interrupted
        if turn.ended is None:
            turn.cut_in |= audible
        elif turn.answered is None:
            turn.answered = now if audible else None
        elif gap > UNDERRUN_S:
            turn.gaps.append(gap)

    def mark(self, now: float, name: str) -> None:
        """A mark arrived."""
        self._playout.mark(now, name)

    def clear(self, now: float) -> list[str]:
        """The agent stopped itself: the marks to send back."""
        if self.turns and self.turns[-1].interrupts and self.turns[-1].cleared is None:
            self.turns[-1].cleared = now
        return self._playout.clear(now)

    def _begin(self, now: float) -> bool:
        interrupts = self._may_interrupt(now)
        if not interrupts and not self._may_speak(now):
            return False
        self.turns.append(Turn(now, interrupts))
        self._next_at = now + self._manner.cycle_s
        self._frame = 0
        return True

    def _may_speak(self, now: float) -> bool:
        if now < self._next_at:
            return False
        last = self.turns[-1] if self.turns else None
        if last is None or last.ended is None:
            return True
        if last.answered is None:
            return now - last.ended > self._manner.patience_s
        return self._playout.quiet_for(now) > self._manner.rest_s

    def _may_interrupt(self, now: float) -> bool:
        after = self._manner.barge_after_s
        if after is None or not self.turns:
            return False
        last = self.turns[-1]
        if last.interrupts or last.answered is None:
            return False
        return now - last.answered >= after and self._playout.playing(now)
