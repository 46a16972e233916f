"""Configures logs: JSON objects, one per line, on stderr.

Personal data and secrets are never logged.

To log never raises and never waits: a line that cannot be written is counted and dropped (`count_dropped_lines`).
"""

import json
import logging
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from shared.log_sink import LogSink, stderr_sink

# Stack frames logged with an error, the innermost first.
_FRAMES: Final = 8
# Of a library's report, which may hold the source of a task or a query.
_LONGEST_MESSAGE: Final = 300


def error_fields(error: BaseException) -> dict[str, str]:
    """Log fields of an exception: class and stack. The text is left out: a database error's holds values of a row."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    places = (f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}" for frame in reversed(frames[-_FRAMES:]))
    return {"fault": type(error).__name__, "at": " < ".join(places)}


def configure_logs(level: str = "info") -> None:
    """Configures structlog for this process. level: debug, info, warning or error."""
    _process.sink = sink = stderr_sink()
    for count in _process.counts:
        sink.subscribe(count)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=_logger_class(logging.getLevelNamesMapping()[level.upper()], sink),
        logger_factory=lambda *_: structlog.WriteLogger(sink),  # type: ignore[arg-type]  # it needs write and flush
        cache_logger_on_first_use=True,
    )
    # What libraries report by themselves, asyncio's unretrieved errors for one, goes the same way: logging's own
    # handler of last resort would wait for a reader that does not read.
    logging.lastResort = logging.StreamHandler(sink)
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(_LibraryFormatter())


def count_dropped_lines(count: Callable[[float], object]) -> None:
    """Has `count` called with the number of log lines that this process has lost so far, and with each further one."""
    _process.counts.append(count)
    if _process.sink is not None:
        _process.sink.subscribe(count)


class _ProcessLog:
    """The log of this process. counts: what counts dropped lines."""

    def __init__(self) -> None:
        self.sink: LogSink | None = None
        self.counts: list[Callable[[float], object]] = []


_process = _ProcessLog()
_to_json = structlog.processors.JSONRenderer()


def _render(logger: Any, name: str, fields: MutableMapping[str, Any]) -> str:
    """A field that JSON cannot hold, such as one that contains itself, costs the other fields, but not the line."""
    try:
        return str(_to_json(logger, name, fields))
    except (TypeError, ValueError, RecursionError):
        kept: Mapping[str, Any] = {key: fields.get(key) for key in ("event", "level", "timestamp")}
        return str(_to_json(logger, name, {**kept, "unreadable": sorted(map(str, fields.keys() - kept.keys()))}))


class _LibraryFormatter(logging.Formatter):
    """A library's report as an object on one line, without the text of its exception: see `error_fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: arguments that do not fit are left out."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        error = record.exc_info[1] if record.exc_info else None
        return json.dumps(
            {
                "logger": record.name,
                "message": message[:_LONGEST_MESSAGE],
                **(error_fields(error) if isinstance(error, Exception) else {}),
                "event": "library.reported",
                "level": record.levelname.lower(),
                "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            }
        )


def _logger_class(level: int, sink: LogSink) -> Any:
    base: Any = structlog.make_filtering_bound_logger(level)

    class SafeLogger(base):  # type: ignore[misc]  # made at run time, for the level
        """A logger whose methods never raise."""

        def _proxy_to_logger(self, method_name: str, event: str | None = None, *arguments: Any, **fields: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, *arguments, **fields)
            except Exception:  # a log call must end nothing, whatever its fields are; the loss is counted  # noqa: BLE001
                sink.count_dropped()
                return None

    return SafeLogger
