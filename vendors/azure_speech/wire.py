"""Messages, addresses and errors of Azure's speech service; no input or output.

What the protocols of Azure's speech service have in common: addresses, headers and errors; pure.

Put together in docs/develop/vendors/azure.md.

Messages of Azure's speech service: headers in front of a body, as text or binary; pure but for the time in them.

A binary message begins with the length of its headers, 16 bits, highest byte first. Source: Microsoft's "Speech Service
WebSocket protocol" and its MIT client microsoft-cognitiveservices-speech-sdk 1.52; put together in
docs/develop/vendors/azure.md.

The recognizer of Azure's speech service: what a request begins with, and what its results mean; pure.

A request is a stretch of audio, from its first message to `turn.end`, and all positions in its results count from its
own beginning. Phrases follow one another in it; hypotheses tell what the next one may become, without capitals and
marks. Put together in docs/develop/vendors/azure.md.

Azure's voices over a WebSocket: the turns of one utterance; pure.

Each clause is a turn: `synthesis.context` and `ssml` out, audio and its words in, up to `turn.end`. A connection speaks
one turn at a time. Put together in docs/develop/vendors/azure.md.

SSML for Azure's voices; pure.

Everything in the `voice` element is billed, its markup too (Azure, "Billable characters"), so that there is only markup
that was asked for, or without which the voice would speak another language.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any, Final
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

import msgspec
from msgspec import Struct

from shared.g711 import BYTES_PER_MS, RATE
from shared.provider_failures import FailureCause
from shared.providers.errors import DECODE_ERRORS, KeyRefused, ProviderBusy, ProviderError, make_unreadable
from shared.providers.phonemes import NO_PHONEMES, Phonemes
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import SpeechChunk, TimedWord, read_language
from shared.providers.word_timing import spread_words, timing_length
from vendors.azure_speech.facts import (
    AzureSegmentation,
    AzureSpeechToTextOptions,
    AzureTextToSpeechOptions,
    find_base_url,
    find_locale,
    service_language,
    speaks_locale,
)

# Units of 100 ns, in which the service counts.
TICKS_PER_MS: Final = 10_000
QueryItem = str | int | bool | None

# Close codes. 4429: the account has too many requests at once; 1013: the service has no room.
_TOO_MANY: Final = (4429, 1013)
# The request, its SSML or its audio is not taken, or the protocol is not kept: the same would be refused again.
_REFUSED: Final = (1002, 1003, 1007, 4000)
_UNAUTHORIZED: Final = (4401, 4403)
# HTTP 403 is a key without rights, and also this.
_QUOTA: Final = re.compile(rb"quota", re.IGNORECASE)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """The WebSocket address of a path. Values of None are left out, booleans are in lower case."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, quote_via=quote)}" if values else base + path


def make_headers(api_key: str, connection_id: str) -> dict[str, str]:
    """The headers of a handshake. api_key: of the resource; empty for a server without keys. connection_id: a UUID
    without dashes, a new one for each connection."""
    return {"X-ConnectionId": connection_id, **({"Ocp-Apim-Subscription-Key": api_key} if api_key else {})}


def refine_refusal(error: ProviderError) -> ProviderError:
    """The error of a handshake by its answer: a used up quota is told by 403, too."""
    if isinstance(error, KeyRefused) and _QUOTA.search(error.answer):
        return ProviderBusy(error.provider, f"{error.reason}, quota", retryable=False).with_answer(error.answer)
    return error


def make_closed(provider: str, code: int, words: str) -> ProviderError:
    """The error for a connection that was closed while it was needed. words: of the close frame; they may quote the
    text, so that only the doctor reads them."""
    return _make_closed(provider, code, f"closed with {code}").with_answer(msgspec.json.encode({"message": words}))


def _make_closed(provider: str, code: int, reason: str) -> ProviderError:
    if code in _TOO_MANY:
        return ProviderBusy(provider, reason)
    if code in _UNAUTHORIZED:
        return KeyRefused(provider, reason)
    cause: FailureCause = "refused" if code in _REFUSED else "cut"
    return ProviderError(provider, reason, retryable=cause == "cut", cause=cause)


def _encode(value: QueryItem) -> str | int | None:
    return str(value).lower() if isinstance(value, bool) else value


