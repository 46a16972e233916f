"""Messages, URLs and errors of Soniox's recognizer and voices; no I/O.

Recognizer: `finalize` makes all tokens of the earlier audio final. The token `<fin>` follows them, and the text known
then is the answer. It is undocumented whether each of several quick requests gets its own `<fin>`. So a `<fin>` answers
the oldest request, and also later requests whose audio is final by then. With endpoint detection, the vendor also
finalizes by itself when the caller has probably finished, and sends `<end>`.

`/tts-websocket`: a stream is a stretch of speech with one prosody. It consists of a message with settings, texts, and a
message that ends them. The vendor speaks while text arrives, and sends `terminated` after the last audio. Character
times are relative to the stream's first audio.

Sources: soniox.com/docs (WebSocket API, manual finalization, endpoint detection, `tts/rt`) and soniox 2.10.0
(`realtime/stt.py`, `realtime/tts.py`), collected in docs/develop/vendors/soniox.md.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

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
from shared.providers.speech import RecognizedText, SpeechChunk, TimedWord, TurnSignal, most_spoken, read_language
from shared.providers.turn_calibration import CALIBRATIONS
from shared.providers.voice_contexts import CharacterWords, SpeechContext
from vendors.soniox.facts import SonioxSpeechToTextOptions, SonioxTextToSpeechOptions, find_soniox_language

LISTEN_PATH: Final = "/transcribe-websocket"
KEEP_ALIVE: Final = '{"type":"keepalive"}'
# Ends the stream: the vendor makes all tokens final, reports the end and closes.
END_OF_AUDIO: Final = ""
FINALIZED: Final = "<fin>"
ENDPOINT: Final = "<end>"

_TIMED_OUT: Final = 408
_TOO_LONG: Final = 413


class SonioxToken(Struct, frozen=True):
    """A piece of text with its spaces: a word, part of a word, or a mark.

    Attributes:
        start_ms: Position in the sent audio. None for the marks `<fin>` and `<end>`.
        end_ms: Position in the sent audio. None for the marks `<fin>` and `<end>`.
        language: The language's code. Not typed, so that an unexpected value does not make the message unreadable.
    """

    text: str
    start_ms: float | None = None
    end_ms: float | None = None
    is_final: bool = False
    language: Any = None


class SonioxMessage(Struct, frozen=True):
    """A message of the recognizer.

    Attributes:
        tokens: Final tokens, which are sent once, followed by tokens that may change.
        final_audio_proc_ms: Length of the audio whose tokens are all final.
        total_audio_proc_ms: Length of the processed audio.
        finished: Whether the stream has ended.
    """

    tokens: tuple[SonioxToken, ...] = ()
    final_audio_proc_ms: float | None = None
    total_audio_proc_ms: float | None = None
    finished: bool = False
    error_code: int | None = None
    error_type: Any = None


_DECODER: Final = msgspec.json.Decoder(SonioxMessage)


def make_url(base_url: str, path: str) -> str:
    """Return the WebSocket URL. A base URL that already ends in the path is returned unchanged."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    return base if base.endswith(path) else base + path


def make_headers(api_key: str) -> dict[str, str]:
    """Return the header with the key. From January 2027, the vendor refuses a key in the first message."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def make_start(settings: Mapping[str, Any]) -> bytes:
    """Return the first message. Settings of None are omitted."""
    known = {name: value for name, value in settings.items() if value is not None}
    return msgspec.json.encode({**known, "audio_format": "mulaw", "sample_rate": RATE, "num_channels": 1})


def make_finalize(trailing_silence_ms: int | None = None) -> str:
    """Return the message that makes all tokens of the audio so far final. `trailing_silence_ms` is the silence at its
    end.
    """
    if trailing_silence_ms is None:
        return '{"type":"finalize"}'
    return f'{{"type":"finalize","trailing_silence_ms":{trailing_silence_ms}}}'


def read_message(provider: str, message: bytes) -> SonioxMessage:
    """Parse a message of the recognizer. Raises ProviderError if the message is an error or unreadable."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.error_code is not None:
        raise make_error(provider, found.error_code, found.error_type).with_answer(message)
    return found


