"""Vendor `cartesia`: recogniser Ink and voice Sonic, over WebSockets, with mu-law at 8 kHz throughout."""

from typing import Final

from media.providers.recogniser_dialect import ListenRules
from media.providers.socket_recogniser import SocketSpeechToText
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor, VendorResources
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.cartesia_finalize_wire import FinalisedTranscript
from media.providers.vendors.cartesia_speech import PROTOCOL, CartesiaTextToSpeech, SpeechConnection
from media.providers.vendors.cartesia_speech_wire import PATH, VoiceSettings
from media.providers.vendors.cartesia_turns_wire import EAGER_END_THRESHOLD, END_THRESHOLD, TurnsTranscript
from media.providers.vendors.cartesia_wire import QueryField, base_language, make_headers, make_url
from media.providers.vendors.turn_dialect import TurnDialect
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.g711 import RATE
from shared.providers.errors import ProviderError
from shared.providers.service_facts import RecogniserFacts, VoiceFacts
from shared.vendor_options import CARTESIA_KEYTERM_CHARACTERS, CartesiaSpeechToTextOptions, CartesiaTextToSpeechOptions

# The models that know English alone.
_ENGLISH: Final = "ink-2"


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: CartesiaSpeechToTextOptions = setup.options
    path = TurnsTranscript.path if options.turns else FinalisedTranscript.path
    close_message = TurnsTranscript.close_message if options.turns else FinalisedTranscript.close_message

    def make_dialect(language: str) -> TurnDialect:
        if not options.turns:
            return TurnDialect(FinalisedTranscript(setup.name), options.answer_s, greets=False)
        transcript = TurnsTranscript(
            setup.name,
            eager_end=options.turn_eager_end_threshold or EAGER_END_THRESHOLD,
            end=options.turn_end_threshold or END_THRESHOLD,
        )
        return TurnDialect(transcript, options.answer_s)

    def make_target(language: str) -> SocketTarget:
        query = _listen_query(setup.name, options, base_language(options.language or language))
        return setup.make_target(make_url(options.base_url, path, query), make_headers(options.api_key))

    return SocketSpeechToText(setup.name, ListenRules(close_message=close_message), make_dialect, make_target)


def _listen_query(name: str, options: CartesiaSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    """Raises ProviderError for a language that the model does not know."""
    is_english = options.model.startswith(_ENGLISH)
    if is_english and language != "en":
        raise ProviderError(name, f"{options.model} knows no {language!r}", retryable=False, cause="refused")
    audio: dict[str, QueryField] = {"model": options.model, "encoding": "pcm_mulaw", "sample_rate": RATE}
    keyterm = options.keyterm if is_english and options.keyterm else None
    if not options.turns:
        return {**audio, "language": language, "keyterm": keyterm}
    return {
        **audio,
        "keyterm": keyterm,
        "turn_start_threshold": options.turn_start_threshold,
        "turn_eager_end_threshold": options.turn_eager_end_threshold,
        "turn_end_threshold": options.turn_end_threshold,
        "turn_end_timeout_ms": options.turn_end_timeout_ms,
    }


def _make_tts(setup: ProviderSetup) -> CartesiaTextToSpeech:
    options: CartesiaTextToSpeechOptions = setup.options
    settings = VoiceSettings(
        model=options.model,
        voice_id=options.voice_id,
        speed=options.speed,
        volume=options.volume,
        emotion=options.emotion,
        pronunciation_dict_id=options.pronunciation_dict_id,
    )
    target = setup.make_target(make_url(options.base_url, PATH, {}), make_headers(options.api_key))
    return CartesiaTextToSpeech(setup.name, settings, _share_connections(setup.resources, target, options.api_key))


def _share_connections(
    resources: VendorResources, target: SocketTarget, api_key: str
) -> WarmConnections[SpeechConnection]:
    """The connections of all calls with this provider, address and key."""
    key = (SpeechConnection, target.provider, target.url, api_key, target.guard is not None)
    return resources.share_account(
        key, lambda: WarmConnections(lambda: SpeechConnection.open(target, PROTOCOL)), WarmConnections.close
    )


def _model(options: CartesiaSpeechToTextOptions | CartesiaTextToSpeechOptions) -> str:
    return options.model


_STT_REQUEST: Final = frozenset({"language", "keyterm"})
_TTS_REQUEST: Final = frozenset({"voice_id", "speed", "volume", "emotion", "pronunciation_dict_id"})

# Final texts: 0.81 s is the p99 in pipecat's table of STT services (1.14). Sonic: Cartesia names 0.09 s to the first
# byte, without the network and without a p99, so the bound of all deadlines holds until it is learnt.
_FINAL_P99_S: Final = 0.81
_VOICE_WAIT: Final = UsualWait(0.15, 0.9)


def _stt_wait(options: CartesiaSpeechToTextOptions) -> UsualWait:
    """With turns a text that Cartesia says nothing new for comes after answer_s."""
    return UsualWait(0.4, max(_FINAL_P99_S, options.answer_s if options.turns else 0.0))


def _tts_wait(options: CartesiaTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


_RECOGNISERS: Final = (
    RecogniserFacts(
        "Ink-2",
        (_ENGLISH,),
        word_times=True,
        turn_signals=True,
        languages=("en",),
        limits="sessions at once by plan: 8 free, 60 Scale",
        with_option="`turns`: turn signals in place of times of words",
    ),
    RecogniserFacts(
        "Ink-Whisper",
        ("ink-whisper",),
        word_times=True,
        turn_signals=False,
        other_languages="about 100",
        limits="as Ink-2",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Sonic",
        ("sonic",),
        word_times=True,
        other_languages="the voice's and the model's",
        pronunciations="`pronunciation_dict_id`",
        limits="speeches at once by plan: 2 free, 15 Scale",
    ),
)

VENDOR: Final = Vendor(
    "cartesia",
    stt=Adapter(
        _make_stt,
        CartesiaSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=KeytermOption("keyterm", (_ENGLISH,), most=100, most_characters=CARTESIA_KEYTERM_CHARACTERS),
        services=_RECOGNISERS,
    ),
    tts=Adapter(
        _make_tts,
        CartesiaTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
        reads_figures=True,  # Cartesia, "Formatting text for Sonic"; it times the words as they are written
        services=_VOICES,
    ),
)
