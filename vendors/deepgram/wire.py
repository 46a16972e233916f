"""Messages, addresses and errors of Deepgram; no input or output.

What Deepgram's protocols have in common: addresses, error codes, and the recognisers' messages; pure.

Source: developers.deepgram.com (reference of /v1/listen, /v2/listen, /v1/speak, read 2026-11-25), deepgram-sdk 7.17.0.

Deepgram's Nova: messages of `/v1/listen`; pure.

Source: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/finalize, /docs/audio-keep-alive.

Deepgram's Flux: messages of `/v2/listen`; pure.

The greatest threshold keeps it from ending turns by itself before a minute of silence; ForceEndTurn ends one when ours
may be over. A turn of Flux is therefore a segment of our turn. What it believes of the turn's end until then is passed
on as evidence: from EagerEndOfTurn on, and in the updates that follow it, until TurnResumed. A lower confidence says
nothing, because speech has it, too; and nowhere is it said what a forced end's is.

A turn that Flux has ended itself is not forced. After EagerEndOfTurn it is forced only when ours is over: the text does
not change before TurnResumed (developers.deepgram.com/docs/flux/state), and only a turn that runs has a confidence.
Source: developers.deepgram.com/docs/flux, deepgram-sdk 7.17.0 (`ListenV2ForceEndTurn`, `ListenV2TurnInfo.trigger`).

Deepgram's Aura: messages of `/v1/speak`, and when to flush; pure.

The vendor speaks nothing before Flush, and takes 20 of them a minute on a connection.
Source: developers.deepgram.com/docs/tts-websocket, /docs/tts-ws-flush, /docs/tts-ws-clear.
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
# The audio or a message cannot be read (DATA-0000), or is too long: the same request would fail again.
_REQUEST_FAULTS: Final = ("DATA-", "BIG-", "SchemaError")


@dataclass(frozen=True, slots=True)
class ListenProtocol:
    """One of the two protocols for streamed recognition.

    path: of the address. finalize: the message that asks for the final text. keep_alive: the message for times without
    audio, empty where there is none. chunk_bytes: of mu-law audio in one message. read: a message; None for one that
    holds no text; raises ProviderError for the vendor's error and for what cannot be read.
    """

    path: str
    finalize: str
    keep_alive: str
    chunk_bytes: int
    read: Callable[[str, bytes], TranscribedResult | None]


def make_url(base_url: str, path: str, query: Mapping[str, QueryValue | None]) -> str:
    """The WebSocket address of a path, whose version counts and not the base's. Values of None are left out, booleans
    are in lower case, lists are repeated."""
    base = re.sub(r"^http", "ws", re.sub(r"/v\d+$", "", base_url.rstrip("/")))
    values = [(name, _encode(value)) for name, value in query.items() if value is not None]
    return f"{base}{path}?{urlencode(values, doseq=True)}"


def make_headers(api_key: str) -> dict[str, str]:
    """The header that holds the key; none for a server without keys."""
    return {"Authorization": f"Token {api_key}"} if api_key else {}


def make_error(provider: str, code: str, what: str, cause: FailureCause = "error") -> ProviderError:
    """An error with the vendor's code, if it is one; the vendor's text is dropped, because it may quote the caller.
    cause: of an error whose code says nothing of the request."""
    code = code if is_error_code(code) else ""
    reason = f"{what} {code}".strip()
    if code.startswith("TOO_MANY_REQUESTS"):
        return ProviderBusy(provider, reason)
    if code.startswith(_REQUEST_FAULTS):
        return ProviderError(provider, reason, retryable=False, cause="refused")
    return ProviderError(provider, reason, cause=cause)


def map_close(provider: str, status: int, reason: str) -> ProviderError:
    """The error for a connection that the vendor closed. reason: begins with a code such as NET-0001, if it has one."""
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
    """languages: with `multi`, most spoken first; no message is refused because of them."""

    transcript: str = ""
    words: list[_Word] = []
    languages: Any = None


class _Channel(Struct):
    alternatives: list[_Alternative] = []


class _Message(Struct):
    """Any message; fields that others have keep their defaults. start, duration: in seconds of the audio sent."""

    type: str
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    from_finalize: bool = False
    channel: _Channel | list[int] | None = None  # of other messages than Results: numbers
    variant: str = ""
    code: str | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read_nova(provider: str, message: bytes) -> TranscribedResult | None:
    """A message of the server; None unless it is Results. Raises ProviderError."""
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


# A KeepAlive has to be a text message: in a binary one it would be taken for audio.
NOVA: Final = ListenProtocol(
    path="/v1/listen",
    finalize='{"type":"Finalize"}',
    keep_alive='{"type":"KeepAlive"}',
    chunk_bytes=160,
    read=read_nova,
)


# The vendor's greatest values: a turn ends when it is forced to, or after a minute of silence.
EOT_THRESHOLD: Final = 1.0
EOT_TIMEOUT_MS: Final = 60_000
# From this confidence on the vendor signals an end; it takes 0.3 to 0.9.
EAGER_EOT_THRESHOLD: Final = 0.5
_CALIBRATION: Final = CALIBRATIONS["flux"]
# The chunk that the vendor recommends: 80 ms.
CHUNK_BYTES: Final = 640


class _FluxWord(Struct):
    word: str
    start: float | None = None
    end: float | None = None


class _FluxMessage(Struct):
    """Any message; fields that others have keep their defaults. audio_window_start, audio_window_end: in seconds.
    end_of_turn_confidence: 0-1. languages: of `flux-general-multi`, most spoken first. No message is refused because of
    these two."""

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
    """A message of the server; None unless it is TurnInfo. Raises ProviderError."""
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
    """The probability that the caller has finished; None below the confidence of an EagerEndOfTurn, and without words:
    the turn that follows a forced end has none yet."""
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
    """The words with their times; none if one has none."""
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
# Ends a session of a recognizer.
CLOSE_STREAM: Final = '{"type":"CloseStream"}'
# Most characters of a Speak message.
MAX_CHARACTERS: Final = 2_000
MAX_FLUSHES: Final = 20
FLUSH_WINDOW_S: Final = 60.0
# With no more flushes left than this, text is gathered while the vendor still speaks.
FLUSH_RESERVE: Final = 5


class AuraMessage(Struct):
    """A text message of the vendor. type: Flushed, Cleared, Warning, Metadata or Error."""

    type: str
    code: str = ""


_aura_decoder: Final = msgspec.json.Decoder(AuraMessage)


def read_aura(provider: str, message: bytes) -> AuraMessage:
    """Read a message. Raises ProviderError for one that cannot be read."""
    try:
        return _aura_decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class FlushBudget:
    """How often a connection may still flush. clock: in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: deque[float] = deque()

    @property
    def left(self) -> int:
        """Flushes that the vendor takes now."""
        while self._used and self._used[0] <= self._clock() - FLUSH_WINDOW_S:
            self._used.popleft()
        return MAX_FLUSHES - len(self._used)

    def use(self) -> None:
        """Record a flush."""
        self._used.append(self._clock())


