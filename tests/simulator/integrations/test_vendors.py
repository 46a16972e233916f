"""The simulated vendors behave as their documentation says."""

from typing import Any

import pytest

from simulator.integrations.errors import VendorRefusal
from simulator.integrations.google_calendar import GoogleCalendars
from simulator.integrations.hubspot import HubSpotContacts

EVENTS = "/calendars/primary/events"


def refused(calendars: GoogleCalendars, method: str, path: str, query: dict[str, str], body: Any = None) -> int:
    with pytest.raises(VendorRefusal) as caught:
        calendars.run(method, path, query, body)
    return caught.value.status


def test_event_with_a_known_or_invalid_id_is_refused() -> None:
    calendars = GoogleCalendars()
    body = {
        "id": "abc0123",
        "start": {"dateTime": "2026-12-01T10:00:00Z"},
        "end": {"dateTime": "2026-12-01T11:00:00+00:00"},
    }
    assert calendars.run("POST", EVENTS, {}, body)["status"] == "confirmed"
    assert refused(calendars, "POST", EVENTS, {}, body) == 409
    assert refused(calendars, "POST", EVENTS, {}, {**body, "id": "wxyz-"}) == 400
    assert refused(calendars, "POST", EVENTS, {}, {**body, "id": "abc01234", "end": body["start"]}) == 400
    assert refused(calendars, "GET", f"{EVENTS}/other", {}) == 404
    assert refused(calendars, "GET", "/calendars/other/events", {}) == 404


def test_changes_are_listed_by_sync_tokens_with_deletions() -> None:
    calendars = GoogleCalendars(page=1)
    one = calendars.add("A", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")
    calendars.add("B", "2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z")
    first = calendars.run("GET", EVENTS, {}, None)
    assert "nextSyncToken" not in first
    second = calendars.run("GET", EVENTS, {"pageToken": first["nextPageToken"]}, None)
    calendars.run("DELETE", f"{EVENTS}/{one['id']}", {}, None)
    assert refused(calendars, "DELETE", f"{EVENTS}/{one['id']}", {}) == 410
    token = {"syncToken": second["nextSyncToken"]}
    changed = calendars.run("GET", EVENTS, token, None)
    assert [(item["id"], item["status"]) for item in changed["items"]] == [(one["id"], "cancelled")]
    assert len(calendars.run("GET", EVENTS, {}, None)["items"]) == 1
    calendars.oldest = calendars.changes + 1
    assert refused(calendars, "GET", EVENTS, token) == 410


def test_busy_times_are_cut_to_the_question() -> None:
    calendars = GoogleCalendars()
    calendars.add("A", "2026-12-01T08:00:00Z", "2026-12-01T10:00:00Z")
    calendars.add("Free", "2026-12-01T11:00:00Z", "2026-12-01T12:00:00Z", transparency="transparent")
    question = {
        "timeMin": "2026-12-01T09:00:00Z", "timeMax": "2026-12-01T18:00:00Z", "items": [{"id": "primary"}, {"id": "x"}],
    }  # fmt: skip
    answer = calendars.run("POST", "/freeBusy", {}, question)["calendars"]
    assert answer["primary"]["busy"] == [{"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T10:00:00Z"}]
    assert answer["x"]["errors"][0]["reason"] == "notFound"


def test_search_finds_changed_contacts_and_no_archived_ones() -> None:
    portal = HubSpotContacts()
    ids = [portal.add(firstname=name) for name in "ABC"]
    since = portal.now_ms
    portal.change(ids[0], firstname="D")
    portal.archive(ids[1])
    filters = [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(since)}]
    body = {"filterGroups": [{"filters": filters}], "sorts": [{"propertyName": "lastmodifieddate"}], "limit": 1}
    path = "/crm/v3/objects/contacts/search"
    first = portal.run("POST", path, {}, body)
    assert (first["total"], [result["id"] for result in first["results"]]) == (2, [ids[2]])
    second = portal.run("POST", path, {}, body | {"after": first["paging"]["next"]["after"]})
    assert ([result["id"] for result in second["results"]], "paging" in second) == ([ids[0]], False)
    with pytest.raises(VendorRefusal):
        portal.run("POST", path, {}, body | {"after": "10000"})
