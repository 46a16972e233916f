"""The check of many cases reports every failure with the name of its case."""

import pytest

from tests.platform.each import check_each


def test_names_each_case_that_fails() -> None:
    def check(number: int) -> None:
        assert number % 2 == 0, "odd"
        if number == 4:
            pytest.fail("four")

    with pytest.raises(BaseExceptionGroup, match="case: 1; case: 3; case: 4") as raised:
        check_each(range(5), str, check)
    assert [str(failure).partition("\n")[0] for failure in raised.value.exceptions] == ["odd", "odd", "four"]
