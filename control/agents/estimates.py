"""What an agent's providers take and cost, as far as it is known. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.agents.config import AgentConfig
from control.agents.plans.rules import make_chain
from control.agents.rules import AgentContent
from control.voice.routing.rules import KINDS, RULES, Kind, ProviderOffers


@dataclass(frozen=True, slots=True)
class ProviderEstimate:
    """The provider of a kind that a call would ask first."""

    kind: Annotated[Kind, Field(description="Its part in the call.")]
    provider: Annotated[str, Field(description="Name of the provider.", examples=["cartesia"])]
    latency_ms: Annotated[
        int | None,
        Field(
            description="Measured time to its first useful result, the median of all calls; null while it is unknown.",
            examples=[310],
        ),
    ]
    uses_own_key: Annotated[bool, Field(description="The vendor bills the workspace, whose own key is used.")]
    vendor_cost: Annotated[
        float | None,
        Field(
            description="US dollars that the vendor bills the workspace for a minute of a call, estimated by the "
            "platform's prices; null with the platform's key, and if there is no price.",
            examples=[0.0059],
        ),
    ]


def estimate_providers(content: AgentContent, config: AgentConfig, offers: ProviderOffers) -> list[ProviderEstimate]:
    """Returns the first provider of each kind; kinds that no provider can serve are left out."""
    found = []
    for kind in KINDS:
        chain = make_chain(content, config, kind, offers)
        offer = offers.get(chain[0]["provider"]) if chain else None
        if offer is None:
            continue
        candidate, is_own = offer.candidate(kind), not offer.uses_platform_key
        known = 0 if offer.vendor == RULES else candidate.latency_ms  # rules answer at once, and nobody measures them
        latency_ms = None if known is None else round(known)
        cost = candidate.cost if is_own else None
        found.append(ProviderEstimate(kind, offer.provider, latency_ms, is_own, cost))
    return found


def sum_latencies(estimates: Sequence[ProviderEstimate]) -> int | None:
    """Returns the time that an answer takes through recognizer, model and voice; None if one of them is unknown."""
    known = [estimate.latency_ms for estimate in estimates if estimate.latency_ms is not None]
    return sum(known) if len(known) == len(KINDS) else None
