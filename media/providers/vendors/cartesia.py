"""Vendor `cartesia`: the voice Sonic, over WebSockets, with mu-law at 8 kHz throughout."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from media.providers.vendor import Adapter, ProviderSetup, Vendor, VendorResources
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.cartesia_speech import CartesiaTextToSpeech, SpeechConnection
from media.providers.vendors.cartesia_speech_wire import PATH, VoiceSettings
from media.providers.vendors.cartesia_wire import BASE_URL, make_headers, make_url
from media.providers.warm_connections import WarmConnections

# The voice of the vendor's own examples for agents (Katie).
VOICE_ID: Final = "f786b574-daa5-4673-aa0c-cbe3e8534c02"

Seconds = Annotated[float, Meta(gt=0, le=30)]
Address = Annotated[str, Meta(pattern=r"^(wss?|https?)://[^\s/]")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class CartesiaSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
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


def _make_tts(setup: ProviderSetup) -> CartesiaTextToSpeech:
    options: CartesiaSpeechOptions = setup.options
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


def _speech_model(options: CartesiaSpeechOptions) -> str:
    return options.model


_SPEECH_REQUEST: Final = frozenset({"voice_id", "speed", "volume", "emotion", "pronunciation_dict_id"})

VENDOR: Final = Vendor(
    "cartesia",
    tts=Adapter(_make_tts, CartesiaSpeechOptions, model=_speech_model, request_options=_SPEECH_REQUEST),
)
