"""The dialect of recognizers whose transcript shows that the requested text is complete."""

from typing import Protocol

from media.providers.recognizer_dialect import RecognizerLine
from shared.providers.speech import RecognizedText, TurnSignal


class VendorTranscript(Protocol):
    """One session's current turn. Positions are ms of the audio that was pushed."""

    def started(self, position_ms: float) -> None:
        """The caller speaks since this position."""

    def finalize(self, token: int, position_ms: float) -> str:
        """The message that asks for the text up to this position; empty where there is none to send."""

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Takes a message that came when the audio up to this position was pushed. Raises ProviderError."""

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """The answer to `finalize` if it is known now. is_overdue: the vendor has said nothing new for a while."""


class TurnDialect:
    """One session. answer_s: after `finalize`, how long the vendor may say nothing new. greets: whether it says that it
    has accepted key and settings. first_message: what a session begins with, if it needs anything."""

    def __init__(
        self, transcript: VendorTranscript, answer_s: float, *, greets: bool = True, first_message: bytes = b""
    ) -> None:
        self._transcript = transcript
        self._first_message = first_message
        self._answer_s = answer_s
        self._is_overdue = False  # at the end of the current wait
        self._last_text = ""
        self.is_ready = not greets

    def opened(self, line: RecognizerLine) -> None:
        if self._first_message:
            line.send(self._first_message)

    def pushed(self, line: RecognizerLine) -> None:
        """Nothing: a text is asked for by `finalize` alone."""

    def started(self, line: RecognizerLine) -> None:
        self._transcript.started(line.position_ms)

    def finalize(self, line: RecognizerLine, token: int) -> None:
        """Asks for the text; looks whether it is known already where there is nothing to ask."""
        line.flush()
        message = self._transcript.finalize(token, line.position_ms)
        if message:
            line.send(message)
        self._wait(line, self._answer_s if message else 0.0)

    def next_turn(self, line: RecognizerLine) -> None:
        line.cancel_wait()
        self._transcript.next_turn()

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Reports the turn's text, and what the vendor believes of its end. Raises ProviderError."""
        event = self._transcript.read(message, line.position_ms)
        self.is_ready = True
        if event is not None:
            self._report(line, event)
        signal = self._transcript.take_signal()
        if signal is not None:
            line.report(signal)

    def expire(self, line: RecognizerLine) -> None:
        event = self._transcript.settle(is_overdue=self._is_overdue)
        if event is not None:
            self._report(line, event)
        else:
            self._wait(line, self._answer_s)

    def _wait(self, line: RecognizerLine, seconds: float) -> None:
        """Waits for the vendor, and then settles for what is known."""
        self._is_overdue = seconds > 0
        line.wait(seconds)

    def _report(self, line: RecognizerLine, event: RecognizedText) -> None:
        is_new, self._last_text = event.text != self._last_text, event.text
        if event.final:
            line.cancel_wait()
        elif is_new and line.is_waiting:  # the vendor is still busy
            self._wait(line, self._answer_s)
        line.report(event)
