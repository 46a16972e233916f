"""Logs: one JSON object per line, from the configured level on."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.logs import configure_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = logging.lastResort
    yield
    logging.lastResort = before
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


def report(message: str, *arguments: object, error: Exception | None = None) -> None:
    """What a library's logger does in a process without handlers of its own; pytest has some."""
    raised = (type(error), error, error.__traceback__) if error is not None else None
    assert logging.lastResort is not None
    record = logging.LogRecord("asyncpg", logging.WARNING, "pool.py", 1, message, arguments, exc_info=raised)
    logging.lastResort.handle(record)


def test_a_librarys_report_is_an_object_without_the_text_of_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    try:
        raise ValueError("key (email)=(ada@example.com) already exists")
    except ValueError as error:
        report("could not restore %d connections", 2, error=error)
    report("wrong %d", "argument")
    first, second = lines(capsys)
    assert str(first.pop("timestamp")).endswith("Z")
    assert str(first.pop("at")).startswith("test_logs.test_a_librarys_report")
    assert first == {
        "event": "library.reported",
        "level": "warning",
        "logger": "asyncpg",
        "message": "could not restore 2 connections",
        "fault": "ValueError",
    }
    assert second["message"] == "wrong %d"
