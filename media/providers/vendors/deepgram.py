"""Vendor `deepgram`: recognisers Nova and Flux, and the voice Aura, all over WebSockets with mu-law at 8 kHz."""

from typing import Final

import msgspec

from media.providers.socket_recogniser import SocketSpeechToText
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.deepgram_aura_wire import PATH
from media.providers.vendors.deepgram_flux_wire import EAGER_EOT_THRESHOLD, EOT_THRESHOLD, EOT_TIMEOUT_MS, FLUX
from media.providers.vendors.deepgram_nova_wire import NOVA
from media.providers.vendors.deepgram_recogniser import DeepgramReader, make_rules
from media.providers.vendors.deepgram_voice import AuraConnection, DeepgramTextToSpeech
from media.providers.vendors.deepgram_wire import QueryValue, make_headers, make_url
from media.providers.vendors.segment_dialect import SegmentDialect
from media.providers.wait_history import UsualWait
from media.providers.warm_connections import WarmConnections
from shared.g711 import RATE
from shared.providers.errors import ProviderError
from shared.providers.service_facts import RecogniserFacts, VoiceFacts
from shared.vendor_options import DeepgramSpeechToTextOptions, DeepgramTextToSpeechOptions

_FLUX_PREFIX: Final = "flux-"
_FLUX_ENGLISH: Final = "flux-general-en"
_AUDIO: Final[dict[str, QueryValue]] = {"encoding": "mulaw", "sample_rate": RATE}


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: DeepgramSpeechToTextOptions = setup.options
    is_flux = options.model.startswith(_FLUX_PREFIX)
    protocol = FLUX if is_flux else NOVA

    def make_target(language: str) -> SocketTarget:
        query = _flux_query(setup.name, options, language) if is_flux else _nova_query(options, language)
        return setup.make_target(make_url(options.base_url, protocol.path, query), make_headers(options.api_key))

    def make_dialect(language: str) -> SegmentDialect:
        return SegmentDialect(DeepgramReader(setup.name, protocol), options.answer_s)

    return SocketSpeechToText(setup.name, make_rules(protocol), make_dialect, make_target)


def _nova_query(options: DeepgramSpeechToTextOptions, language: str) -> dict[str, QueryValue | None]:
    return {
        "model": options.model,
        "language": options.language or language,
        **_AUDIO,
        "channels": 1,
        "interim_results": True,
        "endpointing": options.endpointing_ms,
        "punctuate": options.punctuate,
        "smart_format": options.smart_format or None,
        "numerals": options.numerals or None,
        "keyterm": options.keyterm or None,
        "mip_opt_out": options.mip_opt_out or None,
    }


def _flux_query(name: str, options: DeepgramSpeechToTextOptions, language: str) -> dict[str, QueryValue | None]:
    """Raises ProviderError for a language that the model does not know."""
    base = language.partition("-")[0].lower()
    if options.model == _FLUX_ENGLISH and base != "en":
        raise ProviderError(name, f"{_FLUX_ENGLISH} knows no {base!r}", retryable=False, cause="refused")
    return {
        "model": options.model,
        **_AUDIO,
        "eot_threshold": EOT_THRESHOLD,
        "eager_eot_threshold": EAGER_EOT_THRESHOLD,
        "eot_timeout_ms": EOT_TIMEOUT_MS,
        "language_hint": None if options.model == _FLUX_ENGLISH else options.languages or base,
        "numerals": options.numerals or None,
        "keyterm": options.keyterm or None,
        "mip_opt_out": options.mip_opt_out or None,
    }


def _stt_model(options: DeepgramSpeechToTextOptions) -> str:
    return options.model


def _make_tts(setup: ProviderSetup) -> DeepgramTextToSpeech:
    """All calls with the same options share their connections."""
    options: DeepgramTextToSpeechOptions = setup.options
    key = (_make_tts, setup.name, msgspec.json.encode(options), setup.guarded)
    connections = setup.resources.share_account(key, lambda: _open_connections(setup), WarmConnections.close)
    spoken = options.model.rpartition("-")[2]

    def check_language(language: str) -> None:
        base = language.partition("-")[0].lower()
        if base != spoken:
            raise ProviderError(setup.name, f"{options.model} speaks no {base!r}", retryable=False, cause="refused")

    return DeepgramTextToSpeech(setup.name, connections, check_language)


def _open_connections(setup: ProviderSetup) -> WarmConnections[AuraConnection]:
    options: DeepgramTextToSpeechOptions = setup.options
    query = {"model": options.model, **_AUDIO, "mip_opt_out": options.mip_opt_out or None}
    target = setup.make_target(make_url(options.base_url, PATH, query), make_headers(options.api_key))
    return WarmConnections(lambda: AuraConnection.open(target), max_idle=options.max_idle)


def _tts_model(options: DeepgramTextToSpeechOptions) -> str:
    """`aura-2` of `aura-2-thalia-en`, `aura` of `aura-asteria-en`."""
    return options.model.rsplit("-", 2)[0]


_STT_REQUEST: Final = frozenset(
    {"language", "languages", "keyterm", "punctuate", "smart_format", "numerals", "endpointing_ms"}
)

# "Keyterm prompting": Nova-3 and Flux take 100 keyterms of 500 tokens in all; a token is about three letters of a name.
_KEYTERMS: Final = KeytermOption("keyterm", ("nova-3", "flux-"), most=100, most_characters=1_500)

# Final texts: 0.35 s is the p99 in pipecat's table of STT services (1.14). Aura: Deepgram names less than 0.2 s to the
# first byte, and no p99, so the bound of all deadlines holds until it is learnt.
_FINAL_P99_S: Final = 0.35
_VOICE_WAIT: Final = UsualWait(0.2, 0.9)


def _stt_wait(options: DeepgramSpeechToTextOptions) -> UsualWait:
    """A text that Deepgram does not answer for comes after answer_s."""
    return UsualWait(0.2, max(_FINAL_P99_S, options.answer_s))


def _tts_wait(options: DeepgramTextToSpeechOptions) -> UsualWait:
    return _VOICE_WAIT


_STREAMS: Final = "150 streams at once (pay as you go)"
_RECOGNISERS: Final = (
    RecogniserFacts(
        "Flux, English",
        (_FLUX_ENGLISH,),
        word_times=True,
        turn_signals=True,
        languages=("en",),
        limits=_STREAMS,
    ),
    RecogniserFacts(
        "Flux, multilingual",
        (_FLUX_PREFIX,),
        word_times=True,
        turn_signals=True,
        tells_language=True,
        other_languages="the model's",
        limits=_STREAMS,
    ),
    RecogniserFacts(
        "Nova",
        ("nova-", "enhanced", "base"),
        word_times=True,
        turn_signals=False,
        tells_language=True,
        other_languages="the model's, or several at once (`multi`)",
        limits=_STREAMS,
        with_option="tells language with `language` `multi`, as agents of several languages have it",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Aura",
        ("aura",),
        word_times=False,
        other_languages="one: the voice's last part",
        limits="45 connections at once; 2,000 characters a message",
    ),
)

VENDOR: Final = Vendor(
    "deepgram",
    stt=Adapter(
        _make_stt,
        DeepgramSpeechToTextOptions,
        model=_stt_model,
        request_options=_STT_REQUEST,
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=_KEYTERMS,
        services=_RECOGNISERS,
    ),
    tts=Adapter(
        _make_tts,
        DeepgramTextToSpeechOptions,
        model=_tts_model,
        request_options=frozenset({"model"}),
        usual_wait=_tts_wait,
        is_guardable=True,
        services=_VOICES,
    ),
)
