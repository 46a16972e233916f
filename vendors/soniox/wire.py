"""Messages, addresses and errors of Soniox; no input or output.

What Soniox's real-time recognizer is sent and says: addresses, messages and errors; pure.

Source: soniox.com/docs (WebSocket API, manual finalization, endpoint detection), soniox 2.10.0 (`realtime/stt.py`); put
together in docs/develop/vendors/soniox.md.

Soniox's `/tts-websocket`: the streams of one utterance, as messages out and messages in; pure.

A stream is a stretch of speech with one prosody: a message with its settings, texts, and one that ends them. The vendor
speaks as the text comes, and says `terminated` once it has sent all. Times of characters count from the stream's first
audio on.
Source: soniox.com/docs (`tts/rt`), soniox 2.10.0 (`realtime/tts.py`); put together in docs/develop/vendors/soniox.md.

Our caller's turn from Soniox's tokens, which are made final on request; pure.

`finalize` makes all tokens of the audio before it final, and the token `<fin>` follows them: what is known then is the
answer. Whether requests that follow each other soon have a `<fin>` each, is not documented: one answers the oldest, and
those after it whose audio it makes final, too. With endpoint detection the vendor also does so by itself where it
believes that the caller has finished, and says `<end>`.
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
# Ends the stream: the vendor makes all tokens final, says so and closes.
END_OF_AUDIO: Final = ""
FINALIZED: Final = "<fin>"
ENDPOINT: Final = "<end>"

_TIMED_OUT: Final = 408
_TOO_LONG: Final = 413


class SonioxToken(Struct, frozen=True):
    """A piece of text: a word, a part of one, or a mark; blanks are in it. start_ms, end_ms: in the audio that was
    sent; none of the marks `<fin>` and `<end>`. language: its code, which no message is refused because of."""

    text: str
    start_ms: float | None = None
    end_ms: float | None = None
    is_final: bool = False
    language: Any = None


class SonioxMessage(Struct, frozen=True):
    """A message of the server. tokens: final ones, each told once, before those that may change. final_audio_proc_ms:
    audio of which all tokens are final. total_audio_proc_ms: audio that was worked on. finished: the stream is over."""

    tokens: tuple[SonioxToken, ...] = ()
    final_audio_proc_ms: float | None = None
    total_audio_proc_ms: float | None = None
    finished: bool = False
    error_code: int | None = None
    error_type: Any = None


_DECODER: Final = msgspec.json.Decoder(SonioxMessage)


def make_url(base_url: str, path: str) -> str:
    """The WebSocket address; a base that ends in the path already is taken as it is."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    return base if base.endswith(path) else base + path


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key, which the vendor refuses in the first message from January 2027 on."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def make_start(settings: Mapping[str, Any]) -> bytes:
    """The first message. settings: those of None are left out."""
    known = {name: value for name, value in settings.items() if value is not None}
    return msgspec.json.encode({**known, "audio_format": "mulaw", "sample_rate": RATE, "num_channels": 1})


def make_finalize(trailing_silence_ms: int | None = None) -> str:
    """The message that makes all tokens of the audio so far final. trailing_silence_ms: of it is silence."""
    if trailing_silence_ms is None:
        return '{"type":"finalize"}'
    return f'{{"type":"finalize","trailing_silence_ms":{trailing_silence_ms}}}'


def read_message(provider: str, message: bytes) -> SonioxMessage:
    """A message of the server. Raises ProviderError for the vendor's error and for what cannot be read."""
    try:
        found = _DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if found.error_code is not None:
        raise make_error(provider, found.error_code, found.error_type).with_answer(message)
    return found


def make_error(provider: str, code: int, kind: object = None) -> ProviderError:
    """The error for a code of the vendor's, which is an HTTP status. kind: its `error_type`. The vendor's sentence is
    dropped, because it quotes the key."""
    reason = f"error {code} {kind}" if is_error_code(kind) else f"error {code}"
    if code in (401, 403):
        return KeyRefused(provider, reason)
    if code in (402, 429):
        return ProviderBusy(provider, reason, retryable=code != 402)
    if code == _TIMED_OUT:
        return ProviderSlow(provider, reason)
    if code == _TOO_LONG:  # the stream has had its 300 minutes
        return ProviderError(provider, reason, cause="cut")
    return ProviderError(provider, reason, retryable=code >= 500, cause=cause_of_status(code))


SPEAK_PATH: Final = "/tts-websocket"
# That a connection may have at once; one that was cancelled counts until the vendor has said so.
MAX_STREAMS: Final = 5


class _CharacterTimes(Struct, frozen=True):
    """In seconds of the stream's audio."""

    characters: list[str] = []
    starts: list[float] = msgspec.field(default_factory=list, name="character_start_times_seconds")
    ends: list[float] = msgspec.field(default_factory=list, name="character_end_times_seconds")

    def rows(self) -> list[tuple[str, float, float]]:
        """Character, start and duration in ms. Raises ValueError for lists of unequal length."""
        timed = zip(self.characters, self.starts, self.ends, strict=True)
        return [(character, start * 1_000, (end - start) * 1_000) for character, start, end in timed]


class StreamOutput(Struct, frozen=True):
    """A message of the vendor. audio: mu-law, in base64 on the wire. terminated: the stream is over. stream_id: empty
    or None for the whole connection."""

    stream_id: str | None = None
    audio: bytes | None = None
    terminated: bool = False
    timestamps: _CharacterTimes | None = None
    error_code: int | None = None
    error_type: Any = None


_OUTPUT_DECODER: Final = msgspec.json.Decoder(StreamOutput)


