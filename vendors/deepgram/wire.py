"""Messages, URLs and errors of Deepgram's recognizers and voices; no I/O.

Nova uses `/v1/listen`. Sources: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/finalize,
/docs/audio-keep-alive.

Flux uses `/v2/listen`. The highest threshold keeps Flux from ending turns itself before a minute of silence.
ForceEndTurn ends a turn when ours may be over, so each Flux turn becomes a segment of our turn. Flux's confidence that
the turn has ended is passed on as evidence, from EagerEndOfTurn until TurnResumed. Lower confidences carry no
information, because ongoing speech has them, too. The confidence of a forced end is undocumented. A turn that Flux has
ended itself is not forced. After EagerEndOfTurn, a turn is forced only when ours is over: the text does not change
before TurnResumed (developers.deepgram.com/docs/flux/state), and only a running turn has a confidence. Sources:
developers.deepgram.com/docs/flux, deepgram-sdk 7.17.0 (`ListenV2ForceEndTurn`, `ListenV2TurnInfo.trigger`).

Aura uses `/v1/speak`. It speaks nothing before Flush and accepts 20 flushes per minute on a connection. Sources:
developers.deepgram.com/docs/tts-websocket, /docs/tts-ws-flush, /docs/tts-ws-clear.

Shared source: developers.deepgram.com (reference of /v1/listen, /v2/listen, /v1/speak, read 2026-11-25), deepgram-sdk
7.17.0.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from shared.g711 import RATE
from shared.provider_failures import FailureCause
from shared.providers.errors import DECODE_ERRORS, ProviderBusy, ProviderError, is_error_code, make_unreadable
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord, read_language
from shared.providers.turn_calibration import CALIBRATIONS
from vendors.deepgram.facts import FLUX_ENGLISH, FLUX_PREFIX, DeepgramSpeechToTextOptions, DeepgramTextToSpeechOptions

QueryValue = str | int | float | bool | Sequence[str]

_CLOSE_CODE: Final = re.compile(r"[A-Z][A-Za-z]*-\d{4}")
# The audio or a message is unreadable (DATA-0000) or too long. A retry would fail again.
_REQUEST_FAULTS: Final = ("DATA-", "BIG-", "SchemaError")


@dataclass(frozen=True, slots=True)
class ListenProtocol:
    """One of the two protocols for streaming recognition.

    Attributes:
        path: The URL's path.
        finalize: The message that requests the final text.
        keep_alive: The message for times without audio; empty if the protocol needs none.
        chunk_bytes: Size of the mu-law audio in one message.
        read: Parses a message. Returns None if it contains no text. Raises ProviderError if the message is an error or
            unreadable.
    """

    path: str
    finalize: str
    keep_alive: str
    chunk_bytes: int
    read: Callable[[str, bytes], TranscribedResult | None]


def make_url(base_url: str, path: str, query: Mapping[str, QueryValue | None]) -> str:
    """Return the WebSocket URL of a path, whose version replaces the version in the base URL.

    None values are omitted, booleans are lower case, and lists are repeated.
    """
    base = re.sub(r"^http", "ws", re.sub(r"/v\d+$", "", base_url.rstrip("/")))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True)}"


def make_headers(api_key: str) -> dict[str, str]:
    """Return the header with the key; no header for a server without keys."""
    return {"Authorization": f"Token {api_key}"} if api_key else {}


def make_error(provider: str, code: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """Return an error with the vendor's code. The vendor's text is dropped, because it may quote the caller.

    Args:
        provider: The provider's name.
        code: The vendor's code. Ignored if it does not look like an error code.
        what: Start of the error's reason.
        cause: The cause if the code does not concern the request.
    """
    code = code if is_error_code(code) else ""
    reason = f"{what} {code}".strip()
    if code.startswith("TOO_MANY_REQUESTS"):
        return ProviderBusy(provider, reason)
    if code.startswith(_REQUEST_FAULTS):
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause=cause)


def map_close(provider: str, status: int, reason: str) -> ProviderError:
    """Return the error for a connection that the vendor closed. The close reason may begin with a code such as
    NET-0001.
    """
    found = _CLOSE_CODE.match(reason)
    return make_error(provider, found[0] if found else "", f"closed with {status}", "cut")


def _encode(value: QueryValue) -> str | Sequence[str]:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | Sequence) else f"{value:g}"


class _Word(Struct):
    word: str
    start: float
    end: float
    punctuated_word: str = ""


class _Alternative(Struct):
    """A possible reading of the audio.

    Attributes:
        languages: With `multi`, most spoken first. Not typed, so that an unexpected value does not make the message
            unreadable.
    """

    transcript: str = ""
    words: list[_Word] = []
    languages: Any = None


class _Channel(Struct):
    alternatives: list[_Alternative] = []


class _Message(Struct):
    """Any message of Nova. Fields that the message's type does not have keep their defaults.

    Attributes:
        start: Position in the sent audio, in seconds.
        duration: Length of the audio, in seconds.
    """

    type: str
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    from_finalize: bool = False
    channel: _Channel | list[int] | None = None  # numbers in messages other than Results
    variant: str = ""
    code: str | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read_nova(provider: str, message: bytes) -> TranscribedResult | None:
    """Parse a message of Nova. Returns None unless it is Results. Raises ProviderError."""
    try:
        read = _decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if read.type == "Error":
        raise make_error(provider, read.code or read.variant, "error").with_answer(message)
    if read.type != "Results" or not isinstance(read.channel, _Channel):
        return None
    return TranscribedResult(_segment(read, read.channel), read.is_final, read.from_finalize)


def _segment(read: _Message, channel: _Channel) -> TranscribedSegment:
    best = channel.alternatives[0] if channel.alternatives else _Alternative()
    start_ms = read.start * 1000
    words = tuple(
        TimedWord(word.punctuated_word or word.word, word.start * 1000, word.end * 1000) for word in best.words
    )
    return TranscribedSegment(
        number=round(start_ms),
        text=best.transcript.strip(),
        start_ms=start_ms,
        end_ms=start_ms + read.duration * 1000,
        words=words,
        language=read_language(best.languages),
    )


# A KeepAlive must be a text message; the vendor would treat a binary message as audio.
NOVA: Final = ListenProtocol(
    path="/v1/listen",
    finalize='{"type":"Finalize"}',
    keep_alive='{"type":"KeepAlive"}',
    chunk_bytes=160,
    read=read_nova,
)


# The vendor's maximum values. A turn ends only when it is forced to, or after a minute of silence.
EOT_THRESHOLD: Final = 1.0
EOT_TIMEOUT_MS: Final = 60_000
# The vendor signals an end from this confidence on (allowed: 0.3 to 0.9).
EAGER_EOT_THRESHOLD: Final = 0.5
_CALIBRATION: Final = CALIBRATIONS["flux"]
# The vendor's recommended chunk: 80 ms.
CHUNK_BYTES: Final = 640


class _FluxWord(Struct):
    word: str
    start: float | None = None
    end: float | None = None


class _FluxMessage(Struct):
    """Any message of Flux. Fields that the message's type does not have keep their defaults.

    The confidence and the languages are not typed, so that an unexpected value does not make the message unreadable.

    Attributes:
        audio_window_start: Position in the audio, in seconds.
        audio_window_end: Position in the audio, in seconds.
        end_of_turn_confidence: 0 to 1.
        languages: For `flux-general-multi`, most spoken first.
    """

    type: str
    event: str = ""
    turn_index: int = 0
    audio_window_start: float = 0.0
    audio_window_end: float = 0.0
    transcript: str = ""
    words: list[_FluxWord] = []
    trigger: str | None = None
    end_of_turn_confidence: Any = None
    languages: Any = None
    code: str = ""


_flux_decoder: Final = msgspec.json.Decoder(_FluxMessage)


def read_flux(provider: str, message: bytes) -> TranscribedResult | None:
    """Parse a message of Flux. Returns None unless it is TurnInfo. Raises ProviderError."""
    try:
        read = _flux_decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if read.type == "Error":
        raise make_error(provider, read.code, "error").with_answer(message)
    if read.type != "TurnInfo":
        return None
    has_ended = read.event == "EndOfTurn"
    is_forced = has_ended and read.trigger == "manual"
    has_resumed = read.event == "TurnResumed"
    return TranscribedResult(
        _flux_segment(read),
        is_final=has_ended,
        is_flushed=is_forced,
        finished=None if is_forced or has_resumed else _finished(read),
        is_over=(has_ended and not is_forced) or read.event == "EagerEndOfTurn",
        has_resumed=has_resumed,
    )


def _finished(read: _FluxMessage) -> float | None:
    """Return the probability that the caller has finished.

    Returns None below the confidence of an EagerEndOfTurn. Also returns None without words, because the turn after a
    forced end has none yet.
    """
    probability = _CALIBRATION.probability(read.end_of_turn_confidence)
    is_signal = probability is not None and read.end_of_turn_confidence >= EAGER_EOT_THRESHOLD
    return probability if is_signal and read.transcript.strip() else None


def _flux_segment(read: _FluxMessage) -> TranscribedSegment:
    return TranscribedSegment(
        number=read.turn_index,
        text=read.transcript.strip(),
        start_ms=read.audio_window_start * 1000,
        end_ms=read.audio_window_end * 1000,
        words=_words(read.words),
        language=read_language(read.languages),
    )


def _words(words: list[_FluxWord]) -> tuple[TimedWord, ...]:
    """Return the words with their times; nothing if a word has no time."""
    timed = [(word.word, word.start, word.end) for word in words]
    found = [
        TimedWord(text, start * 1000, end * 1000) for text, start, end in timed if start is not None and end is not None
    ]
    return tuple(found) if len(found) == len(words) else ()


FLUX: Final = ListenProtocol(
    path="/v2/listen",
    finalize='{"type":"ForceEndTurn"}',
    keep_alive="",
    chunk_bytes=CHUNK_BYTES,
    read=read_flux,
)


SPEAK_PATH: Final = "/v1/speak"
FLUSH: Final = '{"type":"Flush"}'
CLEAR: Final = '{"type":"Clear"}'
CLOSE: Final = '{"type":"Close"}'
# Ends a recognizer session.
CLOSE_STREAM: Final = '{"type":"CloseStream"}'
# Maximum number of characters in a Speak message.
MAX_CHARACTERS: Final = 2_000
MAX_FLUSHES: Final = 20
FLUSH_WINDOW_S: Final = 60.0
# When only this many flushes are left, text is collected while the vendor is still speaking.
FLUSH_RESERVE: Final = 5


class AuraMessage(Struct):
    """A text message of the vendor.

    Attributes:
        type: Flushed, Cleared, Warning, Metadata or Error.
    """

    type: str
    code: str = ""


_aura_decoder: Final = msgspec.json.Decoder(AuraMessage)


def read_aura(provider: str, message: bytes) -> AuraMessage:
    """Parse a message. Raises ProviderError if it is unreadable."""
    try:
        return _aura_decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class FlushBudget:
    """Counts how often a connection may still flush.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: deque[float] = deque()

    @property
    def left(self) -> int:
        """Number of flushes that the vendor accepts now."""
        while self._used and self._used[0] <= self._clock() - FLUSH_WINDOW_S:
            self._used.popleft()
        return MAX_FLUSHES - len(self._used)

    def use(self) -> None:
        self._used.append(self._clock())


