"""The account's numbers: reservations, orders, and owned numbers (API reference: Numbers)."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from simulator.carrier.network.inventory import Inventory, NumberTaken, OwnedNumber, Setting
from simulator.carrier.network.telnyx.calls import CARRIER
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import invalid, missing, no_such_connection, not_e164, not_found
from simulator.carrier.network.telnyx.events import TelnyxWebhooks, iso
from simulator.carrier.network.telnyx.fields import Body, is_e164, text
from simulator.carrier.network.telnyx.number_search import find_available_number
from simulator.carrier.network.telnyx.number_views import NumberOrder, number_order_json, tags_of
from simulator.carrier.network.telnyx.requirements import AccountRequirements, requirement_id

Json = dict[str, object]

_RESERVED = timedelta(minutes=30)
_CHANGEABLE = ("connection_id", "customer_reference", "billing_group_id", "tags", "hd_voice_enabled", "external_pin")


class AccountNumbers:
    """The account's numbers, stored in the network's inventory. Orders, reservations and requirements stay
    in memory.
    """

    def __init__(self, config: TelnyxConfig, inventory: Inventory, webhooks: TelnyxWebhooks) -> None:
        self._config, self._inventory, self._webhooks = config, inventory, webhooks
        self.requirements = AccountRequirements()
        self._orders: dict[str, NumberOrder] = {}
        self._reserved: dict[str, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Cancel the settlement of pending orders."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- Reservations---------------------------------------------------------------------------------------------

    def free(self, number: str) -> bool:
        """Return whether the number is neither owned nor reserved."""
        until = self._reserved.get(number)
        return self._inventory.get(number) is None and (until is None or until < datetime.now(UTC))

    def reserve(self, body: Body) -> Json:
        """Reserve numbers for 30 minutes (POST /number_reservations). Raises TelnyxError."""
        numbers = _read_numbers(body)
        until = datetime.now(UTC) + _RESERVED
        if not all(self.free(number) and find_available_number(number) for number in numbers):
            raise invalid("phone_numbers", "A phone number in the list can't be reserved.")
        self._reserved |= dict.fromkeys(numbers, until)
        created_at = iso(datetime.now(UTC))
        return {
            "record_type": "number_reservation",
            "id": str(uuid.uuid4()),
            "status": "success",
            "customer_reference": text(body, "customer_reference"),
            "created_at": created_at,
            "updated_at": created_at,
            "phone_numbers": [
                {
                    "record_type": "reserved_phone_number",
                    "id": str(uuid.uuid4()),
                    "phone_number": number,
                    "status": "success",
                    "created_at": created_at,
                    "updated_at": created_at,
                    "expired_at": iso(until),
                }
                for number in numbers
            ],
        }

    # --- Orders ---------------------------------------------------------------------------------------------------

    def order(self, body: Body) -> NumberOrder:
        """Create a pending order, which is settled after `order_s` (POST /number_orders). Raises TelnyxError."""
        connection = text(body, "connection_id")
        if connection not in ("", self._config.connection_id):
            raise no_such_connection()
        numbers = _read_numbers(body)
        order = NumberOrder(
            connection_id=connection,
            customer_reference=text(body, "customer_reference"),
            numbers=[(str(uuid.uuid4()), number) for number in numbers],
            group=self._read_group(body, numbers),
            required=self._config.required if _begins(numbers, self._config.documented) else (),
        )
        self._orders[order.id] = order
        task = asyncio.create_task(self._settle(order), name="telnyx order")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return order

    def find_order(self, order_id: str) -> NumberOrder:
        """Return an order. Raises TelnyxError."""
        found = self._orders.get(order_id)
        if found is None:
            raise not_found()
        return found

    def orders(self, *, customer_reference: str = "", status: str = "") -> list[NumberOrder]:
        """Return the matching orders, newest first; "" matches anything."""
        return [
            order
            for order in reversed(self._orders.values())
            if customer_reference in ("", order.customer_reference) and status in ("", order.status)
        ]

    def cancel(self, part_id: str) -> NumberOrder:
        """Cancel a pending order (PATCH /sub_number_orders/{id}/cancel). Raises TelnyxError.

        Source: API reference, "Cancel a sub number order".
        """
        order = next((one for one in self._orders.values() if one.part_id == part_id), None)
        if order is None:
            raise not_found()
        if order.status != "pending":
            raise invalid("status", "The order is not pending.")
        for entry_id, number in order.numbers:
            if order.statuses.get(entry_id) == "success":
                self._inventory.remove(number)
            order.statuses[entry_id] = "failure"
        order.status = "failure"
        return order

    def submit(self, entry_id: str, body: Body) -> NumberOrder:
        """Store values for requirements (PATCH /number_order_phone_numbers/{id}). Raises TelnyxError.

        The review begins once all values are there.
        """
        order = next((one for one in self._orders.values() if entry_id in dict(one.numbers)), None)
        if order is None:
            raise not_found()
        entries = body.get("regulatory_requirements")
        for at, entry in enumerate(entries if isinstance(entries, list) else []):
            name = f"regulatory_requirements/{at}"
            if not isinstance(entry, dict) or entry.get("requirement_id") not in [
                requirement_id(one) for one in order.required
            ]:
                raise invalid(name, "No such requirement.")
            self._check_value(name, entry)
            order.values[entry["requirement_id"]] = str(entry.get("field_value"))
        if len(order.values) == len(order.required) and order.requirement:
            self._require(order, "requirement-info-under-review")
        return order

    def _check_value(self, name: str, entry: Body) -> None:
        """Check a value. An address must belong to the account. Raises TelnyxError."""
        is_address = entry.get("requirement_id") == requirement_id("address")
        if is_address and entry.get("field_value") not in self.requirements.addresses:
            raise invalid(name, "The address does not exist.")

    def _read_group(self, body: Body, numbers: Sequence[str]) -> str:
        """Return the order's requirement group; "" if it has none. Raises TelnyxError."""
        entries = body.get("phone_numbers")
        assert isinstance(entries, list)
        group_id = text(entries[0], "requirement_group_id")
        if not group_id and _begins(numbers, self._config.grouped):
            raise missing("phone_numbers/0/requirement_group_id")
        group = self.requirements.groups.get(group_id)
        found = find_available_number(numbers[0])
        if group_id and (
            group is None
            or found is None
            or (found.country, found.kind) != (group.country_code, group.phone_number_type)
        ):
            raise invalid("phone_numbers/0/requirement_group_id", "The requirement group does not match.")
        return group_id

    def approve(self, order_id: str) -> None:
        """Complete an order that waits for documents."""
        order = self.find_order(order_id)
        self._require(order, "")
        self._complete(order)

    async def _settle(self, order: NumberOrder) -> None:
        await asyncio.sleep(self._config.order_s)
        if order.status != "pending":  # canceled meanwhile
            return
        for entry_id, number in order.numbers:
            order.statuses[entry_id] = "success" if self._buy(number, order) else "failure"
        group = self.requirements.groups.get(order.group)
        if not order.required or (group is not None and group.status == "approved"):
            self._complete(order)
        else:
            self._require(order, f"requirement-info-{'pending' if group is None else 'under-review'}")

    def _require(self, order: NumberOrder, requirement: str) -> None:
        """Set the requirement of an order and of its numbers; "" for none."""
        order.requirement = requirement
        for _, number in order.numbers:
            owned = self._inventory.get(number)
            if owned is not None:
                self._inventory.change(owned, {"status": requirement})

    def _complete(self, order: NumberOrder) -> None:
        order.status = "success" if set(order.statuses.values()) == {"success"} else "failure"
        self._webhooks.publish(self._config.webhook_url, "number_order.complete", number_order_json(order))

    def _buy(self, number: str, order: NumberOrder) -> bool:
        available = find_available_number(number)
        if available is None:
            return False
        try:
            self.add(available.phone_number, order.connection_id, order.customer_reference)
        except NumberTaken:
            return False
        self._reserved.pop(number, None)
        return True

    # --- Owned numbers --------------------------------------------------------------------------------------------

    def add(self, number: str, connection_id: str, customer_reference: str = "") -> OwnedNumber:
        """Add a number to the account. Raises NumberTaken."""
        owned = OwnedNumber(
            CARRIER,
            number,
            str(uuid.uuid4().int)[:19],
            {
                "connection_id": connection_id or None,
                "customer_reference": customer_reference or None,
                "tags": [],
                "purchased_at": iso(datetime.now(UTC)),
            },
        )
        self._inventory.add(owned)
        return owned

    def owns(self, number: str) -> bool:
        """Return whether the account owns the number."""
        found = self._inventory.get(number)
        return found is not None and found.carrier == CARRIER

    def connected(self, number: str) -> bool:
        """Return whether calls to the number go to the Call Control App."""
        found = self._inventory.get(number)
        if found is None or found.settings.get("status"):
            return False
        return found.settings.get("connection_id") == self._config.connection_id

    def owned(
        self, number: str = "", connection_id: str = "", customer_reference: str = "", tag: str = ""
    ) -> list[OwnedNumber]:
        """Return the matching numbers, newest first; "" matches anything."""
        tests: list[Callable[[OwnedNumber], bool]] = [
            lambda one: number.lstrip("+") in one.phone_number,
            lambda one: connection_id in ("", one.settings.get("connection_id")),
            lambda one: customer_reference in ("", one.settings.get("customer_reference")),
            lambda one: not tag or tag in tags_of(one.settings),
        ]
        return [one for one in self._inventory.of(CARRIER) if all(test(one) for test in tests)][::-1]

    def get(self, number_id: str) -> OwnedNumber:
        """Return an owned number by its id or by the number itself. Raises TelnyxError."""
        found = self._inventory.by_id(CARRIER, number_id)
        if found is None and self.owns(number_id):
            found = self._inventory.get(number_id)
        if found is None:
            raise not_found()
        return found

    def change(self, number_id: str, body: Body) -> OwnedNumber:
        """Change an owned number (PATCH /phone_numbers/{id}). Raises TelnyxError."""
        owned = self.get(number_id)
        connection = text(body, "connection_id")
        if connection not in ("", self._config.connection_id):
            raise no_such_connection()
        changes: dict[str, Setting] = {name: _setting(name, body[name]) for name in _CHANGEABLE if name in body}
        self._inventory.change(owned, changes)
        return owned

    def release(self, number_id: str) -> OwnedNumber:
        """Release an owned number (DELETE /phone_numbers/{id}). Raises TelnyxError."""
        owned = self.get(number_id)
        self._inventory.remove(owned.phone_number)
        return owned


def _begins(numbers: Sequence[str], beginnings: tuple[str, ...]) -> bool:
    return any(number.startswith(beginnings) for number in numbers)


def _read_numbers(body: Body) -> list[str]:
    entries = body.get("phone_numbers")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise missing("phone_numbers")
    numbers = [entry.get("phone_number") if isinstance(entry, Mapping) else None for entry in entries]
    for at, number in enumerate(numbers):
        if not isinstance(number, str) or not is_e164(number):
            raise not_e164(f"phone_numbers/{at}/phone_number")
    return [number for number in numbers if isinstance(number, str)]


def _setting(name: str, value: object) -> Setting:
    if name == "tags":
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise invalid("tags", "Must be an array of strings.")
        return list(value)
    if value is not None and not isinstance(value, str | bool):
        raise invalid(name, f"The '{name}' parameter must be a string.")
    return value
