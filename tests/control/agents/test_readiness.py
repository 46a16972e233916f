"""All reasons why an agent cannot answer are found at once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from control.agents.checks import find_reasons, find_warnings, make_refusal
from control.agents.destinations import DialScope
from control.agents.rules import AgentContent, AgentNumber, AgentVersion
from control.voice.routing.rules import ProviderOffers
from tests.control.agents.strategies import offer

NUMBER = AgentNumber(UUID(int=9), "+14155552671", "Main", "active")
READY = {"greeting": "Hello."}
NO_SCOPE = DialScope((), (), False)


def reasons_of(
    config: dict[str, Any],
    number: AgentNumber | None = NUMBER,
    offers: ProviderOffers | None = None,
    voice: str | None = None,
) -> list[tuple[str, str]]:
    version = AgentVersion(
        UUID(int=1), UUID(int=2), 1, AgentContent("A", config, voice, {}), None, datetime(2026, 1, 1, tzinfo=UTC)
    )
    reasons = find_reasons(
        version, number, offers if offers is not None else ProviderOffers([offer("alpha")]), NO_SCOPE
    )
    return [(reason.param, reason.message) for reason in reasons]


def test_complete_agent_can_answer() -> None:
    assert reasons_of(READY) == []
    assert reasons_of({"prompt": "You wait for the caller."}) == []


def test_all_reasons_are_found_at_once() -> None:
    offers = ProviderOffers([offer("alpha", kinds=["stt"]), offer("keyed", kinds=["llm"], needs_key=True)])
    config = {"goodbye": "Bye from {firm}.", "speech": {"llm": [{"provider": "keyed"}, {"provider": "keyed"}]}}
    assert reasons_of(config, None, offers) == [
        ("config.prompt", "it has neither prompt nor greeting"),
        ("config.facts.firm", "its texts need this fact, or a variable of this name"),
        ("config.speech.llm", "none can serve: keyed has no key"),
        ("config.speech.tts", "no provider is in service by default"),
        ("phone_number_id", "it has no phone number"),
    ]


def test_config_of_an_older_schema_is_refused_by_field() -> None:
    reasons = reasons_of({"turn": {"silence_ms": 5}, "gone": 1})
    assert [param for param, _ in reasons] == ["config.turn.silence_ms", "config.gone"]


def test_inactive_number_is_a_reason() -> None:
    buying = AgentNumber(NUMBER.id, NUMBER.phone_number, "", "buying")
    assert reasons_of(READY, buying) == [("phone_number_id", "its phone number is buying, not active")]


def test_unusable_voice_is_no_reason_while_another_is_usable() -> None:
    offers = ProviderOffers([offer("alpha"), offer("beta", is_enabled=False)])
    assert reasons_of(READY, offers=offers, voice="beta") == []
    assert reasons_of({**READY, "speech": {"tts": [{"provider": "beta"}]}}, offers=offers, voice="beta") == [
        ("config.speech.tts", "none can serve: beta is not in service")
    ]


def test_too_long_text_is_a_reason() -> None:
    [(param, message)] = reasons_of({"greeting": "{a}", "facts": {"a": "x" * 4_000}})
    assert param == "config"
    assert "agent.greeting" in message


def test_refusal_names_the_first_field_and_lists_all() -> None:
    version = AgentVersion(
        UUID(int=1), UUID(int=2), 1, AgentContent("A", {}, None, {}), None, datetime(2026, 1, 1, tzinfo=UTC)
    )
    problem = make_refusal(find_reasons(version, None, ProviderOffers([offer("alpha")]), NO_SCOPE))
    assert (problem.status, problem.code, problem.param) == (409, "cannot_answer", "config.prompt")
    assert "neither prompt nor greeting" in problem.message
    assert "no phone number" in problem.message


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        ({}, False),
        ({"speech": {"llm": [{"provider": "rules"}]}}, True),
        ({"speech": {"llm": [{"provider": "rules"}, {"provider": "alpha"}]}}, True),
        ({"speech": {"llm": [{"provider": "alpha"}, {"provider": "rules"}]}}, False),
        ({"speech": {"llm": [{"provider": "gone"}, {"provider": "rules"}]}}, True),
        ({"speech": {"llm": [{"provider": "gone"}]}}, False),
        ({"turn": {"silence_ms": 5}}, False),
    ],
)
def test_owner_is_warned_that_no_language_model_answers(config: dict[str, Any], warned: bool) -> None:
    rules = offer("rules", kinds=["llm"], config={"vendor": "receptionist"}, priority=900)
    offers = ProviderOffers([offer("alpha"), offer("gone", is_enabled=False), rules])
    content = AgentContent("A", {**READY, **config}, None, {})
    version = AgentVersion(UUID(int=1), UUID(int=2), 1, content, None, datetime(2026, 1, 1, tzinfo=UTC))
    assert [warning.code for warning in find_warnings(version, offers)] == ["rule_based_model"] * warned


def test_owner_is_warned_of_tools_whose_names_the_platform_has_taken() -> None:
    content = AgentContent("A", {**READY, "http_tools": ["check_stock", "send_digits"]}, None, {})
    version = AgentVersion(UUID(int=1), UUID(int=2), 1, content, None, datetime(2026, 1, 1, tzinfo=UTC))
    (warning,) = find_warnings(version, ProviderOffers([offer("alpha")]))
    assert (warning.code, warning.param) == ("tool_name_reserved", "config.http_tools.1")
