"""Salesforce REST API: contacts and leads of one organization.

Follows the REST API Developer Guide, https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest
(resources_search_parameterized, dome_sobject_create, resources_sobject_retrieve, dome_update_fields, errorcodes).
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal

_PATH: Final = re.compile(r"/services/data/v\d\d\.0/(parameterizedSearch|sobjects)/?(?:(\w+)/?(\w+)?)?")
_REQUIRED: Final = {"Contact": ("LastName",), "Lead": ("LastName", "Company")}
# The first characters of an id show its kind.
_PREFIXES: Final = {"Contact": "003", "Lead": "00Q"}
_PHONES: Final = ("Phone", "MobilePhone")


@dataclass(slots=True)
class SalesforceRecords:
    """The organization's records.

    Attributes:
        records: Records by id, each with its `attributes`.
    """

    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. Raises VendorRefusal."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise _failure(404, "NOT_FOUND")
        if found[1] == "parameterizedSearch":
            return self._search(query)
        kind, record_id = found[2], found[3]
        if kind not in _REQUIRED:
            raise _failure(404, "NOT_FOUND")
        if record_id is None:
            return Created(self.add(kind, **body))
        record = self.records.get(record_id)
        if record is None:
            raise _failure(404, "NOT_FOUND")
        if method == "PATCH":
            record |= body
            return None
        return record

    def add(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Add a record and return the vendor's response to its creation. Raises VendorRefusal."""
        missing = [name for name in _REQUIRED[kind] if not fields.get(name)]
        if missing:
            raise _failure(400, "REQUIRED_FIELD_MISSING", missing)
        record_id = f"{_PREFIXES[kind]}{len(self.records) + 1:015}"
        url = f"/services/data/v62.0/sobjects/{kind}/{record_id}"
        name = " ".join(str(fields[one]) for one in ("FirstName", "LastName") if fields.get(one))
        self.records[record_id] = {"attributes": {"type": kind, "url": url}, "Id": record_id, "Name": name, **fields}
        return {"id": record_id, "success": True, "errors": []}

    def _search(self, query: dict[str, str]) -> dict[str, Any]:
        """Search records by phone number. Only digits are compared."""
        kind = query.get("sobject", "")
        if not query.get("q") or kind not in _REQUIRED or query.get("in", "ALL") != "PHONE":
            raise _failure(400, "INVALID_SEARCH")
        wanted = _digits(query["q"])
        names = ["attributes", *query.get(f"{kind}.fields", "Id").split(",")]
        found = [
            {name: record.get(name) for name in names}
            for record in self.records.values()
            if record["attributes"]["type"] == kind
            and wanted in [_digits(str(record.get(name) or "")) for name in _PHONES]
        ]
        return {"searchRecords": found}


def _digits(text: str) -> str:
    return "".join(one for one in text if one.isdecimal())


def _failure(status: int, code: str, fields: list[str] | None = None) -> VendorRefusal:
    error = {"message": "The request was refused.", "errorCode": code}
    return VendorRefusal(status, [error | ({"fields": fields} if fields else {})])
