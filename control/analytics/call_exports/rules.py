"""Formats the rows of a call export as CSV or JSON. Pure functions."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from control.platform.csv_cells import BYTE_ORDER_MARK, defuse_formula

ExportFormat = Literal["csv", "json"]
CONTENT_TYPES: Final[Mapping[ExportFormat, str]] = {
    "csv": "text/csv; charset=utf-8", "json": "application/json",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedCall:
    """A call as exported.

    Attributes:
        cost: Billed amount.
        cost_list: Amount at list price.
        local_time: `created_at` in the workspace's time zone.
    """

    call_id: UUID
    created_at: datetime
    local_time: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    direction: str
    is_test: bool
    status: str
    end_reason: str | None
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    duration_seconds: int
    cost: Decimal
    cost_list: Decimal
    currency: str
    sentiment: str | None
    sentiment_score: float | None
    success: bool | None
    summary: str | None


COLUMNS: Final = tuple(ExportedCall.__dataclass_fields__)


def make_call(row: Mapping[str, Any], zone: ZoneInfo, currency: str) -> ExportedCall:
    """Return a call for the export.

    Args:
        row: The columns, without local_time and currency.
    """
    return ExportedCall(**row, local_time=row["created_at"].astimezone(zone), currency=currency)


def open_file(file_format: ExportFormat) -> bytes:
    """Return what precedes the first row: a byte order mark and CSV's header (RFC 4180), or the start of the JSON
    list.
    """
    if file_format == "json":
        return b'{"calls": [\n'
    return (BYTE_ORDER_MARK + _csv_lines([COLUMNS])).encode()


def format_calls(calls: Sequence[ExportedCall], file_format: ExportFormat, *, is_first: bool) -> bytes:
    """Return the formatted rows.

    Args:
        is_first: Whether these are the first calls of the file.
    """
    if file_format == "csv":
        return _csv_lines([[_cell(getattr(call, name)) for name in COLUMNS] for call in calls]).encode()
    rows = b",\n".join(msgspec.json.encode({name: _value(getattr(call, name)) for name in COLUMNS}) for call in calls)
    return rows if is_first or not rows else b",\n" + rows


def close_file(file_format: ExportFormat) -> bytes:
    """Return what follows the last row."""
    return b"\n]}\n" if file_format == "json" else b""


def _csv_lines(rows: Sequence[Sequence[str]]) -> str:
    lines = StringIO()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()


def _cell(value: Any) -> str:
    """Return the text of a CSV cell. Unknown values are empty. Numbers are our own and need no protection from
    formulas.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return _time(value)
        case Decimal():
            return f"{value:f}"
        case str():
            return defuse_formula(value.replace("\x00", ""))
    return str(value)


def _value(value: Any) -> Any:
    """Return the JSON value. Money is a number, as everywhere in the API."""
    if isinstance(value, datetime):
        return _time(value)
    return float(value) if isinstance(value, Decimal) else value


def _time(moment: datetime) -> str:
    """Return the time in ISO 8601, with Z for UTC."""
    text = moment.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if moment.tzinfo is UTC else text
