"""What opening hours change in a call's plan."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from control.agents.checks import parse_config
from control.agents.config import AgentConfig
from control.agents.plans.outside_hours import CallMoment, closing_text
from control.agents.plans.placeholders import missing_facts
from control.agents.plans.rules import ANY_CALL, make_plan
from control.agents.rules import AgentContent
from shared.errors import Invalid
from shared.plan import CallPlan, ConsentPlan, ToolPlan
from tests.control.agents.plans.test_rules import ALL, plan_of, version
from tests.control.agents.test_hours import OFFICE

OPEN = CallMoment(datetime(2026, 11, 26, 9, 0, tzinfo=UTC), "Europe/Berlin")
CLOSED = CallMoment(datetime(2026, 11, 26, 18, 0, tzinfo=UTC), "Europe/Berlin")
BASE: dict[str, Any] = {"greeting": "Hello.", "prompt": "You are the desk.", "hours": {"weekly": OFFICE}}


def plan_at(moment: CallMoment | None, **outside: Any) -> CallPlan:
    config = {**BASE, "fallback_number": "+14155552671", "facts": {"shop": "Acme"}, "outside_hours": outside}
    return make_plan(version(AgentContent("Desk", config, None, {})), ALL, moment=moment)


def spoken(config: dict[str, Any], moment: CallMoment) -> str | None:
    return closing_text(AgentContent("Desk", config, None, {}), moment, ANY_CALL)


def test_prompt_has_the_hours_and_whether_the_business_is_open() -> None:
    prompt = plan_at(OPEN).agent.prompt
    assert prompt.startswith("You are the desk.\n\nOpening hours (time zone Europe/Berlin):\n")
    assert prompt.endswith("on Thursday 26 November 2026 at 10:00, the business was open, until 12:30.")
    assert "was closed, and opens again on Friday 27 November 2026 at 09:00." in plan_at(CLOSED).agent.prompt


def test_outside_the_hours_the_agent_answers_with_its_other_greeting_and_instructions() -> None:
    outside = {"text": "{shop} is closed.", "instructions": "Offer a call back for {shop}."}
    closed, opened = plan_at(CLOSED, **outside), plan_at(OPEN, **outside)
    assert (opened.agent.greeting, closed.agent.greeting) == ("Hello.", "Acme is closed.")
    assert closed.agent.prompt.endswith("\n\nOffer a call back for Acme.") and "Offer" not in opened.agent.prompt
    assert closed.tools == opened.tools and closed.agent.fallback_number == "+14155552671"
    assert plan_at(CLOSED).agent.greeting == "Hello."


def test_message_only_takes_messages_and_transfers_nobody() -> None:
    plan = plan_at(CLOSED, action="message")
    assert [tool.name if isinstance(tool, ToolPlan) else tool for tool in plan.tools] == [
        "end_call", "collect_digits", "take_message",
    ]  # fmt: skip
    assert plan.agent.fallback_number == "" and "offer to take a message" in plan.agent.prompt
    assert "transfer" in plan_at(OPEN, action="message").tools


def test_outbound_calls_and_tests_are_as_inside_the_hours() -> None:
    moment = CallMoment(CLOSED.at, CLOSED.timezone, "inside")
    outbound = plan_at(moment, action="message", text="Closed.")
    assert (outbound.agent.greeting, "transfer" in outbound.tools) == ("Hello.", True)
    assert "the business was closed" in outbound.agent.prompt  # it knows that all the same


def test_recordings_are_announced_outside_the_hours_too() -> None:
    announced = {"enabled": True, "consent": "announced", "announcement": "We record."}
    config = {**BASE, "recording": announced, "outside_hours": {"text": "Closed."}}
    plan = make_plan(version(AgentContent("Desk", config, None, {})), ALL, moment=CLOSED)
    assert (plan.consent, plan.agent.greeting) == (ConsentPlan("We record."), "Closed.")


def test_a_call_is_hung_up_on_only_outside_the_hours_of_an_agent_that_wants_it() -> None:
    config = {**BASE, "facts": {"shop": "Acme"}, "outside_hours": {"action": "hang_up", "text": "{shop} is closed."}}
    assert spoken(config, CLOSED) == "Acme is closed."
    assert spoken(config, OPEN) is None
    assert spoken({**config, "outside_hours": {"text": "Closed."}}, CLOSED) is None
    assert spoken({**config, "hours": None}, CLOSED) is None
    long = {"facts": {"shop": "x" * 1_995}}  # as only an older version could save it: spoken without its placeholders
    assert spoken({**config, **long}, CLOSED) == " is closed."
    assert spoken({**config, "unknown": 1}, CLOSED) is None  # its plan is refused elsewhere


def test_hanging_up_needs_a_text() -> None:
    with pytest.raises(ValidationError) as caught:
        AgentConfig.model_validate({"outside_hours": {"action": "hang_up"}})
    assert caught.value.errors()[0]["loc"] == ("outside_hours", "text")


def test_texts_outside_the_hours_need_their_facts() -> None:
    config = {**BASE, "outside_hours": {"text": "{shop} is closed.", "instructions": "Mention {offer}."}}
    assert missing_facts(AgentConfig.model_validate(config)) == ("shop", "offer")


def test_programs_of_the_version_before_read_configs_that_set_none_of_it() -> None:
    written = AgentConfig.model_validate({"greeting": "Hello.", "outside_hours": {"action": "answer"}}).model_dump()
    assert not {"hours", "outside_hours", "messages"} & set(written)
    assert set(AgentConfig.model_validate(BASE).model_dump()) - set(written) == {"hours"}


def test_without_hours_a_plan_is_unchanged() -> None:
    config = {"greeting": "Hello.", "prompt": "You are the desk."}
    content = AgentContent("Desk", {**config, "outside_hours": {"text": "Closed."}}, None, {})
    assert make_plan(version(content), ALL, moment=CLOSED) == plan_of(config)


def test_the_api_names_the_field_at_fault() -> None:
    with pytest.raises(Invalid) as caught:
        parse_config({"hours": {"weekly": {"monday": [{"opens": "9:00", "closes": "17:00"}]}}})
    assert caught.value.param == "config.hours.weekly.monday.0.opens"
    with pytest.raises(Invalid) as caught:
        parse_config({"messages": {"email_to": ["nobody"]}})
    assert caught.value.param == "config.messages.email_to.0"
