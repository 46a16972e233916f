"""Configures logs: JSON objects, one per line, on stderr.

Personal data and secrets are never logged.

Logging never raises and never blocks: a line that cannot be written is counted and dropped (`count_dropped_lines`).
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

# The number of stack frames that are logged with an error, innermost first.
_FRAMES: Final = 8
# The maximum length of a library's message, which may contain the source of a task or a query.
_LONGEST_MESSAGE: Final = 300


def error_fields(error: BaseException) -> dict[str, str]:
    """Return log fields of an exception: class and stack. The text is left out, because database errors contain values
    of rows."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    places = (f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}" for frame in reversed(frames[-_FRAMES:]))
    return {"fault": type(error).__name__, "at": " < ".join(places)}


def configure_logs(level: str = "info") -> None:
    """Configure structlog for this process. `level` is debug, info, warning or error."""
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
    # Reports of libraries, such as asyncio's unretrieved errors, use the same sink. The standard handler of last resort
    # would block if a reader does not read.
    logging.lastResort = logging.StreamHandler(sink)
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(_LibraryFormatter())


def count_dropped_lines(count: Callable[[float], object]) -> None:
    """Call `count` with the number of log lines that this process has lost so far, and with each further line."""
    _process.counts.append(count)
    if _process.sink is not None:
        _process.sink.subscribe(count)


class _ProcessLog:
    """The log of this process. `counts` are called for dropped lines."""

    def __init__(self) -> None:
        self.sink: LogSink | None = None
        self.counts: list[Callable[[float], object]] = []


_process = _ProcessLog()
_to_json = structlog.processors.JSONRenderer()


def _render(logger: Any, name: str, fields: MutableMapping[str, Any]) -> str:
    """Render a line. If JSON cannot represent a field, such as one that contains itself, only the other fields are
    lost."""
    try:
        return str(_to_json(logger, name, fields))
    except (TypeError, ValueError, RecursionError):
        kept: Mapping[str, Any] = {key: fields.get(key) for key in ("event", "level", "timestamp")}
        return str(_to_json(logger, name, {**kept, "unreadable": sorted(map(str, fields.keys() - kept.keys()))}))


class _LibraryFormatter(logging.Formatter):
    """Formats a library's report as an object on one line, without the text of its exception. See `error_fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record. Never raises: arguments that do not fit the message are left out."""
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

    class SafeLogger(base):  # type: ignore[misc]  # created at run time, for the level
        """A logger whose methods never raise."""

        def _proxy_to_logger(self, method_name: str, event: str | None = None, *arguments: Any, **fields: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, *arguments, **fields)
            except Exception:  # a log call must never end its caller, whatever its fields are; the loss is counted  # noqa: BLE001
                sink.count_dropped()
                return None

    return SafeLogger
