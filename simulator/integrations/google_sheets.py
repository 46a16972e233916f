"""Google Sheets API v4: rows in the sheets of one spreadsheet.

Follows https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values (append, get) and
.../rest/v4/spreadsheets (get).
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.integrations.errors import VendorRefusal

_PATH: Final = re.compile(r"/spreadsheets/([^/]+)(?:/values/([^/]+?)(:append)?)?")
_CELLS: Final = re.compile(r"(?:([A-Z])?\d*(?::[A-Z]?\d*)?)?")
_OPTIONS: Final = ("RAW", "USER_ENTERED")


@dataclass(slots=True)
class Spreadsheets:
    """A spreadsheet.

    Attributes:
        id: The spreadsheet's id.
        sheets: Rows of cells by sheet title. The first sheet is the default.
    """

    id: str = "1AbC"
    sheets: dict[str, list[list[Any]]] = field(default_factory=lambda: {"Calls": []})

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. `path` follows /v4. Raises VendorRefusal."""
        found = _PATH.fullmatch(path)
        if found is None or found[1] != self.id:
            raise _failure(404, "NOT_FOUND")
        if found[2] is None:
            sheets = [self._describe(at) for at in range(len(self.sheets))]
            return {"spreadsheetId": self.id, "properties": {"title": "Calls"}, "sheets": sheets}
        title, column = self._locate(found[2])
        rows = self.sheets[title]
        if found[3] is None:
            return {"range": found[2], "majorDimension": "ROWS", **({"values": rows} if rows else {})}
        if method != "POST" or query.get("valueInputOption") not in _OPTIONS:
            raise _failure(400, "INVALID_ARGUMENT")
        return self._append(title, column, body["values"])

    def _append(self, title: str, column: str, values: list[list[Any]]) -> dict[str, Any]:
        """Append rows below the table, starting in its first column."""
        rows = self.sheets[title]
        first = len(rows) + 1
        for row in values:
            if any(isinstance(cell, list | dict) for cell in row):
                raise _failure(400, "INVALID_ARGUMENT")
            rows.append([str(cell) for cell in row])
        width = max(map(len, values))
        last = chr(ord(column) + width - 1)
        updates = {
            "spreadsheetId": self.id, "updatedRange": f"{title}!{column}{first}:{last}{len(rows)}",
            "updatedRows": len(values), "updatedColumns": width, "updatedCells": sum(map(len, values)),
        }  # fmt: skip
        return {"spreadsheetId": self.id, "updates": updates}

    def _locate(self, text: str) -> tuple[str, str]:
        """Return the sheet and first column of a range in A1 notation: a sheet (possibly quoted), cells, or both."""
        sheet, mark, cells = text.rpartition("!")
        title = (sheet if mark else text).strip("'")
        if title in self.sheets:
            cells = cells if mark else ""
        elif not mark:
            title = next(iter(self.sheets))
        found = _CELLS.fullmatch(cells)
        if title not in self.sheets or found is None:
            raise _failure(400, "INVALID_ARGUMENT")
        return title, found[1] or "A"

    def _describe(self, at: int) -> dict[str, Any]:
        title = list(self.sheets)[at]
        grid = {"rowCount": 1_000, "columnCount": 26}
        properties = {"sheetId": at, "title": title, "index": at, "sheetType": "GRID", "gridProperties": grid}
        return {"properties": properties}


def _failure(code: int, status: str) -> VendorRefusal:
    return VendorRefusal(code, {"error": {"code": code, "message": "The request was refused.", "status": status}})
