"""The state of a simulated Stripe account: objects by id, events, and a clock that tests move."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import count
from typing import Any, Final

from simulator.stripe.errors import invalid_parameter, missing_object

API_VERSION: Final = "2026-10-28.endive"
# As the API returns it: JSON.
StripeObject = dict[str, Any]
_MOST: Final = 100
# So that ids of two accounts differ.
_accounts = count(1)


class StripeAccount:
    """key: the only accepted secret key. now: seconds since 1970, moved by tests. declining: payment methods whose
    next charges are declined. events: all, the oldest first."""

    def __init__(self, now: float, key: str = "sk_test_simulated") -> None:
        self.now, self.key = now, key
        self.declining: set[str] = set()
        self.events: list[StripeObject] = []
        self._objects: dict[str, dict[str, StripeObject]] = {}
        self._listeners: list[Callable[[StripeObject], None]] = []
        self._number = next(_accounts)
        self._ids = self._invoices = 0

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds

    def listen(self, listener: Callable[[StripeObject], None]) -> None:
        """Call it with each event."""
        self._listeners.append(listener)

    def add(self, prefix: str, kind: str, fields: StripeObject) -> StripeObject:
        """Store a new object."""
        self._ids += 1
        made = {
            "id": f"{prefix}_{self._number:04}{self._ids:010}",
            "object": kind,
            "created": int(self.now),
            "livemode": False,
            **fields,
        }
        self._objects.setdefault(kind, {})[made["id"]] = made
        return made

    def find(self, kind: str, object_id: str, *, status: int = 404) -> StripeObject:
        """Raises StripeFailure: 404 for an object in the path, 400 for one that a parameter names."""
        found = self._objects.get(kind, {}).get(object_id)
        if found is None:
            raise missing_object(kind, object_id, status=status)
        return found

    def all(self, kind: str) -> list[StripeObject]:
        """The newest first."""
        return list(reversed(self._objects.get(kind, {}).values()))

    def dump(self) -> StripeObject:
        """The whole account as JSON, for `restore`."""
        return {
            "number": self._number,
            "ids": self._ids,
            "invoices": self._invoices,
            "declining": sorted(self.declining),
            "objects": self._objects,
        }

    def restore(self, stored: StripeObject) -> None:
        """Take what `dump` returned."""
        self._number, self._ids, self._invoices = stored["number"], stored["ids"], stored["invoices"]
        self.declining, self._objects = set(stored["declining"]), stored["objects"]
        self.events = list(self._objects.get("event", {}).values())

    def take_invoice_number(self) -> str:
        """The account's next number."""
        self._invoices += 1
        return f"SIM{self._number:04}-{self._invoices:04}"

    def emit(self, kind: str, subject: StripeObject, before: StripeObject | None = None) -> None:
        """Add an event with the object as it is now. before: attributes that changed, as they were."""
        data = {"object": deepcopy(subject)} | ({"previous_attributes": before} if before else {})
        fields = {"type": kind, "api_version": API_VERSION, "pending_webhooks": 1, "data": data}
        event = self.add("evt", "event", fields)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)


def make_page(found: Iterable[StripeObject], params: StripeObject, url: str) -> StripeObject:
    """A list of Stripe's: parameters limit (10, at most 100) and starting_after."""
    limit = read_integer(params, "limit", 10)
    if not 1 <= limit <= _MOST:
        raise invalid_parameter("Invalid integer: limit must be between 1 and 100.", "limit")
    rows = list(found)
    after = params.get("starting_after")
    if after is not None:
        places = [place for place, one in enumerate(rows) if one["id"] == after]
        if not places:
            raise missing_object("object", after, status=400)
        rows = rows[places[0] + 1 :]
    return {"object": "list", "url": url, "data": rows[:limit], "has_more": len(rows) > limit}


def read_integer(params: StripeObject, name: str, default: int | None = None) -> int:
    """Raises StripeFailure."""
    text = params.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text if text is not None else "")
    except ValueError:
        raise invalid_parameter(f"Invalid integer: {name}", name, "parameter_invalid_integer") from None


def read_text(params: StripeObject, name: str) -> str:
    """A parameter that must be there. Raises StripeFailure."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_parameter(f"Missing required param: {name}.", name, "parameter_missing")
    return value
