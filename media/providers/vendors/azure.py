"""Vendor `azure-speech`: Azure's recogniser and voices over WebSockets, with mu-law at 8 kHz throughout. Its models are
of vendor `openai`."""

import uuid
from typing import Final

import msgspec

from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.azure_listen_wire import PATH as LISTEN_PATH
from media.providers.vendors.azure_listen_wire import UNIVERSAL_PATH, ListenSettings
from media.providers.vendors.azure_recogniser import AzureListener, AzureSpeechToText
from media.providers.vendors.azure_speech import AzureTextToSpeech, AzureVoiceConnection
from media.providers.vendors.azure_speech_wire import PATH as SPEAK_PATH
from media.providers.vendors.azure_speech_wire import SpokenTurns
from media.providers.vendors.azure_ssml import AzureTone, AzureVoice
from media.providers.vendors.azure_wire import QueryItem, make_headers, make_url
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.azure_locales import LANGUAGES, find_locale
from shared.azure_speech import find_base_url
from shared.cloud_speech_options import AZURE_KEYTERMS, AzureSpeechToTextOptions, AzureTextToSpeechOptions
from shared.plan import LONGEST_KEYTERM
from shared.providers.errors import ProviderError
from shared.providers.service_facts import RecogniserFacts, VoiceFacts

# The service ends a connection that is idle for 180 s, and any after 600 s.
_MAX_AGE_S: Final = 170.0


def _make_id() -> str:
    return uuid.uuid4().hex


def _make_stt(setup: ProviderSetup) -> AzureSpeechToText:
    options: AzureSpeechToTextOptions = setup.options

    def make_settings(language: str) -> ListenSettings:
        wanted = options.languages or (options.language or language,)
        locales = tuple(_require_locale(setup.name, one) for one in wanted)
        return ListenSettings(locales, options.keyterm, options.segmentation, options.segmentation_silence_ms)

    def make_target(settings: ListenSettings) -> SocketTarget:
        base = find_base_url(options.base_url, options.region, "stt")
        path = UNIVERSAL_PATH if len(settings.locales) > 1 else LISTEN_PATH
        return _make_target(setup, make_url(base, path, make_query(options, settings)))

    return AzureSpeechToText(setup.name, AzureListener(make_settings, make_target, _make_id))


def make_query(options: AzureSpeechToTextOptions, settings: ListenSettings) -> dict[str, QueryItem]:
    """What a connection of the recogniser is opened with. A model of one's own has its own language."""
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


def _make_tts(setup: ProviderSetup) -> AzureTextToSpeech:
    """All calls with the same resource share their connections."""
    options: AzureTextToSpeechOptions = setup.options
    tone = AzureTone(options.style, options.rate, options.pitch, options.volume)
    voice = AzureVoice(options.voice_id, tone, options.lexicon_url, setup.phonemes)

    def make_turns(language: str) -> SpokenTurns:
        locale = _require_locale(setup.name, language)
        if not voice.speaks(locale):
            reason = f"{options.voice_id} speaks no {locale!r}"
            raise ProviderError(setup.name, reason, retryable=False, cause="refused")
        return SpokenTurns(setup.name, voice, locale, _make_id)

    def make_connections() -> WarmConnections[AzureVoiceConnection]:
        base = find_base_url(options.base_url, options.region, "tts")
        url = make_url(base, SPEAK_PATH, {"deploymentId": options.endpoint_id or None})
        return WarmConnections(
            lambda: AzureVoiceConnection.open(_make_target(setup, url)),
            max_idle=options.max_idle,
            max_age_s=_MAX_AGE_S,
        )

    account = (options.api_key, options.region, options.base_url, options.endpoint_id, options.connect_s)
    key = (_make_tts, setup.name, msgspec.json.encode(account), options.max_idle, setup.guarded)
    connections = setup.resources.share_account(key, make_connections, WarmConnections.close)
    return AzureTextToSpeech(setup.name, connections, make_turns)


def _make_target(setup: ProviderSetup, url: str) -> SocketTarget:
    return setup.make_target(url, make_headers(setup.options.api_key, _make_id()))


def _require_locale(name: str, language: str) -> str:
    """Raises ProviderError for a language that the service does not know."""
    locale = find_locale(language)
    if not locale:
        raise ProviderError(name, f"Azure knows no {language!r}", retryable=False, cause="refused")
    return locale


def _stt_model(options: AzureSpeechToTextOptions) -> str:
    """A model of one's own has its own price, and languages that are told apart cost an add-on."""
    if options.endpoint_id:
        return f"{options.model}-custom"
    return f"{options.model}-languages" if len(options.languages) > 1 else options.model


def _tts_model(options: AzureTextToSpeechOptions) -> str:
    """Voices are priced by their kind; that of an HD voice is in its name."""
    return "neural-hd" if ":" in options.voice_id else options.model


# pipecat's table of STT services (1.14) has 1.8 s as the p99 of final texts, with the vendor's own ends of phrases.
# Ours are asked for, so that the usual time is that of the others; the p99 holds until it is learnt.
_STT_WAIT: Final = UsualWait(0.4, 1.8)
# The vendor names no time to the first audio, so that the bound of all deadlines holds until it is learnt.
_TTS_WAIT: Final = UsualWait(0.25, 0.9)


def _stt_wait(options: AzureSpeechToTextOptions) -> UsualWait:
    return _STT_WAIT


def _tts_wait(options: AzureTextToSpeechOptions) -> UsualWait:
    return _TTS_WAIT


_STT_REQUEST: Final = frozenset(
    {"language", "languages", "keyterm", "profanity", "segmentation", "segmentation_silence_ms"}
)
_TTS_REQUEST: Final = frozenset({"voice_id", "style", "rate", "pitch", "volume", "lexicon_url"})

_RECOGNISERS: Final = (
    RecogniserFacts(
        "Speech to text",
        ("realtime",),
        word_times=True,
        turn_signals=False,
        tells_language=True,
        languages=LANGUAGES,
        limits="100 requests at once (S0); 600 s a connection, then media opens the next",
        with_option="tells language with `languages`, up to 10, as agents of several languages have it",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Neural voices",
        ("neural",),
        word_times=True,
        languages=LANGUAGES,
        other_languages="of these, the voice's own",
        pronunciations="IPA of agents (not by HD voices), `lexicon_url`",
    ),
)

VENDOR: Final = Vendor(
    "azure-speech",
    stt=Adapter(
        _make_stt,
        AzureSpeechToTextOptions,
        model=_stt_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=KeytermOption(
            "keyterm", ("realtime",), most=AZURE_KEYTERMS, most_characters=AZURE_KEYTERMS * LONGEST_KEYTERM
        ),
        services=_RECOGNISERS,
    ),
    tts=Adapter(
        _make_tts,
        AzureTextToSpeechOptions,
        model=_tts_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
        services=_VOICES,
    ),
)
