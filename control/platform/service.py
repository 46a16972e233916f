"""The platform's own rules: settings, tiers, and who may read the audit log."""

from collections.abc import Mapping
from typing import Any, Final

from control.db.pool import Connection
from control.platform import store
from control.platform.audit import Actor, Change, record
from control.platform.model import LogEntry, LogFilter, Setting, Tier
from control.platform.registry import REGISTRY, check
from control.platform.tier_changes import NewTier, TierChange, require_room
from shared.errors import Conflict, Invalid, Missing

LOG_DEPTH: Final = 10_000


class Platform:
    """Settings, tiers and the audit log. Nothing is cached: a change holds from the next transaction on."""

    async def setting(self, db: Connection, key: str) -> Any:
        """The value of a key of the registry, its default while it was never stored. Raises KeyError."""
        spec = REGISTRY[key]
        found = await store.select_setting(db, key)
        return spec.default if found is None else found.value

    async def settings(self, db: Connection) -> list[Setting]:
        """All of them, in the registry's order."""
        stored = {setting.key: setting for setting in await store.select_settings(db)}
        return [
            stored.get(spec.key, Setting(spec.key, spec.default, spec.description, None)) for spec in REGISTRY.values()
        ]

    async def change_settings(self, db: Connection, actor: Actor, values: Mapping[str, Any]) -> None:
        """All of them or none. Raises Invalid, which names the key, and Conflict (code tier_unavailable)."""
        unknown = sorted(values.keys() - REGISTRY.keys())
        if unknown:
            raise Invalid(f"There is no setting named {', '.join(unknown)}.", param=unknown[0], code="setting_unknown")
        await store.lock_settings(db)
        before = {setting.key: setting.value for setting in await self.settings(db)}
        for key, value in sorted(values.items()):
            await self._change_setting(db, actor, key, before[key], value)

    async def _change_setting(self, db: Connection, actor: Actor, key: str, before: Any, value: Any) -> None:
        spec = REGISTRY[key]
        check(spec, value)
        if value == before and type(value) is type(before):
            return
        if spec.kind == "tier":
            await self.offered(db, value, key)
        await store.upsert_setting(db, key, value, spec.description, actor.id)
        await record(db, actor, Change("setting.update", "setting", key, before={key: before}, after={key: value}))

    async def offered(self, db: Connection, name: str, param: str) -> Tier:
        """A tier that may be chosen, held until the transaction ends.

        Raises Invalid (code tier_unknown) and Conflict (code tier_unavailable), which name `param`."""
        tier = await store.select_tier(db, name, lock="SHARE")
        if tier is None:
            raise Invalid(f"There is no tier named {name!r}.", param=param, code="tier_unknown")
        if not tier.is_available:
            raise Conflict(f"The tier {name!r} is not offered.", param=param, code="tier_unavailable")
        return tier

    async def tier(self, db: Connection, name: str) -> Tier:
        """Raises Missing (code tier_not_found)."""
        tier = await store.select_tier(db, name)
        if tier is None:
            raise _no_such_tier()
        return tier

    async def tiers(self, db: Connection) -> list[Tier]:
        """All of them, those no longer offered too, in the order of the price list."""
        return await store.select_tiers(db)

    async def create_tier(self, db: Connection, actor: Actor, new: NewTier) -> Tier:
        """Raises Conflict (code tier_exists)."""
        tier = new.tier()
        if not await store.insert_tier(db, tier):
            raise Conflict(f"There is a tier named {tier.tier_name!r} already.", param="tier_name", code="tier_exists")
        await record(db, actor, Change("tier.create", "tier", tier.tier_name, after=store.columns(tier)))
        return tier

    async def update_tier(self, db: Connection, actor: Actor, name: str, change: TierChange) -> Tier:
        """Prices and limits hold from now on for every workspace of the tier; closed bills stay as they are.

        A limit may not fall below what a workspace of this tier uses (Conflict, code tier_in_use, names the limit), and
        the tier of new workspaces stays on offer (Conflict, code default_tier). Raises Missing too.
        """
        before = await store.select_tier(db, name, lock="UPDATE")
        if before is None:
            raise _no_such_tier()
        after = change.applied(before)
        if not after.is_available and await self.setting(db, "default_tier") == name:
            raise Conflict("New workspaces get this tier: choose another one for them first.", code="default_tier")
        if after != before:
            require_room(before, after, await store.select_tier_use(db, after))
            await store.update_tier(db, after)
            await record(db, actor, _tier_update(before, after))
        return after

    async def log(self, db: Connection, wanted: LogFilter, *, offset: int, limit: int) -> tuple[list[LogEntry], int]:
        """A page of the audit log, newest first, and how many lines the filter matches, of which LOG_DEPTH are counted.

        The log only grows, and counting or passing over all of it would take longer and longer: what lies deeper is
        asked for by its time. Raises Invalid (code too_deep).
        """
        if offset + limit > LOG_DEPTH:
            raise Invalid(
                f"Pages reach {LOG_DEPTH} lines deep: narrow the list by from and to.", param="page", code="too_deep"
            )
        return await store.select_log(db, wanted, offset, limit), await store.count_log(db, wanted, LOG_DEPTH)


def _tier_update(before: Tier, after: Tier) -> Change:
    old, new = store.columns(before), store.columns(after)
    changed = [name for name in new if old[name] != new[name]]
    return Change(
        "tier.update", "tier", after.tier_name,
        before={name: old[name] for name in changed}, after={name: new[name] for name in changed},
    )  # fmt: skip


def _no_such_tier() -> Missing:
    return Missing("There is no such tier.", code="tier_not_found")
