"""Templates: edited by the staff, seen by customers when public, and seeded once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from config.catalog_agents import shipped_providers, shipped_templates
from control.agents.service import Agents
from control.agents.templates.service import NewTemplate, Templates, seed_templates
from control.audit.service import Actor
from control.db.keyset import ListPage, PageRequest
from control.db.scope import enter_platform
from control.voice.catalog.service import seed_providers
from shared.errors import Invalid, NotFound
from shared.ids import new_id
from tests.control.agents.conftest import NOW, AgentsWorkspace

LATER = NOW + timedelta(minutes=1)
STAFF = Actor("admin", UUID(new_id()), "sam@example.com")
NEW = NewTemplate("Vet", "veterinary", "For vets.", {"prompt": "You are the front desk of {business_name}."}, False)


async def by_name(workspace: AgentsWorkspace, name: str) -> Any:
    page = await workspace.services[Templates].list_all(workspace.db, page=PageRequest(100))
    return next((template for template in page.rows if template.name == name), None)


async def actions(workspace: AgentsWorkspace) -> list[tuple[str, Any]]:
    rows = await workspace.db.fetch(
        "SELECT action, details FROM audit_log WHERE resource_type = 'template' ORDER BY at, id"
    )
    return [(row["action"], row["details"]) for row in rows]


async def test_template_life_is_audited(workspace: AgentsWorkspace) -> None:
    await enter_platform(workspace.db)
    templates, db = workspace.services[Templates], workspace.db
    created = await templates.create(db, STAFF, NEW, NOW)
    assert await templates.get(db, created.id) == created
    with pytest.raises(NotFound):
        await templates.get_public(db, created.id)
    changed = await templates.update(db, STAFF, created.id, {"is_public": True, "industry": None}, LATER)
    assert changed == replace(created, is_public=True, industry=None, updated_at=LATER)
    assert await templates.get_public(db, created.id) == changed
    assert await templates.update(db, STAFF, created.id, {"name": "Vet"}, LATER + timedelta(minutes=1)) == changed
    await templates.delete(db, STAFF, created.id, LATER)
    for reference in (
        templates.get(db, created.id),
        templates.get_public(db, created.id),
        templates.update(db, STAFF, created.id, {}, NOW),
        templates.delete(db, STAFF, created.id, NOW),
    ):
        with pytest.raises(NotFound):
            await reference
    audited = await actions(workspace)
    assert [action for action, _ in audited] == ["template.create", "template.update", "template.delete"]
    assert audited[1][1] == {
        "before": {"industry": "veterinary", "is_public": False}, "after": {"industry": None, "is_public": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"turn": {"silence_ms": 1}}, "default_config.turn.silence_ms"),
        ({"prompt": None}, "default_config.prompt"),
        ({"speech": {"llm": [{"provider": "openai", "options": {"api_key": "x"}}]}}, "default_config.speech.llm.0"),
        ({"speech": {"llm": [{"provider": "nobody"}]}}, "default_config.speech.llm.0.provider"),
    ],
    ids=str,
)
async def test_template_config_must_be_valid(workspace: AgentsWorkspace, config: dict[str, Any], param: str) -> None:
    await enter_platform(workspace.db)
    templates = workspace.services[Templates]
    with pytest.raises(Invalid) as wrong:
        await templates.create(workspace.db, STAFF, replace(NEW, default_config=config), NOW)
    assert (wrong.value.param or "").startswith(param)
    created = await templates.create(workspace.db, STAFF, NEW, NOW)
    with pytest.raises(Invalid) as wrong:
        await templates.update(workspace.db, STAFF, created.id, {"default_config": config}, NOW)
    assert (wrong.value.param or "").startswith(param)


async def test_template_config_is_stored_unchanged(workspace: AgentsWorkspace) -> None:
    await enter_platform(workspace.db)
    created = await workspace.services[Templates].create(workspace.db, STAFF, NEW, NOW)
    assert (await workspace.services[Templates].get(workspace.db, created.id)).default_config == NEW.default_config


async def test_usage_counts_agents_of_all_workspaces(
    workspace: AgentsWorkspace,
) -> None:
    template_id = await workspace.db.fetchval("SELECT id FROM agent_templates WHERE slug = 'dental_front_desk'")
    agents = [await workspace.create_agent(name, template_id=template_id) for name in ("A", "B")]
    await workspace.services[Agents].delete(workspace.db, workspace.workspace_id, workspace.actor, agents[1].id, NOW)
    await enter_platform(workspace.db)
    assert (await by_name(workspace, "Dental front desk")).usage_count == 1
    assert (await workspace.services[Templates].get(workspace.db, template_id)).usage_count == 1
    await workspace.services[Templates].delete(workspace.db, STAFF, template_id, NOW)
    assert await by_name(workspace, "Dental front desk") is None
    await workspace.enter_scope()
    agent = await workspace.services[Agents].get(workspace.db, workspace.workspace_id, agents[0].id)
    assert agent.template_name == "Dental front desk"
    assert agent.content.config["greeting"].startswith("Hello")


async def test_customers_see_public_templates(workspace: AgentsWorkspace) -> None:
    templates = workspace.services[Templates]
    page = await templates.list_public(workspace.db, None, page=PageRequest(100))
    assert [template.name for template in page.rows] == sorted(template.name for template in page.rows)
    assert page.total == len(page.rows) == len(shipped_templates())
    page = await templates.list_public(workspace.db, "dental", page=PageRequest(100))
    assert ([template.slug for template in page.rows], page.total) == (["dental_front_desk"], 1)
    assert await templates.list_public(workspace.db, "space", page=PageRequest(100)) == ListPage([], False, 0)
    assert len((await templates.list_public(workspace.db, None, page=PageRequest(3, 2))).rows) == 3


async def test_seeding_again_keeps_changes_of_the_staff(workspace: AgentsWorkspace) -> None:
    await enter_platform(workspace.db)
    templates, db = workspace.services[Templates], workspace.db
    dental, salon = await by_name(workspace, "Dental front desk"), await by_name(workspace, "Salon and barber booking")
    await templates.update(db, STAFF, dental.id, {"name": "Dentist", "is_public": False}, NOW)
    await templates.delete(db, STAFF, salon.id, NOW)
    await seed_templates(db, shipped_templates(), LATER)
    assert (await templates.get(db, dental.id)).name == "Dentist"
    assert await by_name(workspace, "Dental front desk") is None
    assert await by_name(workspace, "Salon and barber booking") is None
    assert (await templates.list_all(db, page=PageRequest(1))).total == len(shipped_templates()) - 1


async def test_seeding_providers_updates_facts_only(
    workspace: AgentsWorkspace,
) -> None:
    await enter_platform(workspace.db)
    await workspace.db.execute(
        "UPDATE providers SET kinds = '{tts}', options = '{}', priority = 7, is_enabled = false, api_key = 'sealed', "
        "cost_per_unit = '{}', config = '{}' WHERE provider = 'openai'"
    )
    row_version = await workspace.db.fetchval("SELECT xmin::text FROM providers WHERE provider = 'local'")
    await seed_providers(workspace.db, shipped_providers())
    row = await workspace.db.fetchrow("SELECT * FROM providers WHERE provider = 'openai'")
    assert row["kinds"] == ["llm"]
    assert "model" in row["options"]["llm"]
    assert (row["priority"], row["is_enabled"], row["api_key"]) == (7, False, b"sealed")
    assert (row["cost_per_unit"], row["config"]) == ({}, {})
    assert await workspace.db.fetchval("SELECT xmin::text FROM providers WHERE provider = 'local'") == row_version


async def test_invalid_shipped_template_is_refused(workspace: AgentsWorkspace) -> None:
    invalid = {**shipped_templates()[0], "slug": "bad", "default_config": {"turn": {"silence_ms": 1}}}
    with pytest.raises(Invalid) as wrong:
        await seed_templates(workspace.db, [invalid], NOW)
    assert wrong.value.param == "bad.default_config.turn.silence_ms"


async def test_prices_keep_all_digits(workspace: AgentsWorkspace) -> None:
    price = await workspace.db.fetchval(
        "SELECT cost_per_unit #>> '{stt,nova-3,price}' FROM providers WHERE provider = 'deepgram'"
    )
    assert price == "0.0048"
