"""Variables of a call on their way to its plan: placed, answered, resumed; and calls that bring none."""

from typing import Any

import pytest

from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from shared.errors import Conflict, Invalid, Problem
from shared.plan import ContextPlan
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later, make_checkpoint

CALLEE = "+12125550123"
CONFIG: dict[str, Any] = {
    "greeting": "Hello {customer}, it is {time} at {agent_name}.",
    "prompt": "You call {customer} at {customer_number} about {order}.",
    "variables": {"customer": {"default": "there"}, "order": {"required": True}},
}


async def refusal_of(platform: CallPlatform, workspace: LiveWorkspace, **options: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        await platform.place(workspace, CALLEE, **options)
    return raised.value


async def test_answered_and_resumed_calls_have_the_values_they_were_placed_with(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(**CONFIG)
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET timezone = 'Asia/Tokyo' WHERE id = $1", workspace.workspace_id)
    )
    call_id = await platform.place(workspace, CALLEE, variables={"customer": "Ms Ito", "order": "{customer}"})
    answered = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-variables", call_id, later(120))
    )
    assert isinstance(answered, AdmittedCall)
    assert answered.plan.agent.greeting == "Hello Ms Ito, it is 21:02 at Desk."
    assert answered.plan.agent.prompt == f"You call Ms Ito at {CALLEE} about {{customer}}."
    assert answered.plan.context == ContextPlan("Asia/Tokyo", "outbound")

    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", "CA-variables", later(130)))
    assert open_call is not None
    resumed = await platform.in_platform(
        lambda db: platform.admission.resume(db, open_call, make_checkpoint(call_id), later(200))
    )
    assert isinstance(resumed, AdmittedCall)
    assert (resumed.plan.agent.prompt, resumed.plan.context) == (answered.plan.agent.prompt, answered.plan.context)


async def test_inbound_call_is_filled_with_the_defaults(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(**CONFIG)
    admitted = await platform.admit(workspace, at=NOW)
    assert admitted.plan.agent.greeting == "Hello there, it is 12:00 at Desk."
    assert admitted.plan.agent.prompt == "You call there at +14155550100 about ."
    assert admitted.plan.context == ContextPlan("UTC", "inbound")


async def test_call_without_a_value_that_it_must_bring_is_refused(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(**CONFIG)
    for test in (False, True):
        refused = await refusal_of(platform, workspace, variables={"order": " "}, test=test)
        assert (type(refused), refused.code, refused.param) == (Invalid, "variable_missing", "variables.order")
    draft = await platform.create_workspace(live=False, greeting="Hello {a}{b}{c}{d}{e}{f}{g}.")
    refused = await refusal_of(platform, draft, test=True, variables={"a": "x"})
    assert (refused.param, "b, c, d, e, f and 1 more" in refused.message) == ("variables.b", True)
    assert not await platform.call_rows(workspace) + await platform.call_rows(draft)


async def test_call_whose_values_are_too_long_for_a_text_is_refused(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(
        greeting="Hello.", goodbye="{a}{b}", variables={"a": {"default": "x"}, "b": {"default": "x"}}
    )
    refused = await refusal_of(platform, workspace, variables={"a": "x" * 400, "b": "x" * 200})
    assert (type(refused), refused.code, refused.param) == (Invalid, "too_long", "variables")
    assert await platform.place(workspace, CALLEE, variables={"a": "x" * 400})


async def test_fault_of_the_agent_is_no_fault_of_the_variables(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            workspace.workspace_id,
        )
    )
    refused = await refusal_of(platform, workspace, variables={"a": "x"})
    assert (type(refused), refused.code) == (Conflict, "cannot_answer")
