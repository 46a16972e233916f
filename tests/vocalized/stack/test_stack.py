"""Whether the platform can go on."""

from io import StringIO
from pathlib import Path

import pytest

from vocalized.stack.ports import Ports
from vocalized.stack.stack import Stack, report_to_stderr

PORTS = Ports(control=1, worker=2, carrier=3, media=(4, 5))


@pytest.mark.parametrize(
    ("failures", "failed"), [([], ""), (["", ""], ""), (["", "api ended", "worker ended"], "api ended")]
)
def test_first_failure_of_a_part_ends_the_platform(failures: list[str], failed: str) -> None:
    stack = Stack(Path(), PORTS, {}, "", [lambda reason=reason: reason for reason in failures])  # type: ignore[misc]
    assert stack.failed == failed


class GoneReader(StringIO):
    """A standard error whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_report_outlives_the_reader_of_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", GoneReader())
    report_to_stderr("worker ended by itself")
