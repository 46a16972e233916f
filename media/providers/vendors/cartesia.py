"""Vendor `cartesia`: recogniser Ink and voice Sonic, over WebSockets, with mu-law at 8 kHz throughout."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from media.audio.mulaw import RATE
from media.providers.ports import ProviderError
from media.providers.vendor import Adapter, ProviderSetup, Vendor, VendorResources
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.cartesia_finalize_wire import FinalisedTranscript
from media.providers.vendors.cartesia_recogniser import CartesiaSpeechToText, InkListener
from media.providers.vendors.cartesia_speech import CartesiaTextToSpeech, SpeechConnection
from media.providers.vendors.cartesia_speech_wire import PATH, VoiceSettings
from media.providers.vendors.cartesia_turns_wire import TurnsTranscript
from media.providers.vendors.cartesia_wire import BASE_URL, QueryField, base_language, make_headers, make_url
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections

# The voice of the vendor's own examples for agents (Katie).
VOICE_ID: Final = "f786b574-daa5-4673-aa0c-cbe3e8534c02"

# The models that know English alone.
_ENGLISH: Final = "ink-2"
_KEYTERM_CHARACTERS: Final = 1_200

Seconds = Annotated[float, Meta(gt=0, le=30)]
Address = Annotated[str, Meta(pattern=r"^(wss?|https?)://[^\s/]")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class CartesiaSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `ink-2` (English) or `ink-whisper`. base_url: scheme and host. turns: the vendor finds the ends of turns
    by itself; else it is told when a text is to be final. language: in place of the call's. keyterm: words to expect
    (`ink-2`).

    turn_…: with `turns`, the vendor's default where None: thresholds of the likelihood that the caller speaks, in the
    order start > eager_end > end, and the longest wait for the end. answer_s: with `turns`, how long the vendor may say
    nothing new once a text was asked for. connect_s: limit of a new connection.
    """

    model: Name = "ink-2"
    api_key: str = ""
    base_url: Address = BASE_URL
    turns: bool = False
    language: Annotated[str, Meta(max_length=20)] = ""
    keyterm: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()
    turn_start_threshold: Annotated[float, Meta(ge=0.5, le=0.9)] | None = None
    turn_eager_end_threshold: Annotated[float, Meta(ge=0.3, le=0.6)] | None = None
    turn_end_threshold: Annotated[float, Meta(ge=0.05, le=0.5)] | None = None
    turn_end_timeout_ms: Annotated[int, Meta(ge=640, le=11_200)] | None = None
    connect_s: Seconds = 3.0
    answer_s: Seconds = 0.5

    def __post_init__(self) -> None:
        if sum(map(len, self.keyterm)) > _KEYTERM_CHARACTERS:
            raise ValueError(f"keyterm: more than {_KEYTERM_CHARACTERS} characters together")


class CartesiaTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """model: `sonic-…`. base_url: scheme and host. speed, volume: times the voice's own. emotion: as the vendor names
    it. connect_s: limit of a new connection."""

    model: Name = "sonic-3.5"
    api_key: str = ""
    base_url: Address = BASE_URL
    voice_id: Name = VOICE_ID
    speed: Annotated[float, Meta(ge=0.6, le=1.5)] | None = None
    volume: Annotated[float, Meta(ge=0.5, le=2.0)] | None = None
    emotion: Name | None = None
    pronunciation_dict_id: Name | None = None
    connect_s: Seconds = 3.0


def _make_stt(setup: ProviderSetup) -> CartesiaSpeechToText:
    options: CartesiaSpeechToTextOptions = setup.options
    transcript: type[TurnsTranscript | FinalisedTranscript]
    transcript = TurnsTranscript if options.turns else FinalisedTranscript

    def make_target(language: str) -> SocketTarget:
        query = _listen_query(setup.name, options, base_language(options.language or language))
        return SocketTarget(
            provider=setup.name,
            url=make_url(options.base_url, transcript.path, query),
            headers=make_headers(options.api_key),
            tls=setup.resources.tls,
            timeout_s=options.connect_s,
        )

    return CartesiaSpeechToText(setup.name, InkListener(transcript, make_target, options.answer_s))


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
    target = SocketTarget(
        provider=setup.name,
        url=make_url(options.base_url, PATH, {}),
        headers=make_headers(options.api_key),
        tls=setup.resources.tls,
        timeout_s=options.connect_s,
    )
    return CartesiaTextToSpeech(setup.name, settings, _share_connections(setup.resources, target, options.api_key))


def _share_connections(
    resources: VendorResources, target: SocketTarget, api_key: str
) -> WarmConnections[SpeechConnection]:
    """The connections of all calls with this provider, address and key."""

    def make() -> WarmConnections[SpeechConnection]:
        connections = WarmConnections(lambda: SpeechConnection.open(target))
        resources.on_close(connections.close)
        return connections

    return resources.share((SpeechConnection, target.provider, target.url, api_key), make)


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


VENDOR: Final = Vendor(
    "cartesia",
    stt=Adapter(
        _make_stt,
        CartesiaSpeechToTextOptions,
        model=_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
    ),
    tts=Adapter(
        _make_tts,
        CartesiaTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
    ),
)
