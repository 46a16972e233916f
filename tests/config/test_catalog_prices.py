"""The prices that the product ships with."""

from decimal import Decimal

from config.catalog_agents import shipped_providers
from config.catalog_prices import shipped_prices

PRICES = {
    (shipped_price["provider"], shipped_price["role"], shipped_price["model"], shipped_price["unit"]): shipped_price[
        "price"
    ]
    for shipped_price in shipped_prices()
}


def test_each_price_is_named_once() -> None:
    assert len(PRICES) == len(shipped_prices())


def test_each_provider_but_those_for_tests_has_a_price_for_every_model() -> None:
    first = {"stt": "minute", "llm": "million_prompt_tokens", "tts": "thousand_characters"}
    for provider in shipped_providers():
        for kind in provider["kinds"]:
            has_price = (provider["provider"], kind, "*", first[kind]) in PRICES
            assert has_price != provider["for_tests"], (provider["provider"], kind)


def test_members_become_units_and_keep_all_digits() -> None:
    assert PRICES["openai", "llm", "gpt-4o", "million_cached_tokens"] == Decimal("1.25")
    assert ("openai", "llm", "gpt-4.1", "million_cached_tokens") not in PRICES
    assert PRICES["anthropic", "llm", "claude-haiku-5-5", "million_cache_write_tokens"] == Decimal("0.125")
    assert PRICES["deepgram", "stt", "nova-3", "minute"] == Decimal("0.0048")
    assert PRICES["receptionist", "llm", "*", "million_completion_tokens"] == 0


def test_carriers_with_prices_of_the_account_have_none() -> None:
    carriers = {provider for provider, role, _, _ in PRICES if role == "telephony"}
    assert carriers == {"browser", "simulated"}
