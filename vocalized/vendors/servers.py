"""The simulated vendors as servers, with their HTTP interface for faults."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from simulator.vendors.certificate import load_certificate
from simulator.vendors.operation import VendorOperation
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.voice import SimulatedVoice
from vendors.anthropic.simulator import AnthropicVendor
from vendors.assemblyai.simulator import SimulatedAssemblyAi
from vendors.azure_speech.simulator import SimulatedAzure, SynthesisTiming
from vendors.cartesia.simulator import SimulatedCartesia, SpeechTiming, cartesia_documents
from vendors.deepgram.simulator import ListenTiming, SimulatedDeepgram, SpeakTiming, deepgram_documents
from vendors.elevenlabs.simulator import GenerationTiming, SimulatedElevenLabs, elevenlabs_documents
from vendors.google.simulator import GeminiVendor
from vendors.google_speech.simulator import SimulatedGoogleSpeech, running_google_address
from vendors.google_speech.simulator import SynthesisTiming as GoogleTiming
from vendors.openai.simulator import ChatVendor
from vendors.soniox.simulator import SimulatedSoniox, VoiceTiming
from vendors.xai.simulator import SimulatedXai
from vocalized.vendors.bill_totals import TotalledVendorState
from vocalized.vendors.configuration import GOOGLE_SPEECH, ROLES, VendorsConfig
from vocalized.vendors.local_ear import LocalEar, Recognise
from vocalized.vendors.rule_model import answer_by_rules

# A model's usual delays, seconds.
FIRST_TOKEN_S: Final = 0.25
TOKEN_S: Final = 0.02
# The words of a piece of speech are known at its end only, so that no segment may end before.
_SEGMENT_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Senses:
    """What the vendors hear and speak with."""

    recognise: Recognise
    voice: SimulatedVoice


@asynccontextmanager
async def running_vendors(config: VendorsConfig, senses: Senses) -> AsyncIterator[None]:
    """Runs them while the block lasts. Raises OSError for a port or a certificate that cannot be used."""
    certificate = load_certificate(Path(config.folder))
    states = {name: TotalledVendorState(key=config.key_of(name)) for name in ROLES}
    async with AsyncExitStack() as running:
        for name, routes in _routes(states, senses).items():
            await running.enter_async_context(
                running_vendor(routes, certificate, cancels=True, port=config.ports[name])
            )
        google = _google_speech(states[GOOGLE_SPEECH], senses)
        await running.enter_async_context(running_google_address(google, certificate, config.ports[GOOGLE_SPEECH]))
        operation = VendorOperation(states, ROLES).routes()
        await running.enter_async_context(running_vendor(operation, None, port=config.operation))
        yield


def _google_speech(state: VendorState, senses: Senses) -> SimulatedGoogleSpeech:
    timing = GoogleTiming(voice=senses.voice)
    return SimulatedGoogleSpeech(state, lambda: LocalEar(senses.recognise), voice_timing=timing)


def _routes(states: Mapping[str, VendorState], senses: Senses) -> dict[str, Sequence[web.AbstractRouteDef]]:
    def make_ear() -> LocalEar:
        return LocalEar(senses.recognise)

    deepgram = SimulatedDeepgram(
        states["deepgram"], make_ear, ListenTiming(segment_ms=_SEGMENT_MS), SpeakTiming(voice=senses.voice)
    )
    openai = ChatVendor(state=states["openai"], reply=answer_by_rules, first_token_s=FIRST_TOKEN_S, token_s=TOKEN_S)
    anthropic = AnthropicVendor(states["anthropic"], answer_by_rules, FIRST_TOKEN_S, TOKEN_S)
    google = GeminiVendor(states["google"], answer_by_rules, FIRST_TOKEN_S, TOKEN_S)
    cartesia = SimulatedCartesia(states["cartesia"], make_ear, SpeechTiming(voice=senses.voice))
    elevenlabs = SimulatedElevenLabs(states["elevenlabs"], make_ear, GenerationTiming(voice=senses.voice))
    assemblyai = SimulatedAssemblyAi(states["assemblyai"], make_ear)
    azure = SimulatedAzure(states["azure-speech"], make_ear, speech_timing=SynthesisTiming(voice=senses.voice))
    soniox = SimulatedSoniox(states["soniox"], make_ear, voice_timing=VoiceTiming(voice=senses.voice))
    return {
        "assemblyai": assemblyai.routes(),
        "azure-speech": azure.routes(),
        "soniox": soniox.routes(),
        "xai": SimulatedXai(states["xai"], make_ear).routes(),
        "deepgram": _join(deepgram.routes(), deepgram_documents(states["deepgram"])),
        "openai": openai.routes(),
        "anthropic": anthropic.routes(),
        "google": google.routes(),
        "cartesia": _join(cartesia.routes(), cartesia_documents(states["cartesia"])),
        "elevenlabs": _join(elevenlabs.routes(), elevenlabs_documents(states["elevenlabs"])),
    }


def _join(routes: Sequence[web.AbstractRouteDef], documents: Iterable[web.RouteDef]) -> list[web.AbstractRouteDef]:
    """The documents behind the routes, without those that the vendor has itself."""
    known = {(route.method, route.path) for route in routes if isinstance(route, web.RouteDef)}
    return [*routes, *(one for one in documents if (one.method, one.path) not in known)]
