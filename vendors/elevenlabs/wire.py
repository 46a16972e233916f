"""Messages, addresses and errors of ElevenLabs; no input or output.

What ElevenLabs' protocols have in common: addresses, headers and errors; pure.

Source: elevenlabs 2.78.0 (its types and realtime clients) and elevenlabs.io/docs; put together in
docs/develop/vendors/elevenlabs.md.

ElevenLabs' `/v1/speech-to-text/realtime` (Scribe): a caller's turn from texts that are committed on request; pure.

A commit is answered twice, by the text alone and by the text with times of its words, in either order. Only the timed
one counts; the plain one is kept in case no other comes. The vendor refuses to commit less than 0.3 s of audio, and
commits by itself what became too long.

ElevenLabs' `/v1/text-to-speech/{voice}/multi-stream-input`: the contexts of one utterance; pure.

Each clause is flushed, so that it is spoken at once, and what was flushed is spoken to its end also after the context
was closed. Times of characters count from the audio of their own message on. Names come in both spellings, `contextId`
and `context_id`.
"""

import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from shared.g711 import RATE
from shared.providers.errors import (
    DECODE_ERRORS,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    is_error_code,
    make_unreadable,
)
from shared.providers.errors import make_closed as make_cut
from shared.providers.speech import RecognizedText, SpeechChunk, TimedWord, most_spoken, read_language
from shared.providers.voice_contexts import CharacterWords, SpeechContext
from vendors.elevenlabs.facts import ElevenLabsSpeechToTextOptions, ElevenLabsTextToSpeechOptions

QueryItem = str | int | float | bool | Sequence[str] | None

# Codes of errors: of HTTP answers (`detail.status`), of the voice's socket (`error`), of Scribe (`message_type`).
QUOTA: Final = "quota_exceeded"
_KEYS: Final = frozenset(
    [
        "auth_error",
        "invalid_api_key",
        "missing_api_key",
        "missing_permissions",
        "needs_authorization",
        "invalid_authorization_header",
        "unaccepted_terms",
    ]
)
_BUSY: Final = frozenset(
    [
        "too_many_concurrent_requests",
        "system_busy",
        "max_active_conversations",
        "rate_limited",
        "queue_overflow",
        "resource_exhausted",
    ]
)
_REQUESTS: Final = frozenset(
    [
        "voice_not_found",
        "voice_id_does_not_exist",
        "model_not_found",
        "model_id_does_not_exist",
        "unsupported_model",
        "invalid_request",
        "input_error",
        "chunk_size_exceeded",
    ]
)
_ENDED: Final = frozenset(["session_time_limit_exceeded", "insufficient_audio_activity", "input_timeout_exceeded"])
# The close code of refusals, and the codes that sentences in its reason stand for.
_POLICY: Final = 1008
_REASONS: Final = (
    (re.compile(r"quota|credits? remaining|payment", re.IGNORECASE), QUOTA),
    (re.compile(r"api key|unusual activity|permission|unauthori[sz]ed", re.IGNORECASE), "invalid_api_key"),
    (re.compile(r"concurrent requests|system is busy|heavy traffic", re.IGNORECASE), "too_many_concurrent_requests"),
    (re.compile(r"maximum simultaneous contexts", re.IGNORECASE), "max_active_conversations"),
    (re.compile(r"does not exist|not found|not supported", re.IGNORECASE), "invalid_request"),
)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """The WebSocket address of a path. Values of None are left out, booleans are in lower case, lists are repeated."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key; none for a server without keys."""
    return {"xi-api-key": api_key} if api_key else {}


def make_error(provider: str, code: str) -> ProviderError:
    """The error for one of the vendor's codes. Its text is dropped, because it may quote the key or the caller."""
    code = code if is_error_code(code) else ""
    reason = f"error {code}".strip()
    if code == QUOTA:
        return ProviderBusy(provider, reason, retryable=False)
    if code in _BUSY:
        return ProviderBusy(provider, reason)
    if code in _KEYS:
        return KeyRefused(provider, reason)
    if code in _REQUESTS:
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause="cut" if code in _ENDED else "error")


