"""The call plan: its fields, its defaults, and one error for all invalid fields."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plan import (
    AgentPlan,
    CallPlan,
    LimitsPlan,
    PlanError,
    ProviderPlan,
    ToolPlan,
    TurnPlan,
    decode_plan,
    encode_plan,
)
from shared.plan import read_plan as read

SMALLEST: dict[str, Any] = {
    "agent": {},
    "stt": [{"provider": "a"}],
    "llm": [{"provider": "b"}],
    "tts": [{"provider": "c"}],
}


def decode(**changes: object) -> CallPlan:
    return decode_plan(json.dumps({**SMALLEST, **changes}))


def error_of(**changes: object) -> str:
    with pytest.raises(PlanError) as caught:
        decode(**changes)
    return str(caught.value)


def test_plan_file() -> None:
    plan = decode_plan(
        """{"agent": {"name": "Front desk", "greeting": "", "prompt": "Be kind.", "language": "en"},
            "stt": [{"provider": "standin", "options": {"final_ms": 100, "text": "and so"}}],
            "llm": [{"provider": "standin", "options": {"first_token_ms": 200, "token_ms": 10, "text": "Thanks."}}],
            "tts": [{"provider": "standin", "options": {"first_byte_ms": 80, "audio_ms": 2500, "chunk_ms": 200}}],
            "turn": {"silence_ms": 400, "barge_in": true}, "recording": false}"""
    )
    assert plan.agent == AgentPlan("Front desk", "", "Be kind.", "en")
    assert plan.stt == [ProviderPlan("standin", {"final_ms": 100, "text": "and so"})]
    assert plan.turn == TurnPlan(silence_ms=400)
    assert not plan.recording


def test_defaults() -> None:
    plan = decode()
    assert (plan.agent, plan.turn, plan.limits) == (AgentPlan(), TurnPlan(), LimitsPlan())
    assert tuple(plan.tools) == ("end_call", "collect_digits")
    assert plan.agent.greeting == ""
    assert plan.turn.barge_in
    assert plan.call_id == ""


def test_a_tool_is_a_name_or_a_plan() -> None:
    book = {"name": "book", "description": "Books a table.", "parameters": {"type": "object"}, "remote": True}
    plan = decode(tools=["end_call", book, {"name": "collect_digits", "timeout_s": 20.0}])
    assert plan.tools == (
        "end_call",
        ToolPlan("book", "Books a table.", {"type": "object"}, remote=True),
        ToolPlan("collect_digits", timeout_s=20.0),
    )


def test_built_in_tools_are_encoded_as_names_which_every_version_reads() -> None:
    encoded = json.loads(encode_plan(decode(tools=["end_call", {"name": "book", "remote": True}])))
    assert encoded["tools"] == ["end_call", {"name": "book", "remote": True}]


def test_providers_keep_their_order() -> None:
    assert [choice.provider for choice in decode(tts=[{"provider": name} for name in "xyz"]).tts] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"agent": {"name": ""}}, "agent.name"),
        ({"agent": {"prompt": 3}}, "agent.prompt"),
        ({"agent": []}, "agent"),
        ({"stt": []}, "stt"),
        ({"llm": [{}]}, "llm[0].provider: missing"),
        ({"tts": [{"provider": "a"}, {"provider": ""}]}, "tts[1].provider"),
        ({"tts": [{"provider": "a", "voice": "anna"}]}, "tts[0].voice: unknown field"),
        ({"tts": [{"provider": "a"}] * 9}, "tts"),
        ({"turn": {"silence_ms": 99}}, "turn.silence_ms"),
        ({"turn": {"silence_ms": "400"}}, "turn.silence_ms"),
        ({"turn": {"min_words": 0}}, "turn.min_words"),
        ({"limits": {"reply_s": 61}}, "limits.reply_s"),
        ({"limits": {"silence_s": -1}}, "limits.silence_s"),
        ({"tools": "end_call"}, "tools"),
        ({"tools": ["end_call", {"name": "book", "remote": True, "timeout_s": 0}]}, "tools[1].timeout_s"),
        ({"tools": [{"name": "book", "remote": True, "color": "red"}]}, "tools[0].color: unknown field"),
        ({"tools": [{"name": "book now", "remote": True}]}, "tools[0].name"),
        ({"tools": [{"remote": True}]}, "tools[0].name: missing"),
        ({"tools": [{"name": "book"}]}, "tools[0]: name: no built-in tool"),
        ({"tools": ["end_call"] * 65}, "tools"),
        ({"resume": {"messages": [], "turn": -1, "usage": {}, "began_ms": 0, "lost_ms": 0}}, "resume.turn"),
        ({"recording": 1}, "recording"),
        ({"recoding": True}, "recoding: unknown field"),
    ],
)
def test_error_names_the_field(changes: dict[str, object], expected: str) -> None:
    message = error_of(**changes)
    assert message.startswith(f"plan: {expected}")
    assert ";" not in message


def test_error_names_all_invalid_fields() -> None:
    message = error_of(
        agent={"name": "", "languages": "en"},
        stt=[{"provider": "a"}, {"options": {}}],
        turn={"silence_ms": 1, "min_words": "two"},
        recording="yes",
        workspace=1,
    )
    for field in ("agent.name", "agent.languages", "stt[1].provider", "turn.silence_ms", "turn.min_words"):
        assert field in message
    assert "recording" in message
    assert "workspace: unknown field" in message
    assert len(message.split("; ")) == 7


def test_error_names_all_missing_fields() -> None:
    with pytest.raises(PlanError, match="agent: missing; stt: missing; llm: missing; tts: missing"):
        decode_plan("{}")


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe\x00", "[]", "null", "3", '{"agent": {}} trailing'])
def test_invalid_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(PlanError, match=r"^plan: \S"):
        decode_plan(text)


def test_error_holds_no_values() -> None:
    """Options may hold API keys."""
    message = error_of(llm=[{"provider": "a", "options": "sk-secret"}], agent={"prompt": ["my secret"]})
    assert "secret" not in message


_plans = st.builds(
    CallPlan,
    agent=st.builds(AgentPlan, name=st.text(min_size=1, max_size=20), prompt=st.text(max_size=200)),
    stt=st.lists(st.builds(ProviderPlan, provider=st.text(min_size=1, max_size=9)), min_size=1, max_size=3),
    llm=st.just([ProviderPlan("b", {"temperature": 0.5, "nested": {"list": [1, "x", None, True]}})]),
    tts=st.just([ProviderPlan("c")]),
    turn=st.builds(
        TurnPlan,
        silence_ms=st.integers(100, 5_000),
        barge_in=st.booleans() | st.sampled_from(("off", "polite", "eager")),
    ),
    limits=st.builds(LimitsPlan, reply_s=st.floats(0, 60)),
    tools=st.lists(
        st.one_of(
            st.sampled_from(["end_call", "transfer"]),
            st.builds(ToolPlan, name=st.just("book"), filler=st.none() | st.text(max_size=9), remote=st.just(True)),
        ),
        max_size=3,
    ).map(tuple),
    recording=st.booleans(),
    call_id=st.text("abcXYZ019_-", max_size=36),
)


@given(_plans)
def test_plan_survives_a_round_trip(plan: CallPlan) -> None:
    assert decode_plan(encode_plan(plan)) == plan


def test_plan_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(SMALLEST))
    assert read(tmp_path / "plan.json") == decode()


def test_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nothing\.json: No such file"):
        read(tmp_path / "nothing.json")
    with pytest.raises(PlanError, match="Is a directory"):
        read(tmp_path)
    (tmp_path / "bad.json").write_text('{"agent": 3}')
    with pytest.raises(PlanError, match=r"bad\.json: plan: agent: .*; stt: missing"):
        read(tmp_path / "bad.json")


@pytest.mark.parametrize("call_id", ["../../etc/passwd", "a/b", "a.b", "x\n", "a" * 65])
def test_unsafe_call_id_is_refused(call_id: str) -> None:
    with pytest.raises(PlanError, match="call_id"):
        decode_plan(json.dumps({**SMALLEST, "call_id": call_id}))


def test_unknown_tool_is_refused() -> None:
    with pytest.raises(PlanError, match="tools"):
        decode_plan(json.dumps({**SMALLEST, "tools": ["end_call", "make_coffee"]}))
