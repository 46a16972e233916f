"""A caller's turn put together from the transcripts of one of pipecat's recognizers; no I/O and no clock.

pipecat gives a text for each segment, interim ones first, and says of some finals that nothing follows. Our turn is all
segments since the last one was taken, and its text is asked for once or more.
"""

from typing import Final

from media.providers.pipecat.wire import RecognizedTurn

# Speech without a word for so long: the recognizer hangs, and no text is given in its name. Then the chain's deadline
# finds out; a cough, of which there is no transcript, still has its empty answer.
UNHEARD_MS: Final = 1_500.0


class SegmentedTurn:
    """The turn now, and the request for its text that is not answered."""

    def __init__(self) -> None:
        self._segments: list[str] = []
        self._interim = ""
        self._token: int | None = None
        self._unheard_ms = 0.0  # speech since the latest news
        self._is_speaking = False
        self._may_come_late = False  # finals of the turn before, which ended without them

    @property
    def is_speaking(self) -> bool:
        """Whether the caller spoke since the text was asked for last."""
        return self._is_speaking

    @property
    def is_pending(self) -> bool:
        """Whether a request is unanswered."""
        return self._token is not None

    def started(self) -> None:
        """The caller began to speak, or went on."""
        self._is_speaking = True
        self._may_come_late = False

    def add_audio(self, ms: float) -> None:
        """Counts audio of the caller."""
        if self._is_speaking:
            self._unheard_ms += ms

    def add_interim(self, text: str) -> RecognizedTurn | None:
        """An interim text of the segment; returns what to report."""
        if self._may_come_late or not text.strip():
            return None
        self._interim, self._unheard_ms = text.strip(), 0.0
        return RecognizedTurn(self._text(), False)

    def add_final(self, text: str, *, is_last: bool) -> RecognizedTurn | None:
        """The final text of a segment; returns what to report. is_last: nothing follows of what was asked for."""
        if self._may_come_late:
            return None
        self._unheard_ms, self._interim = 0.0, ""
        if text.strip():
            self._segments.append(text.strip())
        return self._answer() if is_last and self.is_pending else RecognizedTurn(self._text(), False)

    def request(self, token: int) -> None:
        """The turn's text is asked for."""
        self._token = token
        self._is_speaking = False

    def expire(self) -> RecognizedTurn | None:
        """The wait for a final is over: what is known is the answer, unless the recognizer seems to hang."""
        return self._answer() if self.is_pending and self._unheard_ms < UNHEARD_MS else None

    def next_turn(self) -> None:
        """The turn's text was taken."""
        self._may_come_late = bool(self._interim) or self.is_pending
        self._segments, self._interim, self._token, self._unheard_ms = [], "", None, 0.0

    def _answer(self) -> RecognizedTurn:
        token, self._token = self._token, None
        return RecognizedTurn(self._text(), True, token)

    def _text(self) -> str:
        return " ".join([*self._segments, self._interim] if self._interim else self._segments)