def make_error(provider: str, code: int, kind: object = None) -> ProviderError:
    """Return the error for a vendor's code, which is an HTTP status.

    Args:
        provider: The provider's name.
        code: The vendor's code.
        kind: The `error_type`. The vendor's sentence is not used, because it quotes the key.
    """
    reason = f"error {code} {kind}" if is_error_code(kind) else f"error {code}"
    if code in (401, 403):
        return KeyRefused(provider, reason)
    if code in (402, 429):
        return ProviderBusy(provider, reason, retryable=code != 402)
    if code == _TIMED_OUT:
        return ProviderSlow(provider, reason)
    if code == _TOO_LONG:  # the stream has reached its limit of 300 minutes
        return ProviderError(provider, reason, cause="cut")
    return ProviderError(provider, reason, retryable=code >= 500, cause=cause_of_status(code))


SPEAK_PATH: Final = "/tts-websocket"
# Maximum number of concurrent streams on a connection. A canceled stream counts until the vendor confirms its end.
MAX_STREAMS: Final = 5


class _CharacterTimes(Struct, frozen=True):
    """Characters with their times, in seconds of the stream's audio."""

    characters: list[str] = []
    starts: list[float] = msgspec.field(default_factory=list, name="character_start_times_seconds")
    ends: list[float] = msgspec.field(default_factory=list, name="character_end_times_seconds")

    def rows(self) -> list[tuple[str, float, float]]:
        """Return each character with its start and duration in ms. Raises ValueError if the lists differ in length."""
        timed = zip(self.characters, self.starts, self.ends, strict=True)
        return [(character, start * 1_000, (end - start) * 1_000) for character, start, end in timed]


class StreamOutput(Struct, frozen=True):
    """A message of the voice.

    Attributes:
        audio: mu-law, base64 on the wire.
        terminated: Whether the stream has ended.
        stream_id: Empty or None for the whole connection.
    """

    stream_id: str | None = None
    audio: bytes | None = None
    terminated: bool = False
    timestamps: _CharacterTimes | None = None
    error_code: int | None = None
    error_type: Any = None


_OUTPUT_DECODER: Final = msgspec.json.Decoder(StreamOutput)


def read_output(provider: str, message: bytes) -> StreamOutput:
    """Parse a message of the voice. Raises ProviderError."""
    try:
        return _OUTPUT_DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


def find_ended(output: StreamOutput) -> str:
    """Return the stream that a message ends; empty if there is none."""
    return (output.stream_id or "") if output.terminated else ""


