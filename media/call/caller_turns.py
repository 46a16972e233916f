"""The caller's turns: counts them, adds them to the transcript, and reports them once they are final."""

from collections.abc import Callable, Sequence
from typing import Final

from media.call.recording import RecordingWriter
from media.call.snapshot import has_unreported_turn, unanswered_text
from media.call.transcript import Transcript, TranscriptEntry
from media.providers.ports import Message, TimedWord
from shared.events import MOST_TIMED_WORDS, CallerSaid, Event
from shared.plan import ResumePoint
from shared.providers.word_timing import align_words, words_at_end

# How much the lead of the call's clock over the audio clock may change within a turn (jitter). After a larger change,
# audio was delayed or lost within the turn, and a word's place in the audio no longer shows when it was said.
MOST_DRIFT_MS: Final = 100.0


class CallerTurns:
    """The turns of one call, with times in ms on the call's clock. `number` is the latest turn, 0 before the first."""

    def __init__(
        self,
        transcript: Transcript,
        emit: Callable[[Event], None],
        resumed: ResumePoint | None = None,
        recorder: RecordingWriter | None = None,
        on_taken: Callable[[], None] = lambda: None,
    ) -> None:
        """Create the turns.

        Args:
            resumed: The state of the call's earlier stream.
            recorder: If it has stored caller audio at other places than the clock shows, words get no times, because
                recordings are redacted by these times.
            on_taken: Called when a turn has ended and will be answered, so that a checkpoint is written
                (`CallLine.on_turn_taken`).
        """
        self.number = resumed.turn if resumed else 0
        self._transcript = transcript
        self._emit = emit
        self._recorder = recorder
        self._on_taken = on_taken
        self._began: float | None = None
        self._went_on: float | None = None  # when the caller continued after the end of the pending turn
        self._onset_ms: float | None = None  # the start of the turn on the audio clock
        self._lead_ms: float | None = None  # the lead of the call's clock over the audio clock when the turn began
        self._entry: TranscriptEntry | None = None
        self._text = ""  # all words of the floor's turn
        self._settled: list[str] = []  # the words of it that were reported already
        self._is_acted_on = False  # whether a tool was called for these words
        self._pending: CallerSaid | None = None

    @property
    def is_pending(self) -> bool:
        """Whether a turn has ended that may still be continued and is not reported yet."""
        return self._pending is not None

    @property
    def reported(self) -> int:
        """The number of turns that were reported in events."""
        return self.number - self.is_pending

    def began(self, at: float, onset_ms: float | None = None) -> None:
        """Record that the caller began to speak or continues. `onset_ms` is the same moment on the audio clock."""
        if self._onset_ms is None:
            self._onset_ms = onset_ms
        if onset_ms is not None and (self._began is None or self._lead_ms is None):
            self._lead_ms = at - onset_ms
        if self._began is None:
            self._began = at
        elif self._pending is not None and self._went_on is None:
            self._went_on = at

    def began_over_agent(self, at: float) -> None:
        """Record that the caller interrupted the agent. The turn began with the first sound over the agent's words."""
        self._began = at

    def discard(self) -> None:
        """Discard the start of speech that had no words."""
        self._began = self._went_on = self._onset_ms = None
        self._forget_settled()

    def discard_overlap(self) -> None:
        """Discard the start of speech over the agent that was no turn. The start of a pending turn stays."""
        self._went_on = self._onset_ms = None
        if self._pending is None:
            self._began = None

    def take(
        self,
        text: str,
        ended: float,
        at_audio: Callable[[float], float] | None = None,
        timed: Sequence[TimedWord] = (),
    ) -> bool:
        """Store a turn that has ended, perhaps for the second time.

        Args:
            text: All words of the turn.
            ended: When the speech ended.
            at_audio: Converts the audio clock to the call's clock. It is applied now, because delayed audio that comes
                in a burst seems to begin when it arrives.
            timed: The latest words that have times, on the audio clock.

        Returns:
            Whether there are words to answer. False for sounds that follow words for which a tool was called.
        """
        if self._is_acted_on_whole(text):
            self._began = self._went_on = self._onset_ms = None
            return False
        if at_audio is not None and self._onset_ms is not None and self._began is not None:
            self._began = min(self._began, at_audio(self._onset_ms))
        self._onset_ms = None
        self._text, text = text, self._without_settled(text)
        self._went_on = None
        if self._entry is None:
            self.number += 1
            self._entry = self._transcript.add_caller(text, self._began)
        else:
            self._entry.set_text(text)
        word_ms = self._time_words(text, at_audio, timed)
        self._pending = self._event(self.number, text, ended, ended, word_ms)
        self._on_taken()
        return True

    def preview(self, text: str, note: str) -> list[Message]:
        """Return the model's messages as they will be if the turn ends with this text (`take`). note: further facts
        for the model."""
        if self._is_acted_on_whole(text):
            return self._transcript.messages()
        return self._transcript.messages_with_turn(self._without_settled(text), note, self._entry)

    def commit(self, *, is_continued: bool = False) -> None:
        """Report the pending turn, if there is one, because it can no longer change.

        Args:
            is_continued: The caller continues over words that cannot be interrupted, so that the following words are a
                new turn.
        """
        if is_continued:
            self.settle()
            return
        self._forget_settled()
        self._report()

    def settle(self, *, is_acted_on: bool = False) -> None:
        """Report the pending turn, if there is one. Words that the caller adds are a new turn.

        Args:
            is_acted_on: A tool was called for the turn before its answer was heard. Otherwise the agent's words were
                heard over the turn.
        """
        if self._pending is not None:
            self._settled = self._text.split()
            went_on = self._went_on
            self._report()
            self._began = went_on
        self._is_acted_on = bool(self._settled) and (is_acted_on or self._is_acted_on)

    def _report(self) -> None:
        if self._pending is None:
            return
        self._emit(self._pending)
        self._pending = self._entry = self._began = self._went_on = None

    def _forget_settled(self) -> None:
        self._settled, self._is_acted_on = [], False

    def _is_acted_on_whole(self, text: str) -> bool:
        """Return whether these are exactly the words for which a tool was called.

        As a new turn they would make the model call the tool again.
        """
        return self._is_acted_on and text.split() == self._settled

    def _without_settled(self, text: str) -> str:
        """Drop the words that were reported, because the recognizer repeats all words of the floor's turn.

        If it has changed reported words, all words are kept, because repeated words are better than lost ones.
        """
        words, count = text.split(), len(self._settled)
        is_repeated = bool(count) and words[:count] == self._settled
        return " ".join(words[count:]) or text if is_repeated else text

    def report_last_words(
        self,
        text: str,
        now: float,
        ended: float,
        at_audio: Callable[[float], float] | None = None,
        timed: Sequence[TimedWord] = (),
    ) -> None:
        """Report words that were spoken while the line was closed, without reported words of the floor's turn.

        `at_audio` and `timed` are as in `take`.
        """
        if text.split() == self._settled:
            return
        text = self._without_settled(text)
        word_ms = self._time_words(text, at_audio, timed)
        self._emit(self._event(self.number + 1, text, now, ended, word_ms))

    def resume(self, point: ResumePoint) -> bool:
        """Continue a call that was lost. Return whether the caller's last words still need an answer."""
        text = unanswered_text(point)
        if text is not None and has_unreported_turn(point):
            self.number += 1
            at = max(0, point.lost_ms - point.began_ms)
            self._emit(CallerSaid(self.number, text, at, at))
        return text is not None

    def _time_words(
        self, text: str, at_audio: Callable[[float], float] | None, timed: Sequence[TimedWord]
    ) -> tuple[int, ...]:
        """Return the times of the text's words as in `CallerSaid`; empty if they are uncertain."""
        words = align_words(text, words_at_end(text, timed)) if timed else ()
        if not words or at_audio is None or self._lead_ms is None or len(words) > MOST_TIMED_WORDS:
            return ()
        is_displaced = self._recorder is not None and self._recorder.is_displaced
        if is_displaced or abs(at_audio(0.0) - self._lead_ms) > MOST_DRIFT_MS:
            return ()
        return tuple(max(0, round(at_audio(ms))) for word in words for ms in (word.start_ms, word.end_ms))

    def _event(
        self, number: int, text: str, default_began: float, ended: float, word_ms: tuple[int, ...] = ()
    ) -> CallerSaid:
        """Make the event of a turn.

        The start is calculated backwards from where speech was detected, so it may be before the call's first frame.

        Args:
            default_began: Used if the start of the speech was not noticed.
        """
        began = self._began if self._began is not None else default_began
        return CallerSaid(number, text, max(0, round(began)), max(0, round(ended)), word_ms)
