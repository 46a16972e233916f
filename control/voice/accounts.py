"""The vendor accounts that calls use, with opened keys, for tests of the providers."""

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
        fault: Why the account cannot be used. Empty if it can.
    """

    offer: ProviderOffer
    key: str = field(default="", repr=False)
    fault: str = ""


async def list_platform_accounts(db: Connection, sealer: Sealer) -> list[ProviderAccount]:
    """Return the platform's accounts. Requires platform scope.

    The list has the providers in service that take a key, and those without a key at the operator's own servers.
    """
    offers = _in_service(await catalog_queries.select_catalog(db))
    accounts = []
    for offer in offers:
        found = await catalog_queries.select_sealed(db, offer.provider)
        if found is not None and (found[1] is not None or not offer.needs_key):
            accounts.append(_open(offer, found[1], sealer))
    return accounts


async def list_workspace_accounts(db: Connection, sealer: Sealer, workspace_id: UUID) -> list[ProviderAccount]:
    """Return the workspace's own accounts: providers in service for which the workspace has stored a key."""
    accounts = []
    for offer in _in_service(await catalog_queries.select_offers(db, workspace_id)):
        if offer.allowed and offer.own_key and not offer.uses_platform_key:
            settings = await workspace_providers_queries.lock_settings(db, workspace_id, offer.provider)
            accounts.append(_open(offer, settings.sealed, sealer))
    return accounts


def _in_service(offers: Iterable[ProviderOffer]) -> list[ProviderOffer]:
    """Return the offers in service that have an address and take a key, ordered by priority."""
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
