"""The simulated Salesforce behaves as its REST API Developer Guide says."""

from typing import Any

import pytest

from simulator.integrations.errors import VendorRefusal
from simulator.integrations.salesforce import SalesforceRecords

BASE = "/services/data/v62.0"


def refused(records: SalesforceRecords, method: str, path: str, query: dict[str, str], body: Any = None) -> Any:
    """Status and code of the refusal."""
    with pytest.raises(VendorRefusal) as caught:
        records.run(method, f"{BASE}/{path}", query, body)
    return caught.value.status, caught.value.body[0]["errorCode"]


def test_contacts_are_found_by_the_digits_of_their_phone() -> None:
    records = SalesforceRecords()
    made = records.add("Contact", LastName="Lee", MobilePhone="+1 (415) 555-0100")
    records.add("Lead", LastName="Bo", Company="Bo Inc.", Phone="+14155550100")
    query = {"q": "+14155550100", "in": "PHONE", "sobject": "Contact", "Contact.fields": "Id,Name,Phone"}
    (found,) = records.run("GET", f"{BASE}/parameterizedSearch", query, None)["searchRecords"]
    assert (found["Id"], found["Name"], found["Phone"]) == (made["id"], "Lee", None)
    assert refused(records, "GET", "parameterizedSearch", {**query, "q": ""}) == (400, "INVALID_SEARCH")


def test_record_without_a_required_field_or_of_an_unknown_kind_is_refused() -> None:
    records = SalesforceRecords()
    assert refused(records, "POST", "sobjects/Lead", {}, {"LastName": "Bo"}) == (400, "REQUIRED_FIELD_MISSING")
    assert refused(records, "POST", "sobjects/Dragon", {}, {}) == (404, "NOT_FOUND")
    assert refused(records, "GET", "sobjects/Lead/00Q1", {}) == (404, "NOT_FOUND")
    assert not records.records
