"""The simulated Outlook calendar behaves as Microsoft Graph's documentation says."""

from typing import Any

import pytest

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal
from simulator.integrations.microsoft_graph import GraphCalendar

EVENTS = "/me/events"
KEY = "String {c0a1f1f4-6f5a-4b0e-9a5c-1b6f1f3f7d11} Name Run"


def event(start: str, end: str, zone: str = "UTC", **fields: Any) -> dict[str, Any]:
    """A new event."""
    return {
        "subject": "Ann",
        "start": {"dateTime": start, "timeZone": zone},
        "end": {"dateTime": end, "timeZone": zone},
        **fields,
    }


def create(calendar: GraphCalendar, body: dict[str, Any]) -> dict[str, Any]:
    """What the vendor answers."""
    created = calendar.run("POST", EVENTS, {}, body)
    assert isinstance(created, Created)
    answer: dict[str, Any] = created.body
    return answer


def refused(
    calendar: GraphCalendar, method: str, path: str, query: dict[str, str], body: Any = None
) -> tuple[int, str]:
    """Status and code of the refusal."""
    with pytest.raises(VendorRefusal) as caught:
        calendar.run(method, path, query, body)
    return caught.value.status, caught.value.body["error"]["code"]


def test_times_are_answered_in_utc_with_the_zone_apart() -> None:
    calendar = GraphCalendar()
    made = create(calendar, event("2026-12-01T10:00:00", "2026-12-01T10:30:00", "Europe/Berlin"))
    assert made["start"] == {"dateTime": "2026-12-01T09:00:00.0000000", "timeZone": "UTC"}
    for body in (
        event("2026-12-01T10:00:00Z", "2026-12-01T10:30:00Z"),
        event("2026-12-01T11:00:00", "2026-12-01T10:30:00"),
        event("2026-12-01T10:00:00", "2026-12-01T10:30:00", "Middle/Earth"),
    ):
        assert refused(calendar, "POST", EVENTS, {}, body)[0] == 400
    assert len(calendar.events) == 1


def test_repeat_with_the_same_transaction_makes_no_second_event() -> None:
    calendar, body = GraphCalendar(), event("2026-12-01T10:00:00", "2026-12-01T10:30:00", transactionId="one")
    assert create(calendar, body)["id"] == create(calendar, body)["id"]
    assert create(calendar, {**body, "transactionId": "two"})["id"] in calendar.events
    assert len(calendar.events) == 2


def test_extended_property_is_found_and_not_shown() -> None:
    calendar = GraphCalendar()
    private = [{"id": KEY, "value": "run-1"}]
    made = create(calendar, event("2026-12-01T10:00:00", "2026-12-01T10:30:00", singleValueExtendedProperties=private))
    assert "singleValueExtendedProperties" not in made
    for value, ids in (("run-1", [made["id"]]), ("run-2", [])):
        wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{KEY}' and ep/value eq '{value}')"
        found = calendar.run("GET", EVENTS, {"$filter": wanted, "$select": "id"}, None)["value"]
        assert found == [{"id": one} for one in ids]
    assert refused(calendar, "GET", EVENTS, {"$filter": "transactionId eq 'one'"}) == (
        400,
        "ErrorInvalidUrlQueryFilter",
    )


def test_view_comes_in_pages_of_what_overlaps() -> None:
    calendar = GraphCalendar(url="http://vendor")
    for hour in range(9, 21):
        calendar.add("Busy", f"2026-12-01T{hour:02}:00:00", f"2026-12-01T{hour:02}:30:00")
    query = {"startDateTime": "2026-12-01T09:15:00Z", "endDateTime": "2026-12-01T20:00:00Z"}
    first = calendar.run("GET", "/me/calendarView", query, None)
    assert (len(first["value"]), first["@odata.nextLink"].startswith("http://vendor/v1.0/me/calendarView?")) == (
        10,
        True,
    )
    rest = calendar.run("GET", "/me/calendarView", {**query, "$skip": "10"}, None)
    assert (len(rest["value"]), "@odata.nextLink" in rest) == (1, False), "what only touches the end is not in it"
    assert refused(calendar, "GET", "/me/calendarView", {}) == (400, "ErrorInvalidParameter")
    assert refused(calendar, "GET", "/me/calendarView", {**query, "$top": "1001"})[0] == 400


def test_deleted_event_is_gone() -> None:
    calendar = GraphCalendar()
    one = calendar.add("Busy", "2026-12-01T10:00:00", "2026-12-01T10:30:00")
    path = f"{EVENTS}/{one['id']}"
    assert calendar.run("DELETE", path, {}, None) is None
    for method in ("GET", "PATCH", "DELETE"):
        assert refused(calendar, method, path, {}, {}) == (404, "ErrorItemNotFound")
