"""The simulated vendors of one account each, over TLS, and the providers that a plan can name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from lab.stage.conversation import reply_to
from shared.plan import ProviderPlan
from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.entry import (
    ModelReply,
    ModelServer,
    ServerSetting,
    SimulatedProvider,
    SimulatedServer,
    load_entries,
)
from simulator.vendors.faults import Role
from simulator.vendors.known_speech import Ear
from simulator.vendors.server import VendorState

# Speeches at once that a voice's account is allowed; the limit of the largest plan that is sold by itself is 15.
MOST_CONTEXTS: Final = 1_000
FIRST_TOKEN_S: Final = 0.25
TOKEN_S: Final = 0.01
_FIRST_AUDIO_MS: Final = 100.0

ENTRIES: Final = load_entries()
PROVIDERS: Final = {provider.name: provider for entry in ENTRIES.values() for provider in entry.providers}
# By provider: its vendor.
VENDORS: Final = {provider.name: name for name, entry in ENTRIES.items() for provider in entry.providers}


def list_providers(role: Role) -> list[str]:
    """The names of a role's providers."""
    return [provider.name for provider in PROVIDERS.values() if provider.role == role]


@dataclass(frozen=True, slots=True)
class RunningAccount:
    """A running server. address: host and port."""

    server: SimulatedServer
    address: str


@dataclass(slots=True)
class VendorAccounts:
    """One running server of each account: its vendor and its name among the vendor's."""

    accounts: dict[tuple[str, str], RunningAccount] = field(default_factory=dict)

    def state(self, provider: str) -> VendorState:
        """Faults and bills of a provider's vendor."""
        return self._find(PROVIDERS[provider]).server.state

    def chat_bodies(self, provider: str) -> list[dict[str, Any]]:
        """The requests that a language model accepted, as requests of chat completions."""
        server = self._find(PROVIDERS[provider]).server
        assert isinstance(server, ModelServer)
        return server.chat_bodies

    def plan(self, provider: str) -> ProviderPlan:
        """The provider for a call's plan."""
        found, vendor = PROVIDERS[provider], VENDORS[provider]
        account, entry = self._find(found), ENTRIES[vendor]
        base_url = f"{entry.scheme}://{account.address}{entry.accounts[found.account].path}"
        options = {**found.options, "api_key": account.server.state.key, "base_url": base_url}
        return ProviderPlan(provider, options, vendor)

    def _find(self, provider: SimulatedProvider) -> RunningAccount:
        return self.accounts[VENDORS[provider.name], provider.account]


@asynccontextmanager
async def running_accounts(
    certificate: ServerCertificate, make_ear: Callable[[], Ear], reply: ModelReply = reply_to
) -> AsyncIterator[VendorAccounts]:
    """All vendors, each on a port of its own: their health is learned apart from other accounts'. reply: of the
    models."""
    setting = ServerSetting(
        make_ear=make_ear,
        reply=reply,
        first_token_s=FIRST_TOKEN_S,
        token_s=TOKEN_S,
        first_audio_ms=_FIRST_AUDIO_MS,
        most_at_once=MOST_CONTEXTS,
    )
    accounts = VendorAccounts()
    async with AsyncExitStack() as running:
        for vendor, entry in ENTRIES.items():
            for name, account in entry.accounts.items():
                server = account.make(entry.make_state(), setting)
                serving = entry.run(server, certificate, 0, "llm" in entry.roles)
                address = await running.enter_async_context(serving)
                accounts.accounts[vendor, name] = RunningAccount(server, address)
        yield accounts
