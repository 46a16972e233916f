"""Speech over the agent while it is undecided whether the speech interrupts it."""

from collections.abc import Callable
from typing import Final

from media.turn.endpoint import TurnRules

# After this many false holds the next one needs no more speech than the one before.
_MAX_FALSE_HOLDS: Final = 4
# Sounds that may become speech lower the agent no more often than this, and so many of them while it says one thing.
_SUSPICIONS_APART_MS: Final = 1_000
_MAX_SUSPICIONS: Final = 2
# So many ms after a suspicion the detector knows whether the sound is speech.
_UNDECIDED_MS: Final = 200


class Hold:
    """The latest hold. at: when it began. pause_before_ms: silence before its speech. word_count: of the caller's words
    that were not answered then. is_lowered: the agent is not silent, only lower. Times are in ms of audio."""

    def __init__(self, rules: TurnRules, may_be_speech: Callable[[], bool] | None = None) -> None:
        """may_be_speech: whether the caller's latest sound may be, long before it is known; None: nobody tells."""
        self._rules = rules
        self._may_be_speech = may_be_speech
        self._suspected_at, self._suspicions = -_SUSPICIONS_APART_MS, 0
        self._segment = 0
        self._false_count = 0
        self.at = self.pause_before_ms = self.word_count = 0
        self.is_lowered = False

    @property
    def extra_ms(self) -> int:
        """How much more speech a hold needs now: after each false hold more, until `reset`."""
        return min(self._false_count, _MAX_FALSE_HOLDS) * self._rules.false_hold_ms

    def suspects_speech(self, t: int) -> bool:
        """Whether the agent is to be lowered because the caller may begin to speak. Asked with each frame."""
        if self._may_be_speech is None or not self._may_be_speech():
            return False
        if t - self._suspected_at < _SUSPICIONS_APART_MS or self._suspicions == _MAX_SUSPICIONS:
            return False
        self._suspected_at = t
        self._suspicions += 1
        return True

    def is_undecided(self, t: int) -> bool:
        """Whether it is not known yet if the latest suspicion is speech."""
        return t - self._suspected_at < _UNDECIDED_MS

    def begin(self, t: int, pause_before_ms: int, word_count: int, *, is_lowered: bool) -> None:
        """The agent is silenced or lowered."""
        self.at = self._segment = t
        self.pause_before_ms, self.word_count = pause_before_ms, word_count
        self.is_lowered = is_lowered
        self._suspicions = 0  # it was speech

    def speak_again(self, t: int) -> None:
        """The caller speaks again after a pause: the count starts anew."""
        self._segment = t

    def end_falsely(self, word_count: int) -> bool:
        """It was nothing, or a backchannel; returns whether the agent was only lowered. word_count: now. A nod that
        only lowered the agent does not count; sounds without words do: in noise they come again and again."""
        is_nod = word_count > self.word_count
        was_lowered, self.is_lowered = self.is_lowered, False
        self._false_count += not (was_lowered and is_nod)
        return was_lowered

    def end(self) -> bool:
        """The agent is silent, or the hold is over in another way; returns whether it was only lowered till now."""
        was_lowered, self.is_lowered = self.is_lowered, False
        return was_lowered

    def reset(self) -> None:
        """The agent says something new."""
        self._false_count = self._suspicions = 0
        self.is_lowered = False

    def is_too_long_for_nod(self, last_voice_ms: int) -> bool:
        """Whether the agent is lowered for speech that has lasted longer than a nod. last_voice_ms: its latest sound,
        because the detector calls it speech for about 200 ms more."""
        return self.is_lowered and last_voice_ms - self._segment >= self._rules.nod_ms

    def is_interruption(self, t: int, last_voice_ms: int) -> bool:
        """Whether it interrupts by its length, whatever the words are. last_voice_ms: as in `is_too_long_for_nod`."""
        return last_voice_ms - self._segment >= self._rules.commit_ms or self.is_at_limit(t)

    def is_at_limit(self, t: int) -> bool:
        """Whether it must end now."""
        return t - self.at >= self._rules.held_max_ms
