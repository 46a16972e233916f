"""Every config becomes a plan that media decodes without loss."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from msgspec import UNSET

from control.agents.call_tools.table import REMOTE_TOOLS
from control.agents.config import AgentConfig
from control.agents.plans.placeholders import fill_placeholders, make_values
from control.agents.plans.rules import make_plan, plan_tools
from control.agents.rules import AgentContent, AgentVersion
from control.agents.variables import PlannedCall
from control.voice.routing.rules import KINDS, ProviderOffers
from shared.plan import CallPlan, ConsentPlan, ContextPlan, PlanError, ToolPlan, decode_plan, encode_plan
from tests.control.agents.strategies import NAMES, contents, offer

WORKSPACE, AGENT = UUID(int=1), UUID(int=2)
ALL = ProviderOffers([offer(name) for name in NAMES])
CALL = PlannedCall(at=datetime(2026, 11, 26, 13, 5, tzinfo=UTC), id="call-1")


def version(content: AgentContent) -> AgentVersion:
    return AgentVersion(WORKSPACE, AGENT, 3, content, None, datetime(2026, 1, 1, tzinfo=UTC))


def plan_of(
    config: dict[str, Any],
    offers: ProviderOffers = ALL,
    voice: str | None = None,
    voice_config: dict[str, Any] | None = None,
) -> CallPlan:
    return make_plan(version(AgentContent("Desk", config, voice, voice_config or {})), offers)


@given(contents)
def test_plan_survives_encoding(content: AgentContent) -> None:
    plan = make_plan(version(content), ALL, CALL)
    assert decode_plan(encode_plan(plan)) == plan


@given(contents)
def test_plan_has_every_field_of_the_config(content: AgentContent) -> None:
    plan, config = make_plan(version(content), ALL, CALL), AgentConfig.model_validate(content.config)
    values, recording = make_values(config, CALL, content.name), config.recording
    is_announced = recording.consent == "announced" and recording.enabled
    assert plan.consent == (
        ConsentPlan(fill_placeholders(recording.announcement, values), tuple(recording.refusal_words))
        if is_announced
        else None
    )
    assert plan.disclosure == fill_placeholders(config.disclosure, values)
    assert plan.agent.greeting == fill_placeholders(config.greeting, values)
    assert plan.agent.prompt == fill_placeholders(config.prompt, values)
    assert plan.agent.goodbye == fill_placeholders(config.goodbye, values)
    assert (plan.agent.name, plan.agent.language) == (content.name, config.language)
    assert plan.agent.fallback_number == config.fallback_number
    for part in ("turn", "limits"):
        for name, value in getattr(config, part).model_dump().items():
            # Words that the nodes of the version before do not know are sent as those that they do, or not at all.
            is_unset = (name, value) in {("speculate", True), ("patience", "normal")}
            sent = UNSET if is_unset else {"off": False, "polite": True}.get(value, value)
            assert getattr(getattr(plan, part), name) == sent
    for name in ("first_message", "greeting_interruptible"):
        assert getattr(plan, name) == getattr(config, name)
    assert list(plan.tools) == plan_tools(config)
    assert plan.recording is config.recording.enabled
    assert (plan.call_id, plan.workspace_id, plan.agent_id) == ("call-1", str(WORKSPACE), str(AGENT))


@given(contents)
def test_chains_keep_their_order_and_options_with_the_chosen_voice_before_all_others(content: AgentContent) -> None:
    plan, config = make_plan(version(content), ALL), AgentConfig.model_validate(content.config)
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


def test_vendor_is_named_only_where_it_is_not_the_providers_own_name() -> None:
    """Media nodes of the version before vendors refuse an unknown field."""
    offers = ProviderOffers([offer("alpha", config={"vendor": "alpha"}), offer("groq", config={"vendor": "openai"})])
    plan = plan_of({"greeting": "x"}, offers)
    assert [(choice.provider, choice.vendor, choice.vendor_name) for choice in plan.llm] == [
        ("alpha", "", "alpha"), ("groq", "openai", "openai"),
    ]  # fmt: skip
    assert encode_plan(plan).count(b'"vendor"') == len(KINDS)


def test_plan_and_config_have_the_same_fields() -> None:
    """A field that is added to the plan must be listed here or come from the config."""
    agent = {"name", "greeting", "prompt", "language", "goodbye", "fallback_number"}
    assert set(CallPlan.__struct_fields__) == {
        "agent", "stt", "llm", "tts", "turn", "limits", "tools", "recording", "call_id", "workspace_id", "agent_id",
        "context", "leg", "resume", "stream_credential", "right",  # of the call: control/calls sets them
        "first_message", "greeting_interruptible", "disclosure", "consent", "voicemail_message", "speech", "languages",
        "screening", "screening_message",
    }  # fmt: skip
    plan = plan_of({"turn": {}, "limits": {}})
    assert set(plan.agent.__struct_fields__) == agent
    assert set(plan.turn.__struct_fields__) == set(AgentConfig().turn.model_dump())
    assert set(plan.limits.__struct_fields__) == set(AgentConfig().limits.model_dump())


@pytest.mark.parametrize(
    ("config", "screening"),
    [
        ({}, ("answer", "")),
        ({"screening_message": "This is {agent_name}."}, ("answer", "This is Desk.")),
        ({"call_screening": "end", "screening_message": "Unused."}, ("end", "")),
    ],
)
def test_rule_of_call_screening_is_in_plans_of_outbound_calls(
    config: dict[str, Any], screening: tuple[str, str]
) -> None:
    """Defaults are left out, because nodes of the version before refuse the fields."""
    content = version(AgentContent("Desk", config, None, {}))
    outbound = make_plan(content, ALL, replace(CALL, direction="outbound"))
    assert (outbound.screening, outbound.screening_message) == screening
    assert b"screening" not in encode_plan(make_plan(content, ALL, CALL))
    assert (b"screening" in encode_plan(outbound)) is bool(config)


def test_options_are_merged_in_order() -> None:
    platform = {"tts": {"model": "p", "speed": 1, "voice_id": "p", "style": "p"}, "llm": {"model": "gpt"}}
    offers = ProviderOffers([offer("alpha", config=platform), offer("beta", config=platform)])
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


def test_unusable_providers_are_left_out_and_empty_chains_refused() -> None:
    offers = ProviderOffers([offer("alpha"), offer("beta", kinds=["stt", "tts"]), offer("gamma", is_enabled=False)])
    plan = plan_of({"speech": {"tts": [{"provider": "gamma"}, {"provider": "beta"}]}}, offers)
    assert [choice.provider for choice in plan.tts] == ["beta"]
    with pytest.raises(PlanError, match="llm: no provider can serve; tts: no provider"):
        plan_of({"speech": {"llm": [{"provider": "beta"}], "tts": [{"provider": "gamma"}]}}, offers)


def test_chain_holds_eight_with_the_voice_first() -> None:
    offers = ProviderOffers([offer(f"v{n}") for n in range(12)])
    plan = plan_of({}, offers, "v11")
    assert [choice.provider for choice in plan.tts] == ["v11", *(f"v{n}" for n in (0, 1, 10, 2, 3, 4, 5))]
    assert len(plan.stt) == 8


def test_context_of_the_call_is_in_the_plan() -> None:
    call = PlannedCall(at=CALL.at, direction="outbound", timezone="Europe/Berlin")
    assert make_plan(version(AgentContent("Desk", {}, None, {})), ALL, call).context == (
        ContextPlan("Europe/Berlin", "outbound")
    )


def test_recording_is_announced_apart_from_the_greeting() -> None:
    announced = {"enabled": True, "consent": "announced", "announcement": "{firm} records calls.", "refusal_key": "9"}
    facts = {"firm": "Acme"}
    plan = plan_of({"recording": announced, "greeting": "Hello!", "facts": facts, "disclosure": "{firm}'s machine."})
    assert (plan.agent.greeting, plan.disclosure) == ("Hello!", "Acme's machine.")
    assert plan.consent == ConsentPlan("Acme records calls.", refusal_key="9")
    otherwise = {"enabled": True, "consent": "given_otherwise", "statement": "Contract, 4."}
    assert plan_of({"recording": otherwise}).consent is None
    assert plan_of({"recording": {**announced, "enabled": False}, "facts": facts}).consent is None


def test_the_longest_texts_fit() -> None:
    announced = {"enabled": True, "consent": "announced", "announcement": "a" * 500}
    plan = plan_of({"recording": announced, "greeting": "g" * 1_400, "goodbye": "b" * 400, "prompt": "p" * 30_000})
    assert plan.consent is not None
    assert (len(plan.consent.announcement), len(plan.agent.greeting)) == (500, 1_400)


def test_facts_that_make_a_text_too_long_are_refused() -> None:
    with pytest.raises(PlanError, match=r"agent\.greeting"):
        plan_of({"greeting": "{a}", "facts": {"a": "x" * 4_000}})


def test_tool_that_control_runs_is_described_in_the_plan() -> None:
    tool, built_in = plan_of({"tools": ["call_context", "end_call"]}).tools
    assert built_in == "end_call"
    assert isinstance(tool, ToolPlan) and tool == REMOTE_TOOLS["call_context"].plan
    assert tool.remote and tool.repeatable and tool.description
