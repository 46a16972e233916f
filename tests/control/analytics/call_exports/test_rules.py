"""Rows of exports: what spreadsheets would compute, what parsers read back."""

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.analytics.call_exports.rules import COLUMNS, ExportedCall, close_file, format_calls, make_call, open_file
from control.platform.csv_cells import defuse_formula

ROW = {
    "call_id": UUID(int=7), "created_at": datetime(2026, 3, 8, 7, 30, tzinfo=UTC), "answered_at": None,
    "ended_at": None, "direction": "inbound", "is_test": False, "status": "completed", "end_reason": None,
    "agent_id": None, "agent_name": "Desk", "caller_number": "+14155550100", "called_number": "+14155550101",
    "duration_seconds": 61, "cost": Decimal("-0.125000"), "cost_list": Decimal(0), "sentiment": None,
    "sentiment_score": -0.5, "success": True, "summary": "Said \"hello\",\nthen hung up.",
}  # fmt: skip


def one(**changes: object) -> ExportedCall:
    return make_call({**ROW, **changes}, ZoneInfo("America/New_York"), "usd")


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_has_a_header_and_one_row_a_call() -> None:
    data = open_file("csv") + format_calls([one(), one(success=None)], "csv", is_first=True) + close_file("csv")
    assert data.startswith("\ufeffcall_id,created_at,".encode())
    first, second = read_csv(data)
    assert tuple(first) == COLUMNS
    assert (first["created_at"], first["local_time"]) == ("2026-03-08T07:30:00Z", "2026-03-08T03:30:00-04:00")
    assert (first["cost"], first["sentiment_score"], first["success"]) == ("-0.125000", "-0.5", "true")
    assert (first["caller_number"], first["summary"]) == ("+14155550100", ROW["summary"])
    assert (second["success"], second["answered_at"]) == ("", "")


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_json_is_one_object_however_many_pages(pages: int) -> None:
    data = open_file("json")
    for number in range(pages):
        data += format_calls([one(), one()], "json", is_first=number == 0)
    assert len(json.loads(data + close_file("json"))["calls"]) == 2 * pages
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n1", "\uff1d1", "+1 555", "+"])
def test_formulas_are_defused(text: str) -> None:
    assert defuse_formula(text) == f"'{text}"
    (row,) = read_csv(open_file("csv") + format_calls([one(summary=text, caller_number=text)], "csv", is_first=True))
    assert row["summary"] == row["caller_number"] == f"'{text}"
    assert json.loads(format_calls([one(summary=text)], "json", is_first=True))["summary"] == text


@pytest.mark.parametrize("text", ["a;=1+1", 'a;"=1"', "a\n=1+1", "a\r\n@SUM(A1)", "a\t-1", "a;\uff1d1", ";=1", "+1;=1"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_no_formula_begins_behind_another_separator(text: str, separator: str) -> None:
    """Where a comma is the decimal point, Excel takes semicolons for separators, and quotes within a cell for text."""
    data = open_file("csv") + format_calls([one(summary=text, agent_name=text)], "csv", is_first=True)
    lines = StringIO(data.decode("utf-8-sig"), newline="")
    cells = [cell for row in csv.reader(lines, delimiter=separator) for cell in row]
    formulas = ("=", "+", "-", "@", "\uff1d")
    assert not [cell for cell in cells if cell.lstrip('"').startswith(formulas)]
    (row,) = read_csv(data)
    assert row["summary"].replace("'", "") == text


@pytest.mark.parametrize("text", ["+14155550100", "anonymous", "", "1-2", "sip:a@example.com", "a; -b", "a\n b"])
def test_other_texts_stay(text: str) -> None:
    assert defuse_formula(text) == text


@given(st.text(max_size=20))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    (row,) = read_csv(open_file("csv") + format_calls([one(summary=text)], "csv", is_first=True))
    assert not row["summary"].startswith(("=", "-", "@", "\t", "\r", "\n"))
    assert row["summary"].replace("'", "") == text.replace("\x00", "").replace("'", "")
