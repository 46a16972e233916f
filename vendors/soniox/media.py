"""Media adapter for `soniox`: recognizer and voices over WebSockets, with mu-law at 8 kHz.

Each utterance of a voice takes an open connection and returns it afterwards.
"""

import uuid
from typing import Final

from media.providers.context_voice import ContextConnection, ContextTextToSpeech, VoiceProtocol
from media.providers.recognizer_dialect import ListenRules
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.turn_dialect import TurnDialect
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from vendors.soniox.facts import FACTS, SonioxSpeechToTextOptions, SonioxTextToSpeechOptions
from vendors.soniox.wire import (
    END_OF_AUDIO,
    KEEP_ALIVE,
    LISTEN_PATH,
    MAX_STREAMS,
    SPEAK_PATH,
    SonioxStreams,
    SonioxTranscript,
    StreamOutput,
    find_ended,
    make_finalize,
    make_headers,
    make_settings,
    make_start,
    make_stream_settings,
    make_url,
    read_output,
)

StreamConnection = ContextConnection[StreamOutput]
PROTOCOL: Final = VoiceProtocol(read_output, find_ended, max_contexts=MAX_STREAMS)


# The vendor ends a session after 20 s without audio or keepalive. Clients usually send one every 5 to 10 s.
KEEP_ALIVE_S: Final = 5.0
RULES: Final = ListenRules(keep_alive=KEEP_ALIVE, keep_alive_s=KEEP_ALIVE_S, close_message=END_OF_AUDIO)
# p99 of the time to the final text in pipecat's table of STT services (1.14).
_USUAL_WAIT: Final = UsualWait(0.2, 0.35)
# The vendor publishes no p99 for voices, so the upper limit of all deadlines is used until measured values exist.
_VOICE_WAIT: Final = UsualWait(0.2, 0.9)
# The vendor expects a keepalive from an idle connection every 20 to 30 s. A connection of this age is closed instead.
_MAX_AGE_S: Final = 20.0
# The vendor answers each request, so waiting alone never settles a request. `settle` is called at this interval.
_CHECK_S: Final = 1.0


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: SonioxSpeechToTextOptions = setup.options
    finalize = make_finalize(options.trailing_silence_ms)

    def make_dialect(language: str) -> TurnDialect:
        start = make_start(make_settings(setup.name, options, language))
        return TurnDialect(SonioxTranscript(setup.name, finalize), _CHECK_S, greets=False, first_message=start)

    def make_target(language: str) -> SocketTarget:
        return setup.make_target(make_url(options.base_url, LISTEN_PATH), make_headers(options.api_key))

    return SocketSpeechToText(setup.name, RULES, make_dialect, make_target)


def _make_tts(setup: ProviderSetup) -> ContextTextToSpeech[StreamOutput]:
    """Make a voice. All calls with the same URL and key share their connections."""
    options: SonioxTextToSpeechOptions = setup.options
    target = setup.make_target(make_url(options.base_url, SPEAK_PATH), make_headers(options.api_key))

    def open_connections() -> WarmConnections[StreamConnection]:
        return WarmConnections(
            lambda: StreamConnection.open(target, PROTOCOL), max_idle=options.max_idle, max_age_s=_MAX_AGE_S
        )

    key = (StreamConnection, setup.name, target.url, options.api_key, options.max_idle, setup.guarded)
    connections = setup.resources.share_account(key, open_connections, WarmConnections.close)

    def begin(language: str) -> tuple[WarmConnections[StreamConnection], SonioxStreams]:
        settings = make_stream_settings(setup.name, options, language)
        return connections, SonioxStreams(setup.name, settings, lambda: str(uuid.uuid4()))

    return ContextTextToSpeech(setup.name, begin, connections.prepare)


def _model(options: SonioxSpeechToTextOptions | SonioxTextToSpeechOptions) -> str:
    return options.model


def _stt_wait(options: SonioxSpeechToTextOptions) -> UsualWait:
    return _USUAL_WAIT


def _tts_wait(options: SonioxTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


VENDOR: Final = Vendor(
    "soniox",
    stt=Adapter(
        _make_stt,
        SonioxSpeechToTextOptions,
        model=_model,
        request_options=frozenset({"language", "languages", "keyterm", "context", "only_language"}),
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
    tts=Adapter(
        _make_tts,
        SonioxTextToSpeechOptions,
        model=_model,
        request_options=frozenset({"voice_id", "speed"}),
        usual_wait=_tts_wait,
        is_guardable=True,
    ),
)
