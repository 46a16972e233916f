"""What counts as an error's code, and may stand in events and logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.errors import hide_key, is_error_code, name_media_type

CODES = ("rate_limit_exceeded", "NET-0001", "SchemaError", "401", "invalid_api_key", "DeploymentNotFound", "BIG-0000")
KEYS = ("sk_car_8c4f2a91b7", "sk-proj-Ab3dE6fGhI", "3f9a1c77b2", "gsk_x1y2z3", "a" * 61, "1" * 5, "", "a b", "a\n", 401)


@pytest.mark.parametrize("code", CODES)
def test_codes_of_vendors(code: str) -> None:
    assert is_error_code(code)


@pytest.mark.parametrize("text", KEYS)
def test_what_may_be_a_key_is_none(text: object) -> None:
    assert not is_error_code(text)


@given(st.text("0123456789abcdef", min_size=24, max_size=64).filter(lambda key: sum(map(str.isdigit, key)) > 4))
def test_no_hexadecimal_key_is_a_code(key: str) -> None:
    assert not is_error_code(key)


def test_a_media_type_is_no_place_for_a_key() -> None:
    assert name_media_type("application/problem+json") == "application/problem+json"
    assert name_media_type("application/sk-a1b2") == "another type"


KEY = "AbcdefghijklmnopqrstuvwX"


@pytest.mark.parametrize("part", [KEY, KEY.lower(), KEY[4:], KEY[:8], f"invalid_{KEY}", f"{KEY}:"])
def test_a_word_with_a_part_of_the_key_is_hidden(part: str) -> None:
    assert hide_key(f"HTTP 401 {part}", KEY) == "HTTP 401 ***"


@pytest.mark.parametrize("key", ["", "key", "invalid", KEY])
def test_other_words_stay(key: str) -> None:
    assert hide_key("HTTP 401 invalid_api_key", key) == "HTTP 401 invalid_api_key"
    assert hide_key("closed with 1011", "closed") == "*** with 1011"
