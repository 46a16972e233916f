"""The caller's voice as the floor sees it: without a voice that says nothing new any more."""

from media.turn.stalled_words import StalledWords


class CallerVoice:
    """Times are in ms of audio. is_heard: the caller speaks now. since: when that last changed. last_ms: the end of the
    latest sound. silent_since: the end of the sound before the latest change; while the caller speaks, when the pause
    before it began. stalled: hides a voice that says nothing new any more."""

    __slots__ = ("is_heard", "last_ms", "silent_since", "since", "stalled")

    def __init__(self) -> None:
        self.stalled = StalledWords()
        self.is_heard = False
        self.since = self.last_ms = self.silent_since = 0

    def take_frame(self, t: int, speaking: bool, last_voice_ms: int) -> None:
        """Takes one frame, as the detector sees it."""
        if self.stalled.is_hidden:
            last_voice_ms, speaking = self.stalled.hide(last_voice_ms, speaking=speaking), False
        if speaking is not self.is_heard:
            self.is_heard = speaking
            self.since = t
            self.silent_since = self.last_ms
        self.last_ms = last_voice_ms

    def take_words(self, t: int, *, is_changed: bool, answers: bool) -> None:
        """The recogniser has told the words of the turn. answers: it was asked for them."""
        self.stalled.tell(t, is_changed=is_changed, answers=answers)

    def is_stalled(self, t: int) -> bool:
        """Whether the voice that is heard says nothing new any more; hides it from now on if so."""
        return self.stalled.hide_if_stalled(t, self.since)

    def end_turn(self) -> None:
        """The words were answered; the voice may go on."""
        self.stalled.end_turn()
