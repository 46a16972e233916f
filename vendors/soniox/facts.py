"""Options and features of Soniox's recognizers and voices; no I/O."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from shared.language_codes import base_language
from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Keyterms,
    Languages,
    Seconds,
    SocketUrl,
)

SONIOX_URL: Final = "wss://stt-rt.soniox.com"
SONIOX_SPEECH_URL: Final = "wss://tts-rt.soniox.com"
# The voice of Soniox's own examples.
SONIOX_VOICE_ID: Final = "Adrian"
# Maximum length of all keyterms together: half of the context that Soniox accepts ("about 10,000 characters").
SONIOX_KEYTERM_CHARACTERS: Final = 5_000


class SonioxSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Soniox recognizer.

    Attributes:
        model: `stt-rt-…`.
        base_url: Scheme and host. With `wss://stt-rt.eu.soniox.com` the data stays in the EU.
        language: Replaces the call's language; `auto` for any language.
        languages: Languages that the call may be in. Replaces `language` and the call's language.
        only_language: Whether other languages are almost never recognized.
        keyterm: Expected words.
        context: What the call may be about.
        endpoint_detection: Whether the vendor reports when the caller has probably finished.
        endpoint_sensitivity: Sensitivity of the endpoint detection, from `stt-rt-v5` on.
        max_endpoint_delay_ms: Maximum delay of the endpoint detection.
        trailing_silence_ms: Silence before a request for a text. The vendor then adds less silence of its own.
        connect_s: Time limit for a new connection.
    """

    model: Annotated[str, Meta(pattern=r"^stt-rt-", max_length=100)] = "stt-rt-v5"
    api_key: str = ""
    base_url: SocketUrl = SONIOX_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    only_language: bool = False
    keyterm: Keyterms = ()
    context: Annotated[str, Meta(max_length=4_000)] = ""
    endpoint_detection: bool = True
    endpoint_sensitivity: Annotated[float, Meta(ge=-1, le=1)] | None = None
    max_endpoint_delay_ms: Annotated[int, Meta(ge=500, le=3_000)] | None = None
    trailing_silence_ms: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    connect_s: Seconds = 3.0

    def __post_init__(self) -> None:
        if sum(map(len, self.keyterm)) > SONIOX_KEYTERM_CHARACTERS:
            raise ValueError(f"keyterm: more than {SONIOX_KEYTERM_CHARACTERS} characters together")


class SonioxTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Soniox voice.

    Attributes:
        model: `tts-rt-…`.
        base_url: Scheme and host.
        voice_id: Name of a voice, or id of a cloned voice. Each voice speaks all languages.
        speed: Relative to the voice's default.
        connect_s: Time limit for a new connection.
        max_idle: Number of connections kept open between speeches. An account has few connections (3 before Soniox
            raises the limit).
    """

    model: Annotated[str, Meta(pattern=r"^tts-rt-", max_length=100)] = "tts-rt-v2"
    api_key: str = ""
    base_url: SocketUrl = SONIOX_SPEECH_URL
    voice_id: Annotated[str, Meta(min_length=1, max_length=50)] = SONIOX_VOICE_ID
    speed: Annotated[float, Meta(ge=0.7, le=1.3)] | None = None
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 1


SONIOX_LANGUAGES: Final = frozenset(
    (
        *("af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa"),
        *("fi", "fr", "gl", "gu", "he", "hi", "hr", "hu", "id", "it", "ja", "kk", "kn", "ko", "lt", "lv", "mk", "ml"),
        *("mr", "ms", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th"),
        *("tl", "tr", "uk", "ur", "vi", "zh"),
    )
)
_SONIOX_ALIASES: Final = {"nb": "no", "nn": "no", "fil": "tl", "iw": "he", "in": "id"}


def find_soniox_language(language: str) -> str | None:
    """Return Soniox's code for a language; None if Soniox does not support the language."""
    base = base_language(language)
    code = _SONIOX_ALIASES.get(base, base)
    return code if code in SONIOX_LANGUAGES else None


def _hear(options: SonioxSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    codes = tuple(filter(None, map(find_soniox_language, languages)))
    if len(codes) < len(languages):
        return None
    return msgspec.structs.replace(options, language="", languages=codes, only_language=False)


_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Soniox real-time",
        ("stt-rt-",),
        word_times=True,
        turn_signals=True,
        detects_language=True,
        languages=tuple(sorted(SONIOX_LANGUAGES)),
        limits="10 sessions at once, 100 new ones a minute, 300 min a session",
        with_option="`endpoint_detection` (the staff's): turn signals",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Soniox voices",
        ("tts-rt-",),
        word_times=True,
        languages=tuple(sorted(SONIOX_LANGUAGES)),
        limits="3 connections at once, 100 streams a minute, 2 min of audio each",
    ),
)


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    return find_soniox_language(language) is not None


FACTS: Final = VendorFacts(
    options={"stt": ("model", "keyterm", "context"), "tts": ("voice_id", "model", "speed")},
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("stt-rt-",), "tts": ("tts-rt-",)},
    schemas={"stt": SonioxSpeechToTextOptions, "tts": SonioxTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=KeytermOption("keyterm", ("stt-rt-",), most=100, most_characters=SONIOX_KEYTERM_CHARACTERS),
    hears=_hear,
    speaks=_speaks,
)
