"""Codes against the vectors of RFC 6238, appendix B (SHA-1, their last six digits)."""

from base64 import b32encode
from datetime import UTC, datetime

import pytest

from control.accounts import totp

SECRET = b32encode(b"12345678901234567890").decode()
VECTORS = {59: "287082", 1_111_111_109: "081804", 1_234_567_890: "005924", 20_000_000_000: "353130"}


@pytest.mark.parametrize(("moment", "expected"), VECTORS.items())
def test_codes_are_those_of_the_standard(moment: int, expected: str) -> None:
    now = datetime.fromtimestamp(moment, UTC)
    assert totp.code(SECRET, now) == expected
    assert totp.step_of(SECRET, expected, now) == moment // 30


def test_a_code_is_good_one_step_before_and_after() -> None:
    moment = 1_111_111_109
    for offset, good in ((-60, False), (-30, True), (30, True), (60, False)):
        found = totp.step_of(SECRET, VECTORS[moment], datetime.fromtimestamp(moment + offset, UTC))
        assert (found is not None) == good


def test_what_is_no_code_is_none() -> None:
    now = datetime.fromtimestamp(59, UTC)
    assert totp.step_of(SECRET, "", now) is None
    assert totp.step_of(SECRET, "\uff12\uff18\uff17\uff10\uff18\uff12", now) is None