def make_closed(provider: str, code: int, reason: str) -> ProviderError:
    """The error for a connection that the vendor closed while it was needed. reason: a code or a sentence, which counts
    where no message came before, and is dropped, because it may quote the caller or the key."""
    sentence = reason if code == _POLICY else ""
    told = make_error(provider, next((name for pattern, name in _REASONS if pattern.search(sentence)), reason))
    return told if told.cause != "error" else make_cut(provider, code)


def refine_refusal(error: ProviderError) -> ProviderError:
    """The error of a handshake by the code in its answer: of HTTP 401, ElevenLabs makes a used up quota, too."""
    code = _read_code(error.answer)
    if not code:
        return error
    refined = make_error(error.provider, code)
    return refined.with_answer(error.answer) if refined.cause != "error" else error


def base_language(language: str) -> str:
    """ "en" of "en-GB": the vendor takes no regions, and has one Norwegian."""
    base = language.partition("-")[0].lower()
    return "no" if base == "nb" else base


def _read_code(answer: bytes) -> str:
    """`detail.status` of a JSON answer; empty where there is none."""
    try:
        decoded: Any = msgspec.json.decode(answer)
    except DECODE_ERRORS:
        return ""
    detail = decoded.get("detail") if isinstance(decoded, dict) else None
    code = detail.get("status") if isinstance(detail, dict) else None
    return code if isinstance(code, str) else ""


def _encode(value: QueryItem) -> str | int | float | Sequence[str] | None:
    return str(value).lower() if isinstance(value, bool) else value


LISTEN_PATH: Final = "/v1/speech-to-text/realtime"
# The vendor's least audio of a commit is 0.3 s.
MIN_COMMIT_MS: Final = 320.0
# Audio without words that is committed by us, because the vendor commits by itself after about 36 s, and an answer that
# nobody asked for could be taken for another.
MAX_UNCOMMITTED_MS: Final = 25_000.0
# After so many texts whose times never came they are awaited no longer.
_MISSES: Final = 2
_PLAIN: Final = "committed_transcript"
_TIMED: Final = "committed_transcript_with_timestamps"
_PARTIAL: Final = "partial_transcript"
_STARTED: Final = "session_started"
# Told, but the session goes on (a refused commit is an answer), or it says by closing that it does not.
_THROTTLED: Final = "commit_throttled"
_HEAD: Final = b'{"message_type":"input_audio_chunk","audio_base_64":"'
_TAIL: Final = f'","commit":false,"sample_rate":{RATE}}}'.encode()
_COMMIT_TAIL: Final = f'","commit":true,"sample_rate":{RATE}}}'.encode()


class _Word(Struct, frozen=True):
    """start, end: in seconds of the audio that was sent. type: word, spacing or audio_event."""

    text: str = ""
    start: float | None = None
    end: float | None = None
    type: str = "word"


class _Message(Struct, frozen=True):
    message_type: str
    text: str = ""
    words: tuple[_Word, ...] | None = None
    error: str | None = None
    language_code: Any = None


class _Segment(Struct, frozen=True):
    """A text that was committed. words: empty where no times came. language: its code, empty where it was not told."""

    text: str
    words: tuple[TimedWord, ...] = ()
    language: str = ""


_DECODER: Final = msgspec.json.Decoder(_Message)


def make_chunk(ulaw: bytes, *, commit: bool = False) -> bytes:
    """The message for audio, which may be empty; commit: asks for the text of all audio since the last commit."""
    return _HEAD + b2a_base64(ulaw, newline=False) + (_COMMIT_TAIL if commit else _TAIL)


