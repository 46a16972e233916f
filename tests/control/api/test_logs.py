"""GET /admin/logs/activity: filters, pages, and what is shown of whom."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.control.api import Api, Staff, running_api

PATH = "/admin/logs/activity"
ADA, BOB = uuid4(), uuid4()
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        for number in range(6):
            await put(
                running, "admin", ADA if number % 2 else BOB, f"thing.do_{number % 3}", MARCH + timedelta(days=number)
            )
        yield running


async def put(api: Api, actor: str, who: UUID, action: str, at: datetime) -> None:
    await api.owner.execute(
        "INSERT INTO audit_log (id, at, actor, actor_id, actor_email, action, resource_type, resource_id, details) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'thing', '1', $7)",
        uuid4(), at, actor, who, f"{who}@example.com", action, {"after": {"size": 1}},
    )  # fmt: skip


async def asked(boss: Staff, **params: Any) -> list[datetime]:
    """The moments of the lines that match, within March."""
    params = {"to": "2026-03-31"} | params
    reply = await boss.get(PATH, params={name: str(value) for name, value in params.items()})
    assert reply.status == 200, reply.body
    assert reply.body["total"] >= len(reply.body["logs"])
    return [datetime.fromisoformat(line["timestamp"]) for line in reply.body["logs"]]


def days(*numbers: int) -> list[datetime]:
    return [MARCH + timedelta(days=number) for number in numbers]


async def test_newest_first_and_in_pages(api: Api) -> None:
    boss = await api.admin("read_only")
    assert await asked(boss) == days(5, 4, 3, 2, 1, 0)
    assert await asked(boss, page=2, limit=4) == days(1, 0)
    reply = await boss.get(PATH, params={"to": "2026-03-31", "page": "2", "limit": "4"})
    assert (reply.body["total"], reply.body["page"], reply.body["limit"]) == (6, 2, 4)
    assert await asked(boss, page=9) == []


async def test_what_lies_deep_is_asked_for_by_its_time(api: Api) -> None:
    boss = await api.admin()
    assert await asked(boss, page=50, limit=200) == []
    reply = await boss.get(PATH, params={"page": "51", "limit": "200"})
    assert (reply.status, reply.code, reply.param) == (422, "too_deep", "page")


async def test_filters_alone_and_together(api: Api) -> None:
    boss = await api.admin()
    assert await asked(boss, admin_id=ADA) == days(5, 3, 1)
    assert await asked(boss, action="thing.do_0") == days(3, 0)
    assert await asked(boss, **{"from": "2026-03-03T00:00:00Z", "to": "2026-03-05T00:00:00Z"}) == days(3, 2)
    assert await asked(boss, **{"from": "2026-03-03"}) == days(5, 4, 3, 2)
    assert await asked(boss, admin_id=ADA, action="thing.do_0", to="2026-03-04T01:00:00+01:00") == []
    assert await asked(boss, admin_id=ADA, action="thing.do_0", to="2026-03-04T01:00:01+01:00") == days(3)


async def test_a_line_tells_what_the_spec_says(api: Api) -> None:
    reply = await (await api.admin()).get(PATH, params={"admin_id": str(ADA), "limit": "1"})
    [line] = reply.body["logs"]
    assert line["admin_email"] == line["actor_email"] == f"{ADA}@example.com"
    assert (line["action"], line["resource_type"], line["resource_id"]) == ("thing.do_2", "thing", "1")
    assert line["details"] == {"after": {"size": 1}}


async def test_what_users_do_carries_no_admins_address(api: Api) -> None:
    await put(api, "user", BOB, "user.act", MARCH)
    reply = await (await api.admin()).get(PATH, params={"action": "user.act"})
    [line] = reply.body["logs"]
    assert (line["actor"], line["admin_email"], line["actor_email"]) == ("user", None, f"{BOB}@example.com")


async def test_a_change_of_settings_is_there_with_who_and_how(api: Api) -> None:
    boss = await api.admin()
    await boss.put("/admin/config/settings", {"settings": [{"key": "trial_days", "value": 3}]})
    reply = await boss.get(PATH, params={"action": "setting.update", "admin_id": boss.id})
    [line] = reply.body["logs"]
    assert (line["admin_email"], line["resource_id"]) == (boss.email, "trial_days")
    assert line["details"] == {"before": {"trial_days": 14}, "after": {"trial_days": 3}}
    assert line["request_id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("admin_id", "x"), ("action", "Drop Table"), ("from", "yesterday"), ("to", "0001-01-01T00:00:00+14:00"),
        ("limit", "201"), ("page", "0"), ("colour", "red"),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(api: Api, name: str, value: str) -> None:
    reply = await (await api.admin()).get(PATH, params={name: value})
    assert (reply.status, reply.param) == (422, name)
