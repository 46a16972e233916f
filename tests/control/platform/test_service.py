"""Settings and tiers: changes and their audit entries."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from control.audit.rules import AuditFilter
from control.audit.service import Actor, list_entries
from control.db.keyset import PageRequest
from control.db.pool import Connection, open_pool
from control.platform.rules import REGISTRY, UNSEEDED, NewTier, TierChange
from control.platform.service import Platform
from shared.errors import Conflict, Invalid, NotFound

ADMIN = Actor("admin", uuid4(), "ada@example.com", "r1", "192.0.2.1")
NEW = NewTier("agency", "Agency", Decimal("299.5"), 2_000, Decimal("0.095"), 40, features={"white_label": True})
platform = Platform()


async def create_workspace(db: Connection, tier: str, *, agents: int = 0, members: int = 0, invited: int = 0) -> UUID:
    """Inserts a workspace with so many agents, members and invitations."""
    workspace = uuid4()
    await db.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, 'W', 'active', $2)", workspace, tier
    )
    for number in range(agents):
        await db.execute(
            "INSERT INTO agents (id, workspace_id, name) VALUES ($1, $2, $3)", uuid4(), workspace, f"Agent {number}"
        )
    for _ in range(members):
        user = uuid4()
        await db.execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'U', '')", user, f"{user}@example.com"
        )
        await db.execute(
            "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')", workspace, user
        )
    for number in range(invited):
        await db.execute(
            "INSERT INTO invitations (id, workspace_id, email, role, token_hash, expires_at) "
            "VALUES ($1, $2, $3, 'viewer', $4, now() + interval '1 day')",
            uuid4(), workspace, f"guest{number}@example.com", uuid4().bytes,
        )  # fmt: skip
    return workspace


async def audit_details(db: Connection, action: str) -> list[dict[str, Any]]:
    """Details of the audit entries of an action, newest first."""
    entries = (await list_entries(db, AuditFilter(action=action), PageRequest(50))).rows
    return [dict(entry.details) for entry in entries]


class TestSettings:
    async def test_every_key_has_a_value_and_a_description(self, db: Connection) -> None:
        settings = await platform.settings(db)
        assert [setting.key for setting in settings] == list(REGISTRY)
        assert all(setting.description for setting in settings)
        assert {setting.key for setting in settings if setting.updated_at is None} == UNSEEDED
        assert await platform.setting(db, "trial_days") == 14

    async def test_key_never_stored_has_its_default(self, db: Connection) -> None:
        await db.execute("DELETE FROM settings WHERE key = 'trial_days'")
        assert await platform.setting(db, "trial_days") == REGISTRY["trial_days"].default
        assert {setting.key: setting.updated_at for setting in await platform.settings(db)}["trial_days"] is None

    async def test_unknown_key_raises(self, db: Connection) -> None:
        with pytest.raises(KeyError):
            await platform.setting(db, "colour")

    async def test_changes_take_effect_at_once_and_are_audited(self, db: Connection) -> None:
        await platform.change_settings(db, ADMIN, {"trial_days": 30, "signup_enabled": False})
        assert await platform.setting(db, "trial_days") == 30
        assert await platform.setting(db, "signup_enabled") is False
        logged = await audit_details(db, "setting.update")
        assert {"before": {"trial_days": 14}, "after": {"trial_days": 30}} in logged
        assert {"before": {"signup_enabled": True}, "after": {"signup_enabled": False}} in logged
        assert await db.fetchval("SELECT updated_by FROM settings WHERE key = 'trial_days'") == ADMIN.id

    async def test_unchanged_setting_is_not_audited(self, db: Connection) -> None:
        await platform.change_settings(db, ADMIN, {"trial_days": 14})
        assert await audit_details(db, "setting.update") == []

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("trial_days", -1), ("trial_days", 366), ("trial_days", "14"), ("trial_days", 1.5), ("trial_days", True),
            ("trial_days", None), ("signup_enabled", 1), ("signup_enabled", "true"), ("trial_end_action", "delete"),
            ("trial_end_action", []), ("default_tier", 5), ("default_tier", "platinum"),
        ],
    )  # fmt: skip
    async def test_invalid_value_is_refused_with_its_key(self, db: Connection, key: str, value: Any) -> None:
        with pytest.raises(Invalid) as refused:
            await platform.change_settings(db, ADMIN, {key: value})
        assert refused.value.param == key
        assert await audit_details(db, "setting.update") == []

    async def test_unknown_key_is_named_and_nothing_changes(self, db: Connection) -> None:
        with pytest.raises(Invalid, match="colour") as refused:
            await platform.change_settings(db, ADMIN, {"trial_days": 3, "colour": "red"})
        assert (refused.value.param, refused.value.code) == ("colour", "setting_unknown")
        assert await platform.setting(db, "trial_days") == 14

    async def test_default_tier_must_be_offered(self, db: Connection) -> None:
        await platform.create_tier(db, ADMIN, replace(NEW, is_available=False))
        with pytest.raises(Conflict, match="not offered"):
            await platform.change_settings(db, ADMIN, {"default_tier": "agency"})
        await platform.change_settings(db, ADMIN, {"default_tier": "starter"})
        assert await platform.setting(db, "default_tier") == "starter"


class TestTiers:
    async def test_tiers_are_ordered_like_the_price_list(self, db: Connection) -> None:
        tiers = await platform.tiers(db)
        assert [tier.tier_name for tier in tiers] == ["trial", "starter", "growth", "business"]
        assert tiers[1].monthly_fee == Decimal("49.00")
        assert (await platform.tier(db, "growth")).features["outbound_calls"] is True

    async def test_unknown_tier_is_not_found(self, db: Connection) -> None:
        with pytest.raises(NotFound):
            await platform.tier(db, "platinum")
        with pytest.raises(NotFound):
            await platform.update_tier(db, ADMIN, "platinum", TierChange({"max_agents": 1}))

    async def test_tier_is_created_and_audited(self, db: Connection) -> None:
        created = await platform.create_tier(db, ADMIN, NEW)
        assert await platform.tier(db, "agency") == replace(created, monthly_fee=Decimal("299.50"))
        [logged] = await audit_details(db, "tier.create")
        assert logged["after"]["features"] == {"white_label": True}
        assert logged["after"]["price_per_minute"] == 0.095

    async def test_duplicate_tier_name_is_refused(self, db: Connection) -> None:
        with pytest.raises(Conflict, match="starter"):
            await platform.create_tier(db, ADMIN, replace(NEW, tier_name="starter"))

    async def test_only_changed_fields_are_audited(self, db: Connection) -> None:
        changed = await platform.update_tier(db, ADMIN, "starter", TierChange({"monthly_fee": Decimal(59)}))
        assert changed.monthly_fee == (await platform.tier(db, "starter")).monthly_fee == 59
        assert await audit_details(db, "tier.update") == [
            {"before": {"monthly_fee": 49.0}, "after": {"monthly_fee": 59}}
        ]

    async def test_unchanged_tier_is_not_audited(self, db: Connection) -> None:
        await platform.update_tier(db, ADMIN, "starter", TierChange({"max_agents": 3}))
        assert await audit_details(db, "tier.update") == []

    @pytest.mark.parametrize(
        ("limit", "use"),
        [("max_agents", {"agents": 3}), ("max_members", {"members": 1, "invited": 2})],
    )
    async def test_limit_cannot_fall_below_its_use(self, db: Connection, limit: str, use: dict[str, int]) -> None:
        await create_workspace(db, "starter", **use)
        with pytest.raises(Conflict, match="1 of this tier's workspaces use more, up to 3") as refused:
            await platform.update_tier(db, ADMIN, "starter", TierChange({limit: 2}))
        assert (refused.value.code, refused.value.param) == ("tier_in_use", limit)
        if limit == "max_agents":
            await platform.update_tier(db, ADMIN, "starter", TierChange({limit: 3}))

    async def test_other_tiers_and_deleted_workspaces_do_not_count(self, db: Connection) -> None:
        await create_workspace(db, "growth", agents=3)
        deleted = await create_workspace(db, "starter", agents=3)
        await db.execute("UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", deleted)
        assert (await platform.update_tier(db, ADMIN, "starter", TierChange({"max_agents": 1}))).max_agents == 1

    async def test_default_tier_must_stay_offered(self, db: Connection) -> None:
        with pytest.raises(Conflict) as refused:
            await platform.update_tier(db, ADMIN, "trial", TierChange({"is_available": False}))
        assert refused.value.code == "default_tier"
        assert not (await platform.update_tier(db, ADMIN, "growth", TierChange({"is_available": False}))).is_available


async def test_settings_and_tiers_are_readable_without_a_scope(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool, pool.acquire() as db:
        assert await platform.setting(db, "signup_enabled") is True
        assert await platform.tiers(db) == []
