"""The simulated Google Sheets behaves as the Sheets API's reference says."""

import pytest

from simulator.integrations.errors import VendorRefusal
from simulator.integrations.google_sheets import Spreadsheets

RAW = {"valueInputOption": "RAW"}


@pytest.mark.parametrize(
    ("where", "updated"),
    [
        ("Calls!A:F", "Calls!A2:B2"), ("'Calls'!C1", "Calls!C2:D2"), ("Calls", "Calls!A2:B2"), ("B:C", "Calls!B2:C2"),
        ("'Other'", "Other!A1:B1"),
    ],
)  # fmt: skip
def test_row_goes_below_the_table_of_the_range(where: str, updated: str) -> None:
    sheets = Spreadsheets(sheets={"Calls": [["Name"]], "Other": []})
    answer = sheets.run("POST", f"/spreadsheets/1AbC/values/{where}:append", RAW, {"values": [["Ann", 1]]})
    assert (answer["updates"]["updatedRange"], answer["updates"]["updatedCells"]) == (updated, 2)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/spreadsheets/other/values/Calls:append", RAW, 404),
        ("/spreadsheets/1AbC/values/Calls:append", {}, 400),
        ("/spreadsheets/1AbC/values/Nowhere!A:B:append", RAW, 400),
    ],
)
def test_refusal(path: str, query: dict[str, str], status: int) -> None:
    sheets = Spreadsheets()
    with pytest.raises(VendorRefusal) as caught:
        sheets.run("POST", path, query, {"values": [["Ann"]]})
    assert (caught.value.status, sheets.sheets["Calls"]) == (status, [])
