"""One check of many cases in one test, which costs less than a test for each case."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

Case = TypeVar("Case")


def check_each(cases: Iterable[Case], name: Callable[[Case], str], check: Callable[[Case], None]) -> None:
    """Check every case, then raise the failures as one group, each with the name of its case."""
    failures: list[BaseException] = []
    for case in cases:
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001  # raised below
            failure.add_note(f"case: {name(case)}")
            failures.append(failure)
    if failures:
        raise BaseExceptionGroup("; ".join(f"{failure.__notes__[-1]}" for failure in failures), failures)
