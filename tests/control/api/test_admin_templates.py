"""/admin/templates: agent templates, for the staff."""

from collections.abc import AsyncIterator

import pytest

from tests.platform.api import Api, running_api

TEMPLATES = "/admin/templates"
NEW = {"name": "Vet", "industry": "veterinary", "description": "For vets.", "default_config": {"prompt": "You…"}}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def test_template_is_created_used_changed_and_deleted(api: Api) -> None:
    admin = await api.admin()
    created = await admin.post(TEMPLATES, NEW)
    assert created.status == 201
    template = created.body["template"]
    assert (template["is_public"], template["usage_count"], template["slug"]) == (False, 0, None)
    template_path = f"{TEMPLATES}/{template['id']}"
    changed = await admin.put(template_path, {"is_public": True, "default_config": {"greeting": "Hello."}})
    assert changed.body["template"]["default_config"] == {"greeting": "Hello."}
    assert changed.body["template"]["name"] == "Vet"
    ann = await api.sign_up()
    agents = f"/workspaces/{await ann.workspace()}/agents"
    agent = (await ann.post(agents, {"name": "A", "template_id": template["id"]})).body["agent"]
    assert (await admin.get(template_path)).body["template"]["usage_count"] == 1
    listed = await admin.get(TEMPLATES)
    line = next(line for line in listed.body["templates"] if line["id"] == template["id"])
    assert line == {
        "id": template["id"], "name": "Vet", "industry": "veterinary", "is_public": True, "usage_count": 1,
    }  # fmt: skip
    assert (await admin.delete(template_path)).status == 204
    assert (await admin.get(template_path)).status == 404
    unchanged = (await ann.get(f"{agents}/{agent['id']}")).body["agent"]
    assert (unchanged["template_name"], unchanged["config"]["greeting"]) == ("Vet", "Hello.")
    log = (await admin.get("/admin/logs/activity", params={"action": "template.update"})).body["logs"]
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
async def test_invalid_field_is_named(api: Api, change: dict[str, object], param: str) -> None:
    admin = await api.admin("support")
    refused = await admin.post(TEMPLATES, NEW | change)
    assert (refused.status, refused.param) == (422, param)
    template_id = (await admin.post(TEMPLATES, NEW)).body["template"]["id"]
    refused = await admin.put(f"{TEMPLATES}/{template_id}", change)
    assert (refused.status, refused.param) == (422, param)


async def test_readers_cannot_write(api: Api) -> None:
    for role in ("finance", "read_only"):
        reader = await api.admin(role)
        listed = await reader.get(TEMPLATES, params={"limit": "1"})
        assert listed.status == 200
        template_path = f"{TEMPLATES}/{listed.body['templates'][0]['id']}"
        assert (await reader.get(template_path)).status == 200
        for refused in (
            await reader.post(TEMPLATES, NEW),
            await reader.put(template_path, {"name": "X"}),
            await reader.delete(template_path),
        ):
            assert refused.status == 403
    ann = await api.sign_up()
    assert (await ann.get(TEMPLATES)).status == 401
