"""Vendor `assemblyai`: streaming recognisers of the families Universal and Universal-3, with mu-law at 8 kHz."""

from typing import Final

from media.providers.recogniser_dialect import ListenRules
from media.providers.socket_recogniser import SocketSpeechToText
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.assemblyai_transcript import UniversalTranscript
from media.providers.vendors.assemblyai_wire import TERMINATE, QueryField, make_closed, make_headers, make_url
from media.providers.vendors.turn_dialect import TurnDialect
from media.providers.wait_history import UsualWait
from shared.g711 import RATE
from shared.providers.errors import ProviderError
from shared.providers.service_facts import RecogniserFacts
from shared.providers.turn_calibration import CALIBRATIONS
from shared.vendor_options import AssemblyAiSpeechToTextOptions

# A message holds 50 to 1000 ms of audio, else the vendor closes with 3007: of frames of 20 ms at least three.
LEAST_BYTES: Final = 400
MOST_BYTES: Final = 8_000
# Less than 50 ms of audio stay behind where a text is asked for: they are of the silence after which that is done.
# A connection is billed while it is open, without Terminate perhaps for three hours.
RULES: Final = ListenRules(
    make_closed=make_closed,
    chunk_bytes=LEAST_BYTES,
    most_bytes=MOST_BYTES,
    keeps_rest=True,
    close_message=TERMINATE,
    aborts_politely=True,
)
_UNIVERSAL: Final = "universal-streaming-"
_UNIVERSAL_3: Final = ("u3-", "universal-3-")
# Of the models of `universal-streaming`; those of Universal-3 are steered to the call's language and refuse none.
_LANGUAGES: Final = {
    "universal-streaming-english": ("en",),
    "universal-streaming-multilingual": ("en", "es", "de", "fr", "pt", "it"),
}


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: AssemblyAiSpeechToTextOptions = setup.options
    is_universal_3 = options.model.startswith(_UNIVERSAL_3)
    calibration = CALIBRATIONS["universal-3" if is_universal_3 else "universal-streaming"]

    def make_dialect(language: str) -> TurnDialect:
        formats = options.format_turns and not is_universal_3
        return TurnDialect(UniversalTranscript(setup.name, calibration, formats=formats), options.answer_s)

    def make_target(language: str) -> SocketTarget:
        return setup.make_target(
            make_url(options.base_url, make_query(setup.name, options, language)), make_headers(options.api_key)
        )

    return SocketSpeechToText(setup.name, RULES, make_dialect, make_target)


def make_query(name: str, options: AssemblyAiSpeechToTextOptions, language: str) -> dict[str, QueryField]:
    """What a session is opened with. Raises ProviderError for a language that the model does not know."""
    base = (options.language or language).partition("-")[0].lower()
    if base not in _LANGUAGES.get(options.model, (base,)):
        raise ProviderError(name, f"{options.model} knows no {base!r}", retryable=False, cause="refused")
    query: dict[str, QueryField] = {
        "speech_model": options.model,
        "encoding": "pcm_mulaw",
        "sample_rate": RATE,
        "keyterms_prompt": options.keyterm or None,
        "min_turn_silence": options.min_turn_silence_ms,
        "max_turn_silence": options.max_turn_silence_ms,
    }
    if options.model.startswith(_UNIVERSAL_3):
        more: dict[str, QueryField] = {
            "language_codes": (base,),
            "agent_context": options.agent_context or None,
            "mode": options.mode or None,
        }
        return {**query, **more}
    return {**query, "format_turns": options.format_turns}


def _model(options: AssemblyAiSpeechToTextOptions) -> str:
    return options.model


# Final texts: 0.42 s is the p99 in pipecat's table of STT services (1.14).
_FINAL_P99_S: Final = 0.42


def _stt_wait(options: AssemblyAiSpeechToTextOptions) -> UsualWait:
    """To noise, which ends no turn of the vendor's, the answer comes after answer_s."""
    return UsualWait(0.3, max(_FINAL_P99_S, options.answer_s))


_SESSIONS: Final = "new sessions a minute: 5 free, 100 paid; 3 h a session"
_SERVICES: Final = (
    RecogniserFacts(
        "Universal Streaming, English",
        ("universal-streaming-english",),
        word_times=True,
        turn_signals=True,
        languages=_LANGUAGES["universal-streaming-english"],
        limits=_SESSIONS,
    ),
    RecogniserFacts(
        "Universal Streaming, multilingual",
        ("universal-streaming-multilingual",),
        word_times=True,
        turn_signals=True,
        languages=_LANGUAGES["universal-streaming-multilingual"],
        limits=_SESSIONS,
    ),
    RecogniserFacts(
        "Universal-3",
        _UNIVERSAL_3,
        word_times=True,
        turn_signals=True,
        other_languages="6, 19 or 32 by the model",
        limits=_SESSIONS,
    ),
    RecogniserFacts(
        "Whisper",
        ("whisper-rt",),
        word_times=True,
        turn_signals=None,
        other_languages="99",
        limits=_SESSIONS,
    ),
)

VENDOR: Final = Vendor(
    "assemblyai",
    stt=Adapter(
        _make_stt,
        AssemblyAiSpeechToTextOptions,
        model=_model,
        request_options=frozenset({"language", "keyterm", "agent_context", "format_turns"}),
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=KeytermOption("keyterm", ("universal-", "u3-"), most=100, most_characters=5_000, longest=50),
        services=_SERVICES,
    ),
)
