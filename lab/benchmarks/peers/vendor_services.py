"""pipecat's own services for Deepgram, OpenAI and Cartesia, at addresses of ours."""

from pathlib import Path

import msgspec
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.stt_latency import DEEPGRAM_TTFS_P99
from pipecat.services.tts_service import TextAggregationMode

from lab.benchmarks.peers.call_services import CallServices

VOICE = "f786b574-daa5-4673-aa0c-cbe3e8534c02"


class ServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses of the vendors, the key of all three, and what the agent says first."""

    key: str
    greeting: str
    deepgram: str
    openai: str
    cartesia: str
    chat_model: str


def read_settings(path: Path) -> ServiceSettings:
    """Raises OSError and msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=ServiceSettings)


def make_vendor_services(settings: ServiceSettings, *, final_s: float | None) -> CallServices:
    """The services of a further call. final_s: the time to a final text that pipecat reckons with; None: its own."""
    return CallServices(
        stt=DeepgramSTTService(
            api_key=settings.key,
            base_url=settings.deepgram,
            ttfs_p99_latency=DEEPGRAM_TTFS_P99 if final_s is None else final_s,
        ),
        llm=OpenAILLMService(
            api_key=settings.key,
            base_url=settings.openai,
            settings=OpenAILLMService.Settings(model=settings.chat_model),
        ),
        tts=CartesiaTTSService(
            api_key=settings.key,
            url=settings.cartesia,
            text_aggregation_mode=TextAggregationMode.SENTENCE,
            settings=CartesiaTTSService.Settings(voice=VOICE),
        ),
        greeting=settings.greeting,
    )
