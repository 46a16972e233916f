"""Detects speech that never ends and has no new words, such as a crowd behind the caller."""

from typing import Final

from media.turn.final_text_request import NEVER

# Words that have not changed for so long end a turn, if the recognizer has told of them this lately: it listens, and
# hears no others. Without its texts nothing is known.
STALLED_MS: Final = 2_500
LATEST_TEXT_MS: Final = 1_500


class StalledWords:
    """Hides from the floor a voice that the detector hears without a pause. Times are in ms of audio.

    is_hidden: the voice counts as silence since the words changed last, until it pauses or says other words.
    """

    def __init__(self) -> None:
        self._changed_at = self._told_at = NEVER  # in this turn
        self._stalled_at = 0
        self.is_hidden = False

    def tell(self, t: int, *, is_changed: bool, answers: bool) -> None:
        """The recognizer has told the words of the turn. answers: it was asked for them, so that they may differ from
        what it told before without being new."""
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

    def end_turn(self) -> None:
        """The words were answered; the voice may go on."""
        self._told_at = self._changed_at = NEVER
