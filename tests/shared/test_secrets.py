"""Sealed values can be opened with any key, for their purpose, and only if unchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.secrets import Sealer, UnsealError, new_key, parse_keys

keys = st.binary(min_size=32, max_size=32)
OLD, NEW = b"o" * 32, b"n" * 32
sealer = Sealer([OLD])


@given(st.binary(max_size=300), st.lists(keys, min_size=1, max_size=3, unique=True))
def test_sealed_value_is_opened(plain: bytes, keys_used: list[bytes]) -> None:
    any_sealer = Sealer(keys_used)
    sealed = any_sealer.seal(plain, "test")
    assert any_sealer.open(sealed, "test") == plain
    assert any_sealer.seal(plain, "test") != sealed


@given(st.binary(max_size=60), st.data())
def test_any_changed_byte_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(sealer.seal(plain, "test"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnsealError):
        sealer.open(bytes(sealed), "test")


@given(st.binary(max_size=100))
def test_unsealed_data_is_refused(data: bytes) -> None:
    with pytest.raises(UnsealError):
        sealer.open(data, "test")


@given(st.binary(max_size=40), st.integers(1, 60))
def test_truncated_value_is_refused(plain: bytes, missing: int) -> None:
    sealed = sealer.seal(plain, "test")
    with pytest.raises(UnsealError):
        sealer.open(sealed[:-missing], "test")


def test_another_purpose_is_refused() -> None:
    with pytest.raises(UnsealError):
        sealer.open(sealer.seal(b"x", "mail"), "totp")


def test_keys_rotate() -> None:
    rotated = Sealer([NEW, OLD])
    assert rotated.open(sealer.seal(b"x", "test"), "test") == b"x"
    with pytest.raises(UnsealError):
        sealer.open(rotated.seal(b"x", "test"), "test")
    assert Sealer([NEW]).open(rotated.seal(b"x", "test"), "test") == b"x"


def test_derived_keys_depend_on_key_and_purpose() -> None:
    derived = Sealer([NEW, OLD]).derive("tokens")
    assert derived == (*Sealer([NEW]).derive("tokens"), *Sealer([OLD]).derive("tokens"))
    assert derived != Sealer([NEW, OLD]).derive("other")
    assert all(len(key) == 32 for key in derived)


def test_keys_as_text() -> None:
    first, second = new_key(), new_key()
    assert len(parse_keys(f"{first}, {second}=")) == 2
    assert parse_keys(first) != parse_keys(second)


@pytest.mark.parametrize("text", ["", " , ", "short", "ä" * 43, "A" * 44, "A" * 43 + "," + "A" * 43, "A" * 43 + ",!"])
def test_invalid_keys_are_refused_and_not_in_the_error(text: str) -> None:
    with pytest.raises(ValueError) as fault:
        parse_keys(text)
    assert "AAAA" not in str(fault.value) and "ä" not in str(fault.value)


@pytest.mark.parametrize("keys_used", [[], [b"short"], [OLD, b"x" * 31]])
def test_sealer_needs_keys_of_full_length(keys_used: list[bytes]) -> None:
    with pytest.raises(ValueError):
        Sealer(keys_used)
