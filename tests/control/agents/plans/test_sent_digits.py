"""Who makes the tones of keys that an agent presses, and how nodes of the version before read the plans."""

from typing import Literal

import msgspec
import pytest

from control.agents.call_tools.table import agents_request_handlers
from control.agents.config import AgentConfig
from control.agents.plans.rules import adapt_tools, plan_tools
from control.carriers.rules import CarrierName
from shared.bus.requests import TOOL_REQUEST
from shared.plan import SEND_DIGITS, SEND_TONES, ToolName, ToolPlan

TOOLS: tuple[ToolName | ToolPlan, ...] = ("end_call", "send_digits", ToolPlan("book", remote=True))
# The built-in tools of the version before.
ToolNameBefore = Literal["end_call", "collect_digits", "transfer"]


@pytest.mark.parametrize(("carrier", "name"), [("twilio", SEND_TONES), ("telnyx", SEND_DIGITS)])
def test_tones_are_made_where_the_carrier_allows_it(carrier: CarrierName, name: str) -> None:
    end, keys, book = adapt_tools(TOOLS, carrier)
    assert (end, book) == (TOOLS[0], TOOLS[2])
    assert isinstance(keys, ToolPlan) and (keys.name, keys.remote, keys.secret) == (name, True, False)
    assert adapt_tools((end, keys, book), carrier) == (end, keys, book), "of a call that was resumed"


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_node_of_the_version_before_reads_the_plan(carrier: CarrierName) -> None:
    """It refuses names that it does not know, and with them the call."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(TOOLS), tuple[ToolNameBefore | ToolPlan, ...])
    adapted = adapt_tools(TOOLS, carrier)
    read = msgspec.convert(msgspec.to_builtins(adapted), tuple[ToolNameBefore | ToolPlan, ...])
    assert read == adapted


def test_control_runs_no_tones_that_such_a_node_asks_for() -> None:
    assert f"{TOOL_REQUEST}{SEND_TONES}" not in agents_request_handlers()


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_agent_may_keep_its_keys_out_of_the_record(carrier: CarrierName) -> None:
    config = AgentConfig(tools=["send_digits"], record_sent_digits=False)
    (keys,) = adapt_tools(tuple(plan_tools(config)), carrier)  # type: ignore[arg-type]  # names, as a plan has them
    assert isinstance(keys, ToolPlan) and keys.secret
    assert plan_tools(AgentConfig(tools=["send_digits"])) == [SEND_DIGITS]
    assert "record_sent_digits" not in AgentConfig().model_dump(), "the version before refuses it"
