"""The options of the speech services of large clouds: Azure's and Google's."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.option_types import Keyterms, Languages, Location, Name, OptionalSocketUrl, Seconds, SocketUrl

AzureRegion = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]+\Z", max_length=40)]
AzureSegmentation = Literal["", "semantic"]
# An attribute of SSML: a word, or a number with its unit.
AzureTone = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+.%-]*\Z", max_length=40)]

GOOGLE_RECOGNITION_URL: Final = "https://speech.googleapis.com"
GOOGLE_VOICE_URL: Final = "https://texttospeech.googleapis.com"
AZURE_REGION: Final = "eastus"
# A voice of many languages, of Azure's own examples.
AZURE_VOICE_ID: Final = "en-US-AvaMultilingualNeural"
# Of a phrase list (Azure, "Improve recognition accuracy with phrase list").
AZURE_KEYTERMS: Final = 500


class AzureSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """region: of the resource, which names the host; base_url: scheme and host in place of it (a custom domain).
    endpoint_id: of a model of one's own, whose language it has. language: in place of the call's. languages: among
    which the vendor finds the caller's by itself. keyterm: words to expect. segmentation: `semantic` ends phrases at
    the ends of sentences. segmentation_silence_ms: silence after which a phrase ends; the vendor's own where None.
    connect_s: limit of a new connection."""

    model: Literal["realtime"] = "realtime"
    api_key: str = ""
    region: AzureRegion = AZURE_REGION
    base_url: OptionalSocketUrl = ""
    endpoint_id: Annotated[str, Meta(max_length=100)] = ""
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    keyterm: Annotated[tuple[Name, ...], Meta(max_length=AZURE_KEYTERMS)] = ()
    profanity: Literal["raw", "masked", "removed"] = "raw"
    segmentation: AzureSegmentation = ""
    segmentation_silence_ms: Annotated[int, Meta(ge=100, le=5_000)] | None = None
    connect_s: Seconds = 3.0


class AzureTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """region, base_url: as of AzureSpeechToTextOptions. voice_id: the voice's short name. style, rate, pitch, volume:
    as SSML has them; the voice's own where empty. endpoint_id: of a voice of one's own. lexicon_url: of a list of
    pronunciations that the vendor reads. connect_s: limit of a new connection. max_idle: connections kept between
    speeches."""

    model: Literal["neural", "neural-hd"] = "neural"
    api_key: str = ""
    region: AzureRegion = AZURE_REGION
    base_url: OptionalSocketUrl = ""
    voice_id: Annotated[str, Meta(pattern=r"^[a-z]{2,3}-[A-Za-z0-9-]+(:[A-Za-z0-9-]+)?\Z", max_length=100)] = (
        AZURE_VOICE_ID
    )
    style: AzureTone = ""
    rate: AzureTone = ""
    pitch: AzureTone = ""
    volume: AzureTone = ""
    endpoint_id: Annotated[str, Meta(max_length=100)] = ""
    lexicon_url: Annotated[str, Meta(pattern=r"^(https://\S+)?\Z", max_length=500)] = ""
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 4


class GoogleSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `telephony`, `chirp_…` or another of Speech-to-Text v2. api_key: the JSON key file of a service account,
    or that file in base64. location: of the recogniser, where the audio is worked on; models differ in where they are.
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
