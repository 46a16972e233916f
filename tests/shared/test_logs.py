"""Logs: one JSON object per line, from the configured level on."""

import json
from collections.abc import Iterator

import pytest
import structlog

from shared.logs import configure_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_one_object_per_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger().info("media.ready", port=8_080, note="two\nlines")
    (entry,) = lines(capsys)
    assert str(entry.pop("timestamp")).endswith("Z")
    assert entry == {"event": "media.ready", "level": "info", "port": 8_080, "note": "two\nlines"}


def test_exception_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        structlog.get_logger().exception("call.crashed")
    (entry,) = lines(capsys)
    assert "ZeroDivisionError" in str(entry["exception"])


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lower_levels_are_not_logged(level: str, expected: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("something")
    assert len(lines(capsys)) == expected
