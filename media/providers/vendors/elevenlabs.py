"""Vendor `elevenlabs`: recogniser Scribe and voices, over WebSockets, with mu-law at 8 kHz throughout."""

from typing import Final
from urllib.parse import quote

import msgspec

from media.providers.socket_recogniser import SocketSpeechToText
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.elevenlabs_recogniser import ScribeDialect, make_rules
from media.providers.vendors.elevenlabs_scribe_wire import PATH as LISTEN_PATH
from media.providers.vendors.elevenlabs_scribe_wire import ScribeTranscript
from media.providers.vendors.elevenlabs_speech import (
    PROTOCOL,
    ElevenLabsTextToSpeech,
    LanguageConnections,
    MultiContextConnection,
)
from media.providers.vendors.elevenlabs_speech_wire import INACTIVITY_S, ElevenLabsTone
from media.providers.vendors.elevenlabs_speech_wire import PATH as SPEAK_PATH
from media.providers.vendors.elevenlabs_wire import QueryItem, base_language, make_headers, make_url
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.providers.errors import ProviderError
from shared.providers.service_facts import RecogniserFacts, VoiceFacts
from shared.vendor_languages import ELEVENLABS_LANGUAGES, ELEVENLABS_TOLD
from shared.vendor_options import (
    ELEVENLABS_KEYTERM_CHARACTERS,
    ELEVENLABS_KEYTERMS,
    ElevenLabsSpeechToTextOptions,
    ElevenLabsTextToSpeechOptions,
)

_FORMAT: Final = "ulaw_8000"
_AUTO: Final = "auto"
# The vendor ends what is idle for INACTIVITY_S.
_MAX_AGE_S: Final = INACTIVITY_S - 10.0


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: ElevenLabsSpeechToTextOptions = setup.options

    def make_target(language: str) -> SocketTarget:
        url = make_url(options.base_url, LISTEN_PATH, _listen_query(options, language))
        return setup.make_target(url, make_headers(options.api_key))

    def make_dialect(language: str) -> ScribeDialect:
        return ScribeDialect(ScribeTranscript(setup.name, times_words=options.word_times), options.times_s)

    return SocketSpeechToText(setup.name, make_rules(), make_dialect, make_target)


def _listen_query(options: ElevenLabsSpeechToTextOptions, language: str) -> dict[str, QueryItem]:
    chosen = options.language or language
    return {
        "model_id": options.model,
        "audio_format": _FORMAT,
        "commit_strategy": "manual",
        "language_code": None if chosen == _AUTO else base_language(chosen),
        "include_timestamps": options.word_times,
        "keyterms": options.keyterm or None,
        "no_verbatim": options.no_verbatim or None,
        "enable_logging": None if options.enable_logging else False,
    }


def _make_tts(setup: ProviderSetup) -> ElevenLabsTextToSpeech:
    """All calls with the same voice and account share their connections."""
    options: ElevenLabsTextToSpeechOptions = setup.options
    tone = ElevenLabsTone(
        options.stability, options.similarity_boost, options.style, options.use_speaker_boost, options.speed
    )
    is_told = options.model in ELEVENLABS_TOLD

    def find_language(language: str) -> str:
        found = base_language(language) if is_told else ""
        if found and found not in ELEVENLABS_LANGUAGES:
            raise ProviderError(setup.name, f"{options.model} speaks no {found!r}", retryable=False, cause="refused")
        return found

    def make_connections() -> LanguageConnections:
        return LanguageConnections(lambda language: _connect(setup, language), "en" if is_told else "")

    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(key, make_connections, LanguageConnections.close)
    return ElevenLabsTextToSpeech(setup.name, tone, connections, find_language)


def _connect(setup: ProviderSetup, language: str) -> WarmConnections[MultiContextConnection]:
    """Connections whose address has this language, empty for none. Text comes in whole clauses, so that the vendor need
    not gather it (`auto_mode`)."""
    options: ElevenLabsTextToSpeechOptions = setup.options
    query: dict[str, QueryItem] = {
        "model_id": options.model,
        "output_format": _FORMAT,
        "auto_mode": True,
        "sync_alignment": True,
        "inactivity_timeout": INACTIVITY_S,
        "language_code": language or None,
        "enable_logging": None if options.enable_logging else False,
    }
    path = SPEAK_PATH.format(voice_id=quote(options.voice_id, safe=""))
    target = setup.make_target(make_url(options.base_url, path, query), make_headers(options.api_key))
    return WarmConnections(
        lambda: MultiContextConnection.open(target, PROTOCOL), max_idle=options.max_idle, max_age_s=_MAX_AGE_S
    )


def _model(options: ElevenLabsSpeechToTextOptions | ElevenLabsTextToSpeechOptions) -> str:
    return options.model


_STT_REQUEST: Final = frozenset({"language", "keyterm", "no_verbatim", "word_times"})
_TTS_REQUEST: Final = frozenset({"voice_id", "stability", "similarity_boost", "style", "use_speaker_boost", "speed"})

# Final texts: 0.41 s is the p99 in pipecat's table of STT services (1.14). Voices: ElevenLabs names 0.075 s for Flash,
# without the network and without a p99, so the bound of all deadlines holds until it is learnt.
_FINAL_P99_S: Final = 0.41
_VOICE_WAIT: Final = UsualWait(0.15, 0.9)


def _stt_wait(options: ElevenLabsSpeechToTextOptions) -> UsualWait:
    """A text whose times do not come is answered times_s later."""
    return UsualWait(0.25, _FINAL_P99_S + (options.times_s if options.word_times else 0.0))


def _tts_wait(options: ElevenLabsTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


_KEYTERMS: Final = KeytermOption(
    "keyterm",
    ("scribe_",),
    most=ELEVENLABS_KEYTERMS,
    most_characters=ELEVENLABS_KEYTERMS * ELEVENLABS_KEYTERM_CHARACTERS,
    longest=ELEVENLABS_KEYTERM_CHARACTERS,
)

_RECOGNISERS: Final = (
    RecogniserFacts(
        "Scribe",
        ("scribe_",),
        word_times=True,
        turn_signals=False,
        tells_language=True,
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

VENDOR: Final = Vendor(
    "elevenlabs",
    stt=Adapter(
        _make_stt,
        ElevenLabsSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=_KEYTERMS,
        services=_RECOGNISERS,
    ),
    tts=Adapter(
        _make_tts,
        ElevenLabsTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
        ends_with_blank=True,
        services=_VOICES,
    ),
)
