"""Options by kind, as staff and customers set them."""

from typing import Any

import pytest

from control.voice.catalog.rules import require_options, require_values
from shared.errors import Invalid

ALLOWED = {"llm": ("model",), "stt": ("model", "keyterm")}


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"tts": {}}, "config.tts"),
        ({"llm": "tiny"}, "config.llm"),
        ({"llm": {"voice": "x"}}, "config.llm.voice"),
        ({"llm": {"model": {"a": 1}}}, "config.llm.model"),
        ({"llm": {"model": "x" * 501}}, "config.llm.model"),
        ({"llm": {"model": float("inf")}}, "config.llm.model"),
        ({"llm": {"model": float("nan")}}, "config.llm.model"),
        ({"llm": {"model": -(10**400)}}, "config.llm.model"),
        ({"stt": {"base_url": "https://x.example"}}, "config.stt.base_url"),
    ],
)
def test_names_unknown_options(config: dict[str, Any], param: str) -> None:
    with pytest.raises(Invalid) as raised:
        require_options(config, ALLOWED, address_kinds=("llm",))
    assert (raised.value.code, raised.value.param) == ("option_unknown", param)


@pytest.mark.parametrize(
    ("vendor", "config", "param", "reason"),
    [
        ("openai", {"llm": {"temperature": "hot"}}, "config.llm.temperature", "expected `float"),
        ("openai", {"llm": {"base_url": "wss://x.example"}}, "config.llm.base_url", "matching regex"),
        ("openai", {"llm": {"model": ""}}, "config.llm.model", "length >= 1"),
        ("openai", {"llm": {"dialect": "sk-secret"}}, "config.llm.dialect", "none of the known values"),
        ("cartesia", {"stt": {"keyterm": ["x" * 100] * 13}}, "config.stt.keyterm", "1200 characters"),
        ("cartesia", {"tts": {"speed": 3.0}}, "config.tts.speed", "<= 1.5"),
        ("deepgram", {"stt": {"keyterm": ["x" * 101]}}, "config.stt.keyterm", "length <= 100"),
        ("google-speech", {"stt": {"location": "EU"}}, "config.stt.location", "matching regex"),
        ("google-speech", {"tts": {"location": "eu.example"}}, "config.tts.location", "matching regex"),
        ("deepgram", {"tts": {"model": "aura-x"}}, "config.tts.model", "matching regex"),
    ],
)
def test_a_value_that_media_could_not_use_is_named(
    vendor: str, config: dict[str, Any], param: str, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason) as raised:
        require_values(config, vendor)
    assert (raised.value.code, raised.value.param) == ("option_invalid", param)
    assert "sk-secret" not in str(raised.value)


def test_what_other_settings_add_is_not_missed_and_unknown_vendors_are_left_to_media() -> None:
    require_values({"llm": {"temperature": 1}}, "openai")
    require_values({"llm": {"temperature": "hot"}}, "acme")


def test_options_and_addresses_of_the_kinds_that_have_one() -> None:
    config = {"vendor": "acme", "llm": {"base_url": "https://x.example"}, "stt": {"keyterm": ["a"]}}
    require_options(config, ALLOWED, address_kinds=("llm",))
