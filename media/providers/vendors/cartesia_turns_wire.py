"""Cartesia's `/stt/turns/websocket`: our caller's turn from the vendor's turns, which it begins and ends itself; pure.

Where the vendor believes that a turn may be over, is over, or goes on after all, is passed on as evidence. It tells no
figures; the thresholds that it has crossed stand for them.

The vendor cannot be asked for a text, and says nothing of where in the audio it is. So a text that is asked for is the
one with which it ends a turn, or says that the turn may be over; else the last known one, once nothing new came for a
while.
"""

from typing import Final

import msgspec
from msgspec import Struct

from media.providers.vendors.cartesia_wire import ErrorEvent, make_error
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.speech import RecognisedText, TurnSignal
from shared.providers.turn_calibration import CALIBRATIONS

# Somebody who spoke for so long within a turn of the vendor's has said a further word: a recogniser that shows none of
# it hangs. A cough is shorter, and so is the silence before a text is asked for, with the vendor's delay. Outside of
# its turns the vendor says nothing to noise, and is right.
LONG_SPEECH_MS: Final = 1_500.0
# The vendor's own thresholds, where the account has none: likelihoods that the caller speaks.
EAGER_END_THRESHOLD: Final = 0.4
END_THRESHOLD: Final = 0.2
_CALIBRATION: Final = CALIBRATIONS["ink-2"]


class _Message(Struct, frozen=True):
    """transcript: of the whole vendor's turn."""

    type: str
    transcript: str = ""
    status_code: int | None = None
    error_code: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Message)


class TurnsTranscript:
    """One session's current turn, of one or more of the vendor's. eager_end, end: thresholds of the session."""

    path: Final = "/stt/turns/websocket"
    close_message: Final = '{"type":"close"}'
    greets: Final = True

    def __init__(self, provider: str, *, eager_end: float = EAGER_END_THRESHOLD, end: float = END_THRESHOLD) -> None:
        self._provider = provider
        self._finished = {
            "turn.eager_end": _CALIBRATION.probability(eager_end),
            "turn.end": _CALIBRATION.probability(end),
        }
        self._signal: TurnSignal | None = None
        self._ended: list[str] = []  # texts of the vendor's turns that are over
        self._running: list[str] | None = None  # words of the one that is not
        self._taken = 0  # words of the running turn that earlier turns of ours took
        self._answered = (0, 0)  # ended turns, and words of the running one, that were in the last answer
        self._token: int | None = None
        self._is_over = False  # the vendor believes that the caller has finished
        self._known_ms = 0.0  # when the latest news came, or when the caller began to speak
        # Where the text was first asked for since the caller spoke.
        self._speech_end_ms: float | None = 0.0

    def started(self, position_ms: float) -> None:
        """The caller speaks: what the vendor thought of the silence before is out of date."""
        self._is_over = False
        if self._speech_end_ms is not None:
            self._known_ms = max(self._known_ms, position_ms)
        self._speech_end_ms = None

    def finalise(self, token: int, position_ms: float) -> str:
        """Nothing to send."""
        self._token = token
        if self._speech_end_ms is None:
            self._speech_end_ms = position_ms
        return ""

    def next_turn(self) -> None:
        """What was said before the last `finalise` has been taken."""
        ended, words = self._answered
        if self._token is not None:  # taken without an answer
            ended, words = len(self._ended), len(self._running or ())
        del self._ended[:ended]
        self._taken = words if self._running is not None else 0
        self._answered, self._token = (0, self._taken), None

    def read(self, message: bytes, position_ms: float) -> RecognisedText | None:
        """Takes a message; returns the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _DECODER.decode(message)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        if found.type == "error":
            failed = make_error(self._provider, ErrorEvent(found.status_code, found.error_code))
            raise failed.with_answer(message)
        if not found.type.startswith("turn."):
            return None
        before = self._text()
        was_running = self._running is not None
        self._read_turn(found)
        if was_running:
            self._signal = self._make_signal(found.type)
        if self._text() != before:
            self._known_ms = position_ms
        if self._token is not None and self._is_over:
            return self._answer()
        return RecognisedText(self._text(), final=False)

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""
        signal, self._signal = self._signal, None
        return signal

    def _make_signal(self, kind: str) -> TurnSignal | None:
        """None for a message that tells nothing of the turn's end, and for a turn without words."""
        text, resumed = self._text(), kind == "turn.resume"
        finished = self._finished.get(kind)
        return TurnSignal(text, finished, resumed) if text and (resumed or finished is not None) else None

    def settle(self, *, is_overdue: bool) -> RecognisedText | None:
        """The text if the vendor believes that the caller has finished, or if nothing new came for a while. None if a
        turn of the vendor's runs and the caller spoke long since its latest news: a recogniser that hangs gives no
        answer. Whether one that began no turn is deaf, the chain finds out by another's ears."""
        if self._token is None:
            return None
        hangs = self._running is not None and (self._speech_end_ms or 0.0) - self._known_ms >= LONG_SPEECH_MS
        return self._answer() if self._is_over or (is_overdue and not hangs) else None

    def _read_turn(self, found: _Message) -> None:
        if found.type == "turn.start":
            self._running, self._taken, self._is_over = [], 0, False
        elif self._running is None:
            return  # a message that comes again, or after the end of its turn
        elif found.type == "turn.resume":
            self._is_over = False
        elif found.type == "turn.end":
            self._end_turn(found.transcript.split()[self._taken :])
        else:
            self._running = found.transcript.split()
            self._is_over = found.type == "turn.eager_end"

    def _end_turn(self, words: list[str]) -> None:
        """Keeps what was in the last answer apart from what was not, because `next_turn` may come later."""
        ended, answered = self._answered
        count = max(0, answered - self._taken)
        self._ended += [" ".join(part) for part in (words[:count], words[count:]) if part]
        self._answered = ended + bool(words[:count]), 0
        self._running, self._taken, self._is_over = None, 0, True

    def _answer(self) -> RecognisedText:
        token, self._token = self._token, None
        self._answered = len(self._ended), len(self._running or ())
        return RecognisedText(self._text(), final=True, token=token)

    def _text(self) -> str:
        running = " ".join((self._running or [])[self._taken :])
        return " ".join(text for text in (*self._ended, running) if text)
