"""Which dialect a server speaks, and where and with which header it is asked."""

import pytest

from shared.chat_dialects import Dialect, detect_dialect, make_chat_url, make_key_headers, read_sentence

AZURE = "https://mine.openai.azure.com"
DATED = f"{AZURE}/openai/deployments/my%20model/chat/completions?api-version="


@pytest.mark.parametrize(
    ("base_url", "dialect"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://OpenRouter.ai/api/v1", "openrouter"),
        ("https://api.x.ai/v1", "xai"),
        ("https://us-east-1.api.x.ai/v1", "xai"),
        (f"{AZURE}/openai/v1", "azure"),
        ("https://mine.services.ai.azure.com", "azure"),
        ("http://127.0.0.1:8000/v1", "compatible"),
        ("https://api.openai.com.example.com/v1", "compatible"),
        ("https://openai.azure.com.example.com", "compatible"),
    ],
)
def test_dialect_follows_from_the_host(base_url: str, dialect: Dialect) -> None:
    assert detect_dialect(base_url) == dialect


@pytest.mark.parametrize(
    ("dialect", "base_url", "version", "url"),
    [
        ("compatible", "http://a/v1/", "", "http://a/v1/chat/completions"),
        ("azure", AZURE, "", f"{DATED}2024-10-21"),
        ("azure", f"{AZURE}/openai/", "2025-01-01-preview", f"{DATED}2025-01-01-preview"),
        ("azure", f"{AZURE}/openai/v1/", "", f"{AZURE}/openai/v1/chat/completions"),
    ],
)
def test_the_address_of_chat_completions(dialect: Dialect, base_url: str, version: str, url: str) -> None:
    assert make_chat_url(dialect, base_url, "my model", version) == url


def test_the_key_s_header() -> None:
    assert make_key_headers("azure", "k") == {"api-key": "k"}
    assert make_key_headers("openai", "k") == {"Authorization": "Bearer k"}
    assert make_key_headers("openai", "") == {}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            "Incorrect API key provided: xa***7Q. You can obtain an API key from https://console.x.ai.",
            "invalid_api_key",
        ),
        ("Your newly created team doesn't have any credits or licenses yet.", "insufficient_quota"),
        ("Your team has used all available credits or reached its monthly spending limit.", "insufficient_quota"),
        ("Too many requests for the team.", ""),
        ("The model grok-9 does not exist or your team does not have access to it.", ""),
    ],
)
def test_the_code_of_an_error_that_is_a_sentence(error: str, code: str) -> None:
    assert read_sentence(error) == code
