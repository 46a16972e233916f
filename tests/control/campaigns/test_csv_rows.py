"""CSV files of recipients, as people and spreadsheets write them."""

import pytest

from control.campaigns.recipients_csv import MOST_ROWS, ColumnMap, CsvRows, parse_variable_columns, read_csv
from shared.errors import Invalid

FIRST, SECOND, THIRD = "+14155552671", "+14155552672", "+14155552673"


def read(text: str, columns: ColumnMap | None = None) -> CsvRows:
    return read_csv(text.encode(), columns or ColumnMap())


def numbers_of(found: CsvRows) -> list[str]:
    return [row.phone_number for row in found.rows]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_reads_what_spreadsheets_write(line_end: str, delimiter: str, mark: str) -> None:
    rows = [["phone_number", "Full name", "timezone"], [FIRST, '"Ito ""Aki"""', ""], [SECOND, "", "Europe/Paris"]]
    found = read(mark + line_end.join(delimiter.join(row) for row in rows))
    assert [(row.phone_number, dict(row.variables), row.timezone) for row in found.rows] == [
        (FIRST, {"full_name": 'Ito "Aki"'}, None),
        (SECOND, {}, "Europe/Paris"),
    ]
    assert [row.place for row in found.rows] == [2, 3]


@pytest.mark.parametrize("columns", [ColumnMap(), ColumnMap(variables={})])
def test_a_quote_that_is_never_closed_is_a_fault_of_its_row(columns: ColumnMap) -> None:
    """Otherwise the rows behind it would be the text of one cell: lost, and silently if the column is not read."""
    found = read(f'phone_number,note\n{FIRST},x\n{SECOND},"oops\n{THIRD},y\n', columns)
    assert numbers_of(found) == [FIRST]
    assert [(fault.place, fault.fault.code) for fault in found.faults] == [(4, "row_unreadable")]


def test_a_quote_that_is_closed_by_a_later_row_is_a_fault_and_the_next_rows_are_read() -> None:
    found = read(f'phone_number,note\n{FIRST},"oops\n{SECOND},"y\n{THIRD},z\n')
    assert numbers_of(found) == [THIRD]
    assert [(fault.place, fault.fault.code) for fault in found.faults] == [(3, "row_unreadable")]
    assert "from line 2 on" in found.faults[0].fault.message


def test_a_cell_of_several_lines_that_is_not_read_is_no_fault() -> None:
    found = read(f'phone_number,note\n{FIRST},"one\ntwo"\n{SECOND},x\n', ColumnMap(variables={}))
    assert (numbers_of(found), found.faults) == ([FIRST, SECOND], [])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (f"phone_number\n{FIRST}\n".encode("utf-16"), "file_unknown"),
        (f"phone_number\n{FIRST}\n".encode("utf-16-le"), "file_unknown"),
        ("phone_number\nJosé\n".encode("latin-1"), "file_unknown"),
        (b"", "file_empty"),
        (b"\n\n", "file_empty"),
        (b"number\n+14155552671\n", "column_missing"),
        (b"phone_number,a,a\n+14155552671,1,2\n", "column_missing"),
        (b"phone_number\n" + b"+14155552671\n" * (MOST_ROWS + 1), "too_many_rows"),
    ],
)
def test_refuses_what_is_no_file_of_recipients(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_csv(data, ColumnMap())
    assert (refused.value.code, refused.value.param) == (code, "file")


def test_rows_with_more_cells_than_the_header_come_back() -> None:
    found = read(f"phone_number,name\n{FIRST},Ann,surplus\n{SECOND},Bob,\n\n{THIRD}\n")
    assert numbers_of(found) == [SECOND, THIRD]
    assert [(fault.place, fault.fault.code) for fault in found.faults] == [(2, "row_too_long")]


def test_names_columns_that_are_not_read() -> None:
    found = read(f"phone_number,Name,Ort,2nd\n{FIRST},Ann,Ulm,x\n", ColumnMap(variables={"customer": "Name"}))
    assert (found.rows[0].variables, found.ignored_columns) == ({"customer": "Ann"}, ["Ort", "2nd"])


@pytest.mark.parametrize("text", ["", "name", "name=", "=Name", "a=A;a=B", "Name=A"])
def test_refuses_unclear_variable_columns(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_variable_columns(text)
    assert refused.value.param == "variable_columns"
