"""The caller's voice as the floor sees it, without speech that has stalled."""

from collections.abc import Callable

from media.turn.final_text_request import NEVER
from media.turn.stalled_words import StalledWords


class CallerVoice:
    """Times are in ms of audio. is_heard: the caller speaks now. since: when that last changed. last_ms: the end of the
    latest sound. silent_since: the end of the sound before the latest change; while the caller speaks, when the pause
    before it began. stalled: hides a voice that says nothing new any more."""

    __slots__ = (
        "_asked_end", "_is_others", "_onset_ms", "_others_may_talk", "_words", "_words_end", "is_heard", "last_ms",
        "silent_since", "since", "stalled",
    )  # fmt: skip

    def __init__(
        self, others_may_talk: Callable[[], bool] | None = None, onset_ms: Callable[[], int] | None = None
    ) -> None:
        """others_may_talk: whether a sound that adds no words may be others' behind the caller; None: it never is.
        onset_ms: the true start of the speech that is heard; None: it begins when it is noticed."""
        self._others_may_talk = others_may_talk
        self._onset_ms = onset_ms
        self.stalled = StalledWords()
        self.is_heard = False
        self.since = self.last_ms = self.silent_since = 0
        # How many words the answers told, until when they were said, and whether all sound since then is others'; the
        # end of the latest sound when the recognizer was asked, which it may answer while there is another.
        self._words, self._words_end, self._asked_end = 0, NEVER, NEVER
        self._is_others = False

    @property
    def words_end_ms(self) -> int:
        """The end of the latest sound that is not known to be others'."""
        return self._words_end if self._is_others else self.last_ms

    def take_frame(self, t: int, speaking: bool, last_voice_ms: int) -> None:
        """Takes one frame, as the detector sees it."""
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
        """The true start of the speech that is heard."""
        return self.since if self._onset_ms is None else self._onset_ms()

    def ask_for_words(self) -> None:
        """The recognizer is asked for the words until now."""
        self._asked_end = self.last_ms

    def take_words(self, t: int, words: int, *, is_changed: bool, answers: bool) -> None:
        """The recognizer has told the words of the turn, so many. answers: as it was asked last. If there are no more
        than it told when it was asked before, the sound between was others', where others may talk."""
        self.stalled.tell(t, is_changed=is_changed, answers=answers)
        if not answers or self._asked_end == NEVER:
            return
        if words > self._words or self._words_end == NEVER or not self._may_be_others():
            self._words_end = self._asked_end
        elif self._asked_end == self.last_ms and not self.is_heard:
            self._is_others = True
        self._words = max(words, self._words)

    def is_stalled(self, t: int) -> bool:
        """Whether the voice that is heard says nothing new any more; hides it from now on if so."""
        return self.stalled.hide_if_stalled(t, self.since)

    def end_turn(self) -> None:
        """The words were answered; the voice may go on."""
        self.stalled.end_turn()
        self._words, self._words_end, self._asked_end = 0, NEVER, NEVER
        self._is_others = False

    def _may_be_others(self) -> bool:
        return self._others_may_talk is not None and self._others_may_talk()
