"""HubSpot CRM API v3: contacts of one portal, listed and searched.

Written from https://developers.hubspot.com/docs/api-reference/crm-contacts-v3 (basic, search) and its guide "Search the
CRM": a search returns up to 200 records a page, 10,000 in all, and no archived ones.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from simulator.integrations.errors import VendorRefusal

PAGE: Final = 100
MOST_SEARCHED: Final = 10_000
_SEARCH: Final = "/crm/v3/objects/contacts/search"
_LIST: Final = "/crm/v3/objects/contacts"


@dataclass(slots=True)
class HubSpotContacts:
    """The contacts, by id. now_ms: the vendor's clock, in milliseconds since 1970; each change is one later. page:
    the most contacts of one page. is_stuck: each page names itself as the next one, as a broken vendor's may."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    now_ms: int = 1_700_000_000_000
    page: int = PAGE
    is_stuck: bool = False

    def add(self, **properties: str) -> str:
        """A new contact; returns its id."""
        contact_id = str(101 + len(self.contacts))
        self.contacts[contact_id] = {"id": contact_id, "properties": {}, "archived": False}
        self.change(contact_id, **properties)
        return contact_id

    def change(self, contact_id: str, **properties: str) -> None:
        """Changes some properties."""
        self.now_ms += 1
        self.contacts[contact_id]["properties"] |= {**properties, "lastmodifieddate": str(self.now_ms)}

    def archive(self, contact_id: str) -> None:
        """Deletes a contact: neither list nor search return it."""
        self.contacts[contact_id]["archived"] = True

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The answer to one request. Raises VendorRefusal."""
        living = [one for one in self.contacts.values() if not one["archived"]]
        if (method, path) == ("GET", _LIST):
            return self._page(living, query.get("after", "0"), int(query.get("limit", "10")))
        if (method, path) != ("POST", _SEARCH):
            raise VendorRefusal(404, {"status": "error", "category": "OBJECT_NOT_FOUND"})
        found = [one for one in living if any(_matches(one, group) for group in body.get("filterGroups") or [{}])]
        for sort in body.get("sorts", []):
            found.sort(key=lambda one: one["properties"].get(sort["propertyName"], ""))
        after = body.get("after", "0")
        if int(after) >= MOST_SEARCHED:
            raise VendorRefusal(400, {"status": "error", "category": "VALIDATION_ERROR"})
        return {"total": len(found), **self._page(found, after, int(body.get("limit", 10)))}

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
        return int(value or 0) >= int(wanted["value"])
    if wanted["operator"] == "EQ":
        return bool(value == wanted["value"])
    raise VendorRefusal(400, {"status": "error", "category": "VALIDATION_ERROR"})
