"""Media adapter for `cartesia`: recognizer Ink and voice Sonic over WebSockets, with mu-law at 8 kHz.

Each utterance of a voice takes an open connection and returns it afterwards.
"""

import uuid
from typing import Final

from media.providers.context_voice import ContextConnection, ContextTextToSpeech, VoiceProtocol
from media.providers.recognizer_dialect import ListenRules
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.turn_dialect import TurnDialect
from media.providers.vendor import Adapter, ProviderSetup, Vendor, VendorResources
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from vendors.cartesia.facts import FACTS, CartesiaSpeechToTextOptions, CartesiaTextToSpeechOptions
from vendors.cartesia.wire import (
    EAGER_END_THRESHOLD,
    END_THRESHOLD,
    PATH,
    FinalizedTranscript,
    SpeechMessage,
    SpokenContexts,
    TurnsTranscript,
    base_language,
    make_headers,
    make_listen_url,
    make_url,
    make_voice,
    read_message,
)

SpeechConnection = ContextConnection[SpeechMessage]
PROTOCOL: Final = VoiceProtocol(read_message, lambda message: "")


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: CartesiaSpeechToTextOptions = setup.options
    close_message = TurnsTranscript.close_message if options.turns else FinalizedTranscript.close_message

    def make_dialect(language: str) -> TurnDialect:
        if not options.turns:
            return TurnDialect(FinalizedTranscript(setup.name), options.answer_s, greets=False)
        transcript = TurnsTranscript(
            setup.name,
            eager_end=options.turn_eager_end_threshold or EAGER_END_THRESHOLD,
            end=options.turn_end_threshold or END_THRESHOLD,
        )
        return TurnDialect(transcript, options.answer_s)

    def make_target(language: str) -> SocketTarget:
        return setup.make_target(make_listen_url(setup.name, options, language), make_headers(options.api_key))

    return SocketSpeechToText(setup.name, ListenRules(close_message=close_message), make_dialect, make_target)


def _make_tts(setup: ProviderSetup) -> ContextTextToSpeech[SpeechMessage]:
    options: CartesiaTextToSpeechOptions = setup.options
    target = setup.make_target(make_url(options.base_url, PATH, {}), make_headers(options.api_key))
    connections = _share_connections(setup.resources, target, options.api_key)

    def begin(language: str) -> tuple[WarmConnections[SpeechConnection], SpokenContexts]:
        fields = make_voice(options).fields(base_language(language))
        return connections, SpokenContexts(setup.name, fields, lambda: str(uuid.uuid4()))

    return ContextTextToSpeech(setup.name, begin, connections.prepare)


def _share_connections(
    resources: VendorResources, target: SocketTarget, api_key: str
) -> WarmConnections[SpeechConnection]:
    """Return the connections that all calls with this provider, URL and key share."""
    key = (SpeechConnection, target.provider, target.url, api_key, target.guard is not None)
    return resources.share_account(
        key, lambda: WarmConnections(lambda: SpeechConnection.open(target, PROTOCOL)), WarmConnections.close
    )


def _model(options: CartesiaSpeechToTextOptions | CartesiaTextToSpeechOptions) -> str:
    return options.model


_STT_REQUEST: Final = frozenset({"language", "keyterm"})
_TTS_REQUEST: Final = frozenset({"voice_id", "speed", "volume", "emotion", "pronunciation_dict_id"})

# Final texts: pipecat's table of STT services (1.14) lists a p99 of 0.81 s. Sonic: Cartesia publishes 0.09 s to the
# first byte, without the network and without a p99. The upper limit of all deadlines is used until measured values
# exist.
_FINAL_P99_S: Final = 0.81
_VOICE_WAIT: Final = UsualWait(0.15, 0.9)


def _stt_wait(options: CartesiaSpeechToTextOptions) -> UsualWait:
    """Return the usual wait. With `turns`, an answer without news from Cartesia comes after answer_s."""
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
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        CartesiaTextToSpeechOptions,
        model=_model,
        request_options=_TTS_REQUEST,
        usual_wait=_tts_wait,
        is_guardable=True,
        reads_figures=FACTS.reads_figures,
    ),
)
