"""The simulated vendors of one account each, over TLS, and the providers that a plan can name."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shared.plan import ProviderPlan
from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.faults import Role
from simulator.vendors.known_speech import Ear
from simulator.vendors.openai_request import Flavour
from simulator.vendors.server import VendorState, running_vendor
from vendors.anthropic import simulator as anthropic_simulator
from vendors.anthropic.simulator import AnthropicVendor
from vendors.assemblyai.simulator import SimulatedAssemblyAi
from vendors.azure_speech.simulator import SimulatedAzure, SynthesisTiming
from vendors.cartesia.simulator import SimulatedCartesia, SpeechTiming
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.elevenlabs.simulator import GenerationTiming, SimulatedElevenLabs
from vendors.google import simulator as google_simulator
from vendors.google.simulator import GeminiVendor
from vendors.google_speech.simulator import SimulatedGoogleSpeech, running_google_speech
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vendors.soniox.simulator import SimulatedSoniox, VoiceTiming
from vendors.xai.simulator import SimulatedXai
from vocalized.rehearse.failover.conversation import reply_to

ServerName = Literal[
    "assemblyai",
    "deepgram",
    "cartesia",
    "elevenlabs",
    "openai",
    "groq",
    "openrouter",
    "azure",
    "azure-speech",
    "xai",
    "grok",
    "soniox",
    "anthropic",
    "google",
    "google-speech",
]
# What a simulated model answers, from a request of chat completions.
ModelReply = Callable[[Mapping[str, Any]], ChatReply]
ModelVendor = ChatVendor | AnthropicVendor | GeminiVendor
SpeechVendor = (
    SimulatedAssemblyAi
    | SimulatedAzure
    | SimulatedDeepgram
    | SimulatedCartesia
    | SimulatedElevenLabs
    | SimulatedSoniox
    | SimulatedXai
)
# Speeches at once that the voice's account is allowed; the limit of the largest plan that is sold by itself is 15.
MOST_CONTEXTS: Final = 1_000
FIRST_TOKEN_S: Final = 0.25
TOKEN_S: Final = 0.01
# xAI's recogniser and its models are different servers here, so that faults of one are not the other's.
_VENDORS: Final[dict[str, str]] = {"grok": "xai"}
_FLAVOURS: Final[tuple[Flavour, ...]] = ("openai", "groq", "openrouter", "azure", "xai")


@dataclass(frozen=True, slots=True)
class SimulatedProvider:
    """A provider as a plan names it. server: whose account it uses. options: without address and key."""

    name: str
    role: Role
    server: ServerName
    options: dict[str, object]


PROVIDERS: Final = {
    provider.name: provider
    for provider in (
        SimulatedProvider("nova", "stt", "deepgram", {"model": "nova-3"}),
        SimulatedProvider("flux", "stt", "deepgram", {"model": "flux-general-en"}),
        SimulatedProvider("ink", "stt", "cartesia", {"model": "ink-2"}),
        SimulatedProvider("ink-turns", "stt", "cartesia", {"model": "ink-2", "turns": True}),
        SimulatedProvider("scribe", "stt", "elevenlabs", {"model": "scribe_v2_realtime"}),
        SimulatedProvider("universal", "stt", "assemblyai", {"model": "universal-streaming-english"}),
        SimulatedProvider("universal-3", "stt", "assemblyai", {"model": "universal-3-6-pro"}),
        SimulatedProvider("grok", "stt", "grok", {"model": "grok-voice-transcribe-2.0"}),
        SimulatedProvider("azure-ear", "stt", "azure-speech", {"model": "realtime"}),
        SimulatedProvider("soniox", "stt", "soniox", {"model": "stt-rt-v5"}),
        SimulatedProvider("chirp", "stt", "google-speech", {"model": "chirp_3", "location": "us"}),
        SimulatedProvider("kore", "tts", "google-speech", {"model": "chirp3-hd", "voice_id": "Kore"}),
        SimulatedProvider("aura", "tts", "deepgram", {"model": "aura-2-thalia-en"}),
        SimulatedProvider("sonic", "tts", "cartesia", {"model": "sonic-3.5"}),
        SimulatedProvider("soniox-voice", "tts", "soniox", {"model": "tts-rt-v2"}),
        SimulatedProvider("eleven-flash", "tts", "elevenlabs", {"model": "eleven_flash_v2_5"}),
        SimulatedProvider("azure-voice", "tts", "azure-speech", {"model": "neural"}),
        *(SimulatedProvider(name, "llm", name, {"model": "a-model", "dialect": name}) for name in _FLAVOURS),
        SimulatedProvider("anthropic", "llm", "anthropic", {"model": "claude-haiku-4-5"}),
        SimulatedProvider("google", "llm", "google", {"model": "gemini-3.5-flash-lite"}),
    )
}


def list_providers(role: Role) -> list[str]:
    """The names of a role's providers."""
    return [one.name for one in PROVIDERS.values() if one.role == role]


