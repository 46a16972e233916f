"""A caller's turn, put together from the segments of a recognizer that counts the seconds of audio it was sent; pure.

A turn ends where its text was asked for (`finalize`), not where a segment ends: what was said before that position
belongs to the turn, what was said after it to the next one, and a segment may hold both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.providers.speech import RecognizedText, TimedWord, most_spoken

# A result that ends so shortly before a position covers it: a recognizer counts in frames of its own.
TOLERANCE_MS: Final = 50.0
# A recognizer need not answer for so little audio; text is asked for after 200 ms of silence, so no word is in it.
LITTLE_AUDIO_MS: Final = 200.0


@dataclass(frozen=True, slots=True)
class TranscribedSegment:
    """What was recognized in a stretch of audio. number: grows from segment to segment; results with the same number
    replace each other. words: with their times in the audio that was sent, empty where they are not known. language:
    its code, empty where the vendor tells none."""

    number: int
    text: str
    start_ms: float
    end_ms: float
    words: tuple[TimedWord, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class TranscribedResult:
    """One message of a recognizer. is_final: the segment will not change. is_flushed: it came because it was asked
    for. finished: the probability (0-1) that the caller has finished, where the vendor signals the end of turns.
    is_over: it has ended the turn itself, or may, and the text stays until it takes that back with has_resumed."""

    segment: TranscribedSegment
    is_final: bool
    is_flushed: bool = False
    finished: float | None = None
    is_over: bool = False
    has_resumed: bool = False


class TurnTranscript:
    """The text of one session's current turn. Positions are ms of the audio that was sent."""

    def __init__(self) -> None:
        self._finals: list[TranscribedSegment] = []
        self._interim: TranscribedSegment | None = None
        self._last_number = -1  # of the final segments
        self._covered_ms = 0.0  # audio before this was recognized, perhaps not finally
        self._turn_start_ms = 0.0
        self._asked_ms = 0.0
        self._token: int | None = None
        self._is_overdue = False
        self._unanswered: list[float] = []  # positions at which the recognizer was asked
        self._over: TranscribedSegment | None = None  # the turn that it has ended itself, or may
        self._runs_on = False  # a text was taken from a turn that it has not ended yet

    def finalize(self, token: int, position_ms: float) -> bool:
        """Records that the text up to this position was asked for. Returns whether the recognizer has to be asked: not
        where it believes itself that the caller has finished. Then `expire` has the answer at once."""
        self._token, self._asked_ms, self._is_overdue = token, position_ms, False
        is_known = self._over is not None and self._covers_question()
        self._runs_on = is_known and self._interim is not None
        if not is_known:
            self._unanswered.append(position_ms)
        return not is_known

    def end_segment(self, position_ms: float) -> bool:
        """Returns whether the recognizer has to be asked to end a turn whose text has been taken, so that the next one
        is not part of it; records that it is."""
        runs_on, self._runs_on = self._runs_on, False
        if runs_on:
            self._unanswered.append(position_ms)
        return runs_on

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        self._token, self._turn_start_ms = None, self._asked_ms
        self._finals = [segment for segment in self._finals if segment.end_ms > self._turn_start_ms]

    def add(self, result: TranscribedResult) -> RecognizedText | None:
        """Takes a result. Returns the turn's text: the answer to `finalize` if it is one; None if nothing is new."""
        segment = result.segment
        if segment.number <= self._last_number and not result.is_final:
            return None  # came after the final that replaced it
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
        """The recognizer has not answered in time. Returns the last known text as the answer, if it covers the audio;
        else it follows with the result that does, so that a recognizer that hangs never answers."""
        self._is_overdue = True
        return self._answer() if self._is_settled() else None

    def _add_final(self, segment: TranscribedSegment) -> None:
        others = [known for known in self._finals if known.number != segment.number]
        if segment.end_ms > self._turn_start_ms:
            others.append(segment)
        self._finals = sorted(others, key=lambda known: known.number)
        if segment.end_ms > segment.start_ms:  # one without audio shares its number with the segment that follows
            self._last_number = max(self._last_number, segment.number)
        if self._interim is not None and self._interim.number <= segment.number:
            self._interim = None

    def _note_end(self, result: TranscribedResult) -> None:
        """A turn without the times of its words has to be asked to end: they could not be told apart from those of the
        next one."""
        segment, over = result.segment, self._over
        is_same = over is not None and (segment.number, segment.text) == (over.number, over.text)
        if result.is_over:
            self._over = segment if result.is_final or segment.words else None
        elif result.has_resumed or result.is_flushed or (segment.text and not is_same):
            self._over = None

    def _answers_latest(self, end_ms: float) -> bool:
        """Whether a flushed result answers the latest question. They are answered in order, but not each one."""
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
        """The words of `_text`; none if a segment came without their times."""
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
    """The words whose middle is between the positions; the segment's own text, if those are all."""
    if start_ms <= segment.start_ms and segment.end_ms <= until_ms:
        return segment.text
    words = segment.words or tuple(_spread(segment))
    inside = [word.text for word in words if _is_between(word, start_ms, until_ms)]
    return segment.text if len(inside) == len(words) else " ".join(inside)


def _is_between(word: TimedWord, start_ms: float, until_ms: float) -> bool:
    return start_ms <= (word.start_ms + word.end_ms) / 2 < until_ms


def _spread(segment: TranscribedSegment) -> Iterator[TimedWord]:
    """The segment's words, spread evenly over its time."""
    texts = segment.text.split()
    step = (segment.end_ms - segment.start_ms) / max(1, len(texts))
    for index, text in enumerate(texts):
        start_ms = segment.start_ms + index * step
        yield TimedWord(text, start_ms, start_ms + step)