JSON: Final = "application/json"
SSML: Final = "application/ssml+xml"
WAV: Final = "audio/x-wav"
_END: Final = b"\r\n\r\n"
_LENGTH_BYTES: Final = 2


class AzureMessage(Struct, frozen=True):
    """A message of the service. path: in small letters. request_id: which request it answers, 32 hexadecimal digits.
    body: text as UTF-8, or audio."""

    path: str
    request_id: str
    body: bytes = b""


def make_text(path: str, request_id: str, body: bytes, content_type: str = JSON) -> bytes:
    """A text message. request_id: empty for what belongs to the whole connection."""
    return _make_head(path, request_id, content_type) + b"\r\n" + body


def make_json(path: str, request_id: str, body: Mapping[str, Any]) -> bytes:
    """A text message whose body is JSON."""
    return make_text(path, request_id, msgspec.json.encode(body))


def make_audio(request_id: str, audio: bytes, content_type: str = "") -> bytes:
    """A binary message. audio: of at most 8 KB; empty: there is no more. content_type: of the first one of a request,
    which has the header of its format."""
    head = _make_head("audio", request_id, content_type)
    return len(head).to_bytes(_LENGTH_BYTES, "big") + head + audio


def make_config() -> bytes:
    """The first message of a connection: what the client is."""
    system = {"name": "Vocalized", "version": "1.0.0", "build": "Linux", "lang": "Python"}
    operating_system = {"platform": "Linux", "name": "Linux", "version": "1.0.0"}
    return make_json("speech.config", "", {"context": {"system": system, "os": operating_system}})


def read_text(provider: str, message: bytes) -> AzureMessage:
    """A text message of the service. Raises ProviderError."""
    head, separator, body = message.partition(_END)
    if not separator:
        raise make_unreadable(provider)
    return _read(provider, head, body)


def read_binary(provider: str, message: bytes) -> AzureMessage:
    """A binary message of the service. Raises ProviderError."""
    end = _LENGTH_BYTES + int.from_bytes(message[:_LENGTH_BYTES], "big")
    if len(message) < max(_LENGTH_BYTES, end):
        raise make_unreadable(provider)
    return _read(provider, message[_LENGTH_BYTES:end], message[end:])


def _make_head(path: str, request_id: str, content_type: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    request = f"X-RequestId:{request_id}\r\n" if request_id else ""
    content = f"Content-Type:{content_type}\r\n" if content_type else ""
    return f"Path:{path}\r\n{request}X-Timestamp:{now}Z\r\n{content}".encode()


def _read(provider: str, head: bytes, body: bytes) -> AzureMessage:
    """Raises ProviderError for headers without a path."""
    path = request_id = ""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        match name.strip().lower():
            case b"path":
                path = value.strip().decode(errors="replace").lower()
            case b"x-requestid":
                request_id = value.strip().decode(errors="replace").lower()
    if not path:
        raise make_unreadable(provider)
    return AzureMessage(path, request_id, body)


LISTEN_PATH: Final = "/speech/recognition/conversation/cognitiveservices/v1"
# Languages are told apart by this one only.
UNIVERSAL_PATH: Final = "/speech/universal/v2"
_MULAW_TAG: Final = 7
_SUCCESS: Final = "Success"
# A phrase without words: silence, noise, or the end of the audio.
_EMPTY: Final = ("NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation")


class _Word(Struct, frozen=True):
    """Offset, Duration: ticks in the request's audio."""

    text: str = msgspec.field(name="Word", default="")
    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)


class _Reading(Struct, frozen=True):
    """One way in which a phrase can be read; the first is the likeliest. display: with capitals, marks and figures."""

    display: str = msgspec.field(name="Display", default="")
    words: tuple[_Word, ...] | None = msgspec.field(name="Words", default=None)
    display_words: tuple[_Word, ...] | None = msgspec.field(name="DisplayWords", default=None)


class _Result(Struct, frozen=True):
    """A hypothesis (`text`) or a phrase. language: with several, what is told of it: `Language` and `Confidence`."""

    text: str = msgspec.field(name="Text", default="")
    status: str = msgspec.field(name="RecognitionStatus", default="")
    display: str = msgspec.field(name="DisplayText", default="")
    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)
    readings: tuple[_Reading, ...] = msgspec.field(name="NBest", default=())
    language: Any = msgspec.field(name="PrimaryLanguage", default=None)


