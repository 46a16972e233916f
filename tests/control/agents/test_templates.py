"""Templates: kept by staff, seen by customers when public, and shipped once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from config.catalogue_agents import shipped_providers, shipped_templates
from control.agents.seed import seed_providers, seed_templates
from control.agents.templates import NewTemplate
from control.db.scope import enter_platform
from control.platform.audit import Actor
from shared.errors import Invalid, Missing
from shared.ids import new_id
from tests.control.agents.conftest import NOW, Scene

LATER = NOW + timedelta(minutes=1)
STAFF = Actor("admin", UUID(new_id()), "sam@example.com")
NEW = NewTemplate("Vet", "veterinary", "For vets.", {"prompt": "You are the front desk of {business_name}."}, False)


async def by_name(scene: Scene, name: str) -> Any:
    templates, _ = await scene.services.templates.all(scene.db, offset=0, limit=100)
    return next((template for template in templates if template.name == name), None)


async def actions(scene: Scene) -> list[tuple[str, Any]]:
    rows = await scene.db.fetch(
        "SELECT action, details FROM audit_log WHERE resource_type = 'template' ORDER BY at, id"
    )
    return [(row["action"], row["details"]) for row in rows]


async def test_a_template_is_made_changed_published_and_deleted_and_the_log_tells(scene: Scene) -> None:
    await enter_platform(scene.db)
    templates, db = scene.services.templates, scene.db
    made = await templates.create(db, STAFF, NEW, NOW)
    assert await templates.get(db, made.id) == made
    with pytest.raises(Missing):
        await templates.get_public(db, made.id)
    changed = await templates.update(db, STAFF, made.id, {"is_public": True, "industry": None}, LATER)
    assert changed == replace(made, is_public=True, industry=None, updated_at=LATER)
    assert await templates.get_public(db, made.id) == changed
    assert await templates.update(db, STAFF, made.id, {"name": "Vet"}, LATER + timedelta(minutes=1)) == changed
    await templates.delete(db, STAFF, made.id, LATER)
    for gone in (
        templates.get(db, made.id),
        templates.get_public(db, made.id),
        templates.update(db, STAFF, made.id, {}, NOW),
        templates.delete(db, STAFF, made.id, NOW),
    ):
        with pytest.raises(Missing):
            await gone
    told = await actions(scene)
    assert [action for action, _ in told] == ["template.create", "template.update", "template.delete"]
    assert told[1][1] == {
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
async def test_its_config_must_be_a_part_of_an_agents(scene: Scene, config: dict[str, Any], param: str) -> None:
    await enter_platform(scene.db)
    templates = scene.services.templates
    with pytest.raises(Invalid) as wrong:
        await templates.create(scene.db, STAFF, replace(NEW, default_config=config), NOW)
    assert (wrong.value.param or "").startswith(param)
    made = await templates.create(scene.db, STAFF, NEW, NOW)
    with pytest.raises(Invalid) as wrong:
        await templates.update(scene.db, STAFF, made.id, {"default_config": config}, NOW)
    assert (wrong.value.param or "").startswith(param)


async def test_its_config_is_kept_as_it_was_given(scene: Scene) -> None:
    await enter_platform(scene.db)
    made = await scene.services.templates.create(scene.db, STAFF, NEW, NOW)
    assert (await scene.services.templates.get(scene.db, made.id)).default_config == NEW.default_config


async def test_use_is_counted_over_all_workspaces_without_deleted_agents_and_outlives_the_template(
    scene: Scene,
) -> None:
    template_id = await scene.db.fetchval("SELECT id FROM agent_templates WHERE slug = 'dental_front_desk'")
    agents = [await scene.agent(name, template_id=template_id) for name in ("A", "B")]
    await scene.services.agents.delete(scene.db, scene.workspace_id, scene.actor, agents[1].id, NOW)
    await enter_platform(scene.db)
    assert (await by_name(scene, "Dental front desk")).usage_count == 1
    assert (await scene.services.templates.get(scene.db, template_id)).usage_count == 1
    await scene.services.templates.delete(scene.db, STAFF, template_id, NOW)
    assert await by_name(scene, "Dental front desk") is None
    await scene.enter()
    agent = await scene.services.agents.get(scene.db, scene.workspace_id, agents[0].id)
    assert agent.template_name == "Dental front desk"
    assert agent.content.config["greeting"].startswith("Hello")


async def test_customers_see_the_public_ones_by_name_and_industry(scene: Scene) -> None:
    templates = scene.services.templates
    found, total = await templates.public(scene.db, None, offset=0, limit=100)
    assert [template.name for template in found] == sorted(template.name for template in found)
    assert total == len(found) == len(shipped_templates())
    found, total = await templates.public(scene.db, "dental", offset=0, limit=100)
    assert ([template.slug for template in found], total) == (["dental_front_desk"], 1)
    assert await templates.public(scene.db, "space", offset=0, limit=100) == ([], 0)
    assert len((await templates.public(scene.db, None, offset=2, limit=3))[0]) == 3


async def test_seeding_again_changes_nothing_that_staff_changed(scene: Scene) -> None:
    await enter_platform(scene.db)
    templates, db = scene.services.templates, scene.db
    dental, salon = await by_name(scene, "Dental front desk"), await by_name(scene, "Salon and barber booking")
    await templates.update(db, STAFF, dental.id, {"name": "Dentist", "is_public": False}, NOW)
    await templates.delete(db, STAFF, salon.id, NOW)
    await seed_templates(db, shipped_templates(), LATER)
    assert (await templates.get(db, dental.id)).name == "Dentist"
    assert await by_name(scene, "Dental front desk") is None
    assert await by_name(scene, "Salon and barber booking") is None
    assert (await templates.all(db, offset=0, limit=1))[1] == len(shipped_templates()) - 1


async def test_seeding_providers_brings_facts_up_to_date_and_leaves_the_rest_to_the_staff(scene: Scene) -> None:
    await enter_platform(scene.db)
    await scene.db.execute(
        "UPDATE providers SET kinds = '{tts}', options = '{}', priority = 7, is_enabled = false, api_key = 'sealed', "
        "cost_per_unit = '{}', config = '{}' WHERE provider = 'openai'"
    )
    untouched = await scene.db.fetchval("SELECT xmin::text FROM providers WHERE provider = 'local'")
    await seed_providers(scene.db, shipped_providers())
    row = await scene.db.fetchrow("SELECT * FROM providers WHERE provider = 'openai'")
    assert row["kinds"] == ["llm"]
    assert "model" in row["options"]["llm"]
    assert (row["priority"], row["is_enabled"], row["api_key"]) == (7, False, b"sealed")
    assert (row["cost_per_unit"], row["config"]) == ({}, {})
    assert await scene.db.fetchval("SELECT xmin::text FROM providers WHERE provider = 'local'") == untouched


async def test_a_shipped_template_with_a_fault_is_refused(scene: Scene) -> None:
    bad = {**shipped_templates()[0], "slug": "bad", "default_config": {"turn": {"silence_ms": 1}}}
    with pytest.raises(Invalid) as wrong:
        await seed_templates(scene.db, [bad], NOW)
    assert wrong.value.param == "bad.default_config.turn.silence_ms"


async def test_prices_arrive_to_the_last_digit(scene: Scene) -> None:
    price = await scene.db.fetchval(
        "SELECT cost_per_unit #>> '{stt,nova-3,price}' FROM providers WHERE provider = 'deepgram'"
    )
    assert price == "0.0048"
