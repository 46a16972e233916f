"""What the audit log writes of a phone number."""

import pytest

from control.audit.service import mask_number


@pytest.mark.parametrize(
    ("number", "masked"),
    [("+491511234567", "+491***67"), ("+1415555", "+141***55"), ("anonymous", "anonymous"), ("+112", "+112"), ("", "")],
)
def test_number_is_masked_and_words_are_not(number: str, masked: str) -> None:
    assert mask_number(number) == masked
