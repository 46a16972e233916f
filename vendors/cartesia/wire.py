"""Messages, URLs and errors of Cartesia's voices and recognizers; no I/O.

`/tts/websocket`: a context is a stretch of speech with one prosody. The vendor forgets a context 1 s after its last
audio, and its id must not be reused. So we end a context when no text arrives for a while, and open a new context for
later text. Contexts would be spoken simultaneously, so only one is open at a time.

`/stt/turns/websocket`: the vendor detects turns. Its events that a turn may be over, is over or continues are passed on
as evidence. They carry no probabilities; the configured thresholds that they imply are used instead. The vendor accepts
no request for a text and reports no position in the audio. A requested text is therefore the text of a turn that ended
or may be over, or else the latest text once nothing new has arrived for a while.

`/stt/websocket`: texts are finalized on request.

Source: cartesia 4.2.0 (its types and resources) and docs.cartesia.ai, collected in docs/develop/vendors/cartesia.md.
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

# The API version of the messages in this module. The vendor keeps dated versions unchanged.
VERSION: Final = "2026-08-14"

QueryField = str | int | float | Sequence[str] | None

_BUSY: Final = 429
_NO_CREDIT: Final = 402
_UNAUTHORIZED: Final = (401, 403)
_TIMEOUTS: Final = (408, 504)


class ErrorEvent(Struct, frozen=True):
    """An error on a WebSocket. Its title and message are not read, because they may quote the caller."""

    status_code: int | None = None
    error_code: str | None = None


def make_url(base_url: str, path: str, query: Mapping[str, QueryField]) -> str:
    """Return the WebSocket URL of a path. None values are omitted, lists are repeated, and a space becomes %20."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: value for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}" if values else f"{base}{path}"


def make_headers(api_key: str) -> dict[str, str]:
    """Return the headers of a handshake."""
    return {"Cartesia-Version": VERSION, **({"X-API-Key": api_key} if api_key else {})}


def make_error(provider: str, event: ErrorEvent) -> ProviderError:
    """Return the error for an event. Only the vendor's code and status are kept."""
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
    """Return the language without its region, such as "en" for "en-GB". The vendor accepts no regions."""
    return language.partition("-")[0].lower()


PATH: Final = "/tts/websocket"
_FORMAT: Final = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": RATE}


class _Words(Struct, frozen=True):
    """Words with their times, in seconds of the context's audio."""

    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    end: tuple[float, ...] = ()


class SpeechMessage(Struct, frozen=True):
    """A message of the voice.

    Attributes:
        data: mu-law audio, base64 on the wire.
    """

    type: str
    context_id: str | None = None
    data: bytes = b""
    word_timestamps: _Words | None = None
    status_code: int | None = None
    error_code: str | None = None


_DECODER: Final = msgspec.json.Decoder(SpeechMessage)


