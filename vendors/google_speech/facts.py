"""Options and features of Google Cloud's speech services; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from shared.language_codes import base_language
from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Keyterms,
    Location,
    Seconds,
    SocketUrl,
)

GOOGLE_RECOGNITION_URL: Final = "https://speech.googleapis.com"
GOOGLE_VOICE_URL: Final = "https://texttospeech.googleapis.com"


class GoogleSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Google Cloud recognizer.

    Attributes:
        model: `telephony`, `chirp_…` or another model of Speech-to-Text v2.
        api_key: The JSON key file of a service account, or its base64.
        location: Where the audio is processed. Each model is available in some locations.
        base_url: Scheme and host. The location does not change the host of a server other than Google's.
        language: Replaces the call's language; with a region ("en-GB").
        keyterm: Expected words; `telephony` does not support them.
        final_silence: How soon the vendor makes a text final by itself.
        connect_s: Time limit for a new connection.
        answer_s: How long a requested text is awaited. Then the latest known text is the answer if it covers the audio.
    """

    model: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=40)] = "telephony"
    api_key: str = ""
    base_url: SocketUrl = GOOGLE_RECOGNITION_URL
    location: Location = "global"
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Keyterms = ()
    punctuate: bool = True
    final_silence: Literal["standard", "short", "supershort"] = "standard"
    connect_s: Seconds = 3.0
    answer_s: Seconds = 1.0


class GoogleTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a Google Cloud voice.

    Attributes:
        model: The family of voices. Only `chirp3-hd` streams.
        api_key: The JSON key file of a service account, or its base64.
        location: Where the text is processed.
        base_url: Scheme and host. The location does not change the host of a server other than Google's.
        voice_id: End of the voice's name ("Kore", "F"). The voice speaks the agent's language.
        language: Replaces the call's language.
        speed: Relative to the voice's default.
        connect_s: Time limit for a new connection.
    """

    model: Literal["chirp3-hd", "neural2", "wavenet", "standard", "studio"] = "chirp3-hd"
    api_key: str = ""
    base_url: SocketUrl = GOOGLE_VOICE_URL
    location: Location = "global"
    voice_id: Annotated[str, Meta(pattern=r"^[A-Za-z]+\Z", max_length=40)] = "Kore"
    language: Annotated[str, Meta(max_length=20)] = ""
    speed: Annotated[float, Meta(ge=0.25, le=2)] | None = None
    connect_s: Seconds = 3.0


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    """Return whether the voice speaks the language: any language, unless the options set a language."""
    own = options.get("language") or GoogleTextToSpeechOptions().language
    return not own or base_language(str(own)) == base_language(language)


# This model refuses phrases ("Recognizer does not support feature", pipecat's table).
WITHOUT_KEYTERMS: Final = "telephony"
FAMILIES: Final = {
    **{"chirp3-hd": "Chirp3-HD", "neural2": "Neural2", "wavenet": "Wavenet"},
    **{"standard": "Standard", "studio": "Studio"},
}
STREAMING: Final = "chirp3-hd"
_LOCATIONS: Final = "`location` (`global`, `us`, `eu`, `europe-west2`, …): where it computes; each model is in some"
_STREAM: Final = f"5 min a stream, of which media opens the next; streams a minute by project; {_LOCATIONS}"
_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Telephony",
        (WITHOUT_KEYTERMS,),
        word_times=True,
        turn_signals=True,
        other_languages="the vendor's table",
        limits=_STREAM,
    ),
    RecognizerFacts(
        "Chirp and others",
        ("chirp_", "latest_", "long", "short"),
        word_times=True,
        turn_signals=True,
        other_languages="the vendor's table",
        limits=_STREAM,
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Chirp 3: HD",
        (STREAMING,),
        word_times=False,
        other_languages="those that have a voice of the name",
        pronunciations="IPA of agents",
        limits=f"100 streams at once, 200 requests a minute; {_LOCATIONS}",
    ),
    VoiceFacts(
        "Neural2, WaveNet, Standard, Studio",
        tuple(family for family in FAMILIES if family != STREAMING),
        word_times=False,
        other_languages="those that have a voice of the name",
        limits="1,000 requests a minute (Studio 500), whole clauses; `location`: often `global` only",
    ),
)


def _takes_ipa(options: Mapping[str, Any]) -> bool:
    """Return whether the voice accepts IPA. Only Chirp 3: HD does, as a list beside the text ("Custom
    pronunciations").
    """
    return bool(options.get("model", STREAMING) == STREAMING)


FACTS: Final = VendorFacts(
    options={
        "stt": ("model", "location", "keyterm", "final_silence"),
        "tts": ("voice_id", "model", "location", "speed"),
    },
    takes_key=True,
    model_prefixes={
        "stt": ("telephony", "chirp_", "latest_", "long", "short"),
        "tts": ("chirp3-hd", "neural2", "wavenet", "standard", "studio"),
    },
    schemas={"stt": GoogleSpeechToTextOptions, "tts": GoogleTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=KeytermOption("keyterm", ("chirp_", "latest_", "long", "short"), most=100, most_characters=10_000),
    speaks=_speaks,
    takes_ipa=_takes_ipa,
)
