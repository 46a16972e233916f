"""How long a provider may take before it counts as failed."""

from dataclasses import dataclass, replace

from media.providers.wait_history import UsualWait


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds.

    open_s: to open a recogniser's session.
    transcript_s: from `finalise` to its final text.
    first_token_s: from a request to the model's first sign of life.
    token_s: between two events of a model.
    audio_s: from the text that a voice can begin with (and from each piece of audio, while text is left) to its audio.
    last_s: the least deadline for the last provider that is left, because a late answer is better than none.
    demotion_s: how long a provider that failed is tried last; then it is back at its place in the order.

    Where a provider's usual wait is known, the next one is asked after late_factor times its p99 (which a provider with
    even waits reaches each time), within least_s and bound_s. The bound
    is usual_factor medians where that is more: a provider that is always slow is not late, and would otherwise be
    replaced in every turn.
    """

    open_s: float = 3.0
    transcript_s: float = 2.0
    first_token_s: float = 4.0
    token_s: float = 4.0
    audio_s: float = 2.0
    last_s: float = 8.0
    demotion_s: float = 30.0
    least_s: float = 0.25
    bound_s: float = 0.9
    usual_factor: float = 1.5
    late_factor: float = 1.1

    def bound(self, usual: UsualWait) -> float:
        """The longest wait that a provider with this usual wait is given while another one could be asked."""
        return max(self.bound_s, self.usual_factor * usual.median_s)

    def late_after(self, usual: UsualWait | None) -> float | None:
        """After how long without a first unit another provider is asked, too; None where nothing is known."""
        return None if usual is None else max(self.least_s, min(self.late_factor * usual.p99_s, self.bound(usual)))

    def for_attempt(self, *, last: bool) -> "Deadlines":
        """The deadlines of one attempt. last: no other provider is left."""
        if not last:
            return self
        first_token_s, token_s, audio_s = (
            max(self.last_s, s) for s in (self.first_token_s, self.token_s, self.audio_s)
        )
        return replace(self, first_token_s=first_token_s, token_s=token_s, audio_s=audio_s)
