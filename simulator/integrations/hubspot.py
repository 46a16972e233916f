"""HubSpot CRM API v3: contacts of one portal, listed, searched, added and changed.

Follows https://developers.hubspot.com/docs/api-reference/crm-contacts-v3 (basic: list, create, read, update, search)
and the guide "Search the CRM": a search returns up to 200 records per page, 10,000 in total, and no archived records.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal

PAGE: Final = 100
MOST_SEARCHED: Final = 10_000
_SEARCH: Final = "/crm/v3/objects/contacts/search"
_LIST: Final = "/crm/v3/objects/contacts"


@dataclass(slots=True)
class HubSpotContacts:
    """The contacts by id.

    Attributes:
        now_ms: The vendor's clock in ms since 1970. Each change advances it by one.
        clock: The earliest time of a change.
        page: Maximum number of contacts per page.
        is_stuck: Whether each page names itself as the next page, like a broken vendor.
    """

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    now_ms: int = 1_700_000_000_000
    clock: Callable[[], int] = lambda: 0
    page: int = PAGE
    is_stuck: bool = False

    def add(self, **properties: str) -> str:
        """Add a contact and return its id."""
        contact_id = str(101 + len(self.contacts))
        self.contacts[contact_id] = {"id": contact_id, "properties": {}, "archived": False, "createdAt": self._now()}
        self.change(contact_id, **properties)
        return contact_id

    def change(self, contact_id: str, **properties: str) -> None:
        """Change the given properties of a contact."""
        self.now_ms += 1
        contact = self.contacts[contact_id]
        contact["properties"] |= {**properties, "lastmodifieddate": self._now()}
        contact["updatedAt"] = self._now()

    def _now(self) -> str:
        """Return the time in the vendor's format. Filters compare milliseconds."""
        self.now_ms = max(self.now_ms, self.clock())
        return f"{datetime.fromtimestamp(self.now_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{self.now_ms % 1_000:03}Z"

    def archive(self, contact_id: str) -> None:
        """Archive a contact. Lists and searches no longer return it."""
        self.contacts[contact_id]["archived"] = True

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. Raises VendorRefusal."""
        living = [one for one in self.contacts.values() if not one["archived"]]
        if (method, path) == ("GET", _LIST):
            return self._page(living, query.get("after", "0"), int(query.get("limit", "10")))
        if (method, path) == ("POST", _LIST):
            return Created(self._create(living, body["properties"]))
        contact = self.contacts.get(path.removeprefix(f"{_LIST}/"))
        if contact is not None and method in ("GET", "PATCH"):
            if method == "PATCH":
                self.change(contact["id"], **body["properties"])
            return contact
        if (method, path) != ("POST", _SEARCH):
            raise VendorRefusal(404, {"status": "error", "category": "OBJECT_NOT_FOUND"})
        found = [one for one in living if any(_matches(one, group) for group in body.get("filterGroups") or [{}])]
        for sort in body.get("sorts", []):
            found.sort(key=lambda one: one["properties"].get(sort["propertyName"], ""))
        after = body.get("after", "0")
        if int(after) >= MOST_SEARCHED:
            raise VendorRefusal(400, {"status": "error", "category": "VALIDATION_ERROR"})
        return {"total": len(found), **self._page(found, after, int(body.get("limit", 10)))}

    def _create(self, living: list[dict[str, Any]], properties: dict[str, str]) -> dict[str, Any]:
        """Create a contact. An e-mail address can belong to only one contact."""
        email = properties.get("email")
        if email and any(one["properties"].get("email") == email for one in living):
            raise VendorRefusal(409, {"status": "error", "category": "CONFLICT"})
        return self.contacts[self.add(**properties)]

    def _page(self, found: list[dict[str, Any]], after: str, limit: int) -> dict[str, Any]:
        first, last = int(after), int(after) + min(limit, self.page)
        if self.is_stuck:
            last = first
        paging = {"paging": {"next": {"after": str(last), "link": f"?after={last}"}}} if last < len(found) else {}
        return {"results": found[first:last], **paging}


def _matches(contact: dict[str, Any], group: dict[str, Any]) -> bool:
    return all(_holds(contact, one) for one in group.get("filters", []))


def _holds(contact: dict[str, Any], wanted: dict[str, Any]) -> bool:
    value = contact["properties"].get(wanted["propertyName"], "")
    if wanted["operator"] == "GTE":
        return bool(value) and round(datetime.fromisoformat(value).timestamp() * 1_000) >= int(wanted["value"])
    if wanted["operator"] == "EQ":
        return bool(value == wanted["value"])
    raise VendorRefusal(400, {"status": "error", "category": "VALIDATION_ERROR"})
