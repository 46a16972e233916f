"""Whether the platform can go on."""

from pathlib import Path

import pytest

from vocalized.stack.ports import Ports
from vocalized.stack.stack import Stack

PORTS = Ports(control=1, worker=2, carrier=3, media=(4, 5))


@pytest.mark.parametrize(
    ("failures", "failed"), [([], ""), (["", ""], ""), (["", "api ended", "worker ended"], "api ended")]
)
def test_first_failure_of_a_part_ends_the_platform(failures: list[str], failed: str) -> None:
    stack = Stack(Path(), PORTS, {}, "", [lambda reason=reason: reason for reason in failures])  # type: ignore[misc]
    assert stack.failed == failed
