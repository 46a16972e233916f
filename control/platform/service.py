"""Settings and tiers of the platform, currencies of tiers, and the initial data of a new database."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.platform import queries
from control.platform.rules import (
    REGISTRY,
    UNSEEDED,
    NewTier,
    Setting,
    Tier,
    TierChange,
    check_setting,
    require_limits_fit,
)
from shared.errors import Conflict, Invalid, NotFound


class Platform:
    """Manages settings and tiers. It caches nothing: a change takes effect in the next transaction."""

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        """Create the service.

        Args:
            defaults: Defaults that depend on the kind of the platform. They replace the registry's defaults.
        """
        self._defaults = {spec.key: spec.default for spec in REGISTRY.values()} | dict(defaults or {})

    async def setting(self, db: Connection, key: str) -> Any:
        """Return a setting's value, or its default if the setting was never stored. Raises KeyError."""
        default = self._defaults[key]
        found = await queries.select_setting(db, key)
        return default if found is None else found.value

    async def settings(self, db: Connection) -> list[Setting]:
        """Return all settings in the order of the registry."""
        stored = {setting.key: setting for setting in await queries.select_settings(db)}
        return [
            stored.get(spec.key, Setting(spec.key, self._defaults[spec.key], spec.description, None))
            for spec in REGISTRY.values()
        ]

    async def change_settings(self, db: Connection, actor: Actor, values: Mapping[str, Any]) -> None:
        """Change all given settings or none.

        Raises Invalid (names the key) and Conflict (codes tier_unavailable, tier_not_priced).
        """
        unknown = sorted(values.keys() - REGISTRY.keys())
        if unknown:
            raise Invalid(f"There is no setting named {', '.join(unknown)}.", param=unknown[0], code="setting_unknown")
        await queries.lock_settings(db)
        before = {setting.key: setting.value for setting in await self.settings(db)}
        for key, value in sorted(values.items()):
            await self._change_setting(db, actor, key, before[key], value)
        if values.keys() & {"default_tier", "default_currency"}:
            await self._require_priced_default(db)

    async def _require_priced_default(self, db: Connection) -> None:
        """Check the default tier and currency of new workspaces.

        Raises Conflict (tier_not_priced), because otherwise no workspace could be created.
        """
        tier, currency = await self.setting(db, "default_tier"), await self.setting(db, "default_currency")
        await require_priced(db, tier, currency, "default_currency")

    async def _change_setting(self, db: Connection, actor: Actor, key: str, before: Any, value: Any) -> None:
        spec = REGISTRY[key]
        check_setting(spec, value)
        is_same = value == before and type(value) is type(before)
        # An explicit choice is stored, so that it survives a change of the default.
        if is_same and key not in UNSEEDED:
            return
        if spec.kind == "tier":
            await self.lock_offered_tier(db, value, key)
        await queries.upsert_setting(db, key, value, spec.description, actor.id)
        await record_change(
            db, actor, Change("setting.update", "setting", key, before={key: before}, after={key: value})
        )

    async def lock_offered_tier(self, db: Connection, name: str, param: str) -> Tier:
        """Return an offered tier, locked until the transaction ends.

        Raises Invalid (code tier_unknown) and Conflict (code tier_unavailable), which name `param`.
        """
        tier = await queries.select_tier(db, name, lock="SHARE")
        if tier is None:
            raise Invalid(f"There is no tier named {name!r}.", param=param, code="tier_unknown")
        if not tier.is_available:
            raise Conflict(f"The tier {name!r} is not offered.", param=param, code="tier_unavailable")
        return tier

    async def tier(self, db: Connection, name: str) -> Tier:
        """Return a tier. Raises NotFound (code tier_not_found)."""
        tier = await queries.select_tier(db, name)
        if tier is None:
            raise _tier_not_found()
        return tier

    async def tiers(self, db: Connection) -> list[Tier]:
        """Return all tiers, offered or not, in the order of the price list."""
        return await queries.select_tiers(db)

    async def create_tier(self, db: Connection, actor: Actor, new: NewTier) -> Tier:
        """Create a tier. Raises Conflict (code tier_exists)."""
        tier = new.tier()
        if not await queries.insert_tier(db, tier):
            raise Conflict(f"A tier named {tier.tier_name!r} already exists.", param="tier_name", code="tier_exists")
        await record_change(db, actor, Change("tier.create", "tier", tier.tier_name, after=queries.tier_values(tier)))
        return tier

    async def update_tier(self, db: Connection, actor: Actor, name: str, change: TierChange) -> Tier:
        """Change prices and limits for all workspaces of the tier. Closed bills do not change.

        A limit must not fall below the use of any workspace of this tier, and the tier of new workspaces must stay
        offered. Raises NotFound and Conflict (codes tier_in_use, which names the limit, and default_tier).
        """
        before = await queries.select_tier(db, name, lock="UPDATE")
        if before is None:
            raise _tier_not_found()
        after = change.applied(before)
        if not after.is_available and await self.setting(db, "default_tier") == name:
            raise Conflict("New workspaces get this tier. Choose another tier for them first.", code="default_tier")
        if after != before:
            require_limits_fit(before, after, await queries.select_tier_use(db, after))
            await queries.update_tier(db, after)
            await record_change(db, actor, _tier_update(before, after))
        return after


def _tier_update(before: Tier, after: Tier) -> Change:
    old, new = queries.tier_values(before), queries.tier_values(after)
    changed = [name for name in new if old[name] != new[name]]
    return Change(
        "tier.update",
        "tier",
        after.tier_name,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed},
    )


def _tier_not_found() -> NotFound:
    return NotFound("This tier does not exist.", code="tier_not_found")


async def find_currency(db: Connection, workspace_id: UUID) -> str:
    """Return the currency that a workspace is billed in."""
    return await queries.select_account_currency(db, workspace_id)


async def find_minute_price(db: Connection, tier: Tier, currency: str) -> Decimal | None:
    """Return what a minute of the tier costs in a currency; None for a currency without prices."""
    return await queries.select_minute_price(db, tier, currency)


async def require_priced(db: Connection, tier_name: str, currency: str, param: str) -> None:
    """Require that the tier has prices in the currency and the currency has an exchange rate.

    Raises Conflict (code tier_not_priced).
    """
    if not await queries.is_priced(db, tier_name, currency):
        message = f"The tier {tier_name!r} has no price in {currency.upper()}, or the currency has no exchange rate."
        raise Conflict(message, param=param, code="tier_not_priced")


async def seed_platform(db: Connection, tiers: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Store shipped tiers and settings that are missing. Stored values keep the staff's changes.

    Raises Invalid, and KeyError for an unknown key.

    Args:
        tiers: Tiers as mappings of column names to values.
        settings: Values by key.
    """
    for tier in tiers:
        await queries.insert_tier(db, Tier(**tier))
    for key, value in settings.items():
        check_setting(REGISTRY[key], value)
        await queries.insert_setting(db, key, value, REGISTRY[key].description)
