"""An agent that hears, thinks and speaks by simulated vendors, made over the API as staff and customers make theirs.

The vendors are providers of their own names, so that no key for a real vendor is ever sent to a simulated one.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import aiohttp
import msgspec

from shared.plan import CallPlan, ProviderPlan
from vocalized.stack.accounts import Accounts
from vocalized.stack.agents import LiveAgent, agent_config, ensure_live_agent
from vocalized.stack.api_client import ApiClient, ApiError
from vocalized.stack.process import ServerFailed
from vocalized.vendors.configuration import GOOGLE_SPEECH, VendorsConfig

# By provider: its vendor, which is also the shipped provider whose prices it has, but for _PRICED_AS.
PROVIDERS: Final = {
    "simulated-deepgram": "deepgram",
    "simulated-openai": "openai",
    "simulated-anthropic": "anthropic",
    "simulated-google": "google",
    "simulated-cartesia": "cartesia",
    "simulated-elevenlabs": "elevenlabs",
    "simulated-assemblyai": "assemblyai",
    "simulated-azure-speech": "azure-speech",
    "simulated-soniox": "soniox",
    "simulated-xai": "xai",
    "simulated-google-speech": GOOGLE_SPEECH,
}
# The shipped provider `xai` is of its models.
_PRICED_AS: Final = {"xai": "xai-speech"}
# By role: who is tried in which order; without vendors the local engines and the rules go on. A chain has seven at
# most, so that the recognisers of xAI and Google are in service and not in it.
CHAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "stt": (
        *("simulated-deepgram", "simulated-cartesia", "simulated-elevenlabs", "simulated-assemblyai"),
        *("simulated-soniox", "simulated-azure-speech", "local"),
    ),
    "llm": ("simulated-openai", "simulated-anthropic", "simulated-google", "receptionist"),
    "tts": (
        *("simulated-cartesia", "simulated-deepgram", "simulated-elevenlabs", "simulated-soniox"),
        *("simulated-azure-speech", "simulated-google-speech", "local"),
    ),
}
_PATH: Final = "/admin/providers"
# The model of a price that holds for all models without one of their own.
_OTHERS: Final = "*"


async def ensure_vendor_agent(
    url: str, accounts: Accounts, plan: CallPlan, config: VendorsConfig, carrier: str
) -> LiveAgent:
    """Puts the vendors into service; the agent of this plan with them, live on a number of this carrier. url: of the
    API. Raises ServerFailed."""
    chains = {role: [ProviderPlan(name) for name in names] for role, names in CHAINS.items()}
    try:
        async with aiohttp.ClientSession() as session:
            api = ApiClient(session, url)
            await api.sign_in(**asdict(accounts.admin), staff=True)
            await _put_into_service(api, config)
            await api.sign_in(**asdict(accounts.user))
            wanted = agent_config(msgspec.structs.replace(plan, **chains))
            name = f"{plan.agent.name} (simulated vendors)"
            return await ensure_live_agent(api, accounts.workspace_id, wanted, name, carrier)
    except ApiError as error:
        raise ServerFailed(f"the simulated vendors cannot be used: {error}") from error


async def retire_vendors(url: str, accounts: Accounts) -> None:
    """Takes the vendors of an earlier start out of service; their agent goes on with what is behind them. Raises
    ServerFailed."""
    try:
        async with aiohttp.ClientSession() as session:
            api = ApiClient(session, url)
            await api.sign_in(**asdict(accounts.admin), staff=True)
            for name, provider in (await _catalogue(api)).items():
                if name in PROVIDERS and provider["is_enabled"]:
                    await api.request("PUT", f"{_PATH}/{name}", {"is_enabled": False})
    except ApiError as error:
        raise ServerFailed(f"the simulated vendors cannot be taken out of service: {error}") from error


async def _put_into_service(api: ApiClient, config: VendorsConfig) -> None:
    """With the prices of the real vendors. The API tries each key before it is saved. Raises ApiError."""
    known = await _catalogue(api)
    options = make_options(config)
    for name, shipped in PROVIDERS.items():
        body = {
            "api_key": config.entered_key(shipped),
            "config": {"vendor": shipped, **options[shipped]},
            "priority": 40,
            "is_enabled": True,
            "cost_per_unit": sort_prices(known[_PRICED_AS.get(shipped, shipped)]["cost_per_unit"]),
        }
        if name in known:
            await api.request("PUT", f"{_PATH}/{name}", body)
        else:
            await api.request("POST", _PATH, {"provider": name, **body})


def sort_prices(costs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By role and model, the price of all other models last: a price holds at once only where none held before, not
    even that one."""
    return {role: dict(sorted(models.items(), key=lambda one: one[0] == _OTHERS)) for role, models in costs.items()}


async def _catalogue(api: ApiClient) -> dict[str, Any]:
    return {one["provider"]: one for one in (await api.request("GET", _PATH))["providers"]}


def make_options(config: VendorsConfig) -> dict[str, dict[str, dict[str, str]]]:
    """By vendor and role: model and address."""
    deepgram, cartesia, elevenlabs, azure = (
        f"wss://{config.host(name)}" for name in ("deepgram", "cartesia", "elevenlabs", "azure-speech")
    )
    google = f"https://{config.host(GOOGLE_SPEECH)}"
    return {
        GOOGLE_SPEECH: {
            "stt": {"model": "telephony", "base_url": google},
            "tts": {"model": "chirp3-hd", "voice_id": "Kore", "base_url": google},
        },
        "xai": {"stt": {"model": "grok-voice-transcribe-2.0", "base_url": f"wss://{config.host('xai')}"}},
        "assemblyai": {
            "stt": {"model": "universal-streaming-english", "base_url": f"wss://{config.host('assemblyai')}"},
        },
        "azure-speech": {
            "stt": {"model": "realtime", "base_url": azure},
            "tts": {"model": "neural", "base_url": azure},
        },
        "soniox": {
            "stt": {"model": "stt-rt-v5", "base_url": f"wss://{config.host('soniox')}"},
            "tts": {"model": "tts-rt-v2", "base_url": f"wss://{config.host('soniox')}"},
        },
        "deepgram": {
            "stt": {"model": "nova-3", "base_url": deepgram},
            "tts": {"model": "aura-2-thalia-en", "base_url": deepgram},
        },
        "openai": {"llm": {"model": "gpt-5.4-mini", "base_url": f"https://{config.host('openai')}/v1"}},
        "anthropic": {
            "llm": {"model": "claude-haiku-4-5", "base_url": f"https://{config.host('anthropic')}"},
        },
        "google": {
            "llm": {"model": "gemini-3.5-flash-lite", "base_url": f"https://{config.host('google')}"},
        },
        "cartesia": {
            "stt": {"model": "ink-2", "base_url": cartesia},
            "tts": {"model": "sonic-3.5", "base_url": cartesia},
        },
        "elevenlabs": {
            "stt": {"model": "scribe_v2_realtime", "base_url": elevenlabs},
            "tts": {"model": "eleven_flash_v2_5", "base_url": elevenlabs},
        },
    }