class SonioxStreams(SpeechContext):
    """The streams of one utterance.

    Args:
        provider: The provider's name.
        settings: Settings of each stream.
        make_id: Returns a new id for each call.
    """

    def __init__(self, provider: str, settings: Mapping[str, Any], make_id: Callable[[], str]) -> None:
        super().__init__(make_id)
        self._provider = provider
        self._settings = {
            **{name: value for name, value in settings.items() if value is not None},
            "audio_format": "pcm_mulaw",
            "sample_rate": RATE,
            "return_timestamps": True,
        }
        self._words = CharacterWords()

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """Return the messages that send text, with the settings if a stream begins.

        Returns none for blanks, which are sent with the next words. A finished stream must be done first.
        """
        words = self._take_text(text)
        if not words:
            return ()
        begins = self._begin()
        self._words.expect(words)
        spoken = self._encode({"text": words, "text_end": False})
        return (self._encode(self._settings), spoken) if begins else (spoken,)

    def finish(self) -> bytes:
        """Return the message that ends the stream after its text is spoken; empty if no stream is open."""
        return self._encode({"text": "", "text_end": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """Return the message that cancels the stream; empty if the stream is done."""
        if self.is_done:
            return b""
        self._end()
        return self._encode({"cancel": True})

    def read(self, message: StreamOutput) -> SpeechChunk | None:
        """Process a message. Returns the audio or words in it.

        Raises:
            ProviderError: The message reports an error of this stream or of the whole connection.
        """
        is_own = message.stream_id == self._id and not self.is_done
        if message.error_code is not None and (is_own or not message.stream_id):
            raise make_error(self._provider, message.error_code, message.error_type)
        if not is_own:
            return None  # belongs to a canceled utterance
        self.heard = True
        chunk = self._read_audio(message)
        if message.terminated:
            self._end()
        return chunk if chunk.audio or chunk.words else None

    def _read_audio(self, message: StreamOutput) -> SpeechChunk:
        audio = message.audio or b""
        self._add_audio(audio)
        try:
            rows = message.timestamps.rows() if message.timestamps is not None else []
        except ValueError:
            raise ProviderError(self._provider, "times of unequal number", cause="unreadable") from None
        words = self._words.add(rows, self._began_ms)
        return SpeechChunk(audio, (*words, *(self._words.finish(self._audio_ms) if message.terminated else ())))

    def _encode(self, fields: Mapping[str, Any]) -> bytes:
        return msgspec.json.encode({"stream_id": self._id, **fields})


# The vendor detects speech up to this long after it began, so a word that ends this shortly before belongs to the
# speech.
TOLERANCE_MS: Final = 50.0
# A text is requested after 200 ms of silence. If the vendor had processed less audio than this before its end, the end
# may belong to earlier speech, because a recognizer that takes over gets up to a minute of audio at once.
UNHEARD_MS: Final = 200.0
# An end has no confidence, so this value is used.
_CERTAIN: Final = 1.0
_CALIBRATION: Final = CALIBRATIONS["soniox"]


class SonioxTranscript:
    """The transcript of one session's current turn.

    Args:
        provider: The provider's name.
        finalize: The message that requests the turn's text.
    """

    def __init__(self, provider: str, finalize: str) -> None:
        self._provider = provider
        self._finalize = finalize
        self._finals: list[SonioxToken] = []
        self._interim: list[SonioxToken] = []
        self._answered = 0  # number of final tokens in the last answer
        self._asked: deque[float] = deque()  # positions of unanswered requests in the audio
        self._stale = 0  # number of unanswered requests from earlier turns
        self._early = 0  # number of requests answered by the `<fin>` of an earlier request
        self._token: int | None = None
        self._speech_ms = 0.0  # where the caller last began to speak
        self._is_over = False  # whether the vendor detected the turn's end
        self._final_ms = 0.0  # audio before this position is in final tokens
        self._heard_ms = 0.0  # length of the audio that the vendor has processed
        self._last_finals: list[SonioxToken] = []
        self._signal: TurnSignal | None = None

    def started(self, position_ms: float) -> None:
        """Record that the caller has spoken since this position. The vendor's judgment of the earlier silence is
        outdated.
        """
        self._speech_ms, self._is_over = position_ms, False

    def finalize(self, token: int, position_ms: float) -> str:
        """Return the message that requests the text; empty if the vendor has processed the audio and ended the turn."""
        self._token = token
        if self._is_over and not self._asked and self._heard_ms >= position_ms - UNHEARD_MS:
            return ""
        self._asked.append(position_ms)
        return self._finalize

    def next_turn(self) -> None:
        """Start a new turn. Words before the last `finalize` are dropped."""
        self._token, self._stale, self._is_over = None, len(self._asked), False
        del self._finals[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._interim.clear()

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Process a message. Returns the turn's text if it may have changed. Raises ProviderError."""
        found = read_message(self._provider, message)
        tokens, self._heard_ms = found.tokens, max(self._heard_ms, found.total_audio_proc_ms or 0.0)
        if not tokens:
            return None
        finals = [token for token in tokens if token.is_final and token.text not in (FINALIZED, ENDPOINT)]
        is_repeated = bool(finals) and finals == self._last_finals
        self._last_finals = finals or self._last_finals
        self._interim = []
        answer = None
        for token in tokens:
            if token.text == FINALIZED:
                answer = self._take_answer(found.final_audio_proc_ms or 0.0) or answer
            elif token.text == ENDPOINT:
                self._end()
            elif not (is_repeated and token.is_final):
                self._add(token)
        return answer or (None if self._stale else RecognizedText(_join([*self._finals, *self._interim]), final=False))

    def take_signal(self) -> TurnSignal | None:
        """Return the vendor's judgment of the turn's end, once per message that contains a judgment."""
        signal, self._signal = self._signal, None
        return signal

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """Return the text if the vendor has ended the turn by itself. Otherwise returns None, because each request gets
        an answer unless the vendor hangs.
        """
        is_known = self._is_over and not self._asked and self._token is not None
        return self._answer() if is_known else None

    def _add(self, token: SonioxToken) -> None:
        """Add a token of the current turn. A token that may change is dropped if final tokens already cover it."""
        if self._stale:
            return
        if token.is_final:
            self._finals.append(token)
            self._final_ms = max(self._final_ms, token.end_ms or 0.0)
        elif token.end_ms is None or token.end_ms > self._final_ms:
            self._interim.append(token)
        else:
            return
        self._is_over = False

    def _end(self) -> None:
        """Record that the vendor detected the turn's end. An end of earlier speech does not count for the latest
        speech.
        """
        text = _join(self._finals[self._answered :])
        if self._stale or not text:
            return
        self._signal = TurnSignal(_join(self._finals), _CALIBRATION.probability(_CERTAIN))
        self._is_over = self._final_ms + TOLERANCE_MS >= self._speech_ms

    def _take_answer(self, final_ms: float) -> RecognizedText | None:
        """Answer the requests up to `final_ms`, the position before which audio is now final."""
        if self._early and (not self._asked or final_ms < self._asked[0] - UNHEARD_MS):
            self._early -= 1
            return None
        answered = max(1, sum(position_ms <= final_ms for position_ms in self._asked))
        for _ in range(min(answered, len(self._asked))):
            self._asked.popleft()
        self._early += answered - 1
        self._stale = max(0, self._stale - answered)
        return None if self._asked or self._token is None else self._answer()

    def _answer(self) -> RecognizedText:
        token, self._token = self._token, None
        self._answered, self._interim = len(self._finals), []
        language = most_spoken((read_language(final.language), final.text) for final in self._finals)
        words = _join_words(self._finals)
        return RecognizedText(_join(self._finals), final=True, token=token, words=words, language=language)


def _join(tokens: Iterable[SonioxToken]) -> str:
    return "".join(token.text for token in tokens).strip()


def _join_words(tokens: Iterable[SonioxToken]) -> tuple[TimedWord, ...]:
    """Return the words with their times; nothing if a token has no time. A space begins a new word."""
    words: list[TimedWord] = []
    is_apart = True
    for token in tokens:
        text = token.text.strip()
        is_apart = is_apart or token.text[:1].isspace()
        if not text:
            is_apart = True
            continue
        if token.start_ms is None or token.end_ms is None:
            return ()
        if is_apart:
            words.append(TimedWord(text, token.start_ms, token.end_ms))
        else:
            words[-1] = TimedWord(words[-1].text + text, words[-1].start_ms, token.end_ms)
        is_apart = token.text[-1:].isspace()
    return tuple(words)


_AUTO: Final = "auto"


def make_settings(name: str, options: SonioxSpeechToTextOptions, language: str) -> dict[str, Any]:
    """Return the settings of a session. Raises ProviderError if the vendor does not support the language."""
    wanted = options.languages or (options.language or language,)
    codes = [_require_language(name, options.model, one) for one in wanted if one != _AUTO]
    context = {"text": options.context, "terms": options.keyterm}
    return {
        "model": options.model,
        "language_hints": codes or None,
        "language_hints_strict": True if codes and options.only_language else None,
        "context": {part: value for part, value in context.items() if value} or None,
        "enable_language_identification": True,
        "enable_endpoint_detection": options.endpoint_detection,
        "endpoint_sensitivity": options.endpoint_sensitivity,
        "max_endpoint_delay_ms": options.max_endpoint_delay_ms,
    }


def make_stream_settings(name: str, options: SonioxTextToSpeechOptions, language: str) -> dict[str, Any]:
    """Return the settings of a voice's stream. Raises ProviderError if the vendor does not speak the language."""
    code = _require_language(name, options.model, language)
    return {"model": options.model, "language": code, "voice": options.voice_id, "speed": options.speed}


def _require_language(name: str, model: str, language: str) -> str:
    code = find_soniox_language(language)
    if code is None:
        raise ProviderError(name, f"{model} does not support {language!r}", retryable=False, cause="refused")
    return code
