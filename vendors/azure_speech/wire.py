"""Messages, URLs and errors of Azure's speech service; no I/O.

Messages have headers before their body and are text or binary. A binary message begins with the length of its headers:
16 bits, big-endian.

Recognizer: a request is a stretch of audio from its first message to `turn.end`. Positions in its results count from
the request's own start. A request has consecutive phrases; hypotheses predict the next phrase, without capitals and
punctuation.

Voices: each clause is a turn. The client sends `synthesis.context` and `ssml`; the service sends audio and words until
`turn.end`. A connection speaks one turn at a time. Azure bills everything inside the `voice` element, markup included
("Billable characters"). The SSML therefore contains only markup that was configured, or without which the voice would
speak another language.

Sources: Microsoft's "Speech Service WebSocket protocol" and its MIT client microsoft-cognitiveservices-speech-sdk 1.52,
collected in docs/develop/vendors/azure.md.
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

# The service counts in units of 100 ns.
TICKS_PER_MS: Final = 10_000
QueryItem = str | int | bool | None

# Close codes. 4429: the account has too many concurrent requests. 1013: the service is overloaded.
_TOO_MANY: Final = (4429, 1013)
# The service does not accept the request, its SSML or its audio, or the client violated the protocol. A retry would
# fail again.
_REFUSED: Final = (1002, 1003, 1007, 4000)
_UNAUTHORIZED: Final = (4401, 4403)
# HTTP 403 means a key without permission, or a used-up quota if the answer contains this word.
_QUOTA: Final = re.compile(rb"quota", re.IGNORECASE)


def make_url(base_url: str, path: str, query: Mapping[str, QueryItem]) -> str:
    """Return the WebSocket URL of a path. None values are omitted, and booleans are lower case."""
    base = re.sub(r"^http", "ws", base_url.rstrip("/"))
    values = {name: _encode(value) for name, value in query.items() if value is not None}
    return f"{base}{path}?{urlencode(values, quote_via=quote)}" if values else base + path


def make_headers(api_key: str, connection_id: str) -> dict[str, str]:
    """Return the headers of a handshake.

    Args:
        api_key: The resource's key; empty for a server without keys.
        connection_id: A new UUID for each connection, without dashes.
    """
    return {"X-ConnectionId": connection_id, **({"Ocp-Apim-Subscription-Key": api_key} if api_key else {})}


def refine_refusal(error: ProviderError) -> ProviderError:
    """Return a handshake's error, refined by its response. Azure also reports a used-up quota as 403."""
    if isinstance(error, KeyRefused) and _QUOTA.search(error.answer):
        return ProviderBusy(error.provider, f"{error.reason}, quota", retryable=False).with_answer(error.answer)
    return error


def make_closed(provider: str, code: int, words: str) -> ProviderError:
    """Return the error for a connection that closed while it was in use.

    Args:
        provider: The provider's name.
        code: Code of the close frame.
        words: Reason in the close frame. It may quote the caller, so only the doctor shows it.
    """
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
    """A message of the service.

    Attributes:
        path: The `Path` header in lower case.
        request_id: The request that the message answers, 32 hexadecimal digits.
        body: UTF-8 text or audio.
    """

    path: str
    request_id: str
    body: bytes = b""


def make_text(path: str, request_id: str, body: bytes, content_type: str = JSON) -> bytes:
    """Return a text message. request_id is empty for messages about the whole connection."""
    return _make_head(path, request_id, content_type) + b"\r\n" + body


def make_json(path: str, request_id: str, body: Mapping[str, Any]) -> bytes:
    """Return a text message with a JSON body."""
    return make_text(path, request_id, msgspec.json.encode(body))


def make_audio(request_id: str, audio: bytes, content_type: str = "") -> bytes:
    """Return a binary message.

    Args:
        request_id: The request that the audio belongs to.
        audio: At most 8 KB; empty ends the request's audio.
        content_type: Set only in a request's first message, which starts with a WAV header.
    """
    head = _make_head("audio", request_id, content_type)
    return len(head).to_bytes(_LENGTH_BYTES, "big") + head + audio


def make_config() -> bytes:
    """Return the first message of a connection, which describes the client."""
    system = {"name": "Vocalized", "version": "1.0.0", "build": "Linux", "lang": "Python"}
    operating_system = {"platform": "Linux", "name": "Linux", "version": "1.0.0"}
    return make_json("speech.config", "", {"context": {"system": system, "os": operating_system}})


def read_text(provider: str, message: bytes) -> AzureMessage:
    """Parse a text message of the service. Raises ProviderError."""
    head, separator, body = message.partition(_END)
    if not separator:
        raise make_unreadable(provider)
    return _read(provider, head, body)