class AuraSpeech:
    """One speech on a connection: the messages for its text, which comes in clauses, and when all was spoken."""

    def __init__(self, provider: str, budget: FlushBudget) -> None:
        self._provider = provider
        self._budget = budget
        self._space = ""  # is sent before the next word
        self._has_unflushed = False
        self._flushing = 0
        self._has_ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the text ended, and all of it was spoken."""
        return self._has_ended and not self._has_unflushed and not self._flushing

    @property
    def has_room(self) -> bool:
        """Whether another clause can be added: the last flush is for what was sent before."""
        return self._budget.left > 1

    def add(self, text: str) -> list[str]:
        """The messages for the next clause; an empty one asks to speak what was sent. Raises ProviderBusy."""
        text = self._space + text
        self._space = "" if text.strip() else text
        spoken = list(_pieces(text)) if text.strip() else []
        self._has_unflushed = self._has_unflushed or bool(spoken)
        messages = [msgspec.json.encode({"type": "Speak", "text": piece}).decode() for piece in spoken]
        if not self._flushing or self._budget.left > FLUSH_RESERVE:
            messages += self._flush()
        return messages

    def end(self) -> list[str]:
        """The messages for the end of the text. Raises ProviderBusy."""
        self._has_ended = True
        return self._flush()

    def acknowledge_flush(self) -> list[str]:
        """The messages that follow a Flushed. Raises ProviderBusy."""
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
    """The text in pieces that one message can hold, cut behind spaces."""
    while len(text) > MAX_CHARACTERS:
        cut = text.rfind(" ", 0, MAX_CHARACTERS) + 1 or MAX_CHARACTERS
        yield text[:cut]
        text = text[cut:]
    yield text


_AUDIO: Final[dict[str, QueryValue]] = {"encoding": "mulaw", "sample_rate": RATE}


def make_listen_url(name: str, options: DeepgramSpeechToTextOptions, language: str) -> str:
    """Where a session is opened. language: of the call. Raises ProviderError for one that the model does not know."""
    protocol = find_protocol(options.model)
    query = _make_flux_query(name, options, language) if protocol is FLUX else _make_nova_query(options, language)
    return make_url(options.base_url, protocol.path, query)


def find_protocol(model: str) -> ListenProtocol:
    """The protocol of a recognizer's model."""
    return FLUX if model.startswith(FLUX_PREFIX) else NOVA


def make_speak_url(options: DeepgramTextToSpeechOptions) -> str:
    """Where speech is asked for."""
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
    """Raises ProviderError for a language that the model does not know."""
    base = language.partition("-")[0].lower()
    if options.model == FLUX_ENGLISH and base != "en":
        raise ProviderError(name, f"{FLUX_ENGLISH} knows no {base!r}", retryable=False, cause="refused")
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
