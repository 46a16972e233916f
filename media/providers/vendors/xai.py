"""Vendor `xai`: the streaming recogniser of Grok, with mu-law at 8 kHz. Its models are of vendor `openai`."""

from typing import Final

from media.audio.mulaw import RATE
from media.providers.vendor import Adapter, KeytermOption, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.vendors.xai_recogniser import XaiListener, XaiSpeechToText
from media.providers.vendors.xai_wire import QueryField, make_headers, make_url
from media.providers.wait_history import UsualWait
from shared.vendor_options import XaiSpeechToTextOptions


def _make_stt(setup: ProviderSetup) -> XaiSpeechToText:
    options: XaiSpeechToTextOptions = setup.options

    def make_target(language: str) -> SocketTarget:
        query: dict[str, QueryField] = {
            "model": options.model,
            "encoding": "mulaw",
            "sample_rate": RATE,
            "interim_results": True,
            "language": (options.language or language).partition("-")[0].lower(),
            "keyterm": options.keyterm or None,
            "smart_turn": options.smart_turn,
        }
        return SocketTarget(
            provider=setup.name,
            url=make_url(options.base_url, query),
            headers=make_headers(options.api_key),
            tls=setup.resources.tls,
            timeout_s=options.connect_s,
            guard=setup.guard,
        )

    return XaiSpeechToText(setup.name, XaiListener(make_target, options.answer_s))


def _model(options: XaiSpeechToTextOptions) -> str:
    return options.model


# Final texts: pipecat's table of STT services (1.14) has 2.14 s as the p99, with the vendor's own ends of utterances.
# Ours are asked for, so that the usual time is that of the others.
_FINAL_P99_S: Final = 2.14


def _stt_wait(options: XaiSpeechToTextOptions) -> UsualWait:
    return UsualWait(0.5, max(_FINAL_P99_S, options.answer_s))


VENDOR: Final = Vendor(
    "xai",
    stt=Adapter(
        _make_stt,
        XaiSpeechToTextOptions,
        model=_model,
        request_options=frozenset({"language", "keyterm"}),
        usual_wait=_stt_wait,
        is_guardable=True,
        keyterms=KeytermOption("keyterm", ("grok-",), most=100, most_characters=5_000, longest=50),
    ),
)
