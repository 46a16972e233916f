"""The caller's voice as the floor uses it, excluding speech that has stalled."""

from collections.abc import Callable

from media.turn.final_text_request import NEVER
from media.turn.stalled_words import StalledWords


class CallerVoice:
    """The caller's voice, with times in ms of audio.

    Attributes:
        is_heard: The caller speaks now.
        since: When `is_heard` last changed.
        last_ms: The end of the latest sound.
        silent_since: The end of the sound before the latest change. While the caller speaks, the start of the pause
            before it.
        stalled: Hides a voice that no longer adds words.
    """

    __slots__ = (
        "_asked_end", "_is_others", "_onset_ms", "_others_may_talk", "_words", "_words_end", "is_heard", "last_ms",
        "silent_since", "since", "stalled",
    )  # fmt: skip

    def __init__(
        self, others_may_talk: Callable[[], bool] | None = None, onset_ms: Callable[[], int] | None = None
    ) -> None:
        """Create the voice of a caller who is silent.

        Args:
            others_may_talk: Returns whether a sound that adds no words may come from other people behind the caller.
                None means never.
            onset_ms: Returns the true start of the current speech. None means that speech starts when it is noticed.
        """
        self._others_may_talk = others_may_talk
        self._onset_ms = onset_ms
        self.stalled = StalledWords()
        self.is_heard = False
        self.since = self.last_ms = self.silent_since = 0
        # The number of words in the recognizer's answers, the end of these words, whether all sound since then comes
        # from others, and the end of the latest sound at the time of the request. The recognizer may answer during a
        # later sound.
        self._words, self._words_end, self._asked_end = 0, NEVER, NEVER
        self._is_others = False

    @property
    def words_end_ms(self) -> int:
        """The end of the latest sound that does not certainly come from others."""
        return self._words_end if self._is_others else self.last_ms

    def take_frame(self, t: int, speaking: bool, last_voice_ms: int) -> None:
        """Process one frame, as reported by the detector."""
        if self.stalled.is_hidden:
            last_voice_ms, speaking = self.stalled.hide(last_voice_ms, speaking=speaking), False
        if speaking is not self.is_heard:
            self.is_heard = speaking
            self.since = t
            self.silent_since = self.last_ms
            self._is_others = False
        self.last_ms = last_voice_ms

    @property
    def onset_ms(self) -> int:
        """The true start of the current speech."""
        return self.since if self._onset_ms is None else self._onset_ms()

    def ask_for_words(self) -> None:
        """Record that the words until now are requested from the recognizer."""
        self._asked_end = self.last_ms

    def take_words(self, t: int, words: int, *, is_changed: bool, answers: bool) -> None:
        """Process the recognizer's words of the turn.

        If others may talk and the number of words has not grown since the last request, the sound in between came from
        others.

        Args:
            words: The number of words.
            is_changed: The words differ from the earlier ones.
            answers: The words answer the latest request.
        """
        self.stalled.tell(t, is_changed=is_changed, answers=answers)
        if not answers or self._asked_end == NEVER:
            return
        if words > self._words or self._words_end == NEVER or not self._may_be_others():
            self._words_end = self._asked_end
        elif self._asked_end == self.last_ms and not self.is_heard:
            self._is_others = True
        self._words = max(words, self._words)

    def is_stalled(self, t: int) -> bool:
        """Return whether the voice no longer adds words. If so, hide it from now on."""
        return self.stalled.hide_if_stalled(t, self.since)

    def end_turn(self) -> None:
        """Start a new turn, because the words were answered. The voice may continue."""
        self.stalled.end_turn()
        self._words, self._words_end, self._asked_end = 0, NEVER, NEVER
        self._is_others = False

    def _may_be_others(self) -> bool:
        return self._others_may_talk is not None and self._others_may_talk()
