"""Logs: one JSON object per line on stderr. Personal data and secrets never go into a log."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Final

import structlog

# Places told of a fault, the innermost first.
_PLACES: Final = 8


def told(error: BaseException) -> dict[str, str]:
    """Kind and places of a fault, for a log line. Not its text: a database error's holds the values of a row."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "site-packages" not in one.filename]
    places = (f"{Path(one.filename).stem}.{one.name}:{one.lineno}" for one in reversed(frames[-_PLACES:]))
    return {"fault": type(error).__name__, "at": " < ".join(places)}


def configure_logs(level: str = "info") -> None:
    """Sets structlog up for this process; `level` is debug, info, warning or error."""
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
