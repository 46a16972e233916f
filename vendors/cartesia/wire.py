"""Messages, addresses and errors of Cartesia; no input or output.

What Cartesia's protocols have in common: version, addresses and errors; pure.

Source: cartesia 4.2.0 (its types and resources) and docs.cartesia.ai; put together in docs/develop/vendors/cartesia.md.

Cartesia's `/tts/websocket`: the contexts of one utterance, as messages out and messages in; pure.

A context is a stretch of speech with one prosody. The vendor forgets it 1 s after its last audio, and an id must not be
used again: so a context is ended when no text comes for a while, and later text opens another one. Only one is open at
a time, because contexts are spoken at the same time, not one after another.

Cartesia's `/stt/turns/websocket`: our caller's turn from the vendor's turns, which it begins and ends itself; pure.

Where the vendor believes that a turn may be over, is over, or goes on after all, is passed on as evidence. It tells no
figures; the thresholds that it has crossed stand for them.

The vendor cannot be asked for a text, and says nothing of where in the audio it is. So a text that is asked for is the
one with which it ends a turn, or says that the turn may be over; else the last known one, once nothing new came for a
while.

Cartesia's `/stt/websocket`: a caller's turn from texts that are finalized on request; pure.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw, Struct

from shared.g711 import RATE
from shared.providers.errors import (
    DECODE_ERRORS,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    cause_of_status,
    is_error_code,
    make_unreadable,
)
from shared.providers.speech import RecognizedText, SpeechChunk, TimedWord, TurnSignal
from shared.providers.turn_calibration import CALIBRATIONS
from shared.providers.voice_contexts import SpeechContext
from vendors.cartesia.facts import ENGLISH, CartesiaSpeechToTextOptions, CartesiaTextToSpeechOptions

# The messages here are those of this version; the vendor keeps a dated version as it was.
VERSION: Final = "2026-08-14"

QueryField = str | int | float | Sequence[str] | None

_BUSY: Final = 429
_NO_CREDIT: Final = 402
_UNAUTHORIZED: Final = (401, 403)
_TIMEOUTS: Final = (408, 504)


class ErrorEvent(Struct, frozen=True):
    """An error of a WebSocket, without title and message, which may quote what was said."""

    status_code: int | None = None
    error_code: str | None = None


def make_url(base_url: str, path: str, query: Mapping[str, QueryField]) -> str:
    """The WebSocket address of a path. Values of None are left out, lists are repeated, a blank is %20."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: value for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}" if values else f"{base}{path}"


def make_headers(api_key: str) -> dict[str, str]:
    """The headers of a handshake."""
    return {"Cartesia-Version": VERSION, **({"X-API-Key": api_key} if api_key else {})}


def make_error(provider: str, event: ErrorEvent) -> ProviderError:
    """The error for an event, with the vendor's code and status only."""
    code = event.error_code if event.error_code and is_error_code(event.error_code) else ""
    status = event.status_code or 0
    reason = f"error {status or ''} {code}".replace("  ", " ").strip()
    if status == _NO_CREDIT:
        return ProviderBusy(provider, reason, retryable=False)
    if status == _BUSY:
        return ProviderBusy(provider, reason)
    if status in _UNAUTHORIZED:
        return KeyRefused(provider, reason)
    if status in _TIMEOUTS:
        return ProviderSlow(provider, reason)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


def base_language(language: str) -> str:
    """ "en" of "en-GB": the vendor takes no regions."""
    return language.partition("-")[0].lower()


PATH: Final = "/tts/websocket"
_FORMAT: Final = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": RATE}


class _Words(Struct, frozen=True):
    """Times are in seconds of the context's audio."""

    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    end: tuple[float, ...] = ()


class SpeechMessage(Struct, frozen=True):
    """A message of the vendor. data: mu-law, in base64 on the wire."""

    type: str
    context_id: str | None = None
    data: bytes = b""
    word_timestamps: _Words | None = None
    status_code: int | None = None
    error_code: str | None = None


_DECODER: Final = msgspec.json.Decoder(SpeechMessage)


