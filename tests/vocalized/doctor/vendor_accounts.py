"""The simulated vendors over TLS, and accounts at them as the platform would have them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.voice.accounts import ProviderAccount
from media.command import VENDORS
from media.providers.vendor import VendorResources
from media.providers.warm_http import make_session
from simulator.carrier.mulaw import SILENCE
from simulator.vendors.certificate import make_certificate
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.known_speech import Ear
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.voice import speak
from tests.control.agents.strategies import offer
from tests.simulator.vendors.deepgram_clients import known_speech
from vendors.cartesia.simulator import SimulatedCartesia
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.elevenlabs.simulator import SimulatedElevenLabs
from vendors.openai.simulator import ChatVendor
from vocalized.doctor.provider_trials import ProviderTrial, TrialOptions, try_accounts

KEY = "sk-abcdefghijklmnop-secret"
WORDS = "and so my fellow americans"
CLIP = speak(WORDS) + SILENCE * (400 * 8)
MODELS = {
    "deepgram": {"stt": "nova-3", "tts": "aura-2-thalia-en"},
    "openai": {"llm": "gpt-5.4-mini"},
    "cartesia": {"stt": "ink-2", "tts": "sonic-3.5"},
    "elevenlabs": {"stt": "scribe_v2_realtime", "tts": "eleven_flash_v2_5"},
}


@dataclass
class TriedVendors:
    """states, hosts: by vendor. resources: media's, which trust them."""

    states: dict[str, VendorState]
    hosts: dict[str, str]
    resources: VendorResources
    options: TrialOptions = field(default_factory=lambda: TrialOptions(CLIP, timeout_s=5.0))

    def account(self, vendor: str, *kinds: str, key: str = KEY, **options: Any) -> ProviderAccount:
        """An account at a vendor in these roles. options: in place of the usual ones."""
        config = {kind: {"model": MODELS[vendor][kind], **self.address(vendor), **options} for kind in kinds}
        return ProviderAccount(offer(f"my-{vendor}", kinds=kinds, config={"vendor": vendor, **config}), key)

    def address(self, vendor: str) -> dict[str, str]:
        """The option that leads to the simulated vendor."""
        scheme, path = ("https", "/v1") if vendor == "openai" else ("wss", "")
        return {"base_url": f"{scheme}://{self.hosts[vendor]}{path}"}

    async def attempt(self, *accounts: ProviderAccount) -> list[ProviderTrial]:
        """Tries them."""
        return await try_accounts(accounts, VENDORS, self.resources, self.options)


@asynccontextmanager
async def running_accounts(folder: Path) -> AsyncIterator[TriedVendors]:
    """The vendors while the block lasts. Their recognizers know the clip alone."""
    certificate, speech = make_certificate(folder), known_speech(WORDS)
    deepgram, cartesia, elevenlabs = (
        make(VendorState(KEY), lambda: Ear(speech))
        for make in (SimulatedDeepgram, SimulatedCartesia, SimulatedElevenLabs)
    )
    openai = ChatVendor(
        state=VendorState(KEY), reply=lambda body: ChatReply("Hello!"), models=frozenset(["gpt-5.4-mini", "fixed"]),
        fixed_temperature=frozenset(["fixed"]),
    )  # fmt: skip
    vendors = {"deepgram": deepgram, "openai": openai, "cartesia": cartesia, "elevenlabs": elevenlabs}
    async with AsyncExitStack() as running, make_session() as http:
        hosts = {
            name: await running.enter_async_context(running_vendor(vendor.routes(), certificate, cancels=True))
            for name, vendor in vendors.items()
        }
        resources = VendorResources(http)
        resources.tls.load_verify_locations(certificate.authority)
        running.push_async_callback(resources.close)
        yield TriedVendors({name: vendor.state for name, vendor in vendors.items()}, hosts, resources)