class ScribeTranscript:
    """One session's current turn. times_words: texts come with times."""

    def __init__(self, provider: str, *, times_words: bool) -> None:
        self._provider = provider
        self._times_words = times_words
        self._segments: list[_Segment] = []
        self._interim = ""
        self._answered = 0  # segments that were in the last answer
        self._committed_ms = 0.0  # audio before the latest commit
        self._asked = 0  # commits without an answer
        self._stale = 0  # of these, those of earlier turns
        self._token: int | None = None
        self._plain: str | None = None  # whose times are awaited
        self._twin: tuple[str, str] | None = None  # type and text of a message that says again what was taken
        self._last_words: tuple[_Word, ...] = ()
        self._misses = 0
        self.has_started = False

    @property
    def is_plain(self) -> bool:
        """Whether a text is there whose times are awaited."""
        return self._plain is not None

    def commit(self, position_ms: float) -> None:
        """Record that the audio up to this position was committed."""
        self._committed_ms = position_ms
        self._asked += 1

    def needs_commit(self, position_ms: float) -> bool:
        """Whether the silence so far should be committed, so that the vendor does not do it by itself."""
        is_long = position_ms - self._committed_ms >= MAX_UNCOMMITTED_MS
        return is_long and not self._interim and not self._asked

    def finalize(self, token: int, position_ms: float) -> bool:
        """Ask for the text up to this position. Return whether a commit is needed: not for audio that is too short to
        hold a word; then `settle` knows the answer, or the commit before has it."""
        self._token = token
        return position_ms - self._committed_ms >= MIN_COMMIT_MS

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        self._token, self._stale = None, self._asked
        del self._segments[: self._answered]
        self._answered = 0
        if self._stale:
            self._segments.clear()
            self._interim = ""

    def read(self, message: bytes) -> RecognizedText | None:
        """Take a message; return the turn's text when it may be new. Raises ProviderError."""
        try:
            found = _DECODER.decode(message)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        kind = found.message_type
        if kind == _PARTIAL:
            return self._read_partial(found.text)
        if kind in (_PLAIN, _TIMED):
            return self._read_commit(found)
        if kind == _THROTTLED:
            return self._take(None)
        if found.error is not None:
            raise make_error(self._provider, kind).with_answer(message)
        self.has_started = self.has_started or kind == _STARTED
        return None

    def settle(self) -> RecognizedText | None:
        """The answer to `finalize`, as far as it is known: by the text whose times did not come, or if nothing of what
        was committed is unknown. None: the vendor has to answer."""
        if self._plain is not None:
            text, self._plain = self._plain, None
            self._misses, self._twin = self._misses + 1, (_TIMED, text)
            return self._take(_Segment(text))
        return self._answer() if not self._asked and self._token is not None else None

    def _read_partial(self, text: str) -> RecognizedText | None:
        if self._stale:
            return None
        self._interim = text.strip()
        return RecognizedText(self._join(self._interim), final=False)

    def _read_commit(self, found: _Message) -> RecognizedText | None:
        text = found.text.strip()
        if self._twin == (found.message_type, text):
            self._twin = None
            self._misses = 0 if found.message_type == _TIMED else self._misses
            return None
        if found.message_type == _TIMED:
            return self._read_timed(text, found.words or (), read_language(found.language_code))
        if self._plain is not None:
            return None  # the same again
        self._plain = text
        return self.settle() if not self._times_words or self._misses >= _MISSES else None

    def _read_timed(self, text: str, words: tuple[_Word, ...], language: str) -> RecognizedText | None:
        if words and words == self._last_words:
            self._plain = None
            return None  # the same again
        self._last_words = words
        self._twin = None if self._plain is not None else (_PLAIN, text)
        self._plain, self._misses = None, 0
        return self._take(_Segment(text, _timed(words), language))

    def _take(self, segment: _Segment | None) -> RecognizedText | None:
        """Take what answers the earliest commit, or what the vendor committed by itself."""
        is_stale = self._stale > 0
        self._asked, self._stale = max(0, self._asked - 1), max(0, self._stale - 1)
        if segment is not None and not is_stale:
            self._segments.append(segment)
            self._interim = ""
        if not self._asked and self._token is not None:
            return self._answer()
        return None if is_stale else RecognizedText(self._join(self._interim), final=False)

    def _answer(self) -> RecognizedText:
        token, self._token = self._token, None
        self._answered = len(self._segments)
        has_times = all(segment.words or not segment.text for segment in self._segments)
        words = tuple(word for segment in self._segments for word in segment.words) if has_times else ()
        language = most_spoken((segment.language, segment.text) for segment in self._segments)
        return RecognizedText(self._join(), final=True, token=token, words=words, language=language)

    def _join(self, interim: str = "") -> str:
        return " ".join(text for text in (*(segment.text for segment in self._segments), interim) if text)