def read_output(provider: str, message: bytes) -> StreamOutput:
    """Read a message. Raises ProviderError."""
    try:
        return _OUTPUT_DECODER.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


def find_ended(output: StreamOutput) -> str:
    """The stream that a message ends; empty for none."""
    return (output.stream_id or "") if output.terminated else ""


class SonioxStreams(SpeechContext):
    """The streams of one utterance. settings: of each. make_id: a new id at each call."""

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
        """The messages that send text, with the settings if a stream begins; none for blanks, which are sent with the
        next words. Not while a finished stream is not done."""
        words = self._take_text(text)
        if not words:
            return ()
        begins = self._begin()
        self._words.expect(words)
        spoken = self._encode({"text": words, "text_end": False})
        return (self._encode(self._settings), spoken) if begins else (spoken,)

    def finish(self) -> bytes:
        """The message that ends the stream, of which everything is spoken; empty when none is open."""
        return self._encode({"text": "", "text_end": True}) if self._close() else b""

    def cancel(self) -> bytes:
        """The message that stops the stream; empty when nothing of it can come any more."""
        if self.is_done:
            return b""
        self._end()
        return self._encode({"cancel": True})

    def read(self, message: StreamOutput) -> SpeechChunk | None:
        """Take a message of the connection; return the audio and the words in it. Raises ProviderError for an error
        of this stream or of the whole connection."""
        is_own = message.stream_id == self._id and not self.is_done
        if message.error_code is not None and (is_own or not message.stream_id):
            raise make_error(self._provider, message.error_code, message.error_type)
        if not is_own:
            return None  # of an utterance that was cancelled
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


# Speech is noticed about so long after it began, so that a word that ends so shortly before is one of it.
TOLERANCE_MS: Final = 50.0
# A text is asked for after 200 ms of silence: an end that the vendor told before it heard more than so much less may be
# of earlier speech, because one that takes over is sent a minute at once.
UNHEARD_MS: Final = 200.0
# An end comes without a figure.
_CERTAIN: Final = 1.0
_CALIBRATION: Final = CALIBRATIONS["soniox"]


class SonioxTranscript:
    """One session's current turn. finalize: the message that asks for its text."""

    def __init__(self, provider: str, finalize: str) -> None:
        self._provider = provider
        self._finalize = finalize
        self._finals: list[SonioxToken] = []
        self._interim: list[SonioxToken] = []
        self._answered = 0  # final tokens that were in the last answer
        self._asked: deque[float] = deque()  # where requests without an answer stand in the audio
        self._stale = 0  # of these, those of earlier turns
        self._early = 0  # requests that the `<fin>` of an earlier one has answered
        self._token: int | None = None
        self._speech_ms = 0.0  # where the caller began to speak, the last time
        self._is_over = False  # the vendor believes that the caller has finished
        self._final_ms = 0.0  # audio before this is in final tokens
        self._heard_ms = 0.0  # audio that the vendor has worked on
        self._last_finals: list[SonioxToken] = []
        self._signal: TurnSignal | None = None

    def started(self, position_ms: float) -> None:
        """The caller speaks since this position: what the vendor thought of the silence before is out of date."""
        self._speech_ms, self._is_over = position_ms, False

    def finalize(self, token: int, position_ms: float) -> str:
        """The message that asks for the text; empty if the vendor has heard all of it and ended the turn, because all
        is final then."""
        self._token = token
        if self._is_over and not self._asked and self._heard_ms >= position_ms - UNHEARD_MS:
            return ""
        self._asked.append(position_ms)
        return self._finalize

    def next_turn(self) -> None:
        """What was said before the last `finalize` has been taken."""
        self._token, self._stale, self._is_over = None, len(self._asked), False
        del self._finals[: self._answered]
        self._answered = 0
        if self._stale:
            self._finals.clear()
            self._interim.clear()

    def read(self, message: bytes, position_ms: float) -> RecognizedText | None:
        """Take a message; return the turn's text when it may be new. Raises ProviderError."""
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
        """What the vendor believes of the turn's end, once for each message that tells it."""
        signal, self._signal = self._signal, None
        return signal

    def settle(self, *, is_overdue: bool) -> RecognizedText | None:
        """The text if the vendor has ended the turn by itself. Each request is answered: without that it hangs."""
        is_known = self._is_over and not self._asked and self._token is not None
        return self._answer() if is_known else None

    def _add(self, token: SonioxToken) -> None:
        """Take a token of the current turn; drop one that may change and comes after those that took its place."""
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
        """The vendor believes that the caller has finished; of speech before the latest it says nothing."""
        text = _join(self._finals[self._answered :])
        if self._stale or not text:
            return
        self._signal = TurnSignal(_join(self._finals), _CALIBRATION.probability(_CERTAIN))
        self._is_over = self._final_ms + TOLERANCE_MS >= self._speech_ms

    def _take_answer(self, final_ms: float) -> RecognizedText | None:
        """final_ms: audio before it is final now."""
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
    """The words with their times; none if a token has none. A word begins where a blank is."""
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
    """What a session begins with. Raises ProviderError for a language that the vendor does not know."""
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
    """What a stream of a voice begins with. Raises ProviderError for a language that the vendor does not speak."""
    code = _require_language(name, options.model, language)
    return {"model": options.model, "language": code, "voice": options.voice_id, "speed": options.speed}


def _require_language(name: str, model: str, language: str) -> str:
    code = find_soniox_language(language)
    if code is None:
        raise ProviderError(name, f"{model} knows no {language!r}", retryable=False, cause="refused")
    return code
