"""Routes of voice providers and routing for workspace members."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from control.http.access import member
from control.http.body import ChangeBody
from control.http.context import MemberContext
from control.http.fields import ProviderName
from control.http.pagination import HasMore
from control.http.responses.after_commit import CheckedChange
from control.http.route import RateLimit, Route
from control.voice.key_check import KeyCheck
from control.voice.routing.rules import DataPolicy, Provider, ProviderOffer, Strategy, StrategyConfig, read_policy
from control.voice.workspace_providers.service import SettingsEdit, WorkspaceProviders, WorkspaceRouting


@dataclass(frozen=True, slots=True)
class VoiceProvider:
    """A voice provider and whether the workspace's calls can use it."""

    provider: ProviderName
    kinds: Annotated[list[str], Field(description="Roles of the provider: `stt`, `llm`, `tts`.", examples=[["llm"]])]
    is_enabled: Annotated[
        bool, Field(description="Whether the provider is in service and the workspace has not turned it off.")
    ]
    uses_platform_key: Annotated[bool, Field(description="Whether calls use the platform's key.")]
    has_own_key: Annotated[bool, Field(description="Whether the workspace has stored its own key.")]
    is_configured: Annotated[
        bool, Field(description="Whether calls can use the provider now. If not, `fault` has the reason.")
    ]
    fault: Annotated[
        str | None,
        Field(description="Why calls cannot use the provider now. Null if they can.", examples=["groq has no key"]),
    ]
    config: Annotated[
        Mapping[str, Any],
        Field(description="The workspace's own options by kind.", examples=[{"llm": {"model": "gpt-5.4-mini"}}]),
    ]
    options: Annotated[
        Mapping[str, list[str]],
        Field(description="The options that may be set, by kind.", examples=[{"llm": ["model", "temperature"]}]),
    ]
    data_policy: Annotated[DataPolicy, Field(description="How the provider handles callers' data.")]


@dataclass(frozen=True, slots=True)
class VoiceProviderList:
    """All voice providers, ordered by priority."""

    providers: Annotated[list[VoiceProvider], Field(description="The providers, ordered by priority.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class VoiceProviderAnswer:
    """A voice provider."""

    provider: Annotated[VoiceProvider, Field(description="The provider.")]


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


VOICE = "/workspaces/{workspaceId}/voice"

OwnKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_096),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]


class VoiceProviderChange(ChangeBody):
    """Changes to the workspace's settings of a provider. Omitted fields stay unchanged."""

    uses_platform_key: bool = Field(
        True, description="Whether calls use the platform's key instead of the workspace's own."
    )
    api_key: OwnKey | None = Field(
        None,
        description="The workspace's own key, which is never returned. Null deletes it.",
        examples=["key-of-the-vendor"],
    )
    config: dict[str, Any] = Field(
        {},
        max_length=3,
        description="Options by kind. A kind replaces all its stored options. `location` (google-speech) and `region` "
        "(azure-speech) select where the vendor processes data.",
        examples=[{"stt": {"model": "telephony", "location": "eu"}}],
    )
    is_enabled: bool = Field(True, description="Whether this workspace's calls may use the provider.")


class VoiceStrategyChange(ChangeBody):
    """Changes to the workspace's routing. Omitted fields stay unchanged."""

    strategy: Strategy | None = Field(None, description="Null: the platform's strategy.")
    config: Annotated[
        StrategyConfig, Field(description="Settings of the strategy, which replace the stored settings.")
    ] = StrategyConfig()
    fallback_enabled: bool = Field(
        True, description="Whether a call continues with another provider if the first provider fails."
    )


async def list_voice_providers(context: MemberContext) -> VoiceProviderList:
    """List all voice providers by priority, with whether calls can use them."""
    found = await context.services[WorkspaceProviders].list_offers(context.db, context.workspace_id)
    return VoiceProviderList([to_provider(offer, fault) for offer, fault in found], has_more=False)


async def change_voice_provider(
    context: MemberContext,
    provider: Annotated[Provider, Field(description="Name of the provider in the catalog.", examples=["groq"])],
    body: VoiceProviderChange,
) -> CheckedChange[VoiceProviderAnswer]:
    """Change the workspace's settings of a provider.

    The workspace's own key, and settings that are used with it, are tested at the vendor before they are saved.
    """
    edit = _edit(body)
    service = context.services[WorkspaceProviders]
    check = await service.prepare(context.db, context.workspace_id, provider, edit)
    save = partial(_save, provider=provider, edit=edit, checked=check)
    return CheckedChange(service.checker.prepare(check, str(context.workspace_id)), save)


async def get_strategy(context: MemberContext) -> WorkspaceRouting:
    """Return how providers are chosen for agents that name none."""
    return await context.services[WorkspaceProviders].get_routing(context.db, context.workspace_id)


async def change_strategy(context: MemberContext, body: VoiceStrategyChange) -> WorkspaceRouting:
    """Change how providers are chosen. New calls follow the change."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    return await context.services[WorkspaceProviders].set_routing(
        context.db, context.workspace_id, context.actor, changes, context.now
    )


async def _save(
    context: MemberContext, provider: str, edit: SettingsEdit, checked: KeyCheck | None
) -> VoiceProviderAnswer:
    service, workspace_id = context.services[WorkspaceProviders], context.workspace_id
    await service.save(context.db, workspace_id, context.actor, provider, edit, context.now, checked)
    offer, fault = await service.get_offer(context.db, workspace_id, provider)
    return VoiceProviderAnswer(to_provider(offer, fault))


def _edit(body: VoiceProviderChange) -> SettingsEdit:
    given = body.model_fields_set
    return SettingsEdit(
        uses_platform_key=body.uses_platform_key if "uses_platform_key" in given else None,
        key=body.api_key,
        removes_key="api_key" in given and body.api_key is None,
        config=body.config if "config" in given else None,
        is_enabled=body.is_enabled if "is_enabled" in given else None,
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{VOICE}/providers", list_voice_providers, member("viewer", "voice:read")),
    # Rate limited, because a request may connect to a host that a customer chose, and reveals whether a key is valid.
    Route(
        "PUT",
        f"{VOICE}/providers/{{provider}}",
        change_voice_provider,
        member("admin", "voice:write"),
        limit=RateLimit("voice-providers", 60, 60),
        check_limit=RateLimit("key-checks", 20, 600),
        errors=(
            "404 provider_not_found",
            "422 address_invalid",
            "422 key_invalid",
            "422 key_refused",
            "422 option_invalid",
            "422 option_unknown",
            "422 provider_refused",
            "409 changed_meanwhile",
            "409 own_keys_not_in_tier",
            "409 workspace_suspended",
            "422 address_needs_own_key",
            "422 key_missing",
        ),
    ),
    Route("GET", f"{VOICE}/strategy", get_strategy, member("viewer", "voice:read")),
    Route(
        "PUT",
        f"{VOICE}/strategy",
        change_strategy,
        member("admin", "voice:write"),
        errors=("409 no_provider_left", "409 workspace_suspended", "422 provider_unknown"),
    ),
)
