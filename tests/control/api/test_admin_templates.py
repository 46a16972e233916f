"""/admin/templates: agent templates as staff keeps them."""

from collections.abc import AsyncIterator

import pytest

from tests.control.api import Api, running_api

TEMPLATES = "/admin/templates"
NEW = {"name": "Vet", "industry": "veterinary", "description": "For vets.", "default_config": {"prompt": "You…"}}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def test_a_template_is_made_used_changed_and_deleted(api: Api) -> None:
    boss = await api.admin()
    made = await boss.post(TEMPLATES, NEW)
    assert made.status == 201
    template = made.body["template"]
    assert (template["is_public"], template["usage_count"], template["slug"]) == (False, 0, None)
    one = f"{TEMPLATES}/{template['id']}"
    changed = await boss.put(one, {"is_public": True, "default_config": {"greeting": "Hello."}})
    assert changed.body["template"]["default_config"] == {"greeting": "Hello."}
    assert changed.body["template"]["name"] == "Vet"
    ann = await api.sign_up()
    agents = f"/workspaces/{await ann.workspace()}/agents"
    agent = (await ann.post(agents, {"name": "A", "template_id": template["id"]})).body["agent"]
    assert (await boss.get(one)).body["template"]["usage_count"] == 1
    listed = await boss.get(TEMPLATES)
    line = next(line for line in listed.body["templates"] if line["id"] == template["id"])
    assert line == {
        "id": template["id"], "name": "Vet", "industry": "veterinary", "is_public": True, "usage_count": 1,
    }  # fmt: skip
    assert (await boss.delete(one)).status == 204
    assert (await boss.get(one)).status == 404
    kept = (await ann.get(f"{agents}/{agent['id']}")).body["agent"]
    assert (kept["template_name"], kept["config"]["greeting"]) == ("Vet", "Hello.")
    log = (await boss.get("/admin/logs/activity", params={"action": "template.update"})).body["logs"]
    assert log[0]["resource_id"] == template["id"]
    assert log[0]["details"]["after"]["is_public"] is True


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": ""}, "name"),
        ({"industry": "Vet Clinic"}, "industry"),
        ({"default_config": {"nonsense": 1}}, "default_config.nonsense"),
        ({"default_config": {"prompt": "\0"}}, "default_config.prompt"),
        ({"description": "\0"}, "description"),
        ({"is_public": "yes, please"}, "is_public"),
        ({"usage_count": 5}, "usage_count"),
    ],
    ids=str,
)
async def test_what_is_wrong_is_named(api: Api, change: dict[str, object], param: str) -> None:
    boss = await api.admin("support")
    refused = await boss.post(TEMPLATES, NEW | change)
    assert (refused.status, refused.param) == (422, param)
    template_id = (await boss.post(TEMPLATES, NEW)).body["template"]["id"]
    refused = await boss.put(f"{TEMPLATES}/{template_id}", change)
    assert (refused.status, refused.param) == (422, param)


async def test_who_may_read_may_not_write(api: Api) -> None:
    for role in ("finance", "read_only"):
        reader = await api.admin(role)
        listed = await reader.get(TEMPLATES, params={"limit": "1"})
        assert listed.status == 200
        one = f"{TEMPLATES}/{listed.body['templates'][0]['id']}"
        assert (await reader.get(one)).status == 200
        for refused in (
            await reader.post(TEMPLATES, NEW), await reader.put(one, {"name": "X"}), await reader.delete(one),
        ):  # fmt: skip
            assert refused.status == 403
    ann = await api.sign_up()
    assert (await ann.get(TEMPLATES)).status == 401
