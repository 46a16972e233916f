"""Cartesia's `/stt/websocket`: a caller's turn from texts that are finalised on request; pure."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from media.providers.vendors.cartesia_wire import ErrorEvent, make_error
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.speech import RecognisedText, TimedWord, TurnSignal


class _Times(Struct, frozen=True):
    """Words of a text. start, end: of each, in seconds of the audio that was sent."""

    words: list[str]
    start: list[float]
    end: list[float]


class _Message(Struct, frozen=True):
    """text: what came since the last final text. words: kept unread until it is final, with their times where the model
    has them."""

    type: str
    text: str = ""
    is_final: bool = False
    words: Raw = Raw()
    status_code: int | None = None
    error_code: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Message)
_TIMES_DECODER: Final = msgspec.json.Decoder(list[_Times])


class FinalisedTranscript:
    """One session's current turn. Final texts are joined as they are: blanks are the vendor's."""

    path: Final = "/stt/websocket"
    close_message: Final = "close"
    greets: Final = False

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._finals: list[str] = []
        self._words: list[tuple[TimedWord, ...]] = []  # of each final text
        self._interim = ""
        self._answered = 0  # final texts that were in the last answer
        self._asked = 0  # requests without an answer
        self._stale = 0  # of these, those of earlier turns
        self._token: int | None = None
        self._last_words = b""

    def started(self, position_ms: float) -> None:
        """Nothing: the vendor hears by itself."""

    def finalise(self, token: int, position_ms: float) -> str:
        """The message that asks for the text."""
        self._token = token
        self._asked += 1
        return "finalize"

    def next_turn(self) -> None:
        """What was said before the last `finalise` has been taken."""
        self._token, self._stale = None, self._asked
        del self._finals[: self._answered], self._words[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._words.clear()
            self._interim = ""

    def read(self, message: bytes, position_ms: float) -> RecognisedText | None:
        """Takes a message; returns the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _DECODER.decode(message)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        if found.type == "error":
            failed = make_error(self._provider, ErrorEvent(found.status_code, found.error_code))
            raise failed.with_answer(message)
        if found.type == "flush_done":
            return self._read_flush()
        return self._read_text(found) if found.type == "transcript" else None

    def take_signal(self) -> TurnSignal | None:
        """None: this protocol knows no turns."""

    def settle(self, *, is_overdue: bool) -> RecognisedText | None:
        """None: the vendor answers each request."""

    def _read_text(self, found: _Message) -> RecognisedText | None:
        if self._stale:
            return None
        if found.is_final:
            words = bytes(found.words)
            if len(words) > len("null") and words == self._last_words:
                return None  # the same again
            self._last_words = words
            self._finals.append(found.text)
            self._words.append(_read_words(words))
        self._interim = "" if found.is_final else found.text
        return RecognisedText(self._join(self._interim), final=False)

    def _read_flush(self) -> RecognisedText | None:
        self._asked, self._stale = max(0, self._asked - 1), max(0, self._stale - 1)
        if self._asked or self._token is None:
            return None
        token, self._token = self._token, None
        self._answered, self._interim = len(self._finals), ""
        is_timed = all(words or not text.strip() for text, words in zip(self._finals, self._words, strict=True))
        words = tuple(word for part in self._words for word in part) if is_timed else ()
        return RecognisedText(self._join(), final=True, token=token, words=words)

    def _join(self, interim: str = "") -> str:
        return "".join([*self._finals, interim]).strip()


def _read_words(message: bytes) -> tuple[TimedWord, ...]:
    """The words with their times; none where the model has none, or they cannot be read: they are not worth a text."""
    try:
        parts = _TIMES_DECODER.decode(message)
        return tuple(
            TimedWord(word, start * 1_000, end * 1_000)
            for part in parts
            for word, start, end in zip(part.words, part.start, part.end, strict=True)
        )
    except (msgspec.DecodeError, ValueError):
        return ()
