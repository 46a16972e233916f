"""What the simulated Messages API and Gemini API refuse: a vendor that takes everything would show no fault of ours."""

from collections.abc import Callable
from typing import Any

import pytest

from vendors.anthropic import simulator as anthropic_simulator
from vendors.anthropic.simulator import MessagesRefusal
from vendors.google import simulator as google_simulator
from vendors.google.simulator import GeminiRefusal

USE = {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "booked"}
CALL = {"functionCall": {"name": "book", "args": {}}, "thoughtSignature": "c2ln"}
ANSWER = {"functionResponse": {"name": "book", "response": {"output": "booked"}}}

Change = Callable[[dict[str, Any]], Any]


def claude() -> dict[str, Any]:
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 10,
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [USE]},
            {"role": "user", "content": [RESULT, {"type": "text", "text": "Well?"}]},
        ],
    }


def gemini() -> dict[str, Any]:
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {"role": "model", "parts": [CALL]},
            {"role": "user", "parts": [ANSWER]},
        ]
    }


def test_a_right_request_is_taken() -> None:
    anthropic_simulator.check_body(claude())
    google_simulator.check_body("gemini-3.5-flash-lite", gemini(), {"c2ln"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.pop("max_tokens"), "max_tokens: Field required"),
        (lambda body: body.update(frequency_penalty=1), "Extra inputs are not permitted"),
        (lambda body: body.update(temperature=1.0), "temperature: Extra inputs are not permitted"),
        (lambda body: body.update(top_p=1), "top_p: Extra inputs are not permitted"),
        (lambda body: body.update(top_k=40), "top_k: Extra inputs are not permitted"),
        (lambda body: body["messages"].pop(0), 'first message must use the "user" role'),
        (lambda body: body["messages"].pop(), "does not support assistant message prefill"),
        (lambda body: body["messages"][2]["content"].pop(0), "ids were found without `tool_result` blocks"),
        (lambda body: body["messages"].pop(1), "unexpected `tool_use_id`"),
        (lambda body: body["messages"][2]["content"].append({"type": "text", "text": " "}), "must be non-empty"),
        (lambda body: body["messages"][1].update(content=[{**USE, "id": "call|1"}]), "should match pattern"),
        (lambda body: body["messages"][1].update(content=[USE, USE]), "ids must be unique"),
        (lambda body: body.update(thinking={"type": "off"}), "thinking"),
        (
            lambda body: body.update(
                output_config={"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}}
            ),
            "additionalProperties",
        ),
    ],
)
def test_anthropic_refuses(change: Change, words: str) -> None:
    body = claude()
    change(body)
    with pytest.raises(MessagesRefusal) as raised:
        anthropic_simulator.check_body(body)
    assert raised.value.status == 400
    assert words in raised.value.message


def test_anthropic_s_older_version_takes_a_temperature_unless_the_model_does_not() -> None:
    body, version = {**claude(), "temperature": 0.5}, anthropic_simulator.check_version("2023-06-01")
    anthropic_simulator.check_body(body, version=version)
    with pytest.raises(MessagesRefusal, match="is deprecated"):
        anthropic_simulator.check_body(body, version=version, fixed_temperature=True)


@pytest.mark.parametrize("version", [None, "2026-10-22"])
def test_anthropic_refuses_an_unknown_version(version: str | None) -> None:
    with pytest.raises(MessagesRefusal, match="anthropic-version"):
        anthropic_simulator.check_version(version)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.update(model="x"), 'Unknown name "model"'),
        (lambda body: body.update(generationConfig={"max_tokens": 1}), 'Unknown name "max_tokens"'),
        (lambda body: body["contents"].pop(), "end with a user turn or a function response turn"),
        (lambda body: body["contents"].pop(0), "function call turn comes immediately after a user turn"),
        (lambda body: body["contents"].pop(1), "number of function response parts"),
        (lambda body: body["contents"][2]["parts"].append({"text": "Well?"}), "function response parts only"),
        (lambda body: body["contents"][0].update(parts=[{"text": ""}]), "must not be empty"),
        (lambda body: body["contents"][0].update(role="assistant"), "valid role"),
        (lambda body: body["contents"][1].update(parts=[{**CALL, "thoughtSignature": "eA=="}]), "Invalid thought"),
        (
            lambda body: body["contents"][1].update(parts=[{"functionCall": CALL["functionCall"]}]),
            "is missing a thought",
        ),
        (lambda body: body["contents"].append({"role": "model", "parts": [{"text": "Well?"}]}), "end with a user turn"),
    ],
)
def test_gemini_refuses(change: Change, words: str) -> None:
    body = gemini()
    change(body)
    with pytest.raises(GeminiRefusal) as raised:
        google_simulator.check_body("gemini-3.5-flash-lite", body, {"c2ln"})
    assert raised.value.status == 400
    assert words in raised.value.message


def test_a_level_of_thinking_is_refused_by_models_with_a_budget() -> None:
    body = {**gemini(), "generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}}
    with pytest.raises(GeminiRefusal, match="Thinking level"):
        google_simulator.check_body("gemini-2.5-flash", body, ())
