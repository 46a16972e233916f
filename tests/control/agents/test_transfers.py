"""Whom agents may put callers through to: told when a config is saved and activated, and looked at for every call."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from control.agents import store, store_versions
from control.agents.model import Agent, Edit, Version
from control.agents.transfers import PARAM
from control.db.scope import enter_platform
from shared.errors import Conflict, Invalid
from shared.ids import new_id
from shared.plan import CallPlan
from shared.secrets import Sealer
from tests.control.agents.conftest import NOW, Scene, make_scene

GERMAN = "+493022334455"
AMERICAN = "+12125550123"


def greets(number: str) -> dict[str, Any]:
    return {"greeting": "Hello.", "fallback_number": number}


async def own(scene: Scene, phone_number: str) -> str:
    """The workspace has such a number, at a carrier."""
    await scene.db.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status) "
        "VALUES ($1, $2, $3, 'twilio', 'active')",
        UUID(new_id()), scene.workspace_id, phone_number,
    )  # fmt: skip
    return phone_number


async def update(scene: Scene, agent: Agent, **config: Any) -> Agent:
    edit = Edit(config=config)
    return await scene.services.agents.update(scene.db, scene.workspace_id, scene.actor, agent.id, edit, NOW)


async def activate(scene: Scene, agent: Agent) -> Agent:
    return await scene.services.agents.activate(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)


async def countries(scene: Scene, *chosen: str) -> None:
    await enter_platform(scene.db)
    settings = {"outbound_countries": list(chosen)}
    await scene.db.execute("UPDATE workspaces SET settings = $2 WHERE id = $1", scene.workspace_id, settings)
    await scene.enter()


async def plan(scene: Scene, agent: Agent) -> CallPlan:
    """As a call gets it."""
    await enter_platform(scene.db)
    ready = await scene.services.agents.answering(Sealer([bytes(32)])).by_agent(scene.db, scene.workspace_id, agent.id)
    assert ready is not None
    return ready.plan("call-1")


async def test_a_number_of_our_own_is_refused_when_it_is_saved(scene: Scene) -> None:
    ours = await own(scene, "+12125550111")
    agent = await scene.agent(config=greets(AMERICAN))
    with pytest.raises(Invalid) as on_update:
        await update(scene, agent, fallback_number=ours)
    with pytest.raises(Invalid) as on_create:
        await scene.agent("Other", config=greets(ours))
    for refused in (on_update.value, on_create.value):
        assert (refused.status, refused.code, refused.param) == (422, "number_is_own", PARAM)


async def test_a_country_that_is_not_called_keeps_an_agent_from_going_live(scene: Scene) -> None:
    agent = await scene.agent(config=greets(GERMAN), phone_number_id=await scene.number())
    with pytest.raises(Conflict) as refused:
        await activate(scene, agent)
    assert (refused.value.code, refused.value.param) == ("cannot_answer", PARAM)
    assert "does not call DE" in refused.value.message
    await countries(scene, "DE")
    assert (await activate(scene, agent)).status == "live"


async def test_a_number_of_the_workspace_makes_its_country_one_that_is_called(scene: Scene) -> None:
    agent = await scene.agent(config=greets(GERMAN), phone_number_id=await scene.number())
    await own(scene, "+493099887766")
    assert (await activate(scene, agent)).status == "live"


async def test_a_live_agent_is_not_changed_to_a_number_that_is_not_called(scene: Scene) -> None:
    agent = await scene.live(config=greets(AMERICAN))
    with pytest.raises(Conflict) as refused:
        await update(scene, agent, fallback_number=GERMAN)
    assert (refused.value.code, refused.value.param) == ("cannot_answer", PARAM)


async def test_what_is_not_allowed_any_more_is_left_out_of_the_plan_and_the_call_goes_on(scene: Scene) -> None:
    agent = await scene.live(config=greets(AMERICAN))
    assert (await plan(scene, agent)).agent.fallback_number == AMERICAN
    await countries(scene, "FR")
    made = await plan(scene, agent)
    assert (made.agent.fallback_number, made.agent.greeting) == ("", "Hello.")
    # And keeps nobody from mending something else.
    await scene.enter()
    assert (await update(scene, agent, greeting="Hi.")).content.config["greeting"] == "Hi."


@pytest.mark.parametrize("number", ["+881612345678", "+447012345678", "+19005550100", "+12129761234", "nobody"])
async def test_a_number_of_an_older_schema_is_left_out_too(scene: Scene, number: str) -> None:
    agent = await scene.live(config=greets(AMERICAN))
    old = replace(agent.content, config={**agent.content.config, "fallback_number": number})
    version = Version(scene.workspace_id, agent.id, 2, old, None, NOW)
    await store_versions.insert_version(scene.db, version)
    await store.update_version(scene.db, version)
    assert (await plan(scene, agent)).agent.fallback_number == ""


async def test_agents_of_two_workspaces_do_not_hand_a_caller_to_each_other(scene: Scene) -> None:
    other = await make_scene(scene.db, scene.services)
    theirs = await own(other, "+12125550112")
    await scene.enter()
    agent = await scene.live(config=greets(theirs))
    assert (await plan(scene, agent)).agent.fallback_number == ""
    await scene.db.execute("UPDATE phone_numbers SET status = 'released' WHERE phone_number = $1", theirs)
    assert (await plan(scene, agent)).agent.fallback_number == theirs
