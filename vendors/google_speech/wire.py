"""Hosts, languages and requests of Google's speech APIs, and the reader of a recognizer's stream; no I/O.

Source: docs/develop/vendors/google-speech.md.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from google.protobuf.duration_pb2 import Duration

from shared.providers.errors import KeyRefused, ProviderError
from shared.providers.grpc_methods import GrpcAddress, GrpcMethod
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord
from shared.providers.turn_calibration import CALIBRATIONS
from vendors.google_speech import google_speech_pb2 as pb
from vendors.google_speech.account import AccountInvalid, ServiceAccount

RATE: Final = 8_000
# The service's own limit is 25,600 bytes per message ("Quotas and limits").
MESSAGE_BYTES: Final = 8_000
_CALIBRATION: Final = CALIBRATIONS["google"]
# Default region for each language without a region. Other codes are passed on unchanged.
_REGIONS: Final = {
    **{"ar": "ar-XA", "bn": "bn-IN", "cs": "cs-CZ", "da": "da-DK", "de": "de-DE", "el": "el-GR", "en": "en-US"},
    **{"es": "es-US", "fi": "fi-FI", "fr": "fr-FR", "he": "he-IL", "hi": "hi-IN", "hu": "hu-HU", "id": "id-ID"},
    **{"it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL", "no": "nb-NO", "pl": "pl-PL"},
    **{"pt": "pt-BR", "ro": "ro-RO", "ru": "ru-RU", "sk": "sk-SK", "sv": "sv-SE", "ta": "ta-IN", "th": "th-TH"},
    **{"tr": "tr-TR", "uk": "uk-UA", "vi": "vi-VN", "zh": "cmn-CN"},
}
_SENSITIVITY: Final = {
    "standard": pb.StreamingRecognitionFeatures.ENDPOINTING_SENSITIVITY_STANDARD,
    "short": pb.StreamingRecognitionFeatures.ENDPOINTING_SENSITIVITY_SHORT,
    "supershort": pb.StreamingRecognitionFeatures.ENDPOINTING_SENSITIVITY_SUPERSHORT,
}
NO_IPA: Final[Mapping[str, str]] = MappingProxyType({})
_IPA: Final = pb.CustomPronunciationParams.PHONETIC_ENCODING_IPA
_REFUSED_PHRASES: Final = re.compile(r"custom pronunciation phrases are invalid: (.+?)(?:\. Please|\Z)", re.DOTALL)
_BEGIN: Final = pb.StreamingRecognizeResponse.SPEECH_ACTIVITY_BEGIN
_END: Final = pb.StreamingRecognizeResponse.SPEECH_ACTIVITY_END

RECOGNIZE: Final[GrpcMethod[pb.StreamingRecognizeRequest, pb.StreamingRecognizeResponse]] = GrpcMethod(
    "/google.cloud.speech.v2.Speech/StreamingRecognize",
    pb.StreamingRecognizeRequest.SerializeToString,
    pb.StreamingRecognizeResponse.FromString,
)
SPEAK: Final[GrpcMethod[pb.StreamingSynthesizeRequest, pb.StreamingSynthesizeResponse]] = GrpcMethod(
    "/google.cloud.texttospeech.v1.TextToSpeech/StreamingSynthesize",
    pb.StreamingSynthesizeRequest.SerializeToString,
    pb.StreamingSynthesizeResponse.FromString,
)
SPEAK_ONCE: Final[GrpcMethod[pb.SynthesizeSpeechRequest, pb.SynthesizeSpeechResponse]] = GrpcMethod(
    "/google.cloud.texttospeech.v1.TextToSpeech/SynthesizeSpeech",
    pb.SynthesizeSpeechRequest.SerializeToString,
    pb.SynthesizeSpeechResponse.FromString,
)


def make_address(base_url: str, default: str, location: str) -> GrpcAddress:
    """Return the server's address. For Google's own host, the location is added ("us-central1-speech…").

    A path in the URL is dropped, because gRPC has none.
    """
    base = base_url
    if base_url == default and location != "global":
        base = default.replace("https://", f"https://{location}-")
    parts = urlsplit(base)
    is_plain = parts.scheme in ("http", "ws")
    host = parts.netloc.rpartition("@")[2]
    return GrpcAddress(host if parts.port else f"{host}:{80 if is_plain else 443}", is_plain)


def make_metadata(provider: str, account: ServiceAccount) -> tuple[tuple[str, str], ...]:
    """Return the metadata of every call. Raises KeyRefused."""
    try:
        return (("authorization", f"Bearer {account.token()}"),)
    except AccountInvalid as error:
        raise KeyRefused(provider, str(error)) from None


def find_locale(language: str) -> str:
    """Return a language with its region, such as "en-US" for "en"."""
    return _REGIONS.get(language.lower(), language)


def make_recognizer_config(
    model: str, locale: str, keyterms: Sequence[str], final_silence: str, *, punctuate: bool
) -> pb.StreamingRecognitionConfig:
    """Return the configuration in a stream's first message."""
    config = pb.RecognitionConfig(
        explicit_decoding_config=pb.ExplicitDecodingConfig(
            encoding=pb.ExplicitDecodingConfig.MULAW, sample_rate_hertz=RATE, audio_channel_count=1
        ),
        model=model,
        language_codes=[locale],
        features=pb.RecognitionFeatures(enable_word_time_offsets=True, enable_automatic_punctuation=punctuate),
    )
    if keyterms:
        phrases = pb.PhraseSet(phrases=[pb.PhraseSet.Phrase(value=keyterm) for keyterm in keyterms])
        adapted = pb.SpeechAdaptation.AdaptationPhraseSet(inline_phrase_set=phrases)
        config.adaptation.phrase_sets.append(adapted)
    features = pb.StreamingRecognitionFeatures(
        interim_results=True, enable_voice_activity_events=True, endpointing_sensitivity=_SENSITIVITY[final_silence]
    )
    return pb.StreamingRecognitionConfig(config=config, streaming_features=features)