def _timed(words: tuple[_Word, ...]) -> tuple[TimedWord, ...]:
    """The words with their times; none if one has none."""
    spoken = [word for word in words if word.type == "word"]
    found = [
        TimedWord(one.text.strip(), one.start * 1_000, one.end * 1_000)
        for one in spoken
        if one.start is not None and one.end is not None
    ]
    return tuple(found) if len(found) == len(spoken) else ()


SPEAK_PATH: Final = "/v1/text-to-speech/{voice_id}/multi-stream-input"
# Of a context; the vendor's limit. The connections that are kept are younger.
INACTIVITY_S: Final = 180


class CharacterTimes(Struct, frozen=True):
    """When each character sounds, in ms from the message's own audio on."""

    chars: list[str] = []
    starts: list[float] | None = msgspec.field(default=None, name="charStartTimesMs")
    starts_snake: list[float] | None = msgspec.field(default=None, name="char_start_times_ms")
    durations: list[float] | None = msgspec.field(default=None, name="charDurationsMs")
    durations_plural: list[float] | None = msgspec.field(default=None, name="charsDurationsMs")
    durations_snake: list[float] | None = msgspec.field(default=None, name="char_durations_ms")

    def rows(self) -> list[tuple[str, float, float]]:
        """Character, start and duration. Raises ValueError for lists of unequal length."""
        starts = self.starts or self.starts_snake or []
        durations = self.durations or self.durations_plural or self.durations_snake or []
        return list(zip(self.chars, starts, durations, strict=True))


class SpeechOutput(Struct, frozen=True):
    """A message of the vendor. audio: mu-law, in base64 on the wire. alignment: of the text as it was sent; normalized:
    as it was spoken."""

    audio: bytes | None = None
    alignment: CharacterTimes | None = None
    normalized: CharacterTimes | None = msgspec.field(default=None, name="normalizedAlignment")
    camel_id: str | None = msgspec.field(default=None, name="contextId")
    snake_id: str | None = msgspec.field(default=None, name="context_id")
    camel_final: bool | None = msgspec.field(default=None, name="isFinal")
    snake_final: bool | None = msgspec.field(default=None, name="is_final")
    error: str | None = None

    @property
    def context_id(self) -> str | None:
        """The context that it belongs to; None for the whole connection."""
        return self.camel_id if self.camel_id is not None else self.snake_id

    @property
    def is_final(self) -> bool:
        """Whether the context is over."""
        return bool(self.camel_final or self.snake_final)


_SPEECH_DECODER: Final = msgspec.json.Decoder(SpeechOutput)


