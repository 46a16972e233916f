"""What Google Cloud's speech services can do and be asked; pure."""

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
    """model: `telephony`, `chirp_…` or another of Speech-to-Text v2. api_key: the JSON key file of a service account,
    or that file in base64. location: of the recognizer, where the audio is worked on; models differ in where they are.
    base_url: scheme and host; of another server than Google's it stays as it is, whatever the location. language: in
    place of the call's, with its region ("en-GB"). keyterm: words to expect, not of `telephony`. final_silence: how
    soon the vendor takes a text for final by itself. connect_s: limit of a new connection. answer_s: once a text was
    asked for, when the last known one is the answer if it covers the audio."""

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
    """model: the family of voices, of which `chirp3-hd` streams. voice_id: the end of the voice's name ("Kore",
    "F"), spoken in the agent's language. api_key, location, base_url: as of recognition. language: in place of the
    call's. speed: times the voice's own. connect_s: limit of a new connection."""

    model: Literal["chirp3-hd", "neural2", "wavenet", "standard", "studio"] = "chirp3-hd"
    api_key: str = ""
    base_url: SocketUrl = GOOGLE_VOICE_URL
    location: Location = "global"
    voice_id: Annotated[str, Meta(pattern=r"^[A-Za-z]+\Z", max_length=40)] = "Kore"
    language: Annotated[str, Meta(max_length=20)] = ""
    speed: Annotated[float, Meta(ge=0.25, le=2)] | None = None
    connect_s: Seconds = 3.0


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    """Only one that was set for the voice."""
    own = options.get("language") or GoogleTextToSpeechOptions().language
    return not own or base_language(str(own)) == base_language(language)


# It refuses phrases ("Recognizer does not support feature", pipecat's table).
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
    """Google takes IPA as a list beside the text of Chirp 3: HD ("Custom pronunciations")."""
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