def read_message(provider: str, message: bytes) -> SpeechMessage:
    """Parse a message of the voice. Raises ProviderError."""
    try:
        return _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class VoiceSettings(Struct, frozen=True, omit_defaults=True):
    """Settings that are equal in all inputs of a context. None uses the model's default."""

    model: str
    voice_id: str
    speed: float | None = None
    volume: float | None = None
    emotion: str | None = None
    pronunciation_dict_id: str | None = None

    def fields(self, language: str) -> dict[str, Any]:
        """Return the fields of a request.

        Texts are whole clauses, so the vendor need not wait for more (`max_buffer_delay_ms`). Timestamps refer to the
        words as sent.
        """
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
    """The contexts of one utterance.

    Args:
        fields: The fields of each request.
        make_id: Returns a new id for each call.
    """

    def __init__(self, provider: str, fields: dict[str, Any], make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._fields = fields

    @property
    def unfinished_id(self) -> str:
        """Always empty: a canceled context needs no wait."""
        return ""

    def add_text(self, text: str) -> bytes:
        """Return the message that sends text. Returns an empty message for blanks, which are sent with the next words.
        A finished context must be done first.
        """
        spoken = self._take_text(text)
        if not spoken:
            return b""
        self._begin()
        return self._encode(spoken, more=True)

    def finish(self) -> bytes:
        """Return the message that ends the context; empty if no context is open."""
        return self._encode("", more=False) if self._close() else b""

    def cancel(self) -> bytes:
        """Return the message that cancels the context; empty if the context is done."""
        if self.is_done:
            return b""
        self._end()
        return msgspec.json.encode({"context_id": self._id, "cancel": True})

    def read(self, message: SpeechMessage) -> SpeechChunk | None:
        """Process a message. Returns the audio or words in it.

        Raises:
            ProviderError: The message reports an error of this context or of the whole connection.
        """
        if message.context_id != self._id and not (message.type == "error" and message.context_id is None):
            return None  # belongs to a canceled utterance
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


# A caller who speaks for this long during a vendor's turn has said another word. If the recognizer reports no change,
# it hangs. A cough is shorter, and so is the silence before a text is requested plus the vendor's delay. Outside of its
# turns, the vendor correctly ignores noise.
LONG_SPEECH_MS: Final = 1_500.0
# The vendor's default thresholds for the likelihood that the caller speaks.
EAGER_END_THRESHOLD: Final = 0.4
END_THRESHOLD: Final = 0.2
_CALIBRATION: Final = CALIBRATIONS["ink-2"]


class _Message(Struct, frozen=True):
    """Any message of the recognizer.

    Attributes:
        transcript: Text of the vendor's whole turn.
    """

    type: str
    transcript: str = ""
    status_code: int | None = None
    error_code: str | None = None


_TURN_DECODER: Final = msgspec.json.Decoder(_Message)


class TurnsTranscript:
    """The transcript of one session's current turn, which contains one or more of the vendor's turns.

    Args:
        eager_end: The session's threshold for a possible end.
        end: The session's threshold for an end.
    """

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
        self._ended: list[str] = []  # texts of the vendor's ended turns
        self._running: list[str] | None = None  # words of the vendor's current turn
        self._taken = 0  # words of the current turn that earlier turns of ours contain
        self._answered = (0, 0)  # number of ended turns and of current words in the last answer
        self._token: int | None = None
        self._is_over = False  # whether the vendor detected the turn's end
        self._known_ms = 0.0  # time of the latest news, or of the caller's start of speech
        # Position at which a text was first requested since the caller spoke.
        self._speech_end_ms: float | None = 0.0

    def started(self, position_ms: float) -> None:
        """Record that the caller speaks. The vendor's judgment of the earlier silence is outdated."""
        self._is_over = False
        if self._speech_end_ms is not None:
            self._known_ms = max(self._known_ms, position_ms)
        self._speech_end_ms = None

    def finalize(self, token: int, position_ms: float) -> str:
        """Record the request. Returns no message, because the protocol has none."""
        self._token = token
        if self._speech_end_ms is None:
            self._speech_end_ms = position_ms
        return ""

    def next_turn(self) -> None:
        """Start a new turn. Words before the last `finalize` are dropped."""
        ended, words = self._answered
        if self._token is not None:  # taken without an answer
            ended, words = len(self._ended), len(self._running or ())
        del self._ended[:ended]
        self._taken = words if self._running is not None else 0
        self._answered, self._token = (0, self._taken), None

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Process a message. Returns the turn's text if it may have changed. Raises ProviderError."""
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
        """Return the vendor's judgment of the turn's end, once per message that contains a judgment."""
        signal, self._signal = self._signal, None
        return signal

    def _make_signal(self, kind: str) -> TurnSignal | None:
        """Return a signal; None for a turn without words, or a message without a judgment of the turn's end."""
        text, resumed = self._text(), kind == "turn.resume"
        finished = self._finished.get(kind)
        return TurnSignal(text, finished, resumed) if text and (resumed or finished is not None) else None

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """Return the answer to `finalize` if the vendor has ended the turn or sent nothing new for a while.

        Returns None if the vendor's turn is still running and the caller spoke long after its latest news, because a
        recognizer that hangs gives no answer. If the recognizer began no turn, the failover chain compares it with
        another recognizer.
        """
        if self._token is None:
            return None
        hangs = self._running is not None and (self._speech_end_ms or 0.0) - self._known_ms >= LONG_SPEECH_MS
        return self._answer() if self._is_over or (is_overdue and not hangs) else None

    def _read_turn(self, found: _Message) -> None:
        if found.type == "turn.start":
            self._running, self._taken, self._is_over = [], 0, False
        elif self._running is None:
            return  # repeats a message, or arrives after the end of its turn
        elif found.type == "turn.resume":
            self._is_over = False
        elif found.type == "turn.end":
            self._end_turn(found.transcript.split()[self._taken :])
        else:
            self._running = found.transcript.split()
            self._is_over = found.type == "turn.eager_end"

    def _end_turn(self, words: list[str]) -> None:
        """Store the turn's text. Answered and unanswered words stay separate, because `next_turn` may follow later."""
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
    """Words of a text.

    Attributes:
        words: The words.
        start: Start of each word, in seconds of the sent audio.
        end: End of each word, in seconds of the sent audio.
    """

    words: list[str]
    start: list[float]
    end: list[float]


class _FinalizeMessage(Struct, frozen=True):
    """Any message of the recognizer.

    Attributes:
        text: Text since the last final text.
        words: Undecoded words, which are parsed only for final texts. Some models send no times.
    """

    type: str
    text: str = ""
    is_final: bool = False
    words: Raw = Raw()
    status_code: int | None = None
    error_code: str | None = None


_FINALIZE_DECODER: Final = msgspec.json.Decoder(_FinalizeMessage)
_TIMES_DECODER: Final = msgspec.json.Decoder(list[_Times])


class FinalizedTranscript:
    """The transcript of one session's current turn. Final texts are concatenated as they are, because they contain the
    vendor's spaces.
    """

    path: Final = "/stt/websocket"
    close_message: Final = "close"
    greets: Final = False

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._finals: list[str] = []
        self._words: list[tuple[TimedWord, ...]] = []  # words of each final text
        self._interim = ""
        self._answered = 0  # number of final texts in the last answer
        self._asked = 0  # number of unanswered requests
        self._stale = 0  # number of unanswered requests from earlier turns
        self._token: int | None = None
        self._last_words = b""

    def started(self, position_ms: float) -> None:
        """Do nothing, because the recognizer detects speech by itself."""

    def finalize(self, token: int, position_ms: float) -> str:
        """Record a request and return its message."""
        self._token = token
        self._asked += 1
        return "finalize"

    def next_turn(self) -> None:
        """Start a new turn. Words before the last `finalize` are dropped."""
        self._token, self._stale = None, self._asked
        del self._finals[: self._answered], self._words[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._words.clear()
            self._interim = ""

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Process a message. Returns the turn's text if it may have changed. Raises ProviderError."""
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
        """Return None, because this protocol does not detect turns."""

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """Return None, because the vendor answers each request."""

    def _read_text(self, found: _FinalizeMessage) -> RecognizedText | None:
        if self._stale:
            return None
        if found.is_final:
            words = bytes(found.words)
            if len(words) > len("null") and words == self._last_words:
                return None  # repeats the latest text
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
    """Return the words with their times. Returns nothing if the times are missing or unreadable, because the text is
    valid without them.
    """
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
    """Return the URL of a session. Raises ProviderError if the model does not support the language."""
    path = TurnsTranscript.path if options.turns else FinalizedTranscript.path
    query = _make_listen_query(name, options, base_language(options.language or language))
    return make_url(options.base_url, path, query)


def make_voice(options: CartesiaTextToSpeechOptions) -> VoiceSettings:
    """Return the voice settings for these options."""
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
        raise ProviderError(name, f"{options.model} does not support {language!r}", retryable=False, cause="refused")
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