_DECODER: Final = msgspec.json.Decoder(_Result)


class ListenSettings(Struct, frozen=True):
    """What all requests of a session ask for. locales: one, or those among which the language is found."""

    locales: tuple[str, ...]
    keyterms: tuple[str, ...] = ()
    segmentation: AzureSegmentation = ""
    segmentation_silence_ms: int | None = None


def make_context(settings: ListenSettings) -> dict[str, Any]:
    """The body of `speech.context`, which each request begins with."""
    detection: dict[str, Any] = {"mode": "Conversation"}
    segmentation = _make_segmentation(settings)
    if segmentation:
        detection["conversation"] = {"segmentation": segmentation}
    options = ["WordTimings", "DisplayWordTimings"]
    output: dict[str, Any] = {"format": "Detailed", "detailed": {"options": options}}
    context: dict[str, Any] = {"phraseDetection": detection, "phraseOutput": output}
    if len(settings.locales) > 1:
        output |= {"interimResults": {"resultType": "Auto"}, "phraseResults": {"resultType": "Always"}}
        context["languageId"] = _make_identification(settings.locales)
    else:
        detection["language"] = settings.locales[0]
    if settings.keyterms:
        items = [{"text": term} for term in settings.keyterms]
        context["dgi"] = {"groups": [{"type": "Generic", "items": items}], "bias": 1.0}
    return context


def make_wav_header() -> bytes:
    """The header of mu-law at 8 kHz, whose length is not known: the first audio of each request."""
    numbers = ((16, 4), (_MULAW_TAG, 2), (1, 2), (RATE, 4), (RATE, 4), (1, 2), (8, 2))
    body = b"".join(value.to_bytes(size, "little") for value, size in numbers)
    return b"RIFF" + bytes(4) + b"WAVEfmt " + body + b"data" + bytes(4)


class PhraseReader:
    """Reads the results of one session. Each phrase is a segment of ours, and so are the hypotheses before it."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._number = 0  # of the phrase that comes next
        self._latest: _Result | None = None  # phrase with words
        self._latest_end_ms = 0.0
        self.has_interim = False

    def read(self, message: AzureMessage, began_ms: float) -> TranscribedResult | None:
        """None for a message without news. began_ms: of the request's audio. Raises ProviderError."""
        is_phrase = message.path == "speech.phrase"
        if not is_phrase and message.path not in ("speech.hypothesis", "speech.fragment"):
            return None
        try:
            found = _DECODER.decode(message.body)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        return self._read_phrase(found, began_ms) if is_phrase else self._read_hypothesis(found, began_ms)

    def begin(self) -> None:
        """A request begins: what the one before supposed is sent again, or was nothing."""
        self.has_interim, self._latest = False, None

    def make_end(self, position_ms: float) -> TranscribedResult:
        """What the end of a request means that was asked for at this position: all before it is recognized."""
        self.has_interim = False
        segment = TranscribedSegment(self._number, "", position_ms, position_ms)
        return TranscribedResult(segment, is_final=True, is_flushed=True)

    def _read_phrase(self, found: _Result, began_ms: float) -> TranscribedResult | None:
        if found.status != _SUCCESS and found.status not in _EMPTY:
            raise _make_status_error(self._provider, found.status)
        if found == self._latest:
            return None  # the same again
        segment = self._segment(found, began_ms, *_read_reading(found, began_ms))
        self.has_interim = False
        self._number += 1
        if segment.text:
            self._latest, self._latest_end_ms = found, segment.end_ms
        return TranscribedResult(segment, is_final=True)

    def _read_hypothesis(self, found: _Result, began_ms: float) -> TranscribedResult | None:
        segment = self._segment(found, began_ms, found.text)
        if not segment.text or segment.end_ms <= self._latest_end_ms:
            return None  # of a phrase that came already
        self.has_interim = True
        return TranscribedResult(segment, is_final=False)

    def _segment(
        self, found: _Result, began_ms: float, text: str, words: Sequence[TimedWord] = ()
    ) -> TranscribedSegment:
        start_ms = began_ms + found.offset / TICKS_PER_MS
        return TranscribedSegment(
            number=self._number,
            text=text.strip(),
            start_ms=start_ms,
            end_ms=start_ms + found.duration / TICKS_PER_MS,
            words=tuple(words),
            language=_sure_language(found.language),
        )


