"""Normalisation of e-mail addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from control.accounts.rules import Address, normal_address

ADDRESS = TypeAdapter(Address)


@pytest.mark.parametrize(
    ("given_as", "normal"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_address_is_normalized(given_as: str, normal: str) -> None:
    assert ADDRESS.validate_python(given_as) == normal
    assert normal_address(normal) == normal


@pytest.mark.parametrize("text", ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c.d", "ä@example.com",
                                  "Ada <ada@example.com>", "x" * 65 + "@example.com", "a\n@example.com",
    "root@localhost"])  # fmt: skip
def test_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ADDRESS.validate_python(text)


@pytest.mark.parametrize("part", ['"', "é", "a\u0301", "("])
def test_megabyte_of_text_is_refused_unparsed(part: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ADDRESS.validate_python(part * (1_000_000 // len(part)) + "@example.com")
    assert refused.value.errors()[0]["msg"] == "Value error, must be at most 254 characters"


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        found = normal_address(text)
    except ValueError:
        return
    assert found == found.lower() and found.isascii() and normal_address(found) == found
