"""The accounts at vendors that calls use: providers in service, each with its opened key, for who wants to try them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from control.db.pool import Connection
from control.voice.catalog import queries as catalog_queries
from control.voice.keys import open_key
from control.voice.routing.rules import ProviderOffer
from control.voice.workspace_providers import queries as workspace_providers_queries
from shared.secrets import Sealer
from vendors.registry import VENDORS


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """A provider and the key that calls send.

    Attributes:
        key: Empty for a server without keys.
        fault: Why it cannot be used; empty if it can.
    """

    offer: ProviderOffer
    key: str = field(default="", repr=False)
    fault: str = ""


async def list_platform_accounts(db: Connection, sealer: Sealer) -> list[ProviderAccount]:
    """Returns the platform's: providers in service at a server that takes a key, and those at servers of one's own
    without. Needs platform scope."""
    offers = _in_service(await catalog_queries.select_catalog(db))
    accounts = []
    for offer in offers:
        found = await catalog_queries.select_sealed(db, offer.provider)
        if found is not None and (found[1] is not None or not offer.needs_key):
            accounts.append(_open(offer, found[1], sealer))
    return accounts


async def list_workspace_accounts(db: Connection, sealer: Sealer, workspace_id: UUID) -> list[ProviderAccount]:
    """Returns the workspace's own accounts: providers in service for which it has its own key."""
    accounts = []
    for offer in _in_service(await catalog_queries.select_offers(db, workspace_id)):
        if offer.allowed and offer.own_key and not offer.uses_platform_key:
            settings = await workspace_providers_queries.lock_settings(db, workspace_id, offer.provider)
            accounts.append(_open(offer, settings.sealed, sealer))
    return accounts


def _in_service(offers: Iterable[ProviderOffer]) -> list[ProviderOffer]:
    """Returns the offers that are reached at an address with a key, by priority."""
    usable = [offer for offer in offers if offer.is_enabled and not offer.for_tests and _takes_key(offer)]
    return sorted(usable, key=lambda offer: (offer.priority, offer.provider))


def _takes_key(offer: ProviderOffer) -> bool:
    facts = VENDORS.get(offer.vendor)
    return facts is not None and facts.takes_key and set(offer.kinds) <= set(facts.kinds)


def _open(offer: ProviderOffer, sealed: bytes | None, sealer: Sealer) -> ProviderAccount:
    if sealed is None:
        return ProviderAccount(offer)
    key = open_key(sealer, sealed)
    return (
        ProviderAccount(offer, fault="its key cannot be opened: set it again")
        if key is None
        else (ProviderAccount(offer, key))
    )