def _sure_language(told: Any) -> str:
    """Empty where the service is not sure of it: its confidences are `High`, `Medium`, `Low` and `Unknown`."""
    is_sure = isinstance(told, Mapping) and told.get("Confidence") in ("High", "Medium")
    return read_language(told["Language"]) if is_sure and "Language" in told else ""


def _read_reading(found: _Result, began_ms: float) -> tuple[str, tuple[TimedWord, ...]]:
    """The likeliest text and its words: as they are displayed where the service times those."""
    if found.status != _SUCCESS or not found.readings:
        return found.display if found.status == _SUCCESS else "", ()
    best = found.readings[0]
    words = (
        TimedWord(one.text, start_ms, start_ms + one.duration / TICKS_PER_MS)
        for one in best.display_words or best.words or ()
        for start_ms in (began_ms + one.offset / TICKS_PER_MS,)
    )
    return best.display or found.display, tuple(words)


def _make_segmentation(settings: ListenSettings) -> dict[str, Any]:
    """A silence is the mode `Custom`, whatever else is asked for."""
    if settings.segmentation_silence_ms is not None:
        return {"mode": "Custom", "segmentationSilenceTimeoutMs": settings.segmentation_silence_ms}
    return {"mode": "Semantic"} if settings.segmentation == "semantic" else {}


def _make_identification(locales: Sequence[str]) -> Mapping[str, Any]:
    return {
        "languages": list(locales),
        "mode": "DetectContinuous",
        "onSuccess": {"action": "Recognize"},
        "onUnknown": {"action": "None"},
        "priority": "PrioritizeLatency",
    }


def _make_status_error(provider: str, status: str) -> ProviderError:
    """The error for a phrase that tells of one. Forbidden: a free resource has used up its quota."""
    match status:
        case "TooManyRequests":
            return ProviderBusy(provider, f"error {status}")
        case "Forbidden":
            return ProviderBusy(provider, f"error {status}", retryable=False)
        case "BadRequest":
            return ProviderError(provider, f"error {status}", retryable=False, cause="refused")
    return ProviderError(provider, "error in a phrase")


# Characters that XML 1.0 cannot hold, not even escaped.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPEAK: Final = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xmlns:mstts='http://www.w3.org/2001/mstts' "
    "xml:lang={locale}><voice name={voice}>{content}</voice></speak>"
)

_PHONEME: Final = "<phoneme alphabet='ipa' ph={ipa}>{word}</phoneme>"


class AzureTone(Struct, frozen=True):
    """How a voice speaks; its own where empty."""

    style: str = ""
    rate: str = ""
    pitch: str = ""
    volume: str = ""


class AzureVoice(Struct, frozen=True):
    """voice_id: the short name, which begins with the voice's own locale. lexicon_url: empty for none. phonemes: of the
    agent."""

    voice_id: str
    tone: AzureTone = AzureTone()
    lexicon_url: str = ""
    phonemes: Phonemes = NO_PHONEMES

    def speaks(self, language: str) -> bool:
        """Whether it can speak a language."""
        return speaks_locale(self.voice_id, language)


def make_ssml(voice: AzureVoice, locale: str, text: str) -> str:
    """A text in a language that the voice speaks."""
    content = _with_phonemes(_IMPOSSIBLE.sub(" ", text), voice.phonemes.find(locale))
    for element, attributes in reversed(_markup(voice, locale)):
        values = "".join(f" {name}={quoteattr(value)}" for name, value in attributes if value)
        content = f"<{element}{values}>{content}</{element}>"
    if voice.lexicon_url:
        content = f"<lexicon uri={quoteattr(voice.lexicon_url)}/>{content}"
    return _SPEAK.format(locale=quoteattr(locale), voice=quoteattr(voice.voice_id), content=content)


def _with_phonemes(text: str, ipa: Mapping[str, str]) -> str:
    """The text escaped, and its words that have IPA (by the word in lower case) in an element that tells it."""
    if not ipa:
        return escape(text)
    words = "|".join(map(re.escape, sorted(ipa, key=len, reverse=True)))
    parts = re.split(rf"(?<!\w)({words})(?!\w)", text, flags=re.IGNORECASE)
    return "".join(_with_phoneme(part, ipa.get(part.lower(), "")) for part in parts)


