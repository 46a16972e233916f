"""Google Calendar API v3: events and free/busy of one account's calendars.

Follows https://developers.google.com/workspace/calendar/api/v3/reference (events: insert, get, list, patch, delete;
freebusy: query) and the guides "Synchronize resources efficiently" and "Handle API errors".
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from simulator.integrations.errors import VendorRefusal

PAGE: Final = 250
# events.insert: lower-case base32hex characters.
_EVENT_ID: Final = re.compile(r"^[0-9a-v]{5,1024}$")


@dataclass(slots=True)
class GoogleCalendars:
    """The calendars of an account by id.

    Attributes:
        page: Number of events per page.
        changes: Counter of all changes. A sync token is the number of the last change that its owner has seen.
        oldest: Tokens older than this are expired (410).
    """

    events: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"primary": {}})
    page: int = PAGE
    oldest: int = 0
    changes: int = 0
    _ids: Any = field(default_factory=lambda: count(1))

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. `path` follows /calendar/v3. Raises VendorRefusal."""
        if (method, path) == ("POST", "/freeBusy"):
            return self._query_busy(body)
        found = re.fullmatch(r"/calendars/([^/]+)/events(?:/([^/]+))?", path)
        if found is None or found[1] not in self.events:
            raise _failure(404, "notFound")
        calendar, event_id = self.events[found[1]], found[2]
        if event_id is None:
            return self._insert(calendar, body) if method == "POST" else self._list(calendar, query)
        event = calendar.get(event_id)
        if event is None:
            raise _failure(404, "notFound")
        if method == "DELETE":
            if event["status"] == "cancelled":
                raise _failure(410, "deleted")
            self._change(event, status="cancelled")
            return None
        if method == "PATCH":
            if not _moment(body.get("start", event["start"])) < _moment(body.get("end", event["end"])):
                raise _failure(400, "timeRangeEmpty")
            self._change(event, **body)
        return event

    def add(self, summary: str, start: str, end: str, calendar: str = "primary", **fields: Any) -> dict[str, Any]:
        """Add an event of the calendar's owner. `start` and `end` are RFC 3339 times or dates."""
        body = {"summary": summary, "start": _start(start), "end": _start(end)} | fields
        return self._insert(self.events[calendar], body)

    def cancel(self, event_id: str, calendar: str = "primary") -> None:
        """Cancel an event as the calendar's owner."""
        self._change(self.events[calendar][event_id], status="cancelled")

    def _insert(self, calendar: dict[str, dict[str, Any]], body: Any) -> dict[str, Any]:
        event_id = body.get("id") or f"evt{next(self._ids):05}"
        if not _EVENT_ID.match(event_id):
            raise _failure(400, "invalid")
        if event_id in calendar:
            raise _failure(409, "duplicate")
        if not _moment(body["start"]) < _moment(body["end"]):
            raise _failure(400, "timeRangeEmpty")
        event = calendar[event_id] = {**body, "kind": "calendar#event", "id": event_id}
        self._change(event, status="confirmed")
        return event

    def _change(self, event: dict[str, Any], **fields: Any) -> None:
        self.changes += 1
        event |= {**fields, "change": self.changes}

    def _list(self, calendar: dict[str, dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """List events. With a sync token, the list includes events deleted since; without a token, it excludes deleted
        events.
        """
        token = query.get("syncToken")
        since = int(token.removeprefix("sync-")) if token else 0
        if token and since < self.oldest:
            raise _failure(410, "fullSyncRequired")
        changed = sorted((one for one in calendar.values() if one["change"] > since), key=lambda one: one["change"])
        found = [one for one in changed if token or one["status"] != "cancelled"]
        first = int(query.get("pageToken", "0"))
        items = [{name: one[name] for name in one if name != "change"} for one in found[first : first + self.page]]
        is_last = first + self.page >= len(found)
        rest = {"nextSyncToken": f"sync-{self.changes}"} if is_last else {"nextPageToken": str(first + self.page)}
        return {"kind": "calendar#events", "items": items, **rest}

    def _query_busy(self, body: Any) -> dict[str, Any]:
        begins, ends = datetime.fromisoformat(body["timeMin"]), datetime.fromisoformat(body["timeMax"])
        answer = {}
        for item in body["items"]:
            events = self.events.get(item["id"])
            if events is None:
                answer[item["id"]] = {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
                continue
            spans = [(_moment(event["start"]), _moment(event["end"])) for event in events.values() if _blocks(event)]
            busy = sorted((max(one, begins), min(two, ends)) for one, two in spans if one < ends and two > begins)
            answer[item["id"]] = {"busy": [{"start": _text(one), "end": _text(two)} for one, two in busy]}
        return {"kind": "calendar#freeBusy", "calendars": answer}


def _blocks(event: dict[str, Any]) -> bool:
    return event["status"] != "cancelled" and event.get("transparency") != "transparent"


def _moment(value: dict[str, str]) -> datetime:
    """Return a time of an event. All-day events have dates, which are taken as UTC."""
    return datetime.fromisoformat(value.get("dateTime") or f"{value['date']}T00:00:00+00:00")


def _start(text: str) -> dict[str, str]:
    return {"dateTime" if "T" in text else "date": text}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _failure(status: int, reason: str) -> VendorRefusal:
    return VendorRefusal(status, {"error": {"code": status, "errors": [{"domain": "global", "reason": reason}]}})
