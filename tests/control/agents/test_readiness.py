"""What stands between an agent and a call is told all at once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from control.agents.model import Content, Number, Version
from control.agents.providers import Offers
from control.agents.readiness import reasons, refusal
from control.agents.transfers import Reach
from tests.control.agents.strategies import offer

NUMBER = Number(UUID(int=9), "+14155552671", "Main", "active")
READY = {"greeting": "Hello."}
NOWHERE = Reach((), (), False)


def found(
    config: dict[str, Any], number: Number | None = NUMBER, offers: Offers | None = None, voice: str | None = None
) -> list[tuple[str, str]]:
    version = Version(
        UUID(int=1), UUID(int=2), 1, Content("A", config, voice, {}), None, datetime(2026, 1, 1, tzinfo=UTC)
    )
    told = reasons(version, number, offers if offers is not None else Offers([offer("alpha")]), NOWHERE)
    return [(reason.param, reason.message) for reason in told]


def test_an_agent_with_words_a_number_and_providers_can_answer() -> None:
    assert found(READY) == []
    assert found({"prompt": "You wait for the caller."}) == []


def test_everything_that_is_missing_is_told_at_once() -> None:
    offers = Offers([offer("alpha", kinds=["stt"]), offer("keyed", kinds=["llm"], needs_key=True)])
    config = {"goodbye": "Bye from {firm}.", "speech": {"llm": [{"provider": "keyed"}, {"provider": "keyed"}]}}
    assert found(config, None, offers) == [
        ("config.prompt", "it has neither prompt nor greeting"),
        ("config.facts.firm", "its texts need this fact"),
        ("config.speech.llm", "none can serve: keyed has no key"),
        ("config.speech.tts", "no provider is in service by default"),
        ("phone_number_id", "it has no phone number"),
    ]


def test_a_config_that_todays_schema_refuses_is_told_field_by_field() -> None:
    told = found({"turn": {"silence_ms": 5}, "gone": 1})
    assert [param for param, _ in told] == ["config.turn.silence_ms", "config.gone"]


def test_a_number_that_is_not_active_is_no_number() -> None:
    buying = Number(NUMBER.id, NUMBER.phone_number, "", "buying")
    assert found(READY, buying) == [("phone_number_id", "its phone number is buying, not active")]


def test_a_chosen_voice_that_cannot_serve_does_not_matter_while_another_can() -> None:
    offers = Offers([offer("alpha"), offer("beta", is_enabled=False)])
    assert found(READY, offers=offers, voice="beta") == []
    assert found({**READY, "speech": {"tts": [{"provider": "beta"}]}}, offers=offers, voice="beta") == [
        ("config.speech.tts", "none can serve: beta is not in service")
    ]


def test_facts_that_make_a_text_too_long_stand_in_the_way() -> None:
    [(param, message)] = found({"greeting": "{a}", "facts": {"a": "x" * 4_000}})
    assert param == "config"
    assert "agent.greeting" in message


def test_the_refusal_names_the_first_field_and_tells_them_all() -> None:
    version = Version(UUID(int=1), UUID(int=2), 1, Content("A", {}, None, {}), None, datetime(2026, 1, 1, tzinfo=UTC))
    problem = refusal(reasons(version, None, Offers([offer("alpha")]), NOWHERE))
    assert (problem.status, problem.code, problem.param) == (409, "cannot_answer", "config.prompt")
    assert "neither prompt nor greeting" in problem.message
    assert "no phone number" in problem.message