def _with_phoneme(part: str, ipa: str) -> str:
    return _PHONEME.format(ipa=quoteattr(ipa), word=escape(part)) if ipa else escape(part)


def _markup(voice: AzureVoice, locale: str) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Elements around the text, the outermost first."""
    tone, found = voice.tone, []
    if service_language(locale) != service_language(voice.voice_id):
        found.append(("lang", [("xml:lang", locale)]))
    if tone.style:
        found.append(("mstts:express-as", [("style", tone.style)]))
    prosody = [("rate", tone.rate), ("pitch", tone.pitch), ("volume", tone.volume)]
    if any(value for _, value in prosody):
        found.append(("prosody", prosody))
    return found


SPEAK_PATH: Final = "/cognitiveservices/websocket/v1"
_FORMAT: Final = "raw-8khz-8bit-mono-mulaw"
_WORD: Final = "WordBoundary"
_CONTEXT: Final[dict[str, Any]] = {
    "synthesis": {
        "audio": {
            "outputFormat": _FORMAT,
            "metadataOptions": {
                "wordBoundaryEnabled": True,
                "punctuationBoundaryEnabled": False,
                "sentenceBoundaryEnabled": False,
                "sessionEndEnabled": False,
                "bookmarkEnabled": False,
                "visemeEnabled": False,
            },
        },
        "language": {"autoDetection": False},
    }
}


class _BoundaryText(Struct, frozen=True):
    text: str = msgspec.field(name="Text", default="")
    kind: str = msgspec.field(name="BoundaryType", default=_WORD)


class _Data(Struct, frozen=True):
    """Offset, Duration: ticks in the turn's audio."""

    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)
    text: _BoundaryText | None = None


class _Mark(Struct, frozen=True):
    type: str = msgspec.field(name="Type", default="")
    data: _Data = msgspec.field(name="Data", default_factory=_Data)


class _Metadata(Struct, frozen=True):
    marks: tuple[_Mark, ...] = msgspec.field(name="Metadata", default=())


_SPEECH_DECODER: Final = msgspec.json.Decoder(_Metadata)


class SpokenTurns:
    """The turns of one utterance, as contexts of which none takes a second text. locale: of the text. make_id: a new id
    at each call.

    has_audio: audio came since the last text was sent. heard: any message came since then.
    """

    is_open = False

    def __init__(self, provider: str, voice: AzureVoice, locale: str, make_id: Callable[[], str]) -> None:
        self._provider = provider
        self._voice = voice
        self._locale = locale
        self._make_id = make_id
        self._id = ""
        self._is_done = True
        self._began_ms = self._audio_ms = 0.0  # where the turn's audio begins, and all audio so far
        self._words = _TurnWords([])
        self.has_audio = False
        self.heard = True

    @property
    def is_done(self) -> bool:
        """Whether the turn is over."""
        return self._is_done

    @property
    def unfinished_id(self) -> str:
        """The turn that the service still speaks, as far as it told; empty for none."""
        return self._id

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """The messages that have a text spoken; none for blanks. Not while a turn is not done."""
        if not text.strip():
            return ()
        self._id, self._is_done = self._make_id(), False
        self.has_audio = self.heard = False
        self._began_ms, self._words = self._audio_ms, _TurnWords(text.split())
        ssml = make_ssml(self._voice, self._locale, text).encode()
        return make_json("synthesis.context", self._id, _CONTEXT), make_text("ssml", self._id, ssml, SSML)

    def finish(self) -> bytes:
        """Nothing: each text ends its turn."""
        return b""

    def cancel(self) -> bytes:
        """The message that stops the turn, if one is spoken."""
        if self._is_done:
            return b""
        self._is_done = True
        return make_json("synthesis.control", self._id, {"action": "stop"})

    def read(self, message: AzureMessage) -> SpeechChunk | None:
        """Take a message of the connection; return the audio or the words in it. Raises ProviderError."""
        if message.request_id != self._id or not self._id:
            return None  # of a turn that was stopped
        self.heard = True
        if message.path == "turn.end":
            return self._end()
        if self._is_done:
            return None
        if message.path == "audio" and message.body:
            self.has_audio = True
            self._audio_ms += len(message.body) / BYTES_PER_MS
            return SpeechChunk(message.body)
        words = self._read_words(message) if message.path == "audio.metadata" else ()
        return SpeechChunk(b"", words) if words else None

    def _end(self) -> SpeechChunk | None:
        self._id, was_done, self._is_done = "", self._is_done, True
        words = () if was_done else self._words.end(self._began_ms, self._audio_ms)
        return SpeechChunk(b"", tuple(words)) if words else None

    def _read_words(self, message: AzureMessage) -> tuple[TimedWord, ...]:
        """Raises ProviderError."""
        try:
            marks = _SPEECH_DECODER.decode(message.body).marks
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        return tuple(word for mark in marks for word in self._words.add(mark, self._began_ms))