def read_message(provider: str, message: bytes) -> SpeechMessage:
    """Read a message. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class VoiceSettings(Struct, frozen=True, omit_defaults=True):
    """What is equal in all inputs of a context. Speed, volume, emotion: of the model's default where None."""

    model: str
    voice_id: str
    speed: float | None = None
    volume: float | None = None
    emotion: str | None = None
    pronunciation_dict_id: str | None = None

    def fields(self, language: str) -> dict[str, Any]:
        """The fields of a request. Text comes in whole clauses, so that the vendor need not wait for more
        (`max_buffer_delay_ms`). Timings are of the words as they were sent."""
        chosen = {"speed": self.speed, "volume": self.volume, "emotion": self.emotion}
        generation = {name: value for name, value in chosen.items() if value is not None}
        return {
            "model_id": self.model,
            "voice": {"id": self.voice_id},
            "language": language,
            "output_format": _FORMAT,
            "max_buffer_delay_ms": 0,
            "add_timestamps": True,
            "use_normalized_timestamps": False,
            **({"generation_config": generation} if generation else {}),
            **({"pronunciation_dict_id": self.pronunciation_dict_id} if self.pronunciation_dict_id else {}),
        }


class SpokenContexts(SpeechContext):
    """The contexts of one utterance. fields: of each request. make_id: a new id at each call."""

    def __init__(self, provider: str, fields: dict[str, Any], make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._fields = fields

    @property
    def unfinished_id(self) -> str:
        """None: a context that was cancelled does not count any more."""
        return ""

    def add_text(self, text: str) -> bytes:
        """The message that sends text; empty for blanks, which are sent with the next words. Not while a finished
        context is not done."""
        spoken = self._take_text(text)
        if not spoken:
            return b""
        self._begin()
        return self._encode(spoken, more=True)

    def finish(self) -> bytes:
        """The message that ends the context; empty when none is open."""
        return self._encode("", more=False) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that stops the context; empty when nothing of it can come any more."""
        if self.is_done:
            return b""
        self._end()
        return msgspec.json.encode({"context_id": self._id, "cancel": True})

    def read(self, message: SpeechMessage) -> SpeechChunk | None:
        """Take a message of the connection; return the audio or the words in it. Raises ProviderError for an error
        of this context or of the whole connection."""
        if message.context_id != self._id and not (message.type == "error" and message.context_id is None):
            return None  # of an utterance that was cancelled
        self.heard = True
        if message.type == "chunk":
            return self._read_audio(message.data)
        if message.type == "timestamps" and message.word_timestamps is not None:
            return self._read_words(message.word_timestamps)
        if message.type == "done":
            self._end()
        elif message.type == "error":
            raise make_error(self._provider, ErrorEvent(message.status_code, message.error_code))
        return None

    def _read_audio(self, ulaw: bytes) -> SpeechChunk | None:
        if self.is_done or not ulaw:
            return None
        self._add_audio(ulaw)
        return SpeechChunk(ulaw)

    def _read_words(self, words: _Words) -> SpeechChunk | None:
        if self.is_done:
            return None
        if not len(words.words) == len(words.start) == len(words.end):
            raise ProviderError(self._provider, "word timings of unequal number", cause="unreadable")
        timed = zip(words.words, words.start, words.end, strict=True)
        offset = self._began_ms
        return SpeechChunk(b"", tuple(TimedWord(word, offset + a * 1_000, offset + b * 1_000) for word, a, b in timed))

    def _encode(self, text: str, *, more: bool) -> bytes:
        request = {**self._fields, "context_id": self._id, "transcript": text, "continue": more}
        return msgspec.json.encode(request)


# Somebody who spoke for so long within a turn of the vendor's has said a further word: a recognizer that shows none of
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


_TURN_DECODER: Final = msgspec.json.Decoder(_Message)


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

    def finalize(self, token: int, position_ms: float) -> str:
        """Nothing to send."""
        self._token = token
        if self._speech_end_ms is None:
            self._speech_end_ms = position_ms
        return ""

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        ended, words = self._answered
        if self._token is not None:  # taken without an answer
            ended, words = len(self._ended), len(self._running or ())
        del self._ended[:ended]
        self._taken = words if self._running is not None else 0
        self._answered, self._token = (0, self._taken), None

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Take a message; return the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _TURN_DECODER.decode(message)
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
        return RecognizedText(self._text(), final=False)

    def take_signal(self) -> TurnSignal | None:
        """What the vendor believes of the turn's end, once for each message that tells it."""
        signal, self._signal = self._signal, None
        return signal

    def _make_signal(self, kind: str) -> TurnSignal | None:
        """None for a message that tells nothing of the turn's end, and for a turn without words."""
        text, resumed = self._text(), kind == "turn.resume"
        finished = self._finished.get(kind)
        return TurnSignal(text, finished, resumed) if text and (resumed or finished is not None) else None

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """The text if the vendor believes that the caller has finished, or if nothing new came for a while. None if a
        turn of the vendor's runs and the caller spoke long since its latest news: a recognizer that hangs gives no
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
        """Keep what was in the last answer apart from what was not, because `next_turn` may come later."""
        ended, answered = self._answered
        count = max(0, answered - self._taken)
        self._ended += [" ".join(part) for part in (words[:count], words[count:]) if part]
        self._answered = ended + bool(words[:count]), 0
        self._running, self._taken, self._is_over = None, 0, True

    def _answer(self) -> RecognizedText:
        token, self._token = self._token, None
        self._answered = len(self._ended), len(self._running or ())
        return RecognizedText(self._text(), final=True, token=token)

    def _text(self) -> str:
        running = " ".join((self._running or [])[self._taken :])
        return " ".join(text for text in (*self._ended, running) if text)


class _Times(Struct, frozen=True):
    """Words of a text. start, end: of each, in seconds of the audio that was sent."""

    words: list[str]
    start: list[float]
    end: list[float]


class _FinalizeMessage(Struct, frozen=True):
    """text: what came since the last final text. words: kept unread until it is final, with their times where the model
    has them."""

    type: str
    text: str = ""
    is_final: bool = False
    words: Raw = Raw()
    status_code: int | None = None
    error_code: str | None = None


_FINALIZE_DECODER: Final = msgspec.json.Decoder(_FinalizeMessage)
_TIMES_DECODER: Final = msgspec.json.Decoder(list[_Times])


class FinalizedTranscript:
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

    def finalize(self, token: int, position_ms: float) -> str:
        """The message that asks for the text."""
        self._token = token
        self._asked += 1
        return "finalize"

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        self._token, self._stale = None, self._asked
        del self._finals[: self._answered], self._words[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._words.clear()
            self._interim = ""

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Take a message; return the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _FINALIZE_DECODER.decode(message)
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

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """None: the vendor answers each request."""

    def _read_text(self, found: _FinalizeMessage) -> RecognizedText | None:
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
        return RecognizedText(self._join(self._interim), final=False)

    def _read_flush(self) -> RecognizedText | None:
        self._asked, self._stale = max(0, self._asked - 1), max(0, self._stale - 1)
        if self._asked or self._token is None:
            return None
        token, self._token = self._token, None
        self._answered, self._interim = len(self._finals), ""
        is_timed = all(words or not text.strip() for text, words in zip(self._finals, self._words, strict=True))
        words = tuple(word for part in self._words for word in part) if is_timed else ()
        return RecognizedText(self._join(), final=True, token=token, words=words)

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


def make_listen_url(name: str, options: CartesiaSpeechToTextOptions, language: str) -> str:
    """Where a session is opened. language: of the call. Raises ProviderError for one that the model does not know."""
    path = TurnsTranscript.path if options.turns else FinalizedTranscript.path
    query = _make_listen_query(name, options, base_language(options.language or language))
    return make_url(options.base_url, path, query)


def make_voice(options: CartesiaTextToSpeechOptions) -> VoiceSettings:
    """How a voice speaks with these options."""
    return VoiceSettings(
        model=options.model,
        voice_id=options.voice_id,
        speed=options.speed,
        volume=options.volume,
        emotion=options.emotion,
        pronunciation_dict_id=options.pronunciation_dict_id,
    )


def _make_listen_query(name: str, options: CartesiaSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    is_english = options.model.startswith(ENGLISH)
    if is_english and language != "en":
        raise ProviderError(name, f"{options.model} knows no {language!r}", retryable=False, cause="refused")
    audio: dict[str, QueryField] = {"model": options.model, "encoding": "pcm_mulaw", "sample_rate": RATE}
    keyterm = options.keyterm if is_english and options.keyterm else None
    if not options.turns:
        return {**audio, "language": language, "keyterm": keyterm}
    return {
        **audio,
        "keyterm": keyterm,
        "turn_start_threshold": options.turn_start_threshold,
        "turn_eager_end_threshold": options.turn_eager_end_threshold,
        "turn_end_threshold": options.turn_end_threshold,
        "turn_end_timeout_ms": options.turn_end_timeout_ms,
    }
