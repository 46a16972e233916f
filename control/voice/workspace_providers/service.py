"""A workspace's own voice providers: its keys, its settings and its strategy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.voice.catalog.rules import addresses, require_address, require_options, require_values
from control.voice.catalog.service import list_workspace_offers
from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider, open_key, seal_key
from control.voice.routing import queries as routing_queries
from control.voice.routing.rules import (
    KINDS,
    ProviderOffer,
    ProviderOffers,
    StoredStrategy,
    Strategy,
    StrategyConfig,
    known_strategy,
)
from control.voice.workspace_providers import queries
from control.voice.workspace_providers.queries import ProviderSettings
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.secrets import Sealer
from vendors.registry import VENDORS

# The tier feature that allows a workspace's own keys.
OWN_KEYS: Final = "own_provider_keys"


@dataclass(frozen=True, slots=True)
class SettingsEdit:
    """Changes to a workspace's settings of a provider. A field that is None stays unchanged.

    Attributes:
        config: Options by kind. A kind replaces all its stored options.
        removes_key: Whether to delete the stored key.
    """

    uses_platform_key: bool | None = None
    key: str | None = field(default=None, repr=False)
    removes_key: bool = False
    config: Mapping[str, Any] | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceRouting:
    """How a workspace's providers are chosen."""

    strategy: Annotated[Strategy, Field(description="How providers are ordered.")]
    config: Annotated[StrategyConfig, Field(description="Settings of the strategy.")]
    fallback_enabled: Annotated[
        bool, Field(description="Whether a call continues with another provider if the first provider fails.")
    ]
    is_own: Annotated[bool, Field(description="Whether the strategy is the workspace's own. False: the platform's.")]