class _TurnWords:
    """The words of a turn. written: as they were sent.

    Some voices tell 0 for each word: then nothing but the first is taken, and the others are spread over the audio."""

    def __init__(self, written: list[str]) -> None:
        self._written = written
        self._count = 0
        self._latest_ms = -1.0

    def add(self, mark: _Mark, began_ms: float) -> list[TimedWord]:
        """The word of a mark, if it is one, with a time behind those before it."""
        data = mark.data
        at_ms = data.offset / TICKS_PER_MS
        if mark.type != _WORD or data.text is None or data.text.kind != _WORD or at_ms <= self._latest_ms:
            return []
        self._count, self._latest_ms = self._count + 1, at_ms
        start_ms = began_ms + at_ms
        return [TimedWord(unescape(data.text.text), start_ms, start_ms + data.duration / TICKS_PER_MS)]

    def end(self, began_ms: float, ends_ms: float) -> list[TimedWord]:
        """The words that got no time, where nearly none did."""
        if self._count > 1 or self._count >= len(self._written) or ends_ms <= began_ms:
            return []
        pace = (ends_ms - began_ms) / timing_length(self._written)
        return spread_words(self._written, began_ms, pace)[self._count :]


def make_listen_settings(name: str, options: AzureSpeechToTextOptions, language: str) -> ListenSettings:
    """What a session is about. language: of the call. Raises ProviderError for one that the service does not know."""
    wanted = options.languages or (options.language or language,)
    locales = tuple(require_locale(name, one) for one in wanted)
    return ListenSettings(locales, options.keyterm, options.segmentation, options.segmentation_silence_ms)


def make_listen_url(options: AzureSpeechToTextOptions, settings: ListenSettings) -> str:
    """Where a connection of the recognizer is opened."""
    path = UNIVERSAL_PATH if len(settings.locales) > 1 else LISTEN_PATH
    return make_url(find_base_url(options.base_url, options.region, "stt"), path, make_query(options, settings))


def make_speak_url(options: AzureTextToSpeechOptions) -> str:
    """Where a connection of a voice is opened."""
    base = find_base_url(options.base_url, options.region, "tts")
    return make_url(base, SPEAK_PATH, {"deploymentId": options.endpoint_id or None})


def make_voice(options: AzureTextToSpeechOptions, phonemes: Phonemes) -> AzureVoice:
    """How a voice speaks with these options."""
    tone = AzureTone(options.style, options.rate, options.pitch, options.volume)
    return AzureVoice(options.voice_id, tone, options.lexicon_url, phonemes)


def make_query(options: AzureSpeechToTextOptions, settings: ListenSettings) -> dict[str, QueryItem]:
    """What a connection of the recognizer is opened with. A model of one's own has its own language."""
    is_one = len(settings.locales) == 1 and not options.endpoint_id
    return {
        "language": settings.locales[0] if is_one else None,
        "cid": options.endpoint_id or None,
        "lidEnabled": True if len(settings.locales) > 1 else None,
        "format": "detailed",
        "wordLevelTimestamps": True,
        "profanity": options.profanity,
        "segmentationSilenceTimeoutMs": settings.segmentation_silence_ms,
    }


def require_locale(name: str, language: str) -> str:
    """Raises ProviderError for a language that the service does not know."""
    locale = find_locale(language)
    if not locale:
        raise ProviderError(name, f"Azure knows no {language!r}", retryable=False, cause="refused")
    return locale
