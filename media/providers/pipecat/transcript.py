"""Assembles a caller's turn from the transcripts of a pipecat recognizer, without I/O and clock.

pipecat reports interim texts and a final text for each segment, and marks some final texts as the last. A turn consists
of all segments since the last turn was taken, and its text may be requested several times.
"""

from typing import Final

from media.providers.pipecat.wire import RecognizedTurn

# If speech produces no word for this long, the recognizer hangs, and no empty answer is given, so that the chain's
# deadline detects the failure. A cough, which has no transcript, still gets an empty answer.
UNHEARD_MS: Final = 1_500.0


class SegmentedTurn:
    """The current turn, and the unanswered request for its text."""

    def __init__(self) -> None:
        self._segments: list[str] = []
        self._interim = ""
        self._token: int | None = None
        self._unheard_ms = 0.0  # speech since the latest text
        self._is_speaking = False
        self._may_come_late = False  # whether late finals of the previous turn may arrive

    @property
    def is_speaking(self) -> bool:
        """Whether the caller spoke since the last request."""
        return self._is_speaking

    @property
    def is_pending(self) -> bool:
        """Whether a request is unanswered."""
        return self._token is not None

    def started(self) -> None:
        """Record that the caller began to speak, or continued."""
        self._is_speaking = True
        self._may_come_late = False

    def add_audio(self, ms: float) -> None:
        """Count audio of the caller."""
        if self._is_speaking:
            self._unheard_ms += ms

    def add_interim(self, text: str) -> RecognizedTurn | None:
        """Add an interim text of the segment. Return the text to report, or None."""
        if self._may_come_late or not text.strip():
            return None
        self._interim, self._unheard_ms = text.strip(), 0.0
        return RecognizedTurn(self._text(), False)

    def add_final(self, text: str, *, is_last: bool) -> RecognizedTurn | None:
        """Add the final text of a segment. Return the text to report, or None.

        Args:
            is_last: No further text follows for the request.
        """
        if self._may_come_late:
            return None
        self._unheard_ms, self._interim = 0.0, ""
        if text.strip():
            self._segments.append(text.strip())
        return self._answer() if is_last and self.is_pending else RecognizedTurn(self._text(), False)

    def request(self, token: int) -> None:
        """Store a request for the turn's text."""
        self._token = token
        self._is_speaking = False

    def expire(self) -> RecognizedTurn | None:
        """End the wait for a final text. Return the known text as the answer, or None if the recognizer seems to
        hang."""
        return self._answer() if self.is_pending and self._unheard_ms < UNHEARD_MS else None

    def next_turn(self) -> None:
        """Start the next turn, because the turn's text was taken."""
        self._may_come_late = bool(self._interim) or self.is_pending
        self._segments, self._interim, self._token, self._unheard_ms = [], "", None, 0.0

    def _answer(self) -> RecognizedTurn:
        token, self._token = self._token, None
        return RecognizedTurn(self._text(), True, token)

    def _text(self) -> str:
        return " ".join([*self._segments, self._interim] if self._interim else self._segments)
