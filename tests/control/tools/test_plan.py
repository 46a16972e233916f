"""A workspace's tools in the plans of its agents' calls."""

from typing import Any

import pytest

from control.agents.config_parts import RESERVED_NAMES
from control.agents.plans.rules import make_plan
from control.agents.rules import AgentContent
from control.tools.rules import EXPLANATION
from control.tools.service import plan_http_tools, plan_mcp_tools
from shared.plan import LONGEST_PROMPT, CallPlan, PlanError, ToolPlan
from tests.control.agents.plans.test_rules import ALL, version

HTTP = {"description": "Stock.", "parameters": {}, "timeout_s": 8.0, "filler": "One second.", "read_only": True}
LISTED = [{"name": "find", "description": "Finds."}, {"name": "book", "is_read_only": False}]


def plan_of(config: dict[str, Any], tools: tuple[ToolPlan, ...]) -> CallPlan:
    return make_plan(version(AgentContent("Desk", config, None, {})), ALL, tools=tools)


def test_tools_that_the_workspace_lost_are_left_out() -> None:
    rows = [{"name": "check_stock", "config": HTTP}]
    (tool,) = plan_http_tools(rows, ["gone", "check_stock"])
    assert (tool.name, tool.timeout_s, tool.filler, tool.repeatable) == ("check_stock", 10.0, "One second.", True)
    servers = [{"name": "crm", "config": {"timeout_s": 5.0}, "tools": LISTED}]
    found = list(plan_mcp_tools(servers, {"gone": ["find"], "crm": ["lost", "book", "find"]}))
    assert [(tool.name, tool.timeout_s, tool.repeatable) for tool in found] == [
        ("crm__book", 7.0, False), ("crm__find", 7.0, False),
    ]  # fmt: skip


def test_prompt_explains_results_where_there_are_such_tools() -> None:
    tool = ToolPlan("check_stock", remote=True)
    config = {"prompt": "Be kind.", "http_tools": ["check_stock"], "tools": ["end_call"]}
    plan = plan_of(config, (tool,))
    assert plan.agent.prompt == f"Be kind.\n\n{EXPLANATION}" and plan.tools == ("end_call", tool)
    assert plan_of({"prompt": "Be kind."}, ()).agent.prompt == "Be kind."


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_tool_never_stands_in_for_one_of_the_platform(name: str) -> None:
    """A workspace may have made it before the platform had one of this name."""
    plan = plan_of({"http_tools": ["x"], "tools": []}, (ToolPlan(name, "Mine.", remote=True),))
    assert plan.tools == ()


def test_prompt_that_leaves_no_room_for_the_explanation_is_found_before_a_call() -> None:
    config = {"prompt": "{a}" * 25, "facts": {"a": "x" * 3_999}, "http_tools": ["check_stock"]}
    assert LONGEST_PROMPT > 25 * 3_999
    with pytest.raises(PlanError, match=r"agent\.prompt"):
        plan_of(config, ())
