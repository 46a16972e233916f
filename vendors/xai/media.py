"""Media adapter for `xai`: Grok's streaming recognizer with mu-law at 8 kHz. xAI's language models use vendor
`openai`.
"""

from typing import Final

from media.providers.recognizer_dialect import ListenRules
from media.providers.segment_dialect import SegmentDialect
from media.providers.socket_recognizer import SocketSpeechToText
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.vendor_socket import SocketTarget
from media.providers.wait_history import UsualWait
from vendors.xai.facts import FACTS, XaiSpeechToTextOptions
from vendors.xai.wire import DONE, UtteranceReader, make_headers, make_query, make_url, refine_refusal

# The vendor's recommended chunk: 100 ms.
CHUNK_BYTES: Final = 800
RULES: Final = ListenRules(refine_refusal=refine_refusal, chunk_bytes=CHUNK_BYTES, close_message=DONE)


def _make_stt(setup: ProviderSetup) -> SocketSpeechToText:
    options: XaiSpeechToTextOptions = setup.options

    def make_target(language: str) -> SocketTarget:
        url = make_url(options.base_url, make_query(options, language))
        return setup.make_target(url, make_headers(options.api_key))

    def make_dialect(language: str) -> SegmentDialect:
        return SegmentDialect(UtteranceReader(setup.name), options.answer_s)

    return SocketSpeechToText(setup.name, RULES, make_dialect, make_target)


def _model(options: XaiSpeechToTextOptions) -> str:
    return options.model


# pipecat's table of STT services (1.14) lists a p99 of 2.14 s for final texts, with utterance ends that the vendor
# detects. We request the ends, so the usual time equals that of other vendors.
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
        keyterms=FACTS.keyterms,
    ),
)