@dataclass(slots=True)
class VendorAccounts:
    """One running server of each vendor, with an account of its own. addresses: host and port."""

    assemblyai: SimulatedAssemblyAi
    azure: SimulatedAzure
    deepgram: SimulatedDeepgram
    cartesia: SimulatedCartesia
    elevenlabs: SimulatedElevenLabs
    grok: SimulatedXai
    soniox: SimulatedSoniox
    google_speech: SimulatedGoogleSpeech
    models: dict[str, ModelVendor]
    addresses: dict[str, str] = field(default_factory=dict)

    def state(self, provider: str) -> VendorState:
        """Faults and bills of a provider's vendor."""
        server = PROVIDERS[provider].server
        if server == "deepgram":
            return self.deepgram.state
        if server == "elevenlabs":
            return self.elevenlabs.state
        if server == "assemblyai":
            return self.assemblyai.state
        if server == "azure-speech":
            return self.azure.state
        if server == "grok":
            return self.grok.state
        if server == "soniox":
            return self.soniox.state
        if server == "google-speech":
            return self.google_speech.state
        return self.cartesia.state if server == "cartesia" else self.models[server].state

    def chat_bodies(self, provider: str) -> list[dict[str, Any]]:
        """The requests that a language model accepted, as ones of chat completions."""
        vendor = self.models[PROVIDERS[provider].server]
        if isinstance(vendor, AnthropicVendor):
            return [anthropic_simulator.to_chat_body(body) for body in vendor.bodies]
        if isinstance(vendor, GeminiVendor):
            return [google_simulator.to_chat_body(body) for body in vendor.bodies]
        return vendor.bodies

    def plan(self, provider: str) -> ProviderPlan:
        """The provider for a call's plan."""
        found = PROVIDERS[provider]
        vendor = "openai" if found.server in _FLAVOURS else _VENDORS.get(found.server, found.server)
        options = {**found.options, "api_key": self.state(provider).key, "base_url": self._base_url(found)}
        return ProviderPlan(provider, options, vendor)

    def _base_url(self, provider: SimulatedProvider) -> str:
        address = self.addresses[provider.server]
        server = provider.server
        if (
            server == "assemblyai"
            or server == "azure-speech"
            or server == "deepgram"
            or server == "cartesia"
            or server == "elevenlabs"
            or server == "grok"
            or server == "soniox"
        ):  # mypy narrows only this
            return f"wss://{address}"
        if server == "anthropic" or server == "google" or server == "google-speech":
            return f"https://{address}"
        return f"https://{address}{BASE_PATHS[server]}"


@asynccontextmanager
async def running_accounts(
    certificate: ServerCertificate, make_ear: Callable[[], Ear], reply: ModelReply = reply_to
) -> AsyncIterator[VendorAccounts]:
    """All vendors, each on a port of its own: their health is learnt apart from other accounts'. reply: of the
    models."""
    accounts = _make_accounts(make_ear, reply)
    async with AsyncExitStack() as running:

        async def serve(name: str, vendor: SpeechVendor | ModelVendor) -> None:
            cancels = name in accounts.models
            server = running_vendor(vendor.routes(), certificate, cancels=cancels)
            accounts.addresses[name] = await running.enter_async_context(server)

        await serve("assemblyai", accounts.assemblyai)
        await serve("azure-speech", accounts.azure)
        await serve("deepgram", accounts.deepgram)
        await serve("cartesia", accounts.cartesia)
        await serve("elevenlabs", accounts.elevenlabs)
        await serve("grok", accounts.grok)
        await serve("soniox", accounts.soniox)
        serving = running_google_speech(accounts.google_speech, certificate)
        accounts.addresses["google-speech"] = await running.enter_async_context(serving)
        for name, model in accounts.models.items():
            await serve(name, model)
        yield accounts


def _make_accounts(make_ear: Callable[[], Ear], reply: ModelReply) -> VendorAccounts:
    generation = GenerationTiming(first_audio_ms=100.0, max_generating=MOST_CONTEXTS)
    synthesis = SynthesisTiming(first_audio_ms=100.0, max_speaking=MOST_CONTEXTS)
    return VendorAccounts(
        assemblyai=SimulatedAssemblyAi(make_ear=make_ear),
        azure=SimulatedAzure(make_ear=make_ear, speech_timing=synthesis),
        deepgram=SimulatedDeepgram(make_ear=make_ear),
        cartesia=SimulatedCartesia(make_ear=make_ear, speech_timing=SpeechTiming(max_contexts=MOST_CONTEXTS)),
        elevenlabs=SimulatedElevenLabs(make_ear=make_ear, speech_timing=generation),
        grok=SimulatedXai(make_ear=make_ear),
        soniox=SimulatedSoniox(make_ear=make_ear, voice_timing=VoiceTiming(first_audio_ms=100.0)),
        google_speech=SimulatedGoogleSpeech(make_ear=make_ear),
        models=_make_models(reply),
    )


def _make_models(reply: ModelReply) -> dict[str, ModelVendor]:
    return {
        **{name: ChatVendor(name, reply=reply, first_token_s=FIRST_TOKEN_S, token_s=TOKEN_S) for name in _FLAVOURS},
        "anthropic": AnthropicVendor(reply=reply, first_token_s=FIRST_TOKEN_S, token_s=TOKEN_S),
        "google": GeminiVendor(reply=reply, first_token_s=FIRST_TOKEN_S, token_s=TOKEN_S),
    }
