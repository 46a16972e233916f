"""The time limits after which a provider counts as late or failed."""

from dataclasses import dataclass

from media.providers.wait_history import UsualWait


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Limits of one attempt at a model or voice, in seconds.

    Attributes:
        first_s: The limit for the first unit.
        alive_s: The limit for the next sign of life before the first words.
        next_s: The limit for each event after the first words.
    """

    first_s: float
    alive_s: float
    next_s: float


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The time limits of all chains, in seconds.

    Attributes:
        open_s: The limit for opening a recognizer's session.
        transcript_s: The limit from `finalize` to a recognizer's final text.
        first_token_s: The limit from a request to the model's first sign of life.
        token_s: The limit between two events of a model.
        audio_s: The limit for a voice's audio, from the text with which it can begin, and from each piece of audio
            while text is left.
        unknown_s: How long a model without known figures may take to its first unit before the next model is also
            tried. The next model's answer follows the filler, which begins after 1.4 s.
        last_s: The minimum limit for the last provider that is left, because a late answer is better than none.
        demotion_s: How long a provider that failed is tried last.
        return_s: The time after a recognizer's failure until the call returns to it at the end of a turn. Doubles with
            each further failure in the call.
        least_s: The minimum time before the next provider is also tried.
        bound_s: The maximum of that time. If usual_factor medians are longer, they are the maximum, because a provider
            that is always slow is not late, and would otherwise be replaced in every turn.
        usual_factor: The number of median waits that a slow provider always gets.
        late_factor: The factor of the p99 wait after which the next provider is also tried. A provider with even waits
            reaches its p99 each time.
        stall_factor: The factor of the p99 of a provider's longest gaps after which its stream counts as stalled. This
            is more patient than before the first unit, because no other provider runs beside it.
        least_stall_s: The minimum time before a stream counts as stalled.
        torn_s: A voice whose gaps in one speech add up to this time is slower than real time.
        judge_s: How long the answer of a provider that lost can still correct its vendor's figures.
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
        """Return the longest wait for a provider with this usual wait while another provider could be tried."""
        return max(self.bound_s, self.usual_factor * usual.median_s)

    def late_after(self, usual: UsualWait | None) -> float | None:
        """Return after how long without a first unit another provider is also tried, or None if the usual wait is
        unknown."""
        return None if usual is None else max(self.least_s, min(self.late_factor * usual.p99_s, self.bound(usual)))

    def stalled_after(self, usual: UsualWait | None, gap: UsualWait | None) -> float:
        """Return how long a stream may pause after its first unit while another provider could continue.

        Args:
            usual: The usual wait of the provider in use, or None if it is unknown.
            gap: The usual longest gap of the provider in use, or None if it is unknown.
        """
        if gap is not None:
            return max(self.least_stall_s, min(self.stall_factor * gap.p99_s, self.bound(gap)))
        return self.bound_s if usual is None else self.bound(usual)

    def model_limits(
        self, usual: UsualWait | None, gap: UsualWait | None, *, has_rival: bool, last: bool
    ) -> StreamLimits:
        """Return the limits of an attempt at a model.

        Args:
            has_rival: Another model could continue.
            last: No other model could be tried.
        """
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
        """Return the limits of an attempt at a voice."""
        first_s = max(self.last_s, self.audio_s) if last else self.audio_s
        next_s = min(first_s, self.stalled_after(usual, gap)) if has_rival else first_s
        return StreamLimits(first_s, first_s, next_s)

    def open_limit(self, usual: UsualWait | None, *, has_other: bool) -> float:
        """Return the limit for opening a recognizer's session. A recognizer without known figures gets the full limit,
        because it may have to start a program."""
        return min(self.open_s, self.bound_s) if has_other and usual is not None else self.open_s

    def check_limit(self, *, has_other: bool) -> float:
        """Return the limit for the final text of a recognizer that checks another one.

        Args:
            has_other: A third recognizer could check.
        """
        return min(self.transcript_s, self.bound_s) if has_other else self.transcript_s
