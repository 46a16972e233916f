"""Logs are JSON objects, one per line, on stderr. Personal data and secrets are never logged."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Final

import structlog

# Stack frames logged with an error, the innermost first.
_FRAMES: Final = 8


def error_fields(error: BaseException) -> dict[str, str]:
    """Log fields of an exception: class and stack. The text is left out: a database error's holds values of a row."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    places = (f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}" for frame in reversed(frames[-_FRAMES:]))
    return {"fault": type(error).__name__, "at": " < ".join(places)}


def configure_logs(level: str = "info") -> None:
    """Configures structlog for this process. level: debug, info, warning or error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