def read_output(provider: str, message: bytes) -> SpeechOutput:
    """Read a message. Raises ProviderError."""
    try:
        return _SPEECH_DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class ElevenLabsTone(Struct, frozen=True, omit_defaults=True):
    """`voice_settings`; the voice's own where None."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None


class FlushedContexts(SpeechContext):
    """The contexts of one utterance. tone: of each. make_id: a new id at each call."""

    def __init__(self, provider: str, tone: ElevenLabsTone, make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._tone = tone
        self._words = CharacterWords()

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """The messages that send text; none for blanks, which are sent with the next words. Not while a finished
        context is not done.

        The text of a context's first message is one blank, and every later text ends with one blank: the SDK's
        `WebsocketTtsClientMessageMulti` and `SendTextMulti`.
        """
        spoken = self._take_text(text)
        if not spoken:
            return ()
        opening = self._open() if self._begin() else ()
        self._words.expect(spoken)
        request = {"text": f"{spoken.rstrip()} ", "flush": True, "context_id": self._id}
        return (*opening, msgspec.json.encode(request))

    def _open(self) -> tuple[bytes]:
        """The first message of a context, the only one from which the settings are taken."""
        settings = {"voice_settings": self._tone} if self._tone != ElevenLabsTone() else {}
        return (msgspec.json.encode({"text": " ", **settings, "context_id": self._id}),)

    def finish(self) -> bytes:
        """The message that closes the context, of which everything is spoken; empty when none is open."""
        return msgspec.json.encode({"context_id": self._id, "close_context": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that closes the context, if it is open. What it has flushed may still come."""
        message = self.finish()
        self._end()
        return message

    def read(self, message: SpeechOutput) -> SpeechChunk | None:
        """Take a message of the connection; return the audio and the words in it. Raises ProviderError for an error
        of this context or of the whole connection."""
        if message.error is not None and message.context_id in (None, "", self._id):
            raise make_error(self._provider, message.error)
        if message.context_id != self._id or self.is_done:
            return None  # of an utterance that was cancelled
        self.heard = True
        chunk = self._read_audio(message)
        if message.is_final:
            self._end()
        return chunk if chunk.audio or chunk.words else None

    def _read_audio(self, message: SpeechOutput) -> SpeechChunk:
        audio = message.audio or b""
        began_ms = self._audio_ms
        self._add_audio(audio)
        times = message.alignment or message.normalized
        try:
            words = self._words.add(times.rows(), began_ms) if times is not None else []
        except ValueError:
            raise ProviderError(self._provider, "times of unequal number", cause="unreadable") from None
        return SpeechChunk(audio, (*words, *(self._words.finish(self._audio_ms) if message.is_final else ())))


_FORMAT: Final = "ulaw_8000"


_AUTO: Final = "auto"


def make_tone(options: ElevenLabsTextToSpeechOptions) -> ElevenLabsTone:
    """How a voice speaks with these options."""
    return ElevenLabsTone(
        options.stability, options.similarity_boost, options.style, options.use_speaker_boost, options.speed
    )


def make_speak_url(options: ElevenLabsTextToSpeechOptions, language: str) -> str:
    """Where a voice is asked to speak. language: empty for the vendor's guess. Text comes in whole clauses, so that the
    vendor need not gather it (`auto_mode`)."""
    query: dict[str, QueryItem] = {
        "model_id": options.model,
        "output_format": _FORMAT,
        "auto_mode": True,
        "sync_alignment": True,
        "inactivity_timeout": INACTIVITY_S,
        "language_code": language or None,
        "enable_logging": None if options.enable_logging else False,
    }
    return make_url(options.base_url, SPEAK_PATH.format(voice_id=quote(options.voice_id, safe="")), query)


def make_listen_query(options: ElevenLabsSpeechToTextOptions, language: str) -> dict[str, QueryItem]:
    """What a session of a recognizer is opened with."""
    chosen = options.language or language
    return {
        "model_id": options.model,
        "audio_format": _FORMAT,
        "commit_strategy": "manual",
        "language_code": None if chosen == _AUTO else base_language(chosen),
        "include_timestamps": options.word_times,
        "keyterms": options.keyterm or None,
        "no_verbatim": options.no_verbatim or None,
        "enable_logging": None if options.enable_logging else False,
    }
