"""Response models of voice providers and routing (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.http.fields import ProviderName
from control.http.pagination import HasMore
from control.voice.routing.rules import DataPolicy, ProviderOffer, Strategy, StrategyConfig, read_policy
from control.voice.workspace_providers.service import WorkspaceRouting


@dataclass(frozen=True, slots=True)
class VoiceProvider:
    """A provider as the workspace's calls see it."""

    provider: ProviderName
    kinds: Annotated[list[str], Field(description="What the provider can be: `stt`, `llm`, `tts`.", examples=[["llm"]])]
    is_enabled: Annotated[bool, Field(description="Whether it is in service and not turned off by the workspace.")]
    uses_platform_key: Annotated[bool, Field(description="Whether calls use the platform's key.")]
    has_own_key: Annotated[bool, Field(description="The workspace has stored a key of its own.")]
    is_configured: Annotated[bool, Field(description="Calls can use it now; else `fault` says why not.")]
    fault: Annotated[
        str | None, Field(description="Why calls cannot use it now; null if they can.", examples=["groq has no key"])
    ]
    config: Annotated[
        Mapping[str, Any],
        Field(description="The workspace's own options by kind.", examples=[{"llm": {"model": "gpt-5.4-mini"}}]),
    ]
    options: Annotated[
        Mapping[str, list[str]],
        Field(description="The options that may be set, by kind.", examples=[{"llm": ["model", "temperature"]}]),
    ]
    data_policy: Annotated[DataPolicy, Field(description="What the provider does with callers' data.")]


@dataclass(frozen=True, slots=True)
class VoiceProviderList:
    """All providers, by priority."""

    providers: Annotated[list[VoiceProvider], Field(description="The providers, by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class VoiceProviderAnswer:
    """A provider."""

    provider: Annotated[VoiceProvider, Field(description="The provider.")]


@dataclass(frozen=True, slots=True)
class VoiceStrategyView:
    """How providers are chosen."""

    strategy: Annotated[Strategy, Field(description="How providers are ordered.")]
    config: Annotated[StrategyConfig, Field(description="What the strategy takes into account.")]
    fallback_enabled: Annotated[
        bool, Field(description="Whether a call goes on with another provider when the first one fails.")
    ]
    is_own: Annotated[bool, Field(description="False: it is the platform's strategy.")]


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
