"""A test call of an agent's draft keeps the content that the draft had when the call was placed."""

from uuid import UUID

from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.calls.outbound.service import CallRequest
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.db.pool import Connection
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later, make_checkpoint

CALLEE = "+12125550123"


async def edit_draft(platform: CallPlatform, workspace: LiveWorkspace, greeting: str) -> None:
    edit, ids = AgentEdit(config={"greeting": greeting}), (workspace.workspace_id, workspace.actor, workspace.agent_id)
    drafts = platform.services[Agents].drafts
    await platform.in_workspace(workspace, lambda db: drafts.edit(db, *ids, edit, None, NOW))


async def place_test(platform: CallPlatform, workspace: LiveWorkspace) -> UUID:
    drafts, ids = platform.services[Agents].drafts, (workspace.workspace_id, workspace.actor, workspace.agent_id)

    async def place(db: Connection) -> UUID:
        version = await drafts.keep_for_test(db, *ids, NOW)
        request = CallRequest(workspace.workspace_id, workspace.agent_id, CALLEE, True, {}, agent_version=version)
        return await platform.outbound.place(db, workspace.actor, request, NOW)

    return await platform.in_workspace(workspace, place)


async def test_call_keeps_the_draft_that_it_began_with(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=True, greeting="Live.")
    await edit_draft(platform, workspace, "Draft.")
    call_id = await place_test(platform, workspace)
    await edit_draft(platform, workspace, "Later draft.")
    answered = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-draft", call_id, later(5))
    )
    assert isinstance(answered, AdmittedCall)
    assert answered.plan.agent.greeting == "Draft."
    ids = (workspace.workspace_id, workspace.actor, workspace.agent_id)
    await platform.in_workspace(workspace, lambda db: platform.services[Agents].drafts.discard(db, *ids))
    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", "CA-draft", later(6)))
    assert open_call is not None
    resumed = await platform.in_platform(
        lambda db: platform.admission.resume(db, open_call, make_checkpoint(call_id), later(7))
    )
    assert isinstance(resumed, AdmittedCall)
    assert (resumed.plan.agent.prompt, resumed.leg) == (answered.plan.agent.prompt, 1)
    assert (await platform.admit(workspace)).plan.agent.greeting == "Live."
