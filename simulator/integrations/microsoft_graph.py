"""Microsoft Graph v1.0: the events of one account's calendar.

Follows https://learn.microsoft.com/graph/api/resources/event (create, get, update, delete; `transactionId`) and the
pages calendar-list-calendarview, datetimetimezone, singlevaluelegacyextendedproperty-get (the filter), errors.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal

# Default and maximum of `$top`.
DEFAULT_TOP: Final = 10
MOST_TOP: Final = 1_000
# A time without an offset. Its time zone is a separate field.
_LOCAL_TIME: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?$")
_PROPERTY_FILTER: Final = re.compile(
    r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']+)' and ep/value eq '([^']*)'\)"
)
_COLLECTIONS: Final = ("/me/events", "/me/calendar/events")
_VIEWS: Final = ("/me/calendarView", "/me/calendar/calendarView")
_PRIVATE: Final = "singleValueExtendedProperties"


@dataclass(slots=True)
class GraphCalendar:
    """The account's calendar.

    Attributes:
        events: Events by id in the API's format, with times in UTC.
        url: The service's URL, for links.
    """

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""
    _ids: Any = field(default_factory=lambda: count(1))

    def run(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer a request. `path` follows /v1.0. Raises VendorRefusal."""
        if method == "GET" and path in _VIEWS:
            return self._view(path, query)
        if path in _COLLECTIONS:
            return Created(self._create(body)) if method == "POST" else self._list(query)
        found = re.fullmatch(r"/me/(?:calendar/)?events/([^/]+)", path)
        event = self.events.get(found[1]) if found else None
        if event is None:
            raise _failure(404, "ErrorItemNotFound")
        if method == "DELETE":
            del self.events[event["id"]]
            return None
        if method == "PATCH":
            changed = event | _read_event(body)
            _require_order(changed)
            event |= changed
        return _answer(event, query)

    def add(self, subject: str, start: str, end: str, **fields: Any) -> dict[str, Any]:
        """Add an event of the calendar's owner. `start` and `end` are UTC times without an offset."""
        times = {name: {"dateTime": text, "timeZone": "UTC"} for name, text in (("start", start), ("end", end))}
        return self._create({"subject": subject, **times, **fields})

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create an event. A repeated transactionId returns the first event."""
        transaction = body.get("transactionId")
        same = (one for one in self.events.values() if transaction and one.get("transactionId") == transaction)
        known = next(same, None)
        if known is not None:
            return _answer(known, {})
        event = {"showAs": "busy", "isAllDay": False, "isCancelled": False} | _read_event(body)
        _require_order(event)
        event_id = f"AAMkAD{next(self._ids):06}="
        self.events[event_id] = event | {"id": event_id}
        return _answer(self.events[event_id], {})

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        wanted = query.get("$filter")
        if wanted is None:
            return {"value": [_answer(event, query) for event in self.events.values()][: _top(query)]}
        found = _PROPERTY_FILTER.fullmatch(wanted)
        if found is None:
            raise _failure(400, "ErrorInvalidUrlQueryFilter")
        having = [event for event in self.events.values() if _has(event, found[1], found[2])]
        return {"value": [_answer(one, query) for one in having]}

    def _view(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        if not {"startDateTime", "endDateTime"} <= query.keys():
            raise _failure(400, "ErrorInvalidParameter")
        begins, ends = (_parse(query[name]) for name in ("startDateTime", "endDateTime"))
        spans = [(_moment(event["start"]), _moment(event["end"]), event) for event in self.events.values()]
        found = [one for start, end, one in sorted(spans, key=lambda span: span[0]) if start < ends and end > begins]
        first, top = int(query.get("$skip", "0")), _top(query)
        answer: dict[str, Any] = {"value": [_answer(one, query) for one in found[first : first + top]]}
        if first + top < len(found):
            answer["@odata.nextLink"] = f"{self.url}/v1.0{path}?$skip={first + top}&$top={top}"
        return answer


def _read_event(body: dict[str, Any]) -> dict[str, Any]:
    """Return the event's fields with times in UTC. Raises VendorRefusal."""
    return {name: _read_time(value) if name in ("start", "end") else value for name, value in body.items()}


def _read_time(value: Any) -> dict[str, str]:
    """Return a dateTimeTimeZone in UTC with seven decimals of a second."""
    text = value.get("dateTime", "")
    if not _LOCAL_TIME.match(text):
        raise _failure(400, "ErrorInvalidParameter")
    try:
        zone = ZoneInfo(value.get("timeZone") or "UTC")
    except ZoneInfoNotFoundError:
        raise _failure(400, "TimeZoneNotSupportedException") from None
    moment = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def _require_order(event: dict[str, Any]) -> None:
    if not _moment(event["start"]) <= _moment(event["end"]):
        raise _failure(400, "ErrorPropertyValidationFailure")


def _moment(value: dict[str, str]) -> datetime:
    return datetime.fromisoformat(value["dateTime"]).replace(tzinfo=UTC)


def _parse(text: str) -> datetime:
    """Parse a time in a query. A time without an offset is in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _top(query: dict[str, str]) -> int:
    top = int(query.get("$top", DEFAULT_TOP))
    if not 1 <= top <= MOST_TOP:
        raise _failure(400, "ErrorInvalidParameter")
    return top


def _has(event: dict[str, Any], name: str, value: str) -> bool:
    return any((one["id"], one["value"]) == (name, value) for one in event.get(_PRIVATE, []))


def _answer(event: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """Return an event's fields. Extended properties are included only if they are expanded."""
    chosen = query.get("$select")
    names = {*chosen.split(","), "id"} if chosen else event.keys() - {_PRIVATE}
    return {name: event[name] for name in event if name in names}


def _failure(status: int, code: str) -> VendorRefusal:
    return VendorRefusal(status, {"error": {"code": code, "message": "The request was refused."}})
