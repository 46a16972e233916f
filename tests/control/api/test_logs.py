"""GET /admin/logs/activity: filters, pages and fields."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.platform.api import Api, running_api
from tests.platform.clients import Staff

PATH = "/admin/logs/activity"
ADA, BOB = uuid4(), uuid4()
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        for number in range(6):
            await insert_entry(
                running, "admin", ADA if number % 2 else BOB, f"thing.do_{number % 3}", MARCH + timedelta(days=number)
            )
        yield running


async def insert_entry(api: Api, actor: str, actor_id: UUID, action: str, at: datetime) -> None:
    await api.owner.execute(
        "INSERT INTO audit_log (id, at, actor, actor_id, actor_email, action, resource_type, resource_id, details) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'thing', '1', $7)",
        uuid4(), at, actor, actor_id, f"{actor_id}@example.com", action, {"after": {"size": 1}},
    )  # fmt: skip


async def entry_times(admin: Staff, **params: Any) -> list[datetime]:
    """Timestamps of the matching entries until the end of March."""
    params = {"to": "2026-03-31"} | params
    reply = await admin.get(PATH, params={name: str(value) for name, value in params.items()})
    assert reply.status == 200, reply.body
    assert reply.body["total"] >= len(reply.body["logs"])
    return [datetime.fromisoformat(line["timestamp"]) for line in reply.body["logs"]]


def march_days(*numbers: int) -> list[datetime]:
    return [MARCH + timedelta(days=number) for number in numbers]


async def test_list_is_newest_first_and_paged(api: Api) -> None:
    admin = await api.admin("read_only")
    assert await entry_times(admin) == march_days(5, 4, 3, 2, 1, 0)
    assert await entry_times(admin, page=2, limit=4) == march_days(1, 0)
    reply = await admin.get(PATH, params={"to": "2026-03-31", "page": "2", "limit": "4"})
    assert (reply.body["total"], reply.body["page"], reply.body["limit"]) == (6, 2, 4)
    assert await entry_times(admin, page=9) == []


async def test_deep_pages_are_refused(api: Api) -> None:
    admin = await api.admin()
    assert await entry_times(admin, page=50, limit=200) == []
    reply = await admin.get(PATH, params={"page": "51", "limit": "200"})
    assert (reply.status, reply.code, reply.param) == (422, "too_deep", "page")


async def test_filters_alone_and_combined(api: Api) -> None:
    admin = await api.admin()
    assert await entry_times(admin, admin_id=ADA) == march_days(5, 3, 1)
    assert await entry_times(admin, action="thing.do_0") == march_days(3, 0)
    assert await entry_times(admin, **{"from": "2026-03-03T00:00:00Z", "to": "2026-03-05T00:00:00Z"}) == march_days(
        3, 2
    )
    assert await entry_times(admin, **{"from": "2026-03-03"}) == march_days(5, 4, 3, 2)
    assert await entry_times(admin, admin_id=ADA, action="thing.do_0", to="2026-03-04T01:00:00+01:00") == []
    assert await entry_times(admin, admin_id=ADA, action="thing.do_0", to="2026-03-04T01:00:01+01:00") == march_days(3)


async def test_fields_of_an_entry(api: Api) -> None:
    reply = await (await api.admin()).get(PATH, params={"admin_id": str(ADA), "limit": "1"})
    [line] = reply.body["logs"]
    assert line["admin_email"] == line["actor_email"] == f"{ADA}@example.com"
    assert (line["action"], line["resource_type"], line["resource_id"]) == ("thing.do_2", "thing", "1")
    assert line["details"] == {"after": {"size": 1}}


async def test_entry_of_a_user_has_no_admin_email(api: Api) -> None:
    await insert_entry(api, "user", BOB, "user.act", MARCH)
    reply = await (await api.admin()).get(PATH, params={"action": "user.act"})
    [line] = reply.body["logs"]
    assert (line["actor"], line["admin_email"], line["actor_email"]) == ("user", None, f"{BOB}@example.com")


async def test_change_of_settings_is_logged_with_actor_and_values(api: Api) -> None:
    admin = await api.admin()
    await admin.put("/admin/config/settings", {"settings": [{"key": "trial_days", "value": 3}]})
    reply = await admin.get(PATH, params={"action": "setting.update", "admin_id": admin.id})
    [line] = reply.body["logs"]
    assert (line["admin_email"], line["resource_id"]) == (admin.email, "trial_days")
    assert line["details"] == {"before": {"trial_days": 14}, "after": {"trial_days": 3}}
    assert line["request_id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("admin_id", "x"), ("action", "Drop Table"), ("from", "yesterday"), ("to", "0001-01-01T00:00:00+14:00"),
        ("limit", "201"), ("page", "0"), ("colour", "red"),
    ],
)  # fmt: skip
async def test_invalid_parameter_is_named(api: Api, name: str, value: str) -> None:
    reply = await (await api.admin()).get(PATH, params={name: value})
    assert (reply.status, reply.param) == (422, name)
