"""Detects speech that never ends and adds no words, such as a crowd behind the caller."""

from typing import Final

from media.turn.final_text_request import NEVER

# Words that have not changed for this long end a turn if the recognizer sent a text this recently, because that shows
# that it hears no other words.
STALLED_MS: Final = 2_500
LATEST_TEXT_MS: Final = 1_500


class StalledWords:
    """Hides from the floor a voice that the detector hears without a pause. Times are in ms of audio.

    Attributes:
        is_hidden: The voice counts as silence since the last change of the words, until it pauses or adds words.
    """

    def __init__(self) -> None:
        self._changed_at = self._told_at = NEVER  # in the current turn
        self._stalled_at = 0
        self.is_hidden = False

    def tell(self, t: int, *, is_changed: bool, answers: bool) -> None:
        """The recognizer has sent the words of the turn.

        Args:
            answers: The words answer a request, so they may differ from earlier words without being new.
        """
        self._told_at = t
        if is_changed and (not answers or self._changed_at == NEVER):
            self._changed_at = t
        if is_changed and not answers:
            self.is_hidden = False

    def hide_if_stalled(self, t: int, since: int) -> bool:
        """Hide the voice from now on if the words no longer change. Return whether they no longer change.

        Args:
            since: The start of the voice, which has been heard without a pause. Words that came before do not count.
        """
        if NEVER in (self._told_at, self._changed_at):
            return False
        self._stalled_at = max(self._changed_at, since)
        self.is_hidden = t - self._told_at <= LATEST_TEXT_MS and t - self._stalled_at >= STALLED_MS
        return self.is_hidden

    def hide(self, last_voice_ms: int, *, speaking: bool) -> int:
        """Return the end of the voice as the floor should see it. A pause ends the hiding."""
        self.is_hidden = speaking
        return self._stalled_at if speaking else last_voice_ms

    def end_turn(self) -> None:
        """The words were answered. The voice may continue."""
        self._told_at = self._changed_at = NEVER
