"""Response models of voice providers and routing (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.http.pagination import HasMore
from control.voice.data_rules import DataPolicy, read_policy
from control.voice.offers import ProviderOffer
from control.voice.routing import Strategy
from control.voice.routing_rules import StrategyConfig
from control.voice.workspace_providers import WorkspaceRouting


@dataclass(frozen=True, slots=True)
class VoiceProvider:
    """A provider as the workspace's calls see it. is_enabled: the workspace has not turned it off, and it is in
    service. is_configured: calls can use it now; else `fault` says why not. has_own_key: the workspace has stored a key
    of its own. config: the workspace's own options by kind. options: those that it and its agents may set, by kind."""

    provider: str
    kinds: list[str]
    is_enabled: bool
    uses_platform_key: bool
    has_own_key: bool
    is_configured: bool
    fault: str | None
    config: Mapping[str, Any]
    options: Mapping[str, list[str]]
    data_policy: DataPolicy


@dataclass(frozen=True, slots=True)
class VoiceProviderList:
    """All providers, by priority."""

    providers: list[VoiceProvider]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class VoiceProviderAnswer:
    """A provider."""

    provider: VoiceProvider


@dataclass(frozen=True, slots=True)
class VoiceStrategyView:
    """How providers are chosen. is_own: false: it is the platform's strategy."""

    strategy: Strategy
    config: StrategyConfig
    fallback_enabled: bool
    is_own: bool


def to_provider(offer: ProviderOffer, fault: str) -> VoiceProvider:
    return VoiceProvider(
        provider=offer.provider,
        kinds=list(offer.kinds),
        is_enabled=offer.allowed and offer.is_enabled,
        uses_platform_key=offer.uses_platform_key,
        has_own_key=offer.own_key,
        is_configured=not fault,
        fault=fault or None,
        config=offer.own_config,
        options={kind: list(names) for kind, names in offer.options.items()},
        data_policy=read_policy(offer.data_policy),
    )


def to_strategy(routing: WorkspaceRouting) -> VoiceStrategyView:
    return VoiceStrategyView(routing.strategy, routing.config, routing.fallback_enabled, routing.is_own)