class StreamReader:
    """Reads the responses of one caller's consecutive streams. Positions are ms of the caller's audio.

    Attributes:
        is_pending: The vendor detects speech, or reported words that may change.
        settled_ms: All words before this position are final.
    """

    def __init__(self) -> None:
        self.settled_ms = 0.0
        self._number = 0
        self._interim: TranscribedSegment | None = None
        self._hears_speech = False
        self._has_signaled = False

    @property
    def is_pending(self) -> bool:
        return self._hears_speech or self._interim is not None

    def begin(self, start_ms: float) -> None:
        """Begin a stream whose audio starts at this position."""
        self.settled_ms = max(self.settled_ms, start_ms)
        self._interim, self._hears_speech = None, False

    def read(
        self, response: pb.StreamingRecognizeResponse, start_ms: float, *, was_asked: bool = False
    ) -> list[TranscribedResult]:
        """Return the results in a response.

        Args:
            response: The vendor's response.
            start_ms: Start of the stream's audio.
            was_asked: The end of the audio was sent, so a final text does not indicate the turn's end.
        """
        if response.speech_event_type == _END:
            self._hears_speech = False
        elif response.speech_event_type == _BEGIN:
            self._hears_speech = True
            return self._resume()
        known_ms = self.settled_ms
        new = [result for result in response.results if _is_after(result, start_ms, known_ms)]
        found = [self._final(one, start_ms, was_asked) for one in new if one.is_final]
        rest = [one for one in new if not one.is_final and _text_of(one)]
        return [*found, self._add_interim(rest, start_ms)] if rest else found

    def end(self, end_ms: float) -> TranscribedResult:
        """Return the result of a stream's regular end: its words are final up to this position."""
        left = self._interim or TranscribedSegment(self._take_number(), "", end_ms, end_ms)
        self._interim, self._hears_speech = None, False
        self.settled_ms = max(self.settled_ms, end_ms)
        segment = TranscribedSegment(left.number, left.text, min(left.start_ms, end_ms), end_ms, left.words)
        if left.text:
            self._take_number()
        return TranscribedResult(segment, is_final=True, is_flushed=True)

    def _final(self, result: pb.StreamingRecognitionResult, start_ms: float, was_asked: bool) -> TranscribedResult:
        words = _words_of(result, start_ms)
        end_ms = max(_position(result.result_end_offset, start_ms), words[-1].end_ms if words else 0.0)
        begin_ms = min(self.settled_ms, words[0].start_ms) if words else self.settled_ms
        segment = TranscribedSegment(self._take_number(), _text_of(result), begin_ms, end_ms, words)
        self._interim, self.settled_ms = None, max(self.settled_ms, end_ms)
        self._has_signaled = bool(segment.text) and not was_asked
        finished = _CALIBRATION.probability(1.0) if self._has_signaled else None
        return TranscribedResult(segment, is_final=True, finished=finished)

    def _add_interim(self, results: Sequence[pb.StreamingRecognitionResult], start_ms: float) -> TranscribedResult:
        """Join the consecutive interim results of a response. They differ in stability."""
        text = " ".join(_text_of(result) for result in results)
        end_ms = max(_position(result.result_end_offset, start_ms) for result in results)
        self._interim = TranscribedSegment(self._number, text, self.settled_ms, max(end_ms, self.settled_ms))
        self._has_signaled = False
        return TranscribedResult(self._interim, is_final=False)

    def _resume(self) -> list[TranscribedResult]:
        """Revoke a signaled end because speech has resumed."""
        if not self._has_signaled:
            return []
        self._has_signaled = False
        self._interim = TranscribedSegment(self._number, "", self.settled_ms, self.settled_ms)
        return [TranscribedResult(self._interim, is_final=False, has_resumed=True)]

    def _take_number(self) -> int:
        self._number += 1
        return self._number - 1