class AuraSpeech:
    """Makes the messages for one speech, whose text arrives in clauses, and detects when all text was spoken."""

    def __init__(self, provider: str, budget: FlushBudget) -> None:
        self._provider = provider
        self._budget = budget
        self._space = ""  # sent before the next word
        self._has_unflushed = False
        self._flushing = 0
        self._has_ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the text has ended and all of it was spoken."""
        return self._has_ended and not self._has_unflushed and not self._flushing

    @property
    def has_room(self) -> bool:
        """Whether another clause can be added. The last flush is reserved for text that was already sent."""
        return self._budget.left > 1

    def add(self, text: str) -> list[str]:
        """Return the messages for the next clause. Blank text only flushes the earlier text. Raises ProviderBusy."""
        text = self._space + text
        self._space = "" if text.strip() else text
        spoken = list(_pieces(text)) if text.strip() else []
        self._has_unflushed = self._has_unflushed or bool(spoken)
        messages = [msgspec.json.encode({"type": "Speak", "text": piece}).decode() for piece in spoken]
        if not self._flushing or self._budget.left > FLUSH_RESERVE:
            messages += self._flush()
        return messages

    def end(self) -> list[str]:
        """Return the messages for the end of the text. Raises ProviderBusy."""
        self._has_ended = True
        return self._flush()

    def acknowledge_flush(self) -> list[str]:
        """Return the messages that follow a Flushed. Raises ProviderBusy."""
        self._flushing = max(0, self._flushing - 1)
        return self._flush() if not self._flushing else []

    def _flush(self) -> list[str]:
        if not self._has_unflushed:
            return []
        if not self._budget.left:
            raise ProviderBusy(self._provider, "no more flushes in this minute")
        self._budget.use()
        self._has_unflushed = False
        self._flushing += 1
        return [FLUSH]


def _pieces(text: str) -> Iterator[str]:
    """Split the text after spaces into pieces that fit into a message."""
    while len(text) > MAX_CHARACTERS:
        cut = text.rfind(" ", 0, MAX_CHARACTERS) + 1 or MAX_CHARACTERS
        yield text[:cut]
        text = text[cut:]
    yield text


_AUDIO: Final[dict[str, QueryValue]] = {"encoding": "mulaw", "sample_rate": RATE}


def make_listen_url(name: str, options: DeepgramSpeechToTextOptions, language: str) -> str:
    """Return the URL of a session. Raises ProviderError if the model does not support the language."""
    protocol = find_protocol(options.model)
    query = _make_flux_query(name, options, language) if protocol is FLUX else _make_nova_query(options, language)
    return make_url(options.base_url, protocol.path, query)


def find_protocol(model: str) -> ListenProtocol:
    """Return the protocol for a recognizer model."""
    return FLUX if model.startswith(FLUX_PREFIX) else NOVA


def make_speak_url(options: DeepgramTextToSpeechOptions) -> str:
    """Return the URL of a voice connection."""
    query = {"model": options.model, **_AUDIO, "mip_opt_out": options.mip_opt_out or None}
    return make_url(options.base_url, SPEAK_PATH, query)


def _make_nova_query(options: DeepgramSpeechToTextOptions, language: str) -> dict[str, QueryValue | None]:
    return {
        "model": options.model,
        "language": options.language or language,
        **_AUDIO,
        "channels": 1,
        "interim_results": True,
        "endpointing": options.endpointing_ms,
        "punctuate": options.punctuate,
        "smart_format": options.smart_format or None,
        "numerals": options.numerals or None,
        "keyterm": options.keyterm or None,
        "mip_opt_out": options.mip_opt_out or None,
    }


def _make_flux_query(name: str, options: DeepgramSpeechToTextOptions, language: str) -> dict[str, QueryValue | None]:
    """Return the query of a Flux session. Raises ProviderError if the model does not support the language."""
    base = language.partition("-")[0].lower()
    if options.model == FLUX_ENGLISH and base != "en":
        raise ProviderError(name, f"{FLUX_ENGLISH} does not support {base!r}", retryable=False, cause="refused")
    return {
        "model": options.model,
        **_AUDIO,
        "eot_threshold": EOT_THRESHOLD,
        "eager_eot_threshold": EAGER_EOT_THRESHOLD,
        "eot_timeout_ms": EOT_TIMEOUT_MS,
        "language_hint": None if options.model == FLUX_ENGLISH else options.languages or base,
        "numerals": options.numerals or None,
        "keyterm": options.keyterm or None,
        "mip_opt_out": options.mip_opt_out or None,
    }
