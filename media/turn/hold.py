"""The state of speech over the agent before it is decided whether the speech interrupts."""

from collections.abc import Callable
from typing import Final

from media.turn.endpoint import TurnRules

# After this many false holds, the required speech no longer grows.
_MAX_FALSE_HOLDS: Final = 4
# Limits for lowering the agent because of sounds that may become speech: the minimum interval, and the maximum number
# during one utterance.
_SUSPICIONS_APART_MS: Final = 1_000
_MAX_SUSPICIONS: Final = 2
# This long after a suspicion, in ms, the detector has decided whether the sound is speech.
_UNDECIDED_MS: Final = 200


class Hold:
    """The latest hold, with times in ms of audio.

    Attributes:
        at: When the hold began.
        pause_before_ms: The silence before its speech.
        word_count: The number of the caller's unanswered words at that time.
        is_lowered: The agent is only lowered, not silent.
    """

    def __init__(self, rules: TurnRules, may_be_speech: Callable[[], bool] | None = None) -> None:
        """Create the state without a hold.

        Args:
            may_be_speech: Returns whether the caller's latest sound may be speech, long before that is certain.
        """
        self._rules = rules
        self._may_be_speech = may_be_speech
        self._suspected_at, self._suspicions = -_SUSPICIONS_APART_MS, 0
        self._segment = 0
        self._false_count = 0
        self.at = self.pause_before_ms = self.word_count = 0
        self.is_lowered = False

    @property
    def extra_ms(self) -> int:
        """How much more speech a hold needs. The value grows with each false hold until `reset`."""
        return min(self._false_count, _MAX_FALSE_HOLDS) * self._rules.false_hold_ms

    def suspects_speech(self, t: int) -> bool:
        """Return whether the agent must be lowered because the caller may begin to speak. Called for each frame."""
        if self._may_be_speech is None or not self._may_be_speech():
            return False
        if t - self._suspected_at < _SUSPICIONS_APART_MS or self._suspicions == _MAX_SUSPICIONS:
            return False
        self._suspected_at = t
        self._suspicions += 1
        return True

    def is_undecided(self, t: int) -> bool:
        """Return whether it is still unknown if the latest suspicion is speech."""
        return t - self._suspected_at < _UNDECIDED_MS

    def begin(self, t: int, pause_before_ms: int, word_count: int, *, is_lowered: bool) -> None:
        """Start a hold, because the agent is silenced or lowered."""
        self.at = self._segment = t
        self.pause_before_ms, self.word_count = pause_before_ms, word_count
        self.is_lowered = is_lowered
        self._suspicions = 0  # the suspected sound was speech

    def speak_again(self, t: int) -> None:
        """Restart the count, because the caller speaks again after a pause."""
        self._segment = t

    def end_falsely(self, word_count: int) -> bool:
        """End the hold, because the speech was nothing or a backchannel. Return whether the agent was only lowered.

        A backchannel that only lowered the agent does not count as a false hold. Sounds without words count, because
        noise repeats.

        Args:
            word_count: The current number of words.
        """
        is_nod = word_count > self.word_count
        was_lowered, self.is_lowered = self.is_lowered, False
        self._false_count += not (was_lowered and is_nod)
        return was_lowered

    def end(self) -> bool:
        """End the lowered phase, because the agent is silenced or the hold ends in another way. Return whether the
        agent was only lowered until now."""
        was_lowered, self.is_lowered = self.is_lowered, False
        return was_lowered

    def reset(self) -> None:
        """Reset the counts, because the agent starts new words."""
        self._false_count = self._suspicions = 0
        self.is_lowered = False

    def is_too_long_for_nod(self, last_voice_ms: int) -> bool:
        """Return whether the agent is lowered for speech that is already too long for a backchannel.

        Args:
            last_voice_ms: The latest sound of the speech, because the detector reports speech for about 200 ms longer.
        """
        return self.is_lowered and last_voice_ms - self._segment >= self._rules.nod_ms

    def is_interruption(self, t: int, last_voice_ms: int) -> bool:
        """Return whether the speech interrupts by its length alone.

        Args:
            last_voice_ms: The latest sound of the speech, as in `is_too_long_for_nod`.
        """
        return last_voice_ms - self._segment >= self._rules.commit_ms or self.is_at_limit(t)

    def is_at_limit(self, t: int) -> bool:
        """Return whether the hold must end now."""
        return t - self.at >= self._rules.held_max_ms
