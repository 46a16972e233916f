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
from vocalized.vendors.configuration import ENTRIES, VendorsConfig

_PREFIX: Final = "simulated-"
# By provider: its vendor.
PROVIDERS: Final = {f"{_PREFIX}{vendor}": vendor for vendor in ENTRIES}
# By role: who is tried in which order; without vendors the local engines and the rules go on. A chain has seven at
# most, so that vendors are in service that are not in it.
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
            for name, provider in (await _catalog(api)).items():
                if name in PROVIDERS and provider["is_enabled"]:
                    await api.request("PUT", f"{_PATH}/{name}", {"is_enabled": False})
    except ApiError as error:
        raise ServerFailed(f"the simulated vendors cannot be taken out of service: {error}") from error


async def _put_into_service(api: ApiClient, config: VendorsConfig) -> None:
    """With the prices of the real vendors. The API tries each key before it is saved. Raises ApiError."""
    known = await _catalog(api)
    for name, vendor in PROVIDERS.items():
        body = {
            "api_key": config.entered_key(vendor),
            "config": {"vendor": vendor, **make_options(config, vendor)},
            "priority": 40,
            "is_enabled": True,
            "cost_per_unit": sort_prices(_find_shipped(known, vendor)["cost_per_unit"]),
        }
        if name in known:
            await api.request("PUT", f"{_PATH}/{name}", body)
        else:
            await api.request("POST", _PATH, {"provider": name, **body})


def sort_prices(costs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By role and model, the price of all other models last: a price holds at once only where none held before, not
    even that one."""
    return {role: dict(sorted(models.items(), key=lambda one: one[0] == _OTHERS)) for role, models in costs.items()}


async def _catalog(api: ApiClient) -> dict[str, Any]:
    return {provider["provider"]: provider for provider in (await api.request("GET", _PATH))["providers"]}


def _find_shipped(known: Mapping[str, Any], vendor: str) -> Mapping[str, Any]:
    """The provider of a vendor that ships with the product, whose prices hold; that of the vendor's name if there are
    several."""
    of_vendor = [name for name, one in known.items() if one["config"].get("vendor", name) == vendor]
    shipped: Mapping[str, Any] = known[min((n for n in of_vendor if n not in PROVIDERS), key=lambda n: n != vendor)]
    return shipped


def make_options(config: VendorsConfig, vendor: str) -> dict[str, dict[str, str]]:
    """By role: the vendor's usual options and its address."""
    base_url = config.base_url(vendor)
    return {role: {**options, "base_url": base_url} for role, options in ENTRIES[vendor].usual.items()}
