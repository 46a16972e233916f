"""Builds a caller's turn from the segments of a recognizer that counts the seconds of audio it received; pure.

A turn ends where its text was requested (`finalize`), not where a segment ends. What was said before that position
belongs to the turn, and what was said after it to the next turn. A segment may contain both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.providers.speech import RecognizedText, TimedWord, most_spoken

# A result that ends at most this long before a position covers it, because recognizers count in their own frames.
TOLERANCE_MS: Final = 50.0
# A recognizer need not answer for this little audio. Text is requested after 200 ms of silence, so no word is in it.
LITTLE_AUDIO_MS: Final = 200.0


@dataclass(frozen=True, slots=True)
class TranscribedSegment:
    """What was recognized in a stretch of audio.

    Attributes:
        number: Grows from segment to segment. Results with the same number replace each other.
        words: With their times in the audio that was sent. Empty if the times are unknown.
        language: The language code; empty if the vendor reports none.
    """

    number: int
    text: str
    start_ms: float
    end_ms: float
    words: tuple[TimedWord, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class TranscribedResult:
    """One message of a recognizer.

    Attributes:
        is_final: The segment will not change.
        is_flushed: The result is the answer to a request for it.
        finished: The probability (0-1) that the caller has finished, if the vendor signals the end of turns.
        is_over: The recognizer itself has ended the turn, or may have. The text stays until has_resumed.
        has_resumed: The recognizer takes is_over back.
    """

    segment: TranscribedSegment
    is_final: bool
    is_flushed: bool = False
    finished: float | None = None
    is_over: bool = False
    has_resumed: bool = False


class TurnTranscript:
    """The text of one session's current turn. Positions are in ms of the audio that was sent."""

    def __init__(self) -> None:
        self._finals: list[TranscribedSegment] = []
        self._interim: TranscribedSegment | None = None
        self._last_number = -1  # the number of the last final segment
        self._covered_ms = 0.0  # audio before this was recognized, though perhaps not finally
        self._turn_start_ms = 0.0
        self._asked_ms = 0.0
        self._token: int | None = None
        self._is_overdue = False
        self._unanswered: list[float] = []  # positions at which text was requested
        self._over: TranscribedSegment | None = None  # the turn that the recognizer has ended itself, or may have
        self._runs_on = False  # a text was taken from a turn that the recognizer has not ended yet

    def finalize(self, token: int, position_ms: float) -> bool:
        """Record that the text up to this position was requested.

        Returns whether a request must be sent. If the recognizer itself has signaled the end of the turn, `expire`
        returns the answer at once.
        """
        self._token, self._asked_ms, self._is_overdue = token, position_ms, False
        is_known = self._over is not None and self._covers_question()
        self._runs_on = is_known and self._interim is not None
        if not is_known:
            self._unanswered.append(position_ms)
        return not is_known

    def end_segment(self, position_ms: float) -> bool:
        """Return whether the recognizer must be asked to end a turn whose text was taken, so that the next turn is
        separate.

        Records that the recognizer was asked.
        """
        runs_on, self._runs_on = self._runs_on, False
        if runs_on:
            self._unanswered.append(position_ms)
        return runs_on

    def next_turn(self) -> None:
        """Begin the next turn, because the text before the last `finalize` was taken."""
        self._token, self._turn_start_ms = None, self._asked_ms
        self._finals = [segment for segment in self._finals if segment.end_ms > self._turn_start_ms]

    def add(self, result: TranscribedResult) -> RecognizedText | None:
        """Add a result. Return the turn's text (the answer to `finalize` if it is one), or None if nothing is new."""
        segment = result.segment
        if segment.number <= self._last_number and not result.is_final:
            return None  # arrived after the final segment that replaced it
        self._covered_ms = max(self._covered_ms, segment.end_ms)
        self._note_end(result)
        if result.is_final:
            self._add_final(segment)
        else:
            self._interim = segment
        is_answered = result.is_flushed and self._answers_latest(segment.end_ms)
        if is_answered or (result.is_final and segment.end_ms >= self._asked_ms) or self._is_settled():
            return self._answer() or RecognizedText(self._text(), final=False)
        return RecognizedText(self._text(), final=False)

    def expire(self) -> RecognizedText | None:
        """Handle a recognizer that has not answered in time.

        Returns the last known text as the answer if it covers the audio. Otherwise the answer comes with the result
        that covers the audio, so that a recognizer that hangs never answers.
        """
        self._is_overdue = True
        return self._answer() if self._is_settled() else None

    def _add_final(self, segment: TranscribedSegment) -> None:
        others = [known for known in self._finals if known.number != segment.number]
        if segment.end_ms > self._turn_start_ms:
            others.append(segment)
        self._finals = sorted(others, key=lambda known: known.number)
        if segment.end_ms > segment.start_ms:  # a segment without audio shares its number with the following segment
            self._last_number = max(self._last_number, segment.number)
        if self._interim is not None and self._interim.number <= segment.number:
            self._interim = None

    def _note_end(self, result: TranscribedResult) -> None:
        """Note whether the recognizer must be asked to end the turn.

        This is needed for a turn without the times of its words, because its words could not be distinguished from
        those of the next turn.
        """
        segment, over = result.segment, self._over
        is_same = over is not None and (segment.number, segment.text) == (over.number, over.text)
        if result.is_over:
            self._over = segment if result.is_final or segment.words else None
        elif result.has_resumed or result.is_flushed or (segment.text and not is_same):
            self._over = None

    def _answers_latest(self, end_ms: float) -> bool:
        """Return whether a flushed result answers the latest request. Requests are answered in order, but not all of
        them."""
        answered = sum(position <= end_ms + TOLERANCE_MS for position in self._unanswered)
        del self._unanswered[: max(1, answered)]
        return not self._unanswered

    def _is_settled(self) -> bool:
        return self._is_overdue and self._covers_question()

    def _covers_question(self) -> bool:
        return self._covered_ms >= self._asked_ms - LITTLE_AUDIO_MS

    def _answer(self) -> RecognizedText | None:
        if self._token is None:
            return None
        text, words = self._text(self._asked_ms), self._words(self._asked_ms)
        language = most_spoken((segment.language, self._text_of(segment, self._asked_ms)) for segment in self._segments)
        answer = RecognizedText(text, final=True, token=self._token, words=words, language=language)
        self._token = None
        return answer

    @property
    def _segments(self) -> list[TranscribedSegment]:
        return [*self._finals, self._interim] if self._interim is not None else self._finals

    def _text(self, until_ms: float = float("inf")) -> str:
        parts = (self._text_of(segment, until_ms) for segment in self._segments)
        return " ".join(part for part in parts if part)

    def _text_of(self, segment: TranscribedSegment, until_ms: float) -> str:
        return _text_between(segment, self._turn_start_ms, until_ms)

    def _words(self, until_ms: float) -> tuple[TimedWord, ...]:
        """Return the words of `_text`, or none if a segment has no times of words."""
        if any(segment.text and not segment.words for segment in self._segments):
            return ()
        start_ms = self._turn_start_ms
        return tuple(
            word
            for segment in self._segments
            for word in segment.words
            if (start_ms <= segment.start_ms and segment.end_ms <= until_ms) or _is_between(word, start_ms, until_ms)
        )


def _text_between(segment: TranscribedSegment, start_ms: float, until_ms: float) -> str:
    """Return the words whose middle is between the positions, or the segment's own text if these are all of its
    words."""
    if start_ms <= segment.start_ms and segment.end_ms <= until_ms:
        return segment.text
    words = segment.words or tuple(_spread(segment))
    inside = [word.text for word in words if _is_between(word, start_ms, until_ms)]
    return segment.text if len(inside) == len(words) else " ".join(inside)


def _is_between(word: TimedWord, start_ms: float, until_ms: float) -> bool:
    return start_ms <= (word.start_ms + word.end_ms) / 2 < until_ms


def _spread(segment: TranscribedSegment) -> Iterator[TimedWord]:
    """Yield the segment's words, spread evenly over its time."""
    texts = segment.text.split()
    step = (segment.end_ms - segment.start_ms) / max(1, len(texts))
    for index, text in enumerate(texts):
        start_ms = segment.start_ms + index * step
        yield TimedWord(text, start_ms, start_ms + step)
