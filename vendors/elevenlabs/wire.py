"""Messages, URLs and errors of ElevenLabs' recognizer and voices; no I/O.

`/v1/speech-to-text/realtime` (Scribe): texts are committed on request. A commit is answered twice in either order: with
the text alone, and with the text and word times. Only the timed text counts; the plain text is kept in case the timed
text does not come. The vendor refuses to commit less than 0.3 s of audio, and commits long audio by itself.

`/v1/text-to-speech/{voice}/multi-stream-input`: each clause is flushed and therefore spoken at once. Flushed text is
spoken to its end even after the context was closed. Character times are relative to the audio of their own message.
Field names occur in both spellings, such as `contextId` and `context_id`.

Source: elevenlabs 2.78.0 (its types and realtime clients) and elevenlabs.io/docs, collected in
docs/develop/vendors/elevenlabs.md.
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

# Error codes of HTTP responses (`detail.status`), of the voice's socket (`error`) and of Scribe (`message_type`).
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
# The close code of refusals, and the error codes for known sentences in the close reason.
_POLICY: Final = 1008
_REASONS: Final = (
    (re.compile(r"quota|credits? remaining|payment", re.IGNORECASE), QUOTA),
    (re.compile(r"api key|unusual activity|permission|unauthori[sz]ed", re.IGNORECASE), "invalid_api_key"),
    (re.compile(r"concurrent requests|system is busy|heavy traffic", re.IGNORECASE), "too_many_concurrent_requests"),
    (re.compile(r"maximum simultaneous contexts", re.IGNORECASE), "max_active_conversations"),
    (re.compile(r"does not exist|not found|not supported", re.IGNORECASE), "invalid_request"),
)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """Return the WebSocket URL of a path. None values are omitted, booleans are lower case, and lists are repeated."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True, quote_via=quote)}"


def make_headers(api_key: str) -> dict[str, str]:
    """Return the header with the key; no header for a server without keys."""
    return {"xi-api-key": api_key} if api_key else {}


def make_error(provider: str, code: str) -> ProviderError:
    """Return the error for a vendor's code. The vendor's text is dropped, because it may quote the key or the
    caller.
    """
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
    """Return the error for a connection that the vendor closed while it was in use.

    Args:
        provider: The provider's name.
        code: Code of the close frame.
        reason: A code or a sentence. It is the only hint if no error message came before. It is dropped, because it may
            quote the caller or the key.
    """
    sentence = reason if code == _POLICY else ""
    told = make_error(provider, next((name for pattern, name in _REASONS if pattern.search(sentence)), reason))
    return told if told.cause != "error" else make_cut(provider, code)


def refine_refusal(error: ProviderError) -> ProviderError:
    """Return a handshake's error, refined by the code in its response. ElevenLabs also reports a used-up quota
    as 401.
    """
    code = _read_code(error.answer)
    if not code:
        return error
    refined = make_error(error.provider, code)
    return refined.with_answer(error.answer) if refined.cause != "error" else error


def base_language(language: str) -> str:
    """Return the language without its region, such as "en" for "en-GB".

    The vendor accepts no regions, and has only one code for Norwegian.
    """
    base = language.partition("-")[0].lower()
    return "no" if base == "nb" else base


def _read_code(answer: bytes) -> str:
    """Return `detail.status` of a JSON response; empty if it is missing."""
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
# The vendor refuses to commit less than 0.3 s of audio.
MIN_COMMIT_MS: Final = 320.0
# Silence of this length is committed by us. The vendor would commit by itself after about 36 s, and its unrequested
# answer could be mistaken for the answer to a request.
MAX_UNCOMMITTED_MS: Final = 25_000.0
# After this many texts without word times, word times are no longer awaited.
_MISSES: Final = 2
_PLAIN: Final = "committed_transcript"
_TIMED: Final = "committed_transcript_with_timestamps"
_PARTIAL: Final = "partial_transcript"
_STARTED: Final = "session_started"
# A refused commit. The session continues, unless the vendor also closes the connection.
_THROTTLED: Final = "commit_throttled"
_HEAD: Final = b'{"message_type":"input_audio_chunk","audio_base_64":"'
_TAIL: Final = f'","commit":false,"sample_rate":{RATE}}}'.encode()
_COMMIT_TAIL: Final = f'","commit":true,"sample_rate":{RATE}}}'.encode()


