"""Media adapter for `rime`: the voices Coda and Mist over a WebSocket, with mu-law at 8 kHz.

Each utterance takes an open connection for its language and returns it afterwards.
"""

import uuid
from typing import Final

import msgspec

from media.providers.context_voice import (
    ContextConnection,
    ContextTextToSpeech,
    LanguageConnections,
    VoiceProtocol,
)
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from vendors.rime.facts import RimeTextToSpeechOptions
from vendors.rime.wire import (
    RimeContexts,
    RimeMessage,
    find_ended,
    make_closed,
    make_headers,
    make_url,
    read_message,
    refine_refusal,
    require_language,
)

RimeConnection = ContextConnection[RimeMessage]
# With 2, a connection that still speaks canceled text is not reused, because the next speech would have to wait.
PROTOCOL: Final = VoiceProtocol(
    read_message, find_ended, refine_refusal=refine_refusal, make_closed=make_closed, max_contexts=2
)
# Rime documents no limit for idle connections. This is the shortest limit of the other vendors.
_MAX_AGE_S: Final = 60.0
# Rime publishes less than 0.2 s to the first audio of Coda, without a p99. The upper limit of all deadlines is used
# until measured values exist.
_VOICE_WAIT: Final = UsualWait(0.2, 0.9)


def _make_tts(setup: ProviderSetup) -> ContextTextToSpeech[RimeMessage]:
    """Make a voice. All calls with the same voice and account share their connections."""
    options: RimeTextToSpeechOptions = setup.options

    def connect(code: str) -> WarmConnections[RimeConnection]:
        target = setup.make_target(make_url(options, code), make_headers(options.api_key))
        return WarmConnections(
            lambda: RimeConnection.open(target, PROTOCOL), max_idle=options.max_idle, max_age_s=_MAX_AGE_S
        )

    def begin(language: str) -> tuple[WarmConnections[RimeConnection], RimeContexts]:
        code = require_language(setup.name, options, language)
        return connections.of(code), RimeContexts(setup.name, lambda: str(uuid.uuid4()))

    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(
        key, lambda: LanguageConnections(connect, "eng"), LanguageConnections.close
    )
    return ContextTextToSpeech(setup.name, begin, connections.prepare)


def _model(options: RimeTextToSpeechOptions) -> str:
    return options.model


def _tts_wait(options: RimeTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


VENDOR: Final = Vendor(
    "rime",
    tts=Adapter(
        _make_tts,
        RimeTextToSpeechOptions,
        model=_model,
        request_options=frozenset({"voice_id", "time_scale"}),
        usual_wait=_tts_wait,
        is_guardable=True,
    ),
)
