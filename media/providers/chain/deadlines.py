"""How long a provider may take before it counts as failed."""

from dataclasses import dataclass

from media.providers.wait_history import UsualWait


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of one attempt at a model or voice, in seconds. first_s: to its first unit. alive_s: to the next sign of
    life, while it has said nothing. next_s: to what follows its first words."""

    first_s: float
    alive_s: float
    next_s: float


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds.

    open_s: to open a recognizer's session.
    transcript_s: from `finalize` to its final text.
    first_token_s: from a request to the model's first sign of life.
    token_s: between two events of a model.
    audio_s: from the text that a voice can begin with (and from each piece of audio, while text is left) to its audio.
    last_s: the least deadline for the last provider that is left, because a late answer is better than none.
    unknown_s: after so long without a first unit of a model of which nothing is known, the next one is asked, too: its
    answer follows the filler, which begins after 1.4 s.
    demotion_s: how long a provider that failed is tried last; then it is back at its place in the order.

    return_s: so long after a recognizer failed, the call goes back to it at the end of a turn; doubled with each
    further failure in the call.

    Where a provider's usual wait is known, the next one is asked after late_factor times its p99 (which a provider with
    even waits reaches each time), within least_s and bound_s. The bound
    is usual_factor medians where that is more: a provider that is always slow is not late, and would otherwise be
    replaced in every turn.

    stall_factor, least_stall_s: a stream has stalled after so many times the p99 of the longest gaps of its provider,
    within least_stall_s and the bound. No other one was asked beside it, so more patience than before the first unit.
    torn_s: a voice whose audio lacks for so long in one speech, over all its gaps, is slower than real time.
    judge_s: within this, the answer of a provider that lost corrects its vendor's figures.
    """

    open_s: float = 3.0
    transcript_s: float = 2.0
    first_token_s: float = 4.0
    token_s: float = 4.0
    audio_s: float = 2.0
    unknown_s: float = 1.2
    last_s: float = 8.0
    demotion_s: float = 30.0
    return_s: float = 10.0
    least_s: float = 0.25
    bound_s: float = 0.9
    usual_factor: float = 1.5
    late_factor: float = 1.1
    stall_factor: float = 2.0
    least_stall_s: float = 0.5
    torn_s: float = 0.6
    judge_s: float = 1.5

    def bound(self, usual: UsualWait) -> float:
        """The longest wait that a provider with this usual wait is given while another one could be asked."""
        return max(self.bound_s, self.usual_factor * usual.median_s)

    def late_after(self, usual: UsualWait | None) -> float | None:
        """After how long without a first unit another provider is asked, too; None where nothing is known."""
        return None if usual is None else max(self.least_s, min(self.late_factor * usual.p99_s, self.bound(usual)))

    def stalled_after(self, usual: UsualWait | None, gap: UsualWait | None) -> float:
        """How long nothing may follow a first unit, while another provider could go on. usual, gap: of the one in use;
        None where nothing is known."""
        if gap is not None:
            return max(self.least_stall_s, min(self.stall_factor * gap.p99_s, self.bound(gap)))
        return self.bound_s if usual is None else self.bound(usual)

    def model_limits(
        self, usual: UsualWait | None, gap: UsualWait | None, *, has_rival: bool, last: bool
    ) -> StreamLimits:
        """Of an attempt at a model. has_rival: another model could go on. last: nothing else could."""
        if last:
            token_s = max(self.last_s, self.token_s)
            return StreamLimits(max(self.last_s, self.first_token_s), token_s, token_s)
        if not has_rival:
            return StreamLimits(self.first_token_s, self.token_s, self.token_s)
        alive_s = self.token_s if usual is None else min(self.token_s, self.bound(usual))
        return StreamLimits(self.first_token_s, alive_s, min(self.token_s, self.stalled_after(usual, gap)))

    def voice_limits(
        self, usual: UsualWait | None, gap: UsualWait | None, *, has_rival: bool, last: bool
    ) -> StreamLimits:
        """Of an attempt at a voice."""
        first_s = max(self.last_s, self.audio_s) if last else self.audio_s
        next_s = min(first_s, self.stalled_after(usual, gap)) if has_rival else first_s
        return StreamLimits(first_s, first_s, next_s)

    def open_limit(self, usual: UsualWait | None, *, has_other: bool) -> float:
        """To open a recognizer's session. One of which nothing is known may have a program to start."""
        return min(self.open_s, self.bound_s) if has_other and usual is not None else self.open_s

    def check_limit(self, *, has_other: bool) -> float:
        """Of a recognizer that checks another one, to its final text. has_other: a third one could."""
        return min(self.transcript_s, self.bound_s) if has_other else self.transcript_s
