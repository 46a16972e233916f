"""The dialect of recognizers that answer a request for text with segments, such as Deepgram's."""

from typing import Protocol

from media.providers.recognizer_dialect import RecognizerLine
from shared.providers.segments import TranscribedResult, TurnTranscript
from shared.providers.speech import TurnSignal


class SegmentReader(Protocol):
    """Encodes requests and decodes results of one session."""

    @property
    def is_ready(self) -> bool:
        """Whether the vendor has accepted the key and the settings. True from the start if the vendor does not confirm
        them."""

    def finalize(self, position_ms: float) -> str:
        """Return the message that requests the text up to this position in the audio."""

    def read(self, message: bytes) -> TranscribedResult | None:
        """Return the result in a message, or None if it has none. Raises ProviderError."""

    def expire(self, position_ms: float) -> TranscribedResult | None:
        """Return the result that a missing answer implies. None means that the vendor hangs, which the chain's deadline
        detects."""


class SegmentDialect:
    """The dialect of one session.

    Args:
        answer_s: Seconds after `finalize`. If no answer has arrived by then, the last known text is the answer,
            provided that it covers the audio.
    """

    def __init__(self, reader: SegmentReader, answer_s: float) -> None:
        self._reader = reader
        self._answer_s = answer_s
        self._transcript = TurnTranscript()

    @property
    def is_ready(self) -> bool:
        return self._reader.is_ready

    def opened(self, line: RecognizerLine) -> None:
        """Do nothing, because the address contains all settings."""

    def pushed(self, line: RecognizerLine) -> None:
        """Do nothing, because only `finalize` requests a text."""

    def started(self, line: RecognizerLine) -> None:
        """Do nothing, because the recognizer detects speech by itself."""

    def finalize(self, line: RecognizerLine, token: int) -> None:
        line.flush()
        is_asked = self._transcript.finalize(token, line.position_ms)
        if is_asked:
            line.send(self._reader.finalize(line.position_ms))
        line.wait(self._answer_s if is_asked else 0.0)

    def next_turn(self, line: RecognizerLine) -> None:
        line.cancel_wait()
        if self._transcript.end_segment(line.position_ms):
            line.flush()
            line.send(self._reader.finalize(line.position_ms))
        self._transcript.next_turn()

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Report the turn's text and the vendor's estimate of the turn's end. Raises ProviderError."""
        result = self._reader.read(message)
        if result is not None:
            self._take(line, result)

    def expire(self, line: RecognizerLine) -> None:
        event = self._transcript.expire()
        if event is not None:
            line.report(event)
            return
        result = self._reader.expire(line.position_ms)
        if result is not None:
            self._take(line, result)

    def _take(self, line: RecognizerLine, result: TranscribedResult) -> None:
        event = self._transcript.add(result)
        if event is None:
            return
        if event.final:
            line.cancel_wait()
        line.report(event)
        if event.text and (result.finished is not None or result.has_resumed):
            line.report(TurnSignal(event.text, result.finished, resumed=result.has_resumed))
