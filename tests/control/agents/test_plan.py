"""Every config becomes a plan that media reads back, with nothing lost on the way."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from control.agents.config import AgentConfig
from control.agents.facts import fill
from control.agents.model import Content, Version
from control.agents.plan import to_plan
from control.agents.providers import KINDS, Offers
from shared.plan import CallPlan, PlanError, decode_plan, encode_plan
from tests.control.agents.strategies import NAMES, contents, offer

WORKSPACE, AGENT = UUID(int=1), UUID(int=2)
ALL = Offers([offer(name) for name in NAMES])


def version(content: Content) -> Version:
    return Version(WORKSPACE, AGENT, 3, content, None, datetime(2026, 1, 1, tzinfo=UTC))


def plan_of(
    config: dict[str, Any], offers: Offers = ALL, voice: str | None = None, voice_config: dict[str, Any] | None = None
) -> CallPlan:
    return to_plan(version(Content("Desk", config, voice, voice_config or {})), offers)


@given(contents)
def test_a_plan_survives_the_way_to_media(content: Content) -> None:
    plan = to_plan(version(content), ALL, call_id="call-1")
    assert decode_plan(encode_plan(plan)) == plan


@given(contents)
def test_every_field_of_the_config_arrives(content: Content) -> None:
    plan, config = to_plan(version(content), ALL, call_id="call-1"), AgentConfig.model_validate(content.config)
    recording = config.recording
    announcement = f"{recording.announcement} " if recording.consent == "announced" and recording.enabled else ""
    assert plan.agent.greeting == fill(
        (announcement + config.greeting).rstrip() if announcement else config.greeting, config.facts
    )
    assert plan.agent.prompt == fill(config.prompt, config.facts)
    assert plan.agent.goodbye == fill(config.goodbye, config.facts)
    assert (plan.agent.name, plan.agent.language) == (content.name, config.language)
    assert plan.agent.fallback_number == config.fallback_number
    for part in ("turn", "limits"):
        for name, value in getattr(config, part).model_dump().items():
            assert getattr(getattr(plan, part), name) == value
    assert list(plan.tools) == config.tools
    assert plan.recording is config.recording.enabled
    assert (plan.call_id, plan.workspace_id, plan.agent_id) == ("call-1", str(WORKSPACE), str(AGENT))


@given(contents)
def test_chains_keep_their_order_and_options_with_the_chosen_voice_before_all_others(content: Content) -> None:
    plan, config = to_plan(version(content), ALL), AgentConfig.model_validate(content.config)
    for kind in KINDS:
        named = [(choice.provider, choice.options) for choice in getattr(config.speech, kind)]
        got = [(choice.provider, choice.options) for choice in getattr(plan, kind)]
        if kind != "tts":
            assert got == (named or [(name, {}) for name in NAMES])
            continue
        assert got[0][0] == (content.voice_provider or (named or [(NAMES[0], {})])[0][0])
        assert [name for name, _ in got if name != content.voice_provider] == [
            name for name, _ in named or [(name, {}) for name in NAMES] if name != content.voice_provider
        ]


def test_a_field_that_the_plan_has_and_the_config_forgets_would_be_seen() -> None:
    """Whoever adds a field to the plan must say where it comes from."""
    agent = {"name", "greeting", "prompt", "language", "goodbye", "fallback_number"}
    assert set(CallPlan.__struct_fields__) == {
        "agent", "stt", "llm", "tts", "turn", "limits", "tools", "recording", "call_id", "workspace_id", "agent_id",
        "leg", "resume",  # of calls that go on after a loss: control/calls says them
    }  # fmt: skip
    plan = plan_of({"turn": {}, "limits": {}})
    assert set(plan.agent.__struct_fields__) == agent
    assert set(plan.turn.__struct_fields__) == set(AgentConfig().turn.model_dump())
    assert set(plan.limits.__struct_fields__) == set(AgentConfig().limits.model_dump())


def test_options_come_from_the_platform_the_voices_the_voice_config_and_the_choice_the_later_winning() -> None:
    platform = {"tts": {"model": "p", "speed": 1, "voice_id": "p", "style": "p"}, "llm": {"model": "gpt"}}
    offers = Offers([offer("alpha", config=platform), offer("beta", config=platform)])
    config = {
        "voices": {"alpha": {"speed": 2, "voice_id": "v", "model": "v"}, "beta": {"voice_id": "b"}},
        "speech": {"tts": [{"provider": "beta"}, {"provider": "alpha", "options": {"model": "c"}}]},
    }
    plan = plan_of(config, offers, "alpha", {"voice_id": "w", "model": "w"})
    assert [(choice.provider, choice.options) for choice in plan.tts] == [
        ("alpha", {"model": "c", "speed": 2, "voice_id": "w", "style": "p"}),
        ("beta", {"model": "p", "speed": 1, "voice_id": "b", "style": "p"}),
    ]
    assert plan.llm[0].options == {"model": "gpt"}


def test_who_cannot_serve_is_left_out_and_a_chain_without_anybody_is_told() -> None:
    offers = Offers([offer("alpha"), offer("beta", kinds=["stt", "tts"]), offer("gamma", is_enabled=False)])
    plan = plan_of({"speech": {"tts": [{"provider": "gamma"}, {"provider": "beta"}]}}, offers)
    assert [choice.provider for choice in plan.tts] == ["beta"]
    with pytest.raises(PlanError, match="llm: no provider can serve; tts: no provider"):
        plan_of({"speech": {"llm": [{"provider": "beta"}], "tts": [{"provider": "gamma"}]}}, offers)


def test_a_chain_holds_eight_with_the_voice_first() -> None:
    offers = Offers([offer(f"v{n}") for n in range(12)])
    plan = plan_of({}, offers, "v11")
    assert [choice.provider for choice in plan.tts] == ["v11", *(f"v{n}" for n in (0, 1, 10, 2, 3, 4, 5))]
    assert len(plan.stt) == 8


def test_the_caller_is_told_of_the_recording_before_anything_else() -> None:
    told = {"enabled": True, "consent": "announced", "announcement": "{firm} records calls."}
    assert plan_of({"recording": told, "greeting": "Hello!", "facts": {"firm": "Acme"}}).agent.greeting == (
        "Acme records calls. Hello!"
    )
    assert plan_of({"recording": told, "facts": {"firm": "Acme"}}).agent.greeting == "Acme records calls."
    otherwise = {"enabled": True, "consent": "given_otherwise", "statement": "Contract, 4."}
    assert plan_of({"recording": otherwise, "greeting": "Hello!"}).agent.greeting == "Hello!"
    assert plan_of({"recording": {**told, "enabled": False}, "greeting": "Hello!"}).agent.greeting == "Hello!"


def test_the_longest_texts_fit() -> None:
    told = {"enabled": True, "consent": "announced", "announcement": "a" * 500}
    plan = plan_of({"recording": told, "greeting": "g" * 1_400, "goodbye": "b" * 400, "prompt": "p" * 30_000})
    assert len(plan.agent.greeting) == 1_901


def test_facts_that_make_a_text_too_long_are_told() -> None:
    with pytest.raises(PlanError, match=r"agent\.greeting"):
        plan_of({"greeting": "{a}", "facts": {"a": "x" * 4_000}})
