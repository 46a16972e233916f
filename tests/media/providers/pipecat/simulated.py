"""Three simulated vendors for which media has no adapter, and plans that reach them by pipecat's services."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech
from simulator.vendors.script import Hearing
from simulator.vendors.server import VendorState, running_vendor
from vendors.openai.simulator import ResponsesVendor
from vendors.rime.simulator import SimulatedRime
from vendors.soniox.simulator import SimulatedSoniox

KEY = "sk-only-for-this-test-5f2c"
GREETING = "Good morning, what can I do for you?"


@dataclass
class PipecatVendors:
    """soniox, responses, rime: a recognizer, a model and a voice. addresses: `127.0.0.1:PORT` of each."""

    soniox: SimulatedSoniox
    responses: ResponsesVendor
    rime: SimulatedRime
    addresses: dict[str, str] = field(default_factory=dict)

    def provider(self, kind: str, key: str = KEY, **settings: Any) -> dict[str, Any]:
        """A provider of a plan."""
        address = self.addresses[kind]
        known: dict[str, tuple[str, dict[str, Any]]] = {
            "stt": (
                "SonioxSTTService",
                {"url": f"ws://{address}/transcribe-websocket", "sample_rate": 8000, "ttfs_p99_latency": 0.4},
            ),
            "llm": ("OpenAIResponsesHttpLLMService", {"base_url": f"http://{address}/v1", "model": "gpt-simulated"}),
            "tts": ("RimeTTSService", {"url": f"ws://{address}/ws3", "voice": "luna", "sample_rate": 8000}),
        }
        service, fixed = known[kind]
        options = {"service": service, "settings": {**fixed, **settings}, "api_key": key}
        return {"provider": f"pipecat-{kind}", "vendor": "pipecat", "options": options}


def make_ear(recording: KnownRecording | None) -> Callable[[], Hearing]:
    """What recognizers hear."""
    speech = KnownSpeech([recording] if recording else [])
    return lambda: Ear(speech)


@asynccontextmanager
async def running_vendors(
    recording: KnownRecording | None = None, reply: Callable[[Mapping[str, Any]], ChatReply] | None = None
) -> AsyncIterator[PipecatVendors]:
    """Runs all three. recording: what the recognizer knows. reply: the model's answers."""
    vendors = PipecatVendors(
        SimulatedSoniox(VendorState(key=KEY), make_ear(recording)),
        ResponsesVendor(VendorState(key=KEY), reply or (lambda body: ChatReply(GREETING))),
        SimulatedRime(VendorState(key=KEY)),
    )
    async with AsyncExitStack() as stack:
        for kind, one in (("stt", vendors.soniox), ("llm", vendors.responses), ("tts", vendors.rime)):
            vendors.addresses[kind] = await stack.enter_async_context(running_vendor(one.routes(), None, cancels=True))
        yield vendors
