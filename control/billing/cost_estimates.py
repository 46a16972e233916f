"""Estimates what a minute of a call costs with each provider, for the strategies that compare prices."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from control.billing import store_prices
from control.billing.prices import Consumption, LedgerUnit, PriceList, Role
from control.db.pool import Connection
from control.voice.catalogue import list_catalogue, save_estimated_costs
from control.voice.offers import KINDS, Kind, ProviderOffer

# An ordinary minute: all of it is heard, the agent speaks half of it (450 characters), and the model is asked three
# times, with 1,500 tokens of prompt and conversation each.
ORDINARY_MINUTE: Final[Mapping[Kind, Mapping[LedgerUnit, int]]] = {
    "stt": {"ms": 60_000},
    "llm": {"prompt_tokens": 4_500, "completion_tokens": 150},
    "tts": {"characters": 450},
}


async def update_estimates(db: Connection, now: datetime) -> int:
    """Computes the estimates by the prices that hold now. Returns the number of providers. Needs platform scope."""
    offers = await list_catalogue(db)
    versions = await store_prices.select_versions(db, "cost", (offer.provider for offer in offers))
    estimates = estimate_costs(offers, PriceList(versions), now)
    await save_estimated_costs(db, estimates)
    return len(estimates)


def estimate_costs(offers: Iterable[ProviderOffer], prices: PriceList, at: datetime) -> dict[str, dict[str, float]]:
    """US dollars a minute by provider and role, with the provider's own default model; roles without a price are left
    out."""
    return {
        offer.provider: {
            kind: float(cost)
            for kind in KINDS
            if kind in offer.kinds and (cost := _minute_cost(offer, kind, prices, at)) is not None
        }
        for offer in offers
    }


def _minute_cost(offer: ProviderOffer, role: Kind, prices: PriceList, at: datetime) -> Decimal | None:
    model = str(offer.defaults(role).get("model", ""))
    amounts = [
        prices.calculate(_consumption(offer.provider, role, model, unit, quantity), at).value
        for unit, quantity in ORDINARY_MINUTE[role].items()
    ]
    return None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0))


def _consumption(provider: str, role: Role, model: str, unit: LedgerUnit, quantity: int) -> Consumption:
    return Consumption("cost", provider, role, model, unit, quantity)
