"""Which providers an agent may name, which of them can serve a call now, and in which order; no SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from control.voice.data_rules import DataDemands, meets
from control.voice.routing import (
    FIRST_STRATEGY,
    MIDDLE_QUALITY,
    RoutingCandidate,
    Strategy,
    StrategyWeights,
    order_candidates,
)

Kind = Literal["stt", "llm", "tts"]
KINDS: Final[tuple[Kind, ...]] = ("stt", "llm", "tts")
# The member of a provider's config that names its vendor.
VENDOR: Final = "vendor"
# The vendor whose language model is a set of rules: it answers only from the agent's facts.
RULES: Final = "receptionist"
# The member that has the staff's marks of quality, by kind: 0 to 100.
QUALITY: Final = "quality"
BASE_URL: Final = "base_url"


@dataclass(frozen=True, slots=True)
class ProviderOffer:
    """A provider of the catalogue as one workspace sees it: whether there are keys, never the keys.

    kinds: what it can do. config: its vendor, and the platform's options by kind. options: what an agent may set, by
    kind. priority: the lower, the earlier in a default chain. allowed: the workspace has not turned it off.
    uses_platform_key: false where the workspace brings its own. own_config: the workspace's options by kind.
    data_policy: see DataPolicy. estimated_costs: US dollars a minute of a call, by kind. figures: by kind, `p50_ms`,
    `error_rate`, those that are known.
    """

    provider: str
    kinds: Sequence[str]
    is_enabled: bool
    priority: int
    needs_key: bool
    for_tests: bool
    config: Mapping[str, Any]
    options: Mapping[str, Sequence[str]]
    platform_key: bool
    allowed: bool = True
    uses_platform_key: bool = True
    own_key: bool = False
    own_config: Mapping[str, Any] = field(default_factory=dict)
    data_policy: Mapping[str, Any] = field(default_factory=dict)
    # Measured, and so apart from what somebody sets: a worker may change them at any moment.
    estimated_costs: Mapping[str, float | None] = field(default_factory=dict, compare=False)
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict, compare=False)

    @property
    def vendor(self) -> str:
        """The adapter that media makes it with; by default the one of its own name."""
        name = self.config.get(VENDOR)
        return name if isinstance(name, str) and name else self.provider

    @property
    def takes_key(self) -> bool:
        """Whether calls send a key: the platform's, or the workspace's own, also to a server that needs none."""
        return self.needs_key or not self.uses_platform_key

    def defaults(self, kind: Kind) -> Mapping[str, Any]:
        """The platform's options for this kind, and the workspace's over them. The workspace's address is left out
        where the platform's key would be sent there."""
        platform = self.config.get(kind)
        own = self.own_config.get(kind, {}) if isinstance(self.own_config.get(kind, {}), Mapping) else {}
        if self.uses_platform_key:
            own = {name: value for name, value in own.items() if name != BASE_URL}
        return {**(platform if isinstance(platform, Mapping) else {}), **own}

    def is_guarded(self, kind: Kind) -> bool:
        """Whether the workspace gave the address."""
        own = self.own_config.get(kind)
        return not self.uses_platform_key and isinstance(own, Mapping) and BASE_URL in own

    def candidate(self, kind: Kind) -> RoutingCandidate:
        """What strategies compare."""
        figures, marks = self.figures.get(kind, {}), self.config.get(QUALITY)
        mark = marks.get(kind, MIDDLE_QUALITY) if isinstance(marks, Mapping) else MIDDLE_QUALITY
        return RoutingCandidate(
            provider=self.provider,
            priority=self.priority,
            cost=self.estimated_costs.get(kind),
            latency_ms=figures.get("p50_ms"),
            error_rate=figures.get("error_rate") or 0.0,
            quality=mark if isinstance(mark, int | float) else MIDDLE_QUALITY,
            is_last=self.vendor == RULES,
        )


@dataclass(frozen=True, slots=True)
class CataloguedProvider:
    """A provider as the staff see it. health_status, last_check: of its worst role."""

    offer: ProviderOffer
    display_name: str
    is_shipped: bool
    health_status: str
    last_check: datetime | None


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """How a workspace's default chains are put together. order: of providers, for `priority`. has_fallback: whether
    there is a second choice. fallback_chain: the platform's, tried after the first choice. demands: see `meets`."""

    strategy: Strategy = FIRST_STRATEGY
    weights: StrategyWeights | None = None
    order: Sequence[str] = ()
    has_fallback: bool = True
    fallback_chain: Sequence[str] = ()
    demands: DataDemands = field(default_factory=DataDemands)


class ProviderOffers:
    """All providers of a workspace. standins: those made for tests may be used."""

    def __init__(
        self, offers: Iterable[ProviderOffer], *, standins: bool = False, rules: RoutingRules | None = None
    ) -> None:
        self._all = {offer.provider: offer for offer in sorted(offers, key=lambda o: (o.priority, o.provider))}
        self._standins = standins
        self._rules = rules or RoutingRules()

    def get(self, provider: str) -> ProviderOffer | None:
        """A provider by its name."""
        return self._all.get(provider)

    def list_all(self) -> list[ProviderOffer]:
        """All providers, by priority."""
        return list(self._all.values())

    def find_fault(self, provider: str, kind: Kind) -> str:
        """Why the provider cannot serve as this kind now; empty if it can."""
        offer = self._all.get(provider)
        if offer is None or kind not in offer.kinds:
            return f"there is no {kind} provider {provider!r}"
        if not offer.is_enabled:
            return f"{provider} is not in service"
        if not offer.allowed:
            return f"{provider} is turned off in this workspace"
        if offer.for_tests and not self._standins:
            return f"{provider} is for tests only"
        if offer.takes_key and not (offer.platform_key if offer.uses_platform_key else offer.own_key):
            return f"{provider} has no key"
        if not meets(offer.data_policy, self._rules.demands):
            return f"{provider} does not meet the workspace's data rules"
        return ""

    def defaults(self, kind: Kind) -> list[str]:
        """The chain of an agent that names none: of all providers that can serve, except those made for tests, the
        strategy's first choice, the fallback chain, then the others in the strategy's order. Without fallback only the
        first choice."""
        usable = [
            offer
            for name, offer in self._all.items()
            if kind in offer.kinds and not offer.for_tests and not self.find_fault(name, kind)
        ]
        rules = self._rules
        ordered = order_candidates(
            (offer.candidate(kind) for offer in usable), rules.strategy, weights=rules.weights, order=rules.order
        )
        chosen = [*ordered[:1], *(name for name in self.fallbacks(kind) if name in ordered), *ordered[1:]]
        return list(dict.fromkeys(chosen)) if rules.has_fallback else ordered[:1]

    def fallbacks(self, kind: Kind) -> list[str]:
        """The platform's fallback chain for this kind, those that can serve; tried after the providers that an agent
        names."""
        if not self._rules.has_fallback:
            return []
        return [name for name in self._rules.fallback_chain if not self.find_fault(name, kind)]
