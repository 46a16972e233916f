"""Vendor `soniox`: the real-time recogniser, with mu-law at 8 kHz."""

from typing import Any, Final

from media.providers.ports import ProviderError
from media.providers.recogniser_dialect import ListenRules
from media.providers.socket_recogniser import SocketSpeechToText
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.soniox_transcript import SonioxTranscript
from media.providers.vendors.soniox_wire import (
    END_OF_AUDIO,
    KEEP_ALIVE,
    LISTEN_PATH,
    find_language,
    make_finalize,
    make_headers,
    make_start,
    make_url,
)
from media.providers.vendors.turn_dialect import TurnDialect
from media.providers.wait_history import UsualWait
from shared.vendor_options import SONIOX_KEYTERM_CHARACTERS, SonioxSpeechToTextOptions

# The vendor ends a session that gets neither audio nor this for 20 s; every 5 to 10 s is usual.
KEEP_ALIVE_S: Final = 5.0
RULES: Final = ListenRules(keep_alive=KEEP_ALIVE, keep_alive_s=KEEP_ALIVE_S, close_message=END_OF_AUDIO)
_AUTO: Final = "auto"
# Final texts: 0.35 s is the p99 in pipecat's table of STT services (1.14).
_USUAL_WAIT: Final = UsualWait(0.2, 0.35)
# The vendor answers each request, so that nothing is settled by waiting; `settle` is asked again so often.
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


def make_settings(name: str, options: SonioxSpeechToTextOptions, language: str) -> dict[str, Any]:
    """What a session begins with. Raises ProviderError for a language that the vendor does not know."""
    chosen = options.language or language
    code = None if chosen == _AUTO else find_language(chosen)
    if code is None and chosen != _AUTO:
        raise ProviderError(name, f"{options.model} knows no {chosen!r}", retryable=False, cause="refused")
    context = {"text": options.context, "terms": options.keyterm}
    return {
        "model": options.model,
        "language_hints": [code] if code else None,
        "language_hints_strict": True if code and options.only_language else None,
        "context": {part: value for part, value in context.items() if value} or None,
        "enable_endpoint_detection": options.endpoint_detection,
        "endpoint_sensitivity": options.endpoint_sensitivity,
        "max_endpoint_delay_ms": options.max_endpoint_delay_ms,
    }


def _model(options: SonioxSpeechToTextOptions) -> str:
    return options.model


def _stt_wait(options: SonioxSpeechToTextOptions) -> UsualWait:
    return _USUAL_WAIT


VENDOR: Final = Vendor(
    "soniox",
    stt=Adapter(
        _make_stt,
        SonioxSpeechToTextOptions,
        model=_model,
        request_options=frozenset({"language", "keyterm", "context", "only_language"}),
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=KeytermOption("keyterm", ("stt-rt-",), most=100, most_characters=SONIOX_KEYTERM_CHARACTERS),
    ),
)
