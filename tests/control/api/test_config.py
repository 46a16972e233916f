"""/admin/config/…: settings and tiers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.platform.api import Api, running_api

SETTINGS, TIERS = "/admin/config/settings", "/admin/config/tiers"
NEW = {
    "tier_name": "agency", "display_name": "Agency", "monthly_fee": 299.5, "included_minutes": 2000,
    "price_per_minute": 0.095, "max_agents": 40, "features": {"white_label": True, "regions": ["eu", "us"]},
}  # fmt: skip


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def settings(api: Api) -> dict[str, Any]:
    reply = await (await api.admin()).get(SETTINGS)
    assert reply.status == 200
    assert all(setting.keys() == {"key", "value", "description", "updated_at"} for setting in reply.body["settings"])
    return {setting["key"]: setting["value"] for setting in reply.body["settings"]}


async def test_settings_change_together(api: Api) -> None:
    admin = await api.admin()
    assert (await settings(api))["trial_days"] == 14
    changes = [{"key": "trial_days", "value": 30}, {"key": "signup_enabled", "value": False}]
    reply = await admin.put(SETTINGS, {"settings": changes})
    assert reply.status == 200
    body = {setting["key"]: setting["value"] for setting in reply.body["settings"]}
    assert (body["trial_days"], body["signup_enabled"]) == (30, False)
    refused = await api.anonymous.post(
        "/auth/signup", {"email": "late@example.com", "password": "plum tractor 48", "name": "L"}
    )
    assert refused.status == 403


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ([{"key": "trial_days", "value": 1}, {"key": "invitation_days", "value": 0}], "invitation_days"),
        ([{"key": "trial_days", "value": 1}, {"key": "colour", "value": 1}], "colour"),
        ([{"key": "trial_days", "value": 1}, {"key": "trial_days", "value": 2}], "settings"),
        ([{"key": "trial_days", "value": 1}, {"key": "default_tier", "value": "a\0"}], "default_tier"),
        ([{"key": "trial_days", "value": 1}, {"key": "default_tier"}], "settings.1.value"),
        ([], "settings"),
    ],
)
async def test_one_invalid_setting_changes_none(api: Api, changes: list[dict[str, Any]], param: str) -> None:
    reply = await (await api.admin()).put(SETTINGS, {"settings": changes})
    assert (reply.status, reply.param) == (422, param)
    assert (await settings(api))["trial_days"] == 14


async def test_only_super_admins_change_settings(api: Api) -> None:
    for role in ("support", "finance", "read_only"):
        staff = await api.admin(role)
        assert (await staff.get(SETTINGS)).status == 200
        assert (await staff.put(SETTINGS, {"settings": [{"key": "trial_days", "value": 1}]})).status == 403


async def test_tier_is_created_and_changed(api: Api) -> None:
    admin = await api.admin("finance")
    created = await admin.post(TIERS, NEW)
    assert created.status == 201
    assert created.body["tier"] | NEW == created.body["tier"]
    changed = await admin.put(f"{TIERS}/agency", {"monthly_fee": 249, "is_available": False})
    assert changed.status == 200
    assert changed.body["tier"] == created.body["tier"] | {"monthly_fee": 249.0, "is_available": False}
    listed = (await admin.get(TIERS)).body["tiers"]
    assert changed.body["tier"] in listed
    assert {tier["tier_name"] for tier in listed} == {"agency", "trial", "starter", "growth", "business"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tier_name": "Agency"}, "tier_name"), ({"tier_name": "1st"}, "tier_name"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "a\0"}, "display_name"), ({"monthly_fee": -1}, "monthly_fee"),
        ({"monthly_fee": 1.005}, "monthly_fee"), ({"monthly_fee": 1e30}, "monthly_fee"),
        ({"max_agents": 2**40}, "max_agents"), ({"max_members": 0}, "max_members"), ({"colour": 1}, "colour"),
        ({"features": []}, "features"), ({"features": {"A": 1}}, "features.A"),
        ({"features": {"a": {"b": 1}}}, "features.a"),
    ],
)  # fmt: skip
async def test_invalid_field_is_named(api: Api, change: dict[str, Any], param: str) -> None:
    reply = await (await api.admin()).post(TIERS, NEW | change)
    assert (reply.status, reply.param) == (422, param)


@pytest.mark.parametrize("feature", [{"deep": {"er": 1}}, {"nul": "a\0"}, {"big": 2**70}, {"list": [1]}])
async def test_feature_is_a_plain_value(api: Api, feature: dict[str, Any]) -> None:
    assert (await (await api.admin()).post(TIERS, NEW | {"features": feature})).status == 422


async def test_conflicts_and_unknown_tiers(api: Api) -> None:
    admin = await api.admin()
    assert (await admin.post(TIERS, NEW | {"tier_name": "starter"})).code == "tier_exists"
    assert (await admin.put(f"{TIERS}/platinum", {"max_agents": 1})).code == "tier_not_found"
    assert (await admin.put(f"{TIERS}/UPPER", {"max_agents": 1})).status == 404
    assert (await admin.put(f"{TIERS}/trial", {"is_available": False})).code == "default_tier"
    workspace = await (await api.sign_up()).workspace()
    await api.join(workspace, await api.sign_up(), "viewer")
    refused = await admin.put(f"{TIERS}/trial", {"max_members": 1})
    assert (refused.status, refused.code, refused.param) == (409, "tier_in_use", "max_members")


async def test_support_cannot_change_tiers(api: Api) -> None:
    staff = await api.admin("support")
    assert (await staff.get(TIERS)).status == 200
    assert (await staff.post(TIERS, NEW)).status == 403
    assert (await staff.put(f"{TIERS}/trial", {"max_agents": 5})).status == 403