def read_binary(provider: str, message: bytes) -> AzureMessage:
    """Parse a binary message of the service. Raises ProviderError."""
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
    """Parse the headers. Raises ProviderError if they contain no path."""
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
# Only this path supports language detection.
UNIVERSAL_PATH: Final = "/speech/universal/v2"
_MULAW_TAG: Final = 7
_SUCCESS: Final = "Success"
# Status of phrases without words, after silence, noise or the end of the audio.
_EMPTY: Final = ("NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "EndOfDictation")


class _Word(Struct, frozen=True):
    """A word with its position in the request's audio, in ticks."""

    text: str = msgspec.field(name="Word", default="")
    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)


class _Reading(Struct, frozen=True):
    """A possible reading of a phrase. The first reading is the most likely.

    Attributes:
        display: The text with capitals, punctuation and digits.
    """

    display: str = msgspec.field(name="Display", default="")
    words: tuple[_Word, ...] | None = msgspec.field(name="Words", default=None)
    display_words: tuple[_Word, ...] | None = msgspec.field(name="DisplayWords", default=None)


class _Result(Struct, frozen=True):
    """A hypothesis (`text`) or a phrase.

    Attributes:
        language: If several languages are possible, an object with `Language` and `Confidence`.
    """

    text: str = msgspec.field(name="Text", default="")
    status: str = msgspec.field(name="RecognitionStatus", default="")
    display: str = msgspec.field(name="DisplayText", default="")
    offset: float = msgspec.field(name="Offset", default=0)
    duration: float = msgspec.field(name="Duration", default=0)
    readings: tuple[_Reading, ...] = msgspec.field(name="NBest", default=())
    language: Any = msgspec.field(name="PrimaryLanguage", default=None)


_DECODER: Final = msgspec.json.Decoder(_Result)


class ListenSettings(Struct, frozen=True):
    """Settings of all requests in a session.

    Attributes:
        locales: The locale, or the candidates for language detection.
    """

    locales: tuple[str, ...]
    keyterms: tuple[str, ...] = ()
    segmentation: AzureSegmentation = ""
    segmentation_silence_ms: int | None = None


def make_context(settings: ListenSettings) -> dict[str, Any]:
    """Return the body of `speech.context`, the first message of each request."""
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
    """Return a WAV header for mu-law at 8 kHz with unknown length. It precedes each request's audio."""
    numbers = ((16, 4), (_MULAW_TAG, 2), (1, 2), (RATE, 4), (RATE, 4), (1, 2), (8, 2))
    body = b"".join(value.to_bytes(size, "little") for value, size in numbers)
    return b"RIFF" + bytes(4) + b"WAVEfmt " + body + b"data" + bytes(4)


class PhraseReader:
    """Reads the results of a session. Each phrase, with the hypotheses before it, becomes one segment."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._number = 0  # number of the next phrase
        self._latest: _Result | None = None  # latest phrase with words
        self._latest_end_ms = 0.0
        self.has_interim = False

    def read(self, message: AzureMessage, began_ms: float) -> TranscribedResult | None:
        """Return the result in a message; None if the message changes nothing. Raises ProviderError.

        Args:
            message: The service's message.
            began_ms: Start of the request's audio.
        """
        is_phrase = message.path == "speech.phrase"
        if not is_phrase and message.path not in ("speech.hypothesis", "speech.fragment"):
            return None
        try:
            found = _DECODER.decode(message.body)
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        return self._read_phrase(found, began_ms) if is_phrase else self._read_hypothesis(found, began_ms)

    def begin(self) -> None:
        """Begin a request. Hypotheses of the previous request are dropped, because their audio is sent again or had no
        words.
        """
        self.has_interim, self._latest = False, None

    def make_end(self, position_ms: float) -> TranscribedResult:
        """Return the result of a requested end: all audio before this position is recognized."""
        self.has_interim = False
        segment = TranscribedSegment(self._number, "", position_ms, position_ms)
        return TranscribedResult(segment, is_final=True, is_flushed=True)

    def _read_phrase(self, found: _Result, began_ms: float) -> TranscribedResult | None:
        if found.status != _SUCCESS and found.status not in _EMPTY:
            raise _make_status_error(self._provider, found.status)
        if found == self._latest:
            return None  # repeats the latest phrase
        segment = self._segment(found, began_ms, *_read_reading(found, began_ms))
        self.has_interim = False
        self._number += 1
        if segment.text:
            self._latest, self._latest_end_ms = found, segment.end_ms
        return TranscribedResult(segment, is_final=True)

    def _read_hypothesis(self, found: _Result, began_ms: float) -> TranscribedResult | None:
        segment = self._segment(found, began_ms, found.text)
        if not segment.text or segment.end_ms <= self._latest_end_ms:
            return None  # belongs to a phrase that was already received
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
    """Return the detected language; empty if Azure's confidence is `Low` or `Unknown` (not `High` or `Medium`)."""
    is_sure = isinstance(told, Mapping) and told.get("Confidence") in ("High", "Medium")
    return read_language(told["Language"]) if is_sure and "Language" in told else ""


