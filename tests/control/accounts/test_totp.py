"""Codes against the vectors of RFC 6238, appendix B (SHA-1, their last six digits)."""

from base64 import b32encode
from datetime import UTC, datetime

import pytest

from control.accounts.second_factors import totp as second_factors_totp

SECRET = b32encode(b"12345678901234567890").decode()
VECTORS = {59: "287082", 1_111_111_109: "081804", 1_234_567_890: "005924", 20_000_000_000: "353130"}


@pytest.mark.parametrize(("seconds", "expected"), VECTORS.items())
def test_codes_match_the_rfc_vectors(seconds: int, expected: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert second_factors_totp.code_at(SECRET, now) == expected
    assert second_factors_totp.find_step(SECRET, expected, now) == seconds // 30


def test_code_is_valid_one_step_before_and_after() -> None:
    seconds = 1_111_111_109
    for offset, is_valid in ((-60, False), (-30, True), (30, True), (60, False)):
        found = second_factors_totp.find_step(SECRET, VECTORS[seconds], datetime.fromtimestamp(seconds + offset, UTC))
        assert (found is not None) == is_valid


def test_invalid_text_is_no_code() -> None:
    now = datetime.fromtimestamp(59, UTC)
    assert second_factors_totp.find_step(SECRET, "", now) is None
    assert second_factors_totp.find_step(SECRET, "\uff12\uff18\uff17\uff10\uff18\uff12", now) is None
