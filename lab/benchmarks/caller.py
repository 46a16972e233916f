"""One simulated caller: speaks a phrase, waits for the whole answer, speaks again; or interrupts the answer.

A pure state machine: its inputs are the time and the server's messages, its output the next frame.
"""

from dataclasses import dataclass, field

from lab.benchmarks.playout import Playout

# The generator stamps arrivals to about 1 ms; a shorter gap is within its own error.
UNDERRUN_S = 0.005


@dataclass(frozen=True, slots=True)
class CallerBehavior:
    """The behavior of all callers; times in seconds.

    cycle_s: minimum time between the starts of two turns.
    rest_s: silence between the answer and the next turn.
    patience_s: after this time without an answer the turn counts as unanswered and the caller continues.
    barge_after_s: if set, the caller interrupts every second answer this long after its first audio.
    greeted: the caller first waits for the end of the agent's greeting, at most `patience_s`.
    is_silent: the caller never speaks.
    """

    phrase_frames: int
    cycle_s: float = 8.0
    rest_s: float = 0.5
    patience_s: float = 8.0
    barge_after_s: float | None = None
    greeted: bool = False
    is_silent: bool = False


@dataclass(slots=True)
class Turn:
    """One turn of the caller; times in seconds of the generator's clock.

    began, ended: when its first and last frame of speech were sent.
    answered: when the first audible audio of the answer arrived. cleared: when the interrupted answer was cleared.
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
    """One caller. turns: all turns that have started. first_heard: when the first audible audio of the agent came."""

    def __init__(self, behavior: CallerBehavior, first_turn_at: float) -> None:
        self.turns: list[Turn] = []
        self.first_heard: float | None = None
        self._behavior = behavior
        self._playout = Playout()
        self._next_at = first_turn_at
        self._frame = 0  # of the phrase, while speaking

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking a phrase."""
        return bool(self.turns) and self.turns[-1].ended is None

    @property
    def pending_marks(self) -> int:
        """Marks that were not echoed yet."""
        return self._playout.pending

    def tick(self, now: float) -> int | None:
        """Called every 20 ms: the index of the phrase's frame to send now, or None for silence."""
        if not self.speaking and not self._begin(now):
            return None
        frame = self._frame
        self._frame += 1
        if self._frame == self._behavior.phrase_frames:
            self.turns[-1].ended = now
        return frame

    def played(self, now: float) -> list[str]:
        """The marks to echo now."""
        return self._playout.played(now)

    def heard(self, now: float, size: int, *, audible: bool = True) -> None:
        """Handles agent audio of `size` bytes. Inaudible audio is queued, but is not an answer."""
        gap = self._playout.play(now, size)
        if audible and self.first_heard is None:
            self.first_heard = now
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
        """Handles a mark."""
        self._playout.mark(now, name)

    def clear(self, now: float) -> list[str]:
        """Handles a clear; returns the marks to echo."""
        if self.turns and self.turns[-1].interrupts and self.turns[-1].cleared is None:
            self.turns[-1].cleared = now
        return self._playout.clear(now)

    def _begin(self, now: float) -> bool:
        interrupts = self._may_interrupt(now)
        if not interrupts and not self._may_speak(now):
            return False
        self.turns.append(Turn(now, interrupts))
        self._next_at = now + self._behavior.cycle_s
        self._frame = 0
        return True

    def _may_speak(self, now: float) -> bool:
        if self._behavior.is_silent or now < self._next_at:
            return False
        last = self.turns[-1] if self.turns else None
        if last is None:
            return self._was_greeted(now)
        if last.ended is None:
            return True
        if last.answered is None:
            return now - last.ended > self._behavior.patience_s
        return self._playout.quiet_for(now) > self._behavior.rest_s

    def _was_greeted(self, now: float) -> bool:
        if not self._behavior.greeted:
            return True
        if self.first_heard is None:
            return now - self._next_at > self._behavior.patience_s
        return self._playout.quiet_for(now) > self._behavior.rest_s

    def _may_interrupt(self, now: float) -> bool:
        after = self._behavior.barge_after_s
        if after is None or not self.turns:
            return False
        last = self.turns[-1]
        if last.interrupts or last.answered is None:
            return False
        return now - last.answered >= after and self._playout.playing(now)
