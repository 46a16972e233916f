"""Options and features of ElevenLabs' recognizers and voices; no I/O."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from shared.language_codes import base_language
from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Name,
    Seconds,
    SocketUrl,
)

ELEVENLABS_URL: Final = "wss://api.elevenlabs.io"
# The voice of ElevenLabs' own examples (George).
ELEVENLABS_VOICE_ID: Final = "JBFqnCBsd6RMkjVDRZzb"
# Maximum length and number of keyterms (ElevenLabs' SDK).
ELEVENLABS_KEYTERM_CHARACTERS: Final = 20
ELEVENLABS_KEYTERMS: Final = 50


class ElevenLabsSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an ElevenLabs recognizer.

    Attributes:
        model: `scribe_…_realtime`.
        base_url: Scheme and host.
        language: Replaces the call's language; "auto" lets the vendor detect the language.
        keyterm: Expected words.
        no_verbatim: Whether fillers and false starts are removed.
        word_times: Whether texts need the time of each word. A final text waits up to times_s for them.
        enable_logging: False stores nothing at the vendor (enterprise accounts only).
        connect_s: Time limit for a new connection.
    """

    model: Name = "scribe_v2_realtime"
    api_key: str = ""
    base_url: SocketUrl = ELEVENLABS_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=ELEVENLABS_KEYTERM_CHARACTERS)], ...],
        Meta(max_length=ELEVENLABS_KEYTERMS),
    ] = ()
    no_verbatim: bool = False
    word_times: bool = True
    enable_logging: bool = True
    connect_s: Seconds = 3.0
    times_s: Seconds = 0.3


class ElevenLabsTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an ElevenLabs voice.

    Attributes:
        model: An `eleven_…` model that the multi-context WebSocket supports.
        base_url: Scheme and host.
        stability: None uses the voice's default.
        similarity_boost: None uses the voice's default.
        style: None uses the voice's default.
        use_speaker_boost: None uses the voice's default.
        speed: None uses the voice's default.
        enable_logging: False stores nothing at the vendor (enterprise accounts only).
        connect_s: Time limit for a new connection.
        max_idle: Number of connections kept open between speeches.
    """

    model: Name = "eleven_flash_v2_5"
    api_key: str = ""
    base_url: SocketUrl = ELEVENLABS_URL
    voice_id: Name = ELEVENLABS_VOICE_ID
    stability: Annotated[float, Meta(ge=0, le=1)] | None = None
    similarity_boost: Annotated[float, Meta(ge=0, le=1)] | None = None
    style: Annotated[float, Meta(ge=0, le=1)] | None = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float, Meta(ge=0.7, le=1.2)] | None = None
    enable_logging: bool = True
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 4

    def __post_init__(self) -> None:
        if self.model.startswith("eleven_v3"):
            raise ValueError("model: the multi-context WebSocket does not support eleven_v3")


# Models that accept a language code, and the languages they speak. Other models detect the language from the text and
# refuse a code (the model's page, and pipecat's table).
ELEVENLABS_TOLD: Final = ("eleven_flash_v2_5", "eleven_turbo_v2_5")
ELEVENLABS_LANGUAGES: Final = (
    *("ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it"),
    *("ja", "ko", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "vi", "zh"),
)


def _hear(options: ElevenLabsSpeechToTextOptions, languages: Sequence[str]) -> Struct:
    """Return options that detect the language. Scribe reports the language only together with word times."""
    return msgspec.structs.replace(options, language="auto", word_times=True)


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    is_told = options.get("model", ELEVENLABS_TOLD[0]) in ELEVENLABS_TOLD
    return not is_told or base_language(language) in (*ELEVENLABS_LANGUAGES, "nb")


_KEYTERMS: Final = KeytermOption(
    "keyterm",
    ("scribe_",),
    most=ELEVENLABS_KEYTERMS,
    most_characters=ELEVENLABS_KEYTERMS * ELEVENLABS_KEYTERM_CHARACTERS,
    longest=ELEVENLABS_KEYTERM_CHARACTERS,
)
_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Scribe",
        ("scribe_",),
        word_times=True,
        turn_signals=False,
        detects_language=True,
        other_languages="the vendor's, or any (`auto`)",
        limits="a text by itself after about 36 s",
        with_option="`word_times` (the staff's): times and language",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Flash and Turbo v2.5",
        ELEVENLABS_TOLD,
        word_times=True,
        languages=ELEVENLABS_LANGUAGES,
        limits="speeches at once by plan: 2 free, 15 Scale, twice as many",
    ),
    VoiceFacts(
        "other models",
        ("eleven_",),
        word_times=True,
        other_languages="found by the text",
        limits="speeches at once by plan: 2 free, 15 Scale",
    ),
)

FACTS: Final = VendorFacts(
    options={
        "stt": ("model", "keyterm", "no_verbatim"),
        "tts": ("voice_id", "model", "stability", "similarity_boost", "style", "speed"),
    },
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("scribe_",), "tts": ("eleven_",)},
    schemas={"stt": ElevenLabsSpeechToTextOptions, "tts": ElevenLabsTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=_KEYTERMS,
    hears=_hear,
    speaks=_speaks,
)
