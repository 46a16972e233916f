"""Sealed values: opened by all keys, for their purpose, untouched; and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.secrets import Sealer, Unsealable, new_key, parse_keys

keys = st.binary(min_size=32, max_size=32)
OLD, NEW = b"o" * 32, b"n" * 32
sealer = Sealer([OLD])


@given(st.binary(max_size=300), st.lists(keys, min_size=1, max_size=3, unique=True))
def test_what_is_sealed_opens_again(plain: bytes, listed: list[bytes]) -> None:
    any_sealer = Sealer(listed)
    sealed = any_sealer.seal(plain, "test")
    assert any_sealer.open(sealed, "test") == plain
    assert any_sealer.seal(plain, "test") != sealed


@given(st.binary(max_size=60), st.data())
def test_any_changed_byte_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(sealer.seal(plain, "test"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealable):
        sealer.open(bytes(sealed), "test")


@given(st.binary(max_size=100))
def test_what_was_never_sealed_is_refused(data: bytes) -> None:
    with pytest.raises(Unsealable):
        sealer.open(data, "test")


@given(st.binary(max_size=40), st.integers(1, 60))
def test_what_is_cut_short_is_refused(plain: bytes, missing: int) -> None:
    sealed = sealer.seal(plain, "test")
    with pytest.raises(Unsealable):
        sealer.open(sealed[:-missing], "test")


def test_another_purpose_is_refused() -> None:
    with pytest.raises(Unsealable):
        sealer.open(sealer.seal(b"x", "mail"), "totp")


def test_keys_rotate() -> None:
    rotated = Sealer([NEW, OLD])
    assert rotated.open(sealer.seal(b"x", "test"), "test") == b"x"
    with pytest.raises(Unsealable):
        sealer.open(rotated.seal(b"x", "test"), "test")
    assert Sealer([NEW]).open(rotated.seal(b"x", "test"), "test") == b"x"


def test_derived_keys_follow_the_list_and_the_purpose() -> None:
    both = Sealer([NEW, OLD]).derive("tokens")
    assert both == (*Sealer([NEW]).derive("tokens"), *Sealer([OLD]).derive("tokens"))
    assert both != Sealer([NEW, OLD]).derive("other")
    assert all(len(key) == 32 for key in both)


def test_settings_hold_keys_as_text() -> None:
    first, second = new_key(), new_key()
    assert len(parse_keys(f"{first}, {second}=")) == 2
    assert parse_keys(first) != parse_keys(second)


@pytest.mark.parametrize("text", ["", " , ", "short", "ä" * 43, "A" * 44, "A" * 43 + "," + "A" * 43, "A" * 43 + ",!"])
def test_bad_keys_are_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError) as fault:
        parse_keys(text)
    assert "AAAA" not in str(fault.value) and "ä" not in str(fault.value)


@pytest.mark.parametrize("listed", [[], [b"short"], [OLD, b"x" * 31]])
def test_a_sealer_needs_whole_keys(listed: list[bytes]) -> None:
    with pytest.raises(ValueError):
        Sealer(listed)
