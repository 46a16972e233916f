"""Who shares the health of a provider."""

from typing import Any

from media.providers.health_keys import HealthKeys
from shared.plan import ProviderPlan
from vendors.openai import media as openai_media

KEYS = HealthKeys(b"s" * 32)
OPTIONS = {"model": "m", "api_key": "sk-secret", "base_url": "https://api.groq.com/v1"}


def fingerprint(keys: HealthKeys = KEYS, **options: Any) -> str:
    adapter = openai_media.VENDOR.llm
    assert adapter is not None
    return keys.make("llm", ProviderPlan("groq", {**OPTIONS, **options}, "openai"), adapter.request_options).fingerprint


def test_calls_with_one_account_share_it_whatever_they_ask() -> None:
    assert fingerprint() == fingerprint(temperature=0.2, max_tokens=50)
    reordered = ProviderPlan("groq", dict(reversed(OPTIONS.items())), "openai")
    assert KEYS.make("llm", reordered, ()).fingerprint == fingerprint()


def test_another_key_model_address_or_time_limit_has_its_own() -> None:
    changes = ({"api_key": "sk-2"}, {"model": "n"}, {"base_url": "https://x.test/v1"}, {"first_token_s": 0.1})
    assert len({fingerprint(), *(fingerprint(**change) for change in changes)}) == 5


def test_kind_provider_and_vendor_are_part_of_it() -> None:
    plain = KEYS.make("tts", ProviderPlan("voice"), ())
    assert plain != KEYS.make("stt", ProviderPlan("voice"), ())
    assert plain.fingerprint != KEYS.make("tts", ProviderPlan("voice", vendor="openai"), ()).fingerprint


def test_it_cannot_be_computed_without_the_secret_nor_shows_the_key() -> None:
    assert fingerprint() != fingerprint(HealthKeys(b"t" * 32))
    assert "secret" not in fingerprint()
    assert len(fingerprint()) == 24