def make_voice_config(
    locale: str, name: str, speed: float | None, ipa: Mapping[str, str] = NO_IPA
) -> pb.StreamingSynthesizeConfig:
    """Return a stream's first message. `ipa` maps words, in any capitalization, to their pronunciation."""
    audio = pb.StreamingAudioConfig(audio_encoding=pb.MULAW, sample_rate_hertz=RATE, speaking_rate=speed or 0.0)
    voice = pb.VoiceSelectionParams(language_code=locale, name=name)
    config = pb.StreamingSynthesizeConfig(voice=voice, streaming_audio_config=audio)
    for word, sound in ipa.items():
        config.custom_pronunciations.pronunciations.add(phrase=word, phonetic_encoding=_IPA, pronunciation=sound)
    return config


def find_refused_phrases(error: ProviderError, told: Collection[str]) -> frozenset[str]:
    """Return the phrases whose IPA the vendor refuses; empty for an error about anything else.

    If the error names no known phrase, all phrases count as refused. `told` is in lower case.
    """
    found = _REFUSED_PHRASES.search(error.answer.decode(errors="replace"))
    if found is None:
        return frozenset()
    named = {one.strip().lower() for one in found[1].split(",")}
    return frozenset(named & set(told)) or frozenset(told)


def make_speech_request(locale: str, name: str, speed: float | None, text: str) -> pb.SynthesizeSpeechRequest:
    """Return the request for one clause of a voice that does not stream."""
    audio = pb.AudioConfig(audio_encoding=pb.MULAW, sample_rate_hertz=RATE, speaking_rate=speed or 0.0)
    voice = pb.VoiceSelectionParams(language_code=locale, name=name)
    return pb.SynthesizeSpeechRequest(input=pb.SynthesisInput(text=text), voice=voice, audio_config=audio)


def strip_wave(provider: str, content: bytes) -> bytes:
    """Remove the WAV header that `SynthesizeSpeech` sends with mu-law. Other content is returned unchanged.

    Raises:
        ProviderError: The WAV file contains no samples.
    """
    if not content.startswith(b"RIFF"):
        return content
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        if content[at : at + 4] == b"data":
            return content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise ProviderError(provider, "a WAV file without samples", cause="unreadable")


def _is_after(result: pb.StreamingRecognitionResult, start_ms: float, known_ms: float) -> bool:
    """Return whether the result covers audio without final words. Late and repeated results do not."""
    is_known = result.HasField("result_end_offset") and _position(result.result_end_offset, start_ms) <= known_ms
    return not is_known


def _text_of(result: pb.StreamingRecognitionResult) -> str:
    return result.alternatives[0].transcript.strip() if result.alternatives else ""


def _words_of(result: pb.StreamingRecognitionResult, start_ms: float) -> tuple[TimedWord, ...]:
    """Return the words with their times; nothing if the vendor sent no times."""
    words = result.alternatives[0].words if result.alternatives else ()
    return tuple(
        TimedWord(word.word, _position(word.start_offset, start_ms), _position(word.end_offset, start_ms))
        for word in words
        if word.HasField("end_offset")
    )


def _position(offset: Duration, start_ms: float) -> float:
    return start_ms + offset.seconds * 1_000 + offset.nanos / 1_000_000