def _read_reading(found: _Result, began_ms: float) -> tuple[str, tuple[TimedWord, ...]]:
    """Return the most likely text and its words, in display form if the service sends timestamps for them."""
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
    """Return the segmentation mode. A configured silence requires mode `Custom` and overrides `semantic`."""
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
    """Return the error for a phrase's status. `Forbidden` means that a free resource has used up its quota."""
    match status:
        case "TooManyRequests":
            return ProviderBusy(provider, f"error {status}")
        case "Forbidden":
            return ProviderBusy(provider, f"error {status}", retryable=False)
        case "BadRequest":
            return ProviderError(provider, f"error {status}", retryable=False, cause="refused")
    return ProviderError(provider, "error in a phrase")


# Characters that XML 1.0 cannot represent, not even escaped.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPEAK: Final = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xmlns:mstts='http://www.w3.org/2001/mstts' "
    "xml:lang={locale}><voice name={voice}>{content}</voice></speak>"
)

_PHONEME: Final = "<phoneme alphabet='ipa' ph={ipa}>{word}</phoneme>"


class AzureTone(Struct, frozen=True):
    """SSML attributes of a voice. Empty values use the voice's defaults."""

    style: str = ""
    rate: str = ""
    pitch: str = ""
    volume: str = ""


class AzureVoice(Struct, frozen=True):
    """A voice and its settings.

    Attributes:
        voice_id: The short name, which begins with the voice's own locale.
        lexicon_url: Empty for no lexicon.
        phonemes: The agent's pronunciations.
    """

    voice_id: str
    tone: AzureTone = AzureTone()
    lexicon_url: str = ""
    phonemes: Phonemes = NO_PHONEMES

    def speaks(self, language: str) -> bool:
        """Return whether the voice can speak a language."""
        return speaks_locale(self.voice_id, language)


def make_ssml(voice: AzureVoice, locale: str, text: str) -> str:
    """Return SSML for a text in a language that the voice speaks."""
    content = _with_phonemes(_IMPOSSIBLE.sub(" ", text), voice.phonemes.find(locale))
    for element, attributes in reversed(_markup(voice, locale)):
        values = "".join(f" {name}={quoteattr(value)}" for name, value in attributes if value)
        content = f"<{element}{values}>{content}</{element}>"
    if voice.lexicon_url:
        content = f"<lexicon uri={quoteattr(voice.lexicon_url)}/>{content}"
    return _SPEAK.format(locale=quoteattr(locale), voice=quoteattr(voice.voice_id), content=content)


def _with_phonemes(text: str, ipa: Mapping[str, str]) -> str:
    """Escape the text, and wrap the words that have IPA in phoneme elements. `ipa` has lower-case words as keys."""
    if not ipa:
        return escape(text)
    words = "|".join(map(re.escape, sorted(ipa, key=len, reverse=True)))
    parts = re.split(rf"(?<!\w)({words})(?!\w)", text, flags=re.IGNORECASE)
    return "".join(_with_phoneme(part, ipa.get(part.lower(), "")) for part in parts)


def _with_phoneme(part: str, ipa: str) -> str:
    return _PHONEME.format(ipa=quoteattr(ipa), word=escape(part)) if ipa else escape(part)