class WorkspaceProviders:
    """Manages a workspace's provider settings and its strategy.

    Args:
        standins: Whether providers that exist only for tests are listed.
    """

    def __init__(self, workspaces: Workspaces, sealer: Sealer, checker: KeyChecker, *, standins: bool) -> None:
        self._workspaces = workspaces
        self._sealer = sealer
        self.checker = checker
        self._standins = standins

    async def list_offers(self, db: Connection, workspace_id: UUID) -> list[tuple[ProviderOffer, str]]:
        """Return each provider that media supports by priority, with the reason why it cannot serve now.

        The reason is empty if the provider can serve.
        """
        offers = await self._offers(db, workspace_id)
        return [(offer, find_faults(offers, offer)) for offer in offers.list_all() if self._is_listed(offer)]

    async def get_offer(self, db: Connection, workspace_id: UUID, provider: str) -> tuple[ProviderOffer, str]:
        """Return a provider as `list_offers` does. Raises NotFound."""
        offers = await self._offers(db, workspace_id)
        offer = offers.get(provider)
        if offer is None or not self._is_listed(offer):
            raise NotFound("There is no such provider.", code="provider_not_found")
        return offer, find_faults(offers, offer)

    async def prepare(self, db: Connection, workspace_id: UUID, provider: str, edit: SettingsEdit) -> KeyCheck | None:
        """Return the check that must pass before the change is saved. Return None if no vendor could refuse the change.

        Raises NotFound, Invalid, Conflict (codes own_keys_not_in_tier, workspace_suspended).
        """
        offer, after = await self._changed(db, workspace_id, provider, edit)
        return self._check_of(offer, after, edit)

    async def save(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        provider: str,
        edit: SettingsEdit,
        now: datetime,
        checked: KeyCheck | None,
    ) -> None:
        """Save the change.

        Raises the errors of `prepare`, and Conflict (code changed_meanwhile) if the change differs from what was
        checked.

        Args:
            checked: The check that `prepare` returned and the vendor accepted.
        """
        offer, after = await self._changed(db, workspace_id, provider, edit)
        if self._check_of(offer, after, edit) != checked:
            message = "The provider was changed by another request. Send the request again."
            raise Conflict(message, code="changed_meanwhile")
        await queries.upsert_settings(db, workspace_id, provider, after, now)
        values = {"uses_platform_key": after.uses_platform_key, "is_enabled": after.is_enabled, "config": after.config}
        values["keyed"] = after.sealed is not None
        change = Change("workspace_provider.update", "provider", provider, workspace_id, after=values)
        await record_change(db, actor, change)

    async def get_routing(self, db: Connection, workspace_id: UUID) -> WorkspaceRouting:
        """Return the workspace's strategy, or else the platform's."""
        stored = await routing_queries.select_strategy(db, workspace_id) or StoredStrategy(None, {})
        platform = await routing_queries.select_routing(db)
        strategy = stored.strategy or (platform.default_strategy if platform else None)
        config = StrategyConfig.model_validate(stored.config)
        return WorkspaceRouting(known_strategy(strategy), config, stored.fallback_enabled, stored.strategy is not None)

    async def set_routing(
        self, db: Connection, workspace_id: UUID, actor: Actor, changes: Mapping[str, Any], now: datetime
    ) -> WorkspaceRouting:
        """Change the workspace's routing.

        Raises Invalid (code provider_unknown), Conflict (codes no_provider_left, workspace_suspended).

        Args:
            changes: Any of strategy (None: the platform's), config (a StrategyConfig that replaces the stored config),
                fallback_enabled.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await routing_queries.select_strategy(db, workspace_id) or StoredStrategy(None, {})
        config = changes.get("config")
        stored = {} if config is None else {"config": config.model_dump(mode="json")}
        after = replace(before, **{**changes, **stored})
        await routing_queries.upsert_strategy(db, workspace_id, after, now)
        offers = await self._offers(db, workspace_id)
        _require_known(offers, after)
        _require_served(offers)
        change = Change(
            "strategy.update",
            "strategy",
            str(workspace_id),
            workspace_id,
            before=_audited(before),
            after=_audited(after),
        )
        await record_change(db, actor, change)
        return await self.get_routing(db, workspace_id)

    async def _offers(self, db: Connection, workspace_id: UUID) -> ProviderOffers:
        return await list_workspace_offers(db, workspace_id, standins=self._standins)

    def _is_listed(self, offer: ProviderOffer) -> bool:
        facts = VENDORS.get(offer.vendor)
        is_made = facts is not None and set(offer.kinds) <= set(facts.kinds)
        return is_made and (self._standins or not offer.for_tests)

    async def _changed(
        self, db: Connection, workspace_id: UUID, provider: str, edit: SettingsEdit
    ) -> tuple[ProviderOffer, ProviderSettings]:
        """Return the changed provider and the settings to store. Raises the errors of `prepare`."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        offer, _ = await self.get_offer(db, workspace_id, provider)
        before = await queries.lock_settings(db, workspace_id, provider)
        after = self._apply(before, edit)
        uses_own = not after.uses_platform_key
        if uses_own and (edit.uses_platform_key is False or edit.key):
            await self._require_feature(db, workspace_id)
        facts = VENDORS[offer.vendor]
        if uses_own and not facts.takes_key:
            raise Invalid(f"{provider} takes no key.", code="key_invalid", param="uses_platform_key")
        if uses_own and after.sealed is None:
            raise Invalid("Your own key is required.", code="key_missing", param="api_key")
        config = after.config or {}
        require_options(
            config,
            {kind: offer.options.get(kind, ()) for kind in offer.kinds},
            address_kinds=offer.kinds if facts.takes_address else (),
        )
        known = dict(addresses(before.config or {}))
        for param, url in addresses(edit.config or {}):
            if not uses_own:
                message = "An address requires your own key, because the platform's key is not sent to it."
                raise Invalid(message, code="address_needs_own_key", param=param)
            if not edit.key and known.get(param) != url:
                # Otherwise anyone who may change the address could have the stored key sent to their own server.
                message = "A new address needs the key again. The stored key is sent only to the old address."
                raise Invalid(message, code="key_missing", param="api_key")
            require_address(url, param, self.checker.guard)
        # Stored options are not checked, because media ignores options that the vendor no longer accepts.
        require_values(edit.config or {}, offer.vendor)
        changed = replace(
            offer,
            allowed=after.is_enabled,
            uses_platform_key=after.uses_platform_key,
            own_key=after.sealed is not None,
            own_config=config,
        )
        return changed, after

    def _apply(self, before: ProviderSettings, edit: SettingsEdit) -> ProviderSettings:
        sealed = None if edit.removes_key else before.sealed
        if edit.key:
            sealed = seal_key(self._sealer, edit.key, "api_key")
        uses = before.uses_platform_key if edit.uses_platform_key is None else edit.uses_platform_key
        config = {**(before.config or {}), **(edit.config or {})}
        is_enabled = before.is_enabled if edit.is_enabled is None else edit.is_enabled
        return ProviderSettings(is_enabled, uses, sealed, config)

    def _check_of(self, offer: ProviderOffer, after: ProviderSettings, edit: SettingsEdit) -> KeyCheck | None:
        """Return the check of the workspace's own key, or None.

        Settings under the platform's key are not tested, because tests would cost the platform. For a workspace's own
        server, only the given roles are tested.
        """
        is_tried = edit.key or edit.config or edit.uses_platform_key is False
        if after.uses_platform_key or after.sealed is None or not is_tried:
            return None
        key = edit.key or open_key(self._sealer, after.sealed)
        if key is None:
            raise Invalid("The stored key cannot be opened: send it again.", code="key_missing", param="api_key")
        guarded = tuple(kind for kind in KINDS if offer.is_guarded(kind))
        return KeyCheck(KeyedProvider(offer, key), bool(guarded), guarded or KINDS)

    async def _require_feature(self, db: Connection, workspace_id: UUID) -> None:
        tier = await self._workspaces.limits(db, workspace_id)
        if not tier.features.get(OWN_KEYS, False):
            message = "The workspace's tier does not include own keys. Calls use the platform's keys."
            raise Conflict(message, code="own_keys_not_in_tier", param="uses_platform_key")


def find_faults(offers: ProviderOffers, offer: ProviderOffer) -> str:
    """Return why a provider cannot serve as any of its kinds now. Empty if it can serve as at least one."""
    faults = [offers.find_fault(offer.provider, kind) for kind in KINDS if kind in offer.kinds]
    return "" if not all(faults) else faults[0]


def _require_known(offers: ProviderOffers, strategy: StoredStrategy) -> None:
    for place, name in enumerate(strategy.config.get("order", ())):
        if offers.get(name) is None:
            message = f"There is no provider {name!r}."
            raise Invalid(message, code="provider_unknown", param=f"config.order.{place}")


def _require_served(offers: ProviderOffers) -> None:
    """Raise Conflict (code no_provider_left) unless a provider of each kind can serve."""
    empty = [kind for kind in KINDS if not offers.defaults(kind)]
    if empty:
        message = f"No {empty[0]} provider that can serve meets these data rules."
        raise Conflict(message, code="no_provider_left", param="config.data")


def _audited(strategy: StoredStrategy) -> dict[str, Any]:
    return {
        "strategy": strategy.strategy,
        "config": strategy.config,
        "fallback_enabled": strategy.fallback_enabled,
    }