class _Word(Struct, frozen=True):
    """A recognized word. Times are seconds of the sent audio.

    Attributes:
        type: word, spacing or audio_event.
    """

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
    """A committed text.

    Attributes:
        words: Empty if the vendor sent no times.
        language: Empty if the vendor sent no language code.
    """

    text: str
    words: tuple[TimedWord, ...] = ()
    language: str = ""


_DECODER: Final = msgspec.json.Decoder(_Message)


def make_chunk(ulaw: bytes, *, commit: bool = False) -> bytes:
    """Return an audio message. The audio may be empty.

    Args:
        ulaw: The mu-law audio.
        commit: Whether to request the text of all audio since the last commit.
    """
    return _HEAD + b2a_base64(ulaw, newline=False) + (_COMMIT_TAIL if commit else _TAIL)


class ScribeTranscript:
    """The transcript of one session's current turn.

    Args:
        provider: The provider's name.
        times_words: Whether texts come with word times.
    """

    def __init__(self, provider: str, *, times_words: bool) -> None:
        self._provider = provider
        self._times_words = times_words
        self._segments: list[_Segment] = []
        self._interim = ""
        self._answered = 0  # number of segments in the last answer
        self._committed_ms = 0.0  # position of the latest commit
        self._asked = 0  # number of unanswered commits
        self._stale = 0  # number of unanswered commits from earlier turns
        self._token: int | None = None
        self._plain: str | None = None  # text whose word times are awaited
        self._twin: tuple[str, str] | None = None  # type and text of a message that would repeat a used text
        self._last_words: tuple[_Word, ...] = ()
        self._misses = 0
        self.has_started = False

    @property
    def is_plain(self) -> bool:
        """Whether a received text is waiting for its word times."""
        return self._plain is not None

    def commit(self, position_ms: float) -> None:
        """Record that the audio up to this position was committed."""
        self._committed_ms = position_ms
        self._asked += 1

    def needs_commit(self, position_ms: float) -> bool:
        """Return whether to commit the silence so far, before the vendor commits it by itself."""
        is_long = position_ms - self._committed_ms >= MAX_UNCOMMITTED_MS
        return is_long and not self._interim and not self._asked

    def finalize(self, token: int, position_ms: float) -> bool:
        """Request the text up to this position. Return whether a commit is needed.

        Audio too short to contain a word needs no commit. Then `settle` has the answer, or the previous commit returns
        it.
        """
        self._token = token
        return position_ms - self._committed_ms >= MIN_COMMIT_MS

    def next_turn(self) -> None:
        """Start a new turn. Words before the last `finalize` are dropped."""
        self._token, self._stale = None, self._asked
        del self._segments[: self._answered]
        self._answered = 0
        if self._stale:
            self._segments.clear()
            self._interim = ""

    def read(self, message: bytes) -> RecognizedText | None:
        """Process a message. Returns the turn's text if it may have changed. Raises ProviderError."""
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
        """Return the answer to `finalize` with the text known so far; None if the vendor still has to answer.

        A text without word times is used as it is. All committed audio must have been answered.
        """
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
            return None  # repeats a used text
        self._plain = text
        return self.settle() if not self._times_words or self._misses >= _MISSES else None

    def _read_timed(self, text: str, words: tuple[_Word, ...], language: str) -> RecognizedText | None:
        if words and words == self._last_words:
            self._plain = None
            return None  # repeats a used text
        self._last_words = words
        self._twin = None if self._plain is not None else (_PLAIN, text)
        self._plain, self._misses = None, 0
        return self._take(_Segment(text, _timed(words), language))

    def _take(self, segment: _Segment | None) -> RecognizedText | None:
        """Store the answer to the earliest commit, or a text that the vendor committed by itself."""
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
    """Return the words with their times; nothing if a word has no time."""
    spoken = [word for word in words if word.type == "word"]
    found = [
        TimedWord(one.text.strip(), one.start * 1_000, one.end * 1_000)
        for one in spoken
        if one.start is not None and one.end is not None
    ]
    return tuple(found) if len(found) == len(spoken) else ()


