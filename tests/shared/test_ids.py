"""UUIDv7 (RFC 9562)."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import new_id

_moments = st.integers(0, 2**48 - 1)
_tails = st.binary(min_size=10, max_size=10)


def test_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F."""
    tail = bytes.fromhex("0cc3" + "18c4dc0c0c07398f")
    assert new_id(0x017F22E279B0, tail) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(_moments, _tails)
def test_time_version_and_variant(moment: int, tail: bytes) -> None:
    made = uuid.UUID(new_id(moment, tail))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == moment


@given(_moments, _moments, _tails, _tails)
def test_ids_sort_by_time(first: int, second: int, tail: bytes, other: bytes) -> None:
    if first < second:
        assert new_id(first, tail) < new_id(second, other)


def test_ids_are_unique() -> None:
    assert len({new_id() for _ in range(1_000)}) == 1_000
