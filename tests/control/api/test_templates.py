"""/templates: public agent templates."""

from collections.abc import AsyncIterator

import pytest

from tests.platform.api import Api, running_api


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def test_customers_list_public_templates(api: Api) -> None:
    ann = await api.sign_up()
    listed = await ann.get("/templates")
    assert listed.body["total"] >= 8
    assert all(line.keys() == {"id", "name", "industry", "description"} for line in listed.body["templates"])
    found = (await ann.get("/templates", params={"industry": "legal"})).body["templates"]
    assert [line["name"] for line in found] == ["Law firm intake"]
    template = (await ann.get(f"/templates/{found[0]['id']}")).body["template"]
    assert template["preview_config"]["turn"]["min_words"] == 2
    assert "You are the receptionist of {business_name}" in template["preview_config"]["prompt"]
    assert template["facts_needed"][0] == "business_name"


async def test_sign_in_is_required_and_ids_are_checked(api: Api) -> None:
    assert (await api.anonymous.get("/templates")).status == 401
    ann = await api.sign_up()
    for path in ("/templates/x", "/templates/00000000-0000-7000-8000-000000000000"):
        assert (await ann.get(path)).status == 404
    assert (await ann.get("/templates", params={"industry": "De ntal"})).param == "industry"


async def test_private_template_is_404(api: Api) -> None:
    ann = await api.sign_up()
    found = (await ann.get("/templates", params={"industry": "hotel"})).body["templates"]
    admin = await api.admin("support")
    assert (await admin.put(f"/admin/templates/{found[0]['id']}", {"is_public": False})).status == 200
    assert (await ann.get(f"/templates/{found[0]['id']}")).status == 404
    assert (await ann.get("/templates", params={"industry": "hotel"})).body["templates"] == []
