"""The provider catalogue: what a workspace may use, and the providers that the product ships with."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.voice import store_figures, store_providers, store_routing
from control.voice.offers import ProviderOffer, ProviderOffers
from control.voice.routing_rules import make_rules

# For the read model of an answering agent, which gets offers and rules in a query of its own: the figures of provider
# `p`, and the routing rules of workspace `w`.
FIGURES_QUERY: Final = store_routing.SELECT_FIGURES
RULES_QUERY: Final = store_routing.SELECT_RULES
# Columns that the code defines; the staff may change the others.
FACTS: Final = ("provider", "display_name", "kinds", "needs_key", "for_tests", "options")


async def list_workspace_offers(db: Connection, workspace_id: UUID, *, standins: bool) -> ProviderOffers:
    """All providers with the workspace's own settings. standins: those made for tests may be used."""
    offers = await store_providers.select_offers(db, workspace_id)
    rules = make_rules(await store_routing.select_rules(db, workspace_id))
    return ProviderOffers(offers, standins=standins, rules=rules)


async def list_catalogue(db: Connection) -> list[ProviderOffer]:
    """All providers without a workspace's settings, by name."""
    return await store_providers.select_catalogue(db)


async def seed_providers(db: Connection, providers: Iterable[Mapping[str, Any]]) -> None:
    """Inserts the providers that the product ships with; `migrate` calls this. providers: each by the names of its
    columns. Of existing ones only the columns FACTS are updated."""
    for provider in providers:
        facts = {name: provider[name] for name in FACTS}
        firsts = {name: value for name, value in provider.items() if name not in facts}
        await store_providers.upsert_provider(db, {**facts, "is_shipped": True}, firsts)


async def save_estimated_costs(db: Connection, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Sets what a minute of a call costs, in US dollars, by provider and role. Needs platform scope."""
    await store_figures.update_costs(db, costs)
