"""The state of a simulated Stripe account: objects by id, events, and a clock that tests can move."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import count
from typing import Any, Final

from simulator.stripe.errors import invalid_parameter, missing_object

API_VERSION: Final = "2026-10-28.endive"
# A JSON object as the API returns it.
StripeObject = dict[str, Any]
_MOST: Final = 100
# Makes the ids of two accounts differ.
_accounts = count(1)


class StripeAccount:
    """A Stripe account.

    Attributes:
        key: The only accepted secret key.
        now: Seconds since 1970; tests can move this clock.
        declining: Payment methods whose next charges are declined.
        events: All events, oldest first.
    """

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
        """Call the listener with each event."""
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
        """Return an object. Raises StripeFailure: 404 for an object in the path, 400 for an object that a parameter
        names.
        """
        found = self._objects.get(kind, {}).get(object_id)
        if found is None:
            raise missing_object(kind, object_id, status=status)
        return found

    def all(self, kind: str) -> list[StripeObject]:
        """Return all objects of a kind, newest first."""
        return list(reversed(self._objects.get(kind, {}).values()))

    def dump(self) -> StripeObject:
        """Return the whole account as JSON for `restore`."""
        return {
            "number": self._number,
            "ids": self._ids,
            "invoices": self._invoices,
            "declining": sorted(self.declining),
            "objects": self._objects,
        }

    def restore(self, stored: StripeObject) -> None:
        """Load the output of `dump`."""
        self._number, self._ids, self._invoices = stored["number"], stored["ids"], stored["invoices"]
        self.declining, self._objects = set(stored["declining"]), stored["objects"]
        self.events = list(self._objects.get("event", {}).values())

    def take_invoice_number(self) -> str:
        """Return the account's next invoice number."""
        self._invoices += 1
        return f"SIM{self._number:04}-{self._invoices:04}"

    def emit(self, kind: str, subject: StripeObject, before: StripeObject | None = None) -> None:
        """Add an event with the object's present state. `before` contains the previous values of changed attributes."""
        data = {"object": deepcopy(subject)} | ({"previous_attributes": before} if before else {})
        fields = {"type": kind, "api_version": API_VERSION, "pending_webhooks": 1, "data": data}
        event = self.add("evt", "event", fields)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)


def make_page(found: Iterable[StripeObject], params: StripeObject, url: str) -> StripeObject:
    """Return a list in Stripe's format, with parameters limit (default 10, at most 100) and starting_after."""
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
    """Return an integer parameter. Raises StripeFailure."""
    text = params.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text if text is not None else "")
    except ValueError:
        raise invalid_parameter(f"Invalid integer: {name}", name, "parameter_invalid_integer") from None


def read_text(params: StripeObject, name: str) -> str:
    """Return a required parameter. Raises StripeFailure."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_parameter(f"Missing required param: {name}.", name, "parameter_missing")
    return value
