"""The dialect of recognizers whose transcript shows that the requested text is complete."""

from typing import Protocol

from media.providers.recognizer_dialect import RecognizerLine
from shared.providers.speech import RecognizedText, TurnSignal


class VendorTranscript(Protocol):
    """The transcript of one session's current turn. Positions are in ms of the pushed audio."""

    def started(self, position_ms: float) -> None:
        """Record that the caller has been speaking since this position."""

    def finalize(self, token: int, position_ms: float) -> str:
        """Return the message that requests the text up to this position, or an empty string if no message is needed."""

    def next_turn(self) -> None:
        """Start the next turn, because the text before the last `finalize` was used."""

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Read a message that arrived when the audio up to this position was pushed. Raises ProviderError."""

    def take_signal(self) -> TurnSignal | None:
        """Return the vendor's estimate of the turn's end, once for each message that contains it."""

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """Return the answer to `finalize` if it is known.

        Args:
            is_overdue: The vendor has sent nothing new for a while.
        """


class TurnDialect:
    """The dialect of one session.

    Args:
        answer_s: How many seconds after `finalize` the vendor may send nothing new.
        greets: The vendor confirms the key and the settings.
        first_message: The message that begins a session; empty if the vendor needs none.
    """

    def __init__(
        self, transcript: VendorTranscript, answer_s: float, *, greets: bool = True, first_message: bytes = b""
    ) -> None:
        self._transcript = transcript
        self._first_message = first_message
        self._answer_s = answer_s
        self._is_overdue = False  # whether the current wait ends with an overdue answer
        self._last_text = ""
        self.is_ready = not greets

    def opened(self, line: RecognizerLine) -> None:
        if self._first_message:
            line.send(self._first_message)

    def pushed(self, line: RecognizerLine) -> None:
        """Do nothing, because only `finalize` requests a text."""

    def started(self, line: RecognizerLine) -> None:
        self._transcript.started(line.position_ms)

    def finalize(self, line: RecognizerLine, token: int) -> None:
        """Request the text. If no request is needed, use the text that is already known."""
        line.flush()
        message = self._transcript.finalize(token, line.position_ms)
        if message:
            line.send(message)
        self._wait(line, self._answer_s if message else 0.0)

    def next_turn(self, line: RecognizerLine) -> None:
        line.cancel_wait()
        self._transcript.next_turn()

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Report the turn's text and the vendor's estimate of the turn's end. Raises ProviderError."""
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
        """Wait for the vendor. After that, the known text is the answer."""
        self._is_overdue = seconds > 0
        line.wait(seconds)

    def _report(self, line: RecognizerLine, event: RecognizedText) -> None:
        is_new, self._last_text = event.text != self._last_text, event.text
        if event.final:
            line.cancel_wait()
        elif is_new and line.is_waiting:  # the vendor is still busy
            self._wait(line, self._answer_s)
        line.report(event)
