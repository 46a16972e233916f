"""Speech that never ends and says nothing new: a room full of people behind a caller who has finished."""

from typing import Final

from media.turn.endpoint import TurnRules
from media.turn.final_text_request import NEVER

# Words that have not changed for so long end a turn, if the recogniser has told of them this lately: it listens, and
# hears no others. Without its texts nothing is known.
STALLED_MS: Final = 2_500
LATEST_TEXT_MS: Final = 1_500
# After a sound that brought no words so much silence ends a turn whose silence since its words is long enough: as much
# as after words that certainly end.
AFTER_SOUND_MS: Final = 760


class StalledWords:
    """Hides from the floor a voice that the detector hears without a pause. Times are in ms of audio.

    is_hidden: the voice counts as silence since the words changed last, until it pauses or says other words.
    """

    def __init__(self, rules: TurnRules) -> None:
        self._is_adaptive = rules.adaptive
        self._changed_at = self._told_at = NEVER  # in this turn
        self._words_end = NEVER  # the end of the voice in whose pause the words came
        self._stalled_at = 0
        self.is_hidden = False

    def tell(self, t: int, voice_end_ms: int, *, is_changed: bool, answers: bool) -> None:
        """The recogniser has told the words of the turn. answers: it was asked for them, so that they may differ from
        what it told before without being new. voice_end_ms: the voice's latest end."""
        if is_changed or self._words_end == NEVER:
            self._words_end = voice_end_ms if answers else NEVER
        self._told_at = t
        if is_changed and (not answers or self._changed_at == NEVER):
            self._changed_at = t
        if is_changed and not answers:
            self.is_hidden = False

    def hide_if_stalled(self, t: int, since: int) -> bool:
        """The caller seems to speak: hides the voice from now on if the words do not change any more; returns whether
        they do not. since: the voice has been heard without a pause; words that came before say nothing of it."""
        if NEVER in (self._told_at, self._changed_at):
            return False
        self._stalled_at = max(self._changed_at, since)
        self.is_hidden = t - self._told_at <= LATEST_TEXT_MS and t - self._stalled_at >= STALLED_MS
        return self.is_hidden

    def hide(self, last_voice_ms: int, *, speaking: bool) -> int:
        """The end of the voice as the floor is to see it; a pause ends the hiding."""
        self.is_hidden = speaking
        return self._stalled_at if speaking else last_voice_ms

    def silence_begin(self, voice_end_ms: int, needed_ms: int) -> int:
        """From when the silence of a pause counts whose words are known. Sounds after the words that brought no others,
        such as a neighbour's, are no reason to wait for all of it again, if the plan is adaptive."""
        if not self._is_adaptive or NEVER in (self._words_end, self._changed_at):
            return voice_end_ms
        return min(voice_end_ms, max(self._words_end, voice_end_ms - max(0, needed_ms - AFTER_SOUND_MS)))

    def end_turn(self) -> None:
        """The words were answered; the voice may go on."""
        self._told_at = self._changed_at = self._words_end = NEVER
