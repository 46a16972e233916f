"""Media adapter for `assemblyai`: streaming recognizers (Universal and Universal-3) with mu-law at 8 kHz."""

from typing import Final

from media.providers.recognizer_dialect import ListenRules
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.turn_dialect import TurnDialect
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from shared.providers.turn_calibration import CALIBRATIONS
from vendors.assemblyai.facts import FACTS, UNIVERSAL_3, AssemblyAiSpeechToTextOptions
from vendors.assemblyai.wire import (
    TERMINATE,
    UniversalTranscript,
    make_closed,
    make_headers,
    make_query,
    make_url,
)

# A message must hold 50 to 1000 ms of audio, or the vendor closes with 3007. Three frames of 20 ms are enough.
LEAST_BYTES: Final = 400
MOST_BYTES: Final = 8_000
# When a text is requested, up to 50 ms of audio are not sent. They belong to the silence that triggers the request. The
# vendor bills a connection while it is open; without Terminate possibly for three hours.
RULES: Final = ListenRules(
    make_closed=make_closed,
    chunk_bytes=LEAST_BYTES,
    most_bytes=MOST_BYTES,
    keeps_rest=True,
    close_message=TERMINATE,
    aborts_politely=True,
)
_UNIVERSAL: Final = "universal-streaming-"


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: AssemblyAiSpeechToTextOptions = setup.options
    is_universal_3 = options.model.startswith(UNIVERSAL_3)
    calibration = CALIBRATIONS["universal-3" if is_universal_3 else "universal-streaming"]

    def make_dialect(language: str) -> TurnDialect:
        formats = options.format_turns and not is_universal_3
        return TurnDialect(UniversalTranscript(setup.name, calibration, formats=formats), options.answer_s)

    def make_target(language: str) -> SocketTarget:
        return setup.make_target(
            make_url(options.base_url, make_query(setup.name, options, language)), make_headers(options.api_key)
        )

    return SocketSpeechToText(setup.name, RULES, make_dialect, make_target)


def _model(options: AssemblyAiSpeechToTextOptions) -> str:
    return options.model


# p99 of the time to the final text in pipecat's table of STT services (1.14).
_FINAL_P99_S: Final = 0.42


def _stt_wait(options: AssemblyAiSpeechToTextOptions) -> UsualWait:
    """Return the usual wait. Noise ends no turn at the vendor, so its answer comes only after answer_s."""
    return UsualWait(0.3, max(_FINAL_P99_S, options.answer_s))


VENDOR: Final = Vendor(
    "assemblyai",
    stt=Adapter(
        _make_stt,
        AssemblyAiSpeechToTextOptions,
        model=_model,
        request_options=frozenset({"language", "keyterm", "agent_context", "format_turns"}),
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=FACTS.keyterms,
    ),
)
