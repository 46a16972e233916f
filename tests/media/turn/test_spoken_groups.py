"""Groups in which digits are spoken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.turn.expected_dictation import DictationKind
from media.turn.spoken_digits import read_digits
from media.turn.spoken_groups import speak_groups


@pytest.mark.parametrize(
    ("characters", "kind", "spoken"),
    [
        ("4155550123", DictationKind.PHONE, "4 1 5, 5 5 5, 0 1 2 3"),
        ("14155550123", DictationKind.PHONE, "1, 4 1 5, 5 5 5, 0 1 2 3"),
        ("4111111111111111", DictationKind.CARD, "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1"),
        ("378282246310005", DictationKind.CARD, "3 7 8 2, 8 2 2 4 6 3, 1 0 0 0 5"),
        ("123456", DictationKind.CODE, "1 2 3, 4 5 6"),
        ("1234567", DictationKind.CODE, "1 2 3, 4 5 6 7"),
        ("BR74", DictationKind.REFERENCE, "B R 7 4"),
        ("", DictationKind.CODE, ""),
    ],
)
def test_groups(characters: str, kind: DictationKind, spoken: str) -> None:
    assert speak_groups(characters, kind) == spoken


@given(st.text("0123456789", max_size=24), st.sampled_from(DictationKind))
def test_nothing_is_lost(digits: str, kind: DictationKind) -> None:
    assert read_digits(speak_groups(digits, kind)) == digits