def _markup(voice: AzureVoice, locale: str) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Return the elements around the text, outermost first."""
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
    """Data of a word boundary. Offset and duration are ticks in the turn's audio."""

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
    """The turns of one utterance. Each turn takes a single text.

    Attributes:
        has_audio: Whether audio has arrived since the last text was sent.
        heard: Whether any message has arrived since the last text was sent.

    Args:
        locale: Locale of the text.
        make_id: Returns a new id for each call.
    """

    is_open = False

    def __init__(self, provider: str, voice: AzureVoice, locale: str, make_id: Callable[[], str]) -> None:
        self._provider = provider
        self._voice = voice
        self._locale = locale
        self._make_id = make_id
        self._id = ""
        self._is_done = True
        self._began_ms = self._audio_ms = 0.0  # start of the turn's audio, and length of all audio so far
        self._words = _TurnWords([])
        self.has_audio = False
        self.heard = True

    @property
    def is_done(self) -> bool:
        """Whether the turn has ended."""
        return self._is_done

    @property
    def unfinished_id(self) -> str:
        """Id of the turn that the service has not ended; empty if there is none."""
        return self._id

    def add_text(self, text: str) -> tuple[bytes, ...]:
        """Return the messages that speak a text; none for blank text. The previous turn must be done."""
        if not text.strip():
            return ()
        self._id, self._is_done = self._make_id(), False
        self.has_audio = self.heard = False
        self._began_ms, self._words = self._audio_ms, _TurnWords(text.split())
        ssml = make_ssml(self._voice, self._locale, text).encode()
        return make_json("synthesis.context", self._id, _CONTEXT), make_text("ssml", self._id, ssml, SSML)

    def finish(self) -> bytes:
        """Return no message, because each text ends its turn."""
        return b""

    def cancel(self) -> bytes:
        """Return the message that stops the current turn; empty if the turn is done."""
        if self._is_done:
            return b""
        self._is_done = True
        return make_json("synthesis.control", self._id, {"action": "stop"})

    def read(self, message: AzureMessage) -> SpeechChunk | None:
        """Process a message. Returns the audio or words in it. Raises ProviderError."""
        if message.request_id != self._id or not self._id:
            return None  # belongs to a stopped turn
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
        """Return the words in a metadata message. Raises ProviderError."""
        try:
            marks = _SPEECH_DECODER.decode(message.body).marks
        except DECODE_ERRORS:
            raise make_unreadable(self._provider) from None
        return tuple(word for mark in marks for word in self._words.add(mark, self._began_ms))


class _TurnWords:
    """Collects the timed words of a turn.

    Some voices report offset 0 for each word. Only the first word is then taken from the service, and the other words
    are spread over the audio.

    Args:
        written: The words as sent to the service.
    """

    def __init__(self, written: list[str]) -> None:
        self._written = written
        self._count = 0
        self._latest_ms = -1.0

    def add(self, mark: _Mark, began_ms: float) -> list[TimedWord]:
        """Return the word of a boundary mark if its time is after the previous words; otherwise nothing."""
        data = mark.data
        at_ms = data.offset / TICKS_PER_MS
        if mark.type != _WORD or data.text is None or data.text.kind != _WORD or at_ms <= self._latest_ms:
            return []
        self._count, self._latest_ms = self._count + 1, at_ms
        start_ms = began_ms + at_ms
        return [TimedWord(unescape(data.text.text), start_ms, start_ms + data.duration / TICKS_PER_MS)]

    def end(self, began_ms: float, ends_ms: float) -> list[TimedWord]:
        """Return the words that are still without times, if the service timed at most one word."""
        if self._count > 1 or self._count >= len(self._written) or ends_ms <= began_ms:
            return []
        pace = (ends_ms - began_ms) / timing_length(self._written)
        return spread_words(self._written, began_ms, pace)[self._count :]


def make_listen_settings(name: str, options: AzureSpeechToTextOptions, language: str) -> ListenSettings:
    """Return a session's settings. Raises ProviderError if Azure does not support a language."""
    wanted = options.languages or (options.language or language,)
    locales = tuple(require_locale(name, one) for one in wanted)
    return ListenSettings(locales, options.keyterm, options.segmentation, options.segmentation_silence_ms)


def make_listen_url(options: AzureSpeechToTextOptions, settings: ListenSettings) -> str:
    """Return the URL of a recognizer connection."""
    path = UNIVERSAL_PATH if len(settings.locales) > 1 else LISTEN_PATH
    return make_url(find_base_url(options.base_url, options.region, "stt"), path, make_query(options, settings))


def make_speak_url(options: AzureTextToSpeechOptions) -> str:
    """Return the URL of a voice connection."""
    base = find_base_url(options.base_url, options.region, "tts")
    return make_url(base, SPEAK_PATH, {"deploymentId": options.endpoint_id or None})


def make_voice(options: AzureTextToSpeechOptions, phonemes: Phonemes) -> AzureVoice:
    """Return the voice that these options configure."""
    tone = AzureTone(options.style, options.rate, options.pitch, options.volume)
    return AzureVoice(options.voice_id, tone, options.lexicon_url, phonemes)


def make_query(options: AzureSpeechToTextOptions, settings: ListenSettings) -> dict[str, QueryItem]:
    """Return the query of a recognizer connection. A custom model has a fixed language, so no language is sent."""
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
    """Return Azure's locale for a language. Raises ProviderError if Azure does not support the language."""
    locale = find_locale(language)
    if not locale:
        raise ProviderError(name, f"Azure does not support {language!r}", retryable=False, cause="refused")
    return locale
