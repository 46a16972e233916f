"""The recogniser of Azure's speech service: what a request begins with, and what its results mean; pure.

A request is a stretch of audio, from its first message to `turn.end`, and all positions in its results count from its
own beginning. Phrases follow one another in it; hypotheses tell what the next one may become, without capitals and
marks. Put together in docs/vendors/azure.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.azure_messages import AzureMessage
from media.providers.vendors.azure_wire import TICKS_PER_MS
from shared.cloud_speech_options import AzureSegmentation
from shared.g711 import RATE
from shared.providers.errors import DECODE_ERRORS, ProviderBusy, ProviderError, make_unreadable
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord, read_language

PATH: Final = "/speech/recognition/conversation/cognitiveservices/v1"
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
        """What the end of a request means that was asked for at this position: all before it is recognised."""
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
