"""Detects speech that never ends and adds no words, such as a crowd behind the caller."""

from typing import Final

from media.turn.final_text_request import NEVER

# A turn ends if its words have not changed for STALLED_MS and the recognizer sent a text within LATEST_TEXT_MS, which
# shows that it recognizes no other words.
STALLED_MS: Final = 2_500
LATEST_TEXT_MS: Final = 1_500


class StalledWords:
    """Hides a voice without pauses from the floor. Times are in ms of audio.

    Attributes:
        is_hidden: The voice counts as silence since the last change of the words, until it pauses or adds words.
    """

    def __init__(self) -> None:
        self._changed_at = self._told_at = NEVER  # in the current turn
        self._stalled_at = 0
        self.is_hidden = False

    def tell(self, t: int, *, is_changed: bool, answers: bool) -> None:
        """Record the recognizer's words of the turn.

        Args:
            is_changed: The words differ from the earlier ones.
            answers: The words answer a request, so they may differ from earlier words without being new.
        """
        self._told_at = t
        if is_changed and (not answers or self._changed_at == NEVER):
            self._changed_at = t
        if is_changed and not answers:
            self.is_hidden = False

    def hide_if_stalled(self, t: int, since: int) -> bool:
        """Hide the voice from now on if the words no longer change. Return whether it is hidden.

        Args:
            since: The start of the voice, which has continued without a pause. Earlier words do not count.
        """
        if NEVER in (self._told_at, self._changed_at):
            return False
        self._stalled_at = max(self._changed_at, since)
        self.is_hidden = t - self._told_at <= LATEST_TEXT_MS and t - self._stalled_at >= STALLED_MS
        return self.is_hidden

    def hide(self, last_voice_ms: int, *, speaking: bool) -> int:
        """Return the end of the voice for the floor. A pause ends the hiding."""
        self.is_hidden = speaking
        return self._stalled_at if speaking else last_voice_ms

    def end_turn(self) -> None:
        """Start a new turn, because the words were answered. The voice may continue."""
        self._told_at = self._changed_at = NEVER
