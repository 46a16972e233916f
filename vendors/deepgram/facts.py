"""Options and features of Deepgram's recognizers and voices; no I/O.

Sources: "Multilingual Voice Agents" and "Models & Languages Overview".
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from shared.language_codes import base_language
from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Keyterms,
    Languages,
    Name,
    Seconds,
    SocketUrl,
)

DEEPGRAM_URL: Final = "wss://api.deepgram.com"


class DeepgramSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Deepgram recognizer.

    Attributes:
        model: `nova-…` for `/v1/listen`, `flux-…` for `/v2/listen`.
        base_url: Scheme and host, without a version.
        language: For Nova: replaces the call's language ("multi" for several languages).
        languages: For multilingual Flux: languages that the call may be in.
        keyterm: Expected words.
        endpointing_ms: For Nova: silence after which a segment is final.
        connect_s: Time limit for a new connection.
        answer_s: How long a requested text is awaited. Then the latest known text is the answer if it covers the audio,
            because the vendor does not answer for very short audio.
    """

    model: Name = "nova-3"
    api_key: str = ""
    base_url: SocketUrl = DEEPGRAM_URL
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    keyterm: Keyterms = ()
    punctuate: bool = True
    smart_format: bool = False
    numerals: bool = False
    mip_opt_out: bool = False
    endpointing_ms: Annotated[int, Meta(ge=10, le=5_000)] = 300
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.5


class DeepgramTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Deepgram voice.

    Attributes:
        model: The voice. The last part of its name is its language.
        base_url: Scheme and host.
        connect_s: Time limit for a new connection.
        max_idle: Number of connections kept open between speeches. They count against the account's limit (45 for pay
            as you go).
    """

    model: Annotated[str, Meta(pattern=r"^aura-[a-z0-9-]+-[a-z]{2}$", max_length=100)] = "aura-2-thalia-en"
    api_key: str = ""
    base_url: SocketUrl = DEEPGRAM_URL
    mip_opt_out: bool = False
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 2


_FLUX_MULTILINGUAL: Final = "flux-general-multi"
# Languages that a Deepgram model recognizes in the same session.
_TEN: Final = ("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl")
_TOGETHER: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("nova-3", "nova-3-general", _FLUX_MULTILINGUAL), _TEN),
    **dict.fromkeys(("nova-2", "nova-2-general"), ("en", "es")),
}


def _hear(options: DeepgramSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    """Return options that recognize all these languages; None if the model cannot.

    Models for a trade, such as `nova-3-medical`, support only English.
    """
    bases = tuple(map(base_language, languages))
    if not {*bases} <= {*_TOGETHER.get(options.model, ())}:
        return None
    is_flux = options.model == _FLUX_MULTILINGUAL
    return msgspec.structs.replace(options, **({"languages": bases} if is_flux else {"language": "multi"}))


FLUX_PREFIX: Final = "flux-"
FLUX_ENGLISH: Final = "flux-general-en"
# "Keyterm prompting": Nova-3 and Flux accept 100 keyterms with 500 tokens in total. A token is about three letters of a
# name.
_KEYTERMS: Final = KeytermOption("keyterm", ("nova-3", "flux-"), most=100, most_characters=1_500)
_STREAMS: Final = "150 streams at once (pay as you go)"
_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Flux, English",
        (FLUX_ENGLISH,),
        word_times=True,
        turn_signals=True,
        languages=("en",),
        limits=_STREAMS,
    ),
    RecognizerFacts(
        "Flux, multilingual",
        (FLUX_PREFIX,),
        word_times=True,
        turn_signals=True,
        detects_language=True,
        other_languages="the model's",
        limits=_STREAMS,
    ),
    RecognizerFacts(
        "Nova",
        ("nova-", "enhanced", "base"),
        word_times=True,
        turn_signals=False,
        detects_language=True,
        other_languages="the model's, or several at once (`multi`)",
        limits=_STREAMS,
        with_option="tells language with `language` `multi`, as agents of several languages have it",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Aura",
        ("aura",),
        word_times=False,
        other_languages="one: the voice's last part",
        limits="45 connections at once; 2,000 characters a message",
    ),
)
_ENGLISH: Final = "en"


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    """Return whether the voice speaks a language. The last part of the voice's name is its language; the default voice
    speaks English.
    """
    return base_language(language) == str(options.get("model", _ENGLISH)).rpartition("-")[2]


FACTS: Final = VendorFacts(
    options={"stt": ("model", "keyterm"), "tts": ("model",)},
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("nova-", "flux-"), "tts": ("aura-",)},
    schemas={"stt": DeepgramSpeechToTextOptions, "tts": DeepgramTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=_KEYTERMS,
    hears=_hear,
    speaks=_speaks,
)
