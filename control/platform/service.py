"""Service of the platform: settings, tiers and the audit log."""

from collections.abc import Mapping
from typing import Any, Final

from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform import read_tier_use, store, store_audit
from control.platform.audit import Actor, Change, record_change
from control.platform.currencies import require_priced
from control.platform.model import AuditEntry, AuditFilter, Setting, Tier
from control.platform.registry import REGISTRY, UNSEEDED, check_setting
from control.platform.tier_changes import NewTier, TierChange, require_limits_fit
from shared.errors import Conflict, Invalid, NotFound

AUDIT_LOG_DEPTH: Final = 10_000


class Platform:
    """Settings, tiers and the audit log. Nothing is cached: a change takes effect with the next transaction. defaults:
    of settings that depend on the kind of the platform, in place of the registry's."""

    def __init__(self, defaults: Mapping[str, Any] | None = None) -> None:
        self._defaults = {spec.key: spec.default for spec in REGISTRY.values()} | dict(defaults or {})

    async def setting(self, db: Connection, key: str) -> Any:
        """Returns a setting's value; the default while it was never stored. Raises KeyError."""
        default = self._defaults[key]
        found = await store.select_setting(db, key)
        return default if found is None else found.value

    async def settings(self, db: Connection) -> list[Setting]:
        """Returns all settings in the order of the registry."""
        stored = {setting.key: setting for setting in await store.select_settings(db)}
        return [
            stored.get(spec.key, Setting(spec.key, self._defaults[spec.key], spec.description, None))
            for spec in REGISTRY.values()
        ]

    async def change_settings(self, db: Connection, actor: Actor, values: Mapping[str, Any]) -> None:
        """Changes all of these settings or none. Raises Invalid (names the key), Conflict (codes tier_unavailable,
        tier_not_priced)."""
        unknown = sorted(values.keys() - REGISTRY.keys())
        if unknown:
            raise Invalid(f"There is no setting named {', '.join(unknown)}.", param=unknown[0], code="setting_unknown")
        await store.lock_settings(db)
        before = {setting.key: setting.value for setting in await self.settings(db)}
        for key, value in sorted(values.items()):
            await self._change_setting(db, actor, key, before[key], value)
        if values.keys() & {"default_tier", "default_currency"}:
            await self._require_priced_default(db)

    async def _require_priced_default(self, db: Connection) -> None:
        """Else nobody could create a workspace."""
        tier, currency = await self.setting(db, "default_tier"), await self.setting(db, "default_currency")
        await require_priced(db, tier, currency, "default_currency")

    async def _change_setting(self, db: Connection, actor: Actor, key: str, before: Any, value: Any) -> None:
        spec = REGISTRY[key]
        check_setting(spec, value)
        is_same = value == before and type(value) is type(before)
        if is_same and key not in UNSEEDED:  # a choice is stored, so that it outlives a change of the default
            return
        if spec.kind == "tier":
            await self.lock_offered_tier(db, value, key)
        await store.upsert_setting(db, key, value, spec.description, actor.id)
        await record_change(
            db, actor, Change("setting.update", "setting", key, before={key: before}, after={key: value})
        )

    async def lock_offered_tier(self, db: Connection, name: str, param: str) -> Tier:
        """Returns a tier that is offered; locks it until the transaction ends.

        Raises Invalid (code tier_unknown) and Conflict (code tier_unavailable), which name `param`."""
        tier = await store.select_tier(db, name, lock="SHARE")
        if tier is None:
            raise Invalid(f"There is no tier named {name!r}.", param=param, code="tier_unknown")
        if not tier.is_available:
            raise Conflict(f"The tier {name!r} is not offered.", param=param, code="tier_unavailable")
        return tier

    async def tier(self, db: Connection, name: str) -> Tier:
        """Raises NotFound (code tier_not_found)."""
        tier = await store.select_tier(db, name)
        if tier is None:
            raise _tier_not_found()
        return tier

    async def tiers(self, db: Connection) -> list[Tier]:
        """Returns all tiers, offered or not, in the order of the price list."""
        return await store.select_tiers(db)

    async def create_tier(self, db: Connection, actor: Actor, new: NewTier) -> Tier:
        """Raises Conflict (code tier_exists)."""
        tier = new.tier()
        if not await store.insert_tier(db, tier):
            raise Conflict(f"There is a tier named {tier.tier_name!r} already.", param="tier_name", code="tier_exists")
        await record_change(db, actor, Change("tier.create", "tier", tier.tier_name, after=store.tier_values(tier)))
        return tier

    async def update_tier(self, db: Connection, actor: Actor, name: str, change: TierChange) -> Tier:
        """Changes prices and limits of all workspaces of the tier; closed bills do not change.

        A limit may not fall below what a workspace of this tier uses (Conflict, code tier_in_use, names the limit), and
        the tier of new workspaces must stay offered (Conflict, code default_tier). Raises NotFound too.
        """
        before = await store.select_tier(db, name, lock="UPDATE")
        if before is None:
            raise _tier_not_found()
        after = change.applied(before)
        if not after.is_available and await self.setting(db, "default_tier") == name:
            raise Conflict("New workspaces get this tier: choose another one for them first.", code="default_tier")
        if after != before:
            require_limits_fit(before, after, await read_tier_use.select_tier_use(db, after))
            await store.update_tier(db, after)
            await record_change(db, actor, _tier_update(before, after))
        return after

    async def audit_log(self, db: Connection, wanted: AuditFilter, *, page: PageRequest) -> ListPage[AuditEntry]:
        """Newest first; the total is counted up to AUDIT_LOG_DEPTH.

        The depth of counted pages is bounded because the log only grows: deeper entries are reached by a cursor or by
        time. Raises Invalid (codes too_deep, cursor_unknown).
        """
        if page.offset + page.limit > AUDIT_LOG_DEPTH:
            raise Invalid(
                f"Pages reach {AUDIT_LOG_DEPTH} lines deep: narrow the list by from and to.",
                param="page",
                code="too_deep",
            )
        found = await store_audit.select_entries(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store_audit.count_entries(db, wanted, AUDIT_LOG_DEPTH))


def _tier_update(before: Tier, after: Tier) -> Change:
    old, new = store.tier_values(before), store.tier_values(after)
    changed = [name for name in new if old[name] != new[name]]
    return Change(
        "tier.update",
        "tier",
        after.tier_name,
        before={name: old[name] for name in changed},
        after={name: new[name] for name in changed},
    )


def _tier_not_found() -> NotFound:
    return NotFound("There is no such tier.", code="tier_not_found")
