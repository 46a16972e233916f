"""Addresses of the Messages API and the Gemini API, and how much their models think."""

from typing import Any

import pytest

from vendors.anthropic import wire as anthropic_wire
from vendors.google import wire as google_wire


@pytest.mark.parametrize(
    "base", ["https://api.anthropic.com", "https://api.anthropic.com/", "https://api.anthropic.com/v1"]
)
def test_the_address_of_messages(base: str) -> None:
    assert anthropic_wire.make_messages_url(base) == "https://api.anthropic.com/v1/messages"


@pytest.mark.parametrize(
    ("base", "model", "path"),
    [
        ("https://g.example", "gemini-3.6-flash", "/v1beta/models/gemini-3.6-flash:"),
        ("https://g.example/v1/", "models/gemini-3.6-flash", "/v1/models/gemini-3.6-flash:"),
        ("https://g.example/v1beta", "a/b?c", "/v1beta/models/a%2Fb%3Fc:"),
    ],
)
def test_the_address_of_a_model_of_gemini(base: str, model: str, path: str) -> None:
    url = google_wire.make_gemini_url(base, model, is_streamed=True)
    assert url == f"https://g.example{path}streamGenerateContent?alt=sse"
    assert google_wire.make_gemini_url(base, model, is_streamed=False).endswith(":generateContent")


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        ("claude-haiku-4-5", None, {"thinking": {"type": "disabled"}}),
        ("claude-haiku-4-5-20251001", None, {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", None, {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", None, {"output_config": {"effort": "low"}}),
        ("claude-fable-5-2", None, {"output_config": {"effort": "low"}}),
        ("claude-mythos-5-2", None, {"output_config": {"effort": "low"}}),
        ("claude-of-tomorrow", None, {}),
        ("claude-sonnet-5-5", "high", {"output_config": {"effort": "high"}}),
    ],
)
def test_claude_thinks_as_little_as_it_can_be_made_to(model: str, effort: str | None, fields: dict[str, Any]) -> None:
    assert anthropic_wire.choose_thinking(model, effort) == fields


@pytest.mark.parametrize(
    ("model", "level", "fields"),
    [
        ("gemini-2.5-flash", None, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", None, {"thinkingBudget": 128}),
        ("gemini-3.5-flash-lite", None, {"thinkingLevel": "minimal"}),
        ("models/gemini-3.6-flash-001", None, {"thinkingLevel": "minimal"}),
        ("gemini-3.8-flash", None, {"thinkingLevel": "low"}),
        ("gemini-3.1-pro-preview", None, {"thinkingLevel": "low"}),
        ("gemini-flash-latest", None, {}),
        ("gemini-flash-latest", "high", {"thinkingLevel": "high"}),
    ],
)
def test_gemini_thinks_as_little_as_it_can_be_made_to(model: str, level: str | None, fields: dict[str, Any]) -> None:
    assert google_wire.choose_thinking(model, level) == fields


def test_sends_anthropic_s_current_version() -> None:
    assert anthropic_wire.make_headers("k") == {"anthropic-version": "2026-10-21", "x-api-key": "k"}


def test_drops_configured_sampling_fields_only() -> None:
    extra = {"temperature": 1.0, "top_p": 1, "top_k": 40, "stop_sequences": ["Bye"]}
    assert anthropic_wire.drop_sampling(extra) == {"stop_sequences": ["Bye"]}