SPEAK_PATH: Final = "/v1/text-to-speech/{voice_id}/multi-stream-input"
# The vendor's limit for a context without messages. Connections are kept for a shorter time.
INACTIVITY_S: Final = 180


class CharacterTimes(Struct, frozen=True):
    """Times of the characters, in ms relative to the message's own audio."""

    chars: list[str] = []
    starts: list[float] | None = msgspec.field(default=None, name="charStartTimesMs")
    starts_snake: list[float] | None = msgspec.field(default=None, name="char_start_times_ms")
    durations: list[float] | None = msgspec.field(default=None, name="charDurationsMs")
    durations_plural: list[float] | None = msgspec.field(default=None, name="charsDurationsMs")
    durations_snake: list[float] | None = msgspec.field(default=None, name="char_durations_ms")

    def rows(self) -> list[tuple[str, float, float]]:
        """Return each character with its start and duration. Raises ValueError if the lists differ in length."""
        starts = self.starts or self.starts_snake or []
        durations = self.durations or self.durations_plural or self.durations_snake or []
        return list(zip(self.chars, starts, durations, strict=True))


class SpeechOutput(Struct, frozen=True):
    """A message of the voice.

    Attributes:
        audio: mu-law, base64 on the wire.
        alignment: Times of the text as it was sent.
        normalized: Times of the text as it was spoken.
    """

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
        """The context of the message; None for the whole connection."""
        return self.camel_id if self.camel_id is not None else self.snake_id

    @property
    def is_final(self) -> bool:
        """Whether the context has ended."""
        return bool(self.camel_final or self.snake_final)


_SPEECH_DECODER: Final = msgspec.json.Decoder(SpeechOutput)


def read_output(provider: str, message: bytes) -> SpeechOutput:
    """Parse a message of the voice. Raises ProviderError."""
    try:
        return _SPEECH_DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class ElevenLabsTone(Struct, frozen=True, omit_defaults=True):
    """`voice_settings` of a context. None uses the voice's defaults."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    use_speaker_boost: bool | None = None
    speed: float | None = None


class FlushedContexts(SpeechContext):
    """The contexts of one utterance.

    Args:
        provider: The provider's name.
        tone: Settings of each context.
        make_id: Returns a new id for each call.
    """

    def __init__(self, provider: str, tone: ElevenLabsTone, make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._tone = tone
        self._words = CharacterWords()

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """Return the messages that send text. Returns none for blanks, which are sent with the next words. A finished
        context must be done first.

        The text of a context's first message is a single space, and every later text ends with a space: the SDK's
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
        """Return the first message of a context. The vendor reads the settings only from this message."""
        settings = {"voice_settings": self._tone} if self._tone != ElevenLabsTone() else {}
        return (msgspec.json.encode({"text": " ", **settings, "context_id": self._id}),)

    def finish(self) -> bytes:
        """Return the message that closes the context after its text is spoken; empty if no context is open."""
        return msgspec.json.encode({"context_id": self._id, "close_context": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """Return the message that closes the context, if it is open. Audio of flushed text may still arrive."""
        message = self.finish()
        self._end()
        return message

    def read(self, message: SpeechOutput) -> SpeechChunk | None:
        """Process a message. Returns the audio or words in it.

        Raises:
            ProviderError: The message reports an error of this context or of the whole connection.
        """
        if message.error is not None and message.context_id in (None, "", self._id):
            raise make_error(self._provider, message.error)
        if message.context_id != self._id or self.is_done:
            return None  # belongs to a canceled utterance
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
    """Return the voice settings for these options."""
    return ElevenLabsTone(
        options.stability, options.similarity_boost, options.style, options.use_speaker_boost, options.speed
    )


def make_speak_url(options: ElevenLabsTextToSpeechOptions, language: str) -> str:
    """Return the URL of a voice connection. An empty language lets the vendor detect the language.

    Texts are whole clauses, so the vendor need not collect them (`auto_mode`).
    """
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
    """Return the query of a recognizer session."""
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
