"""Numbers of the account: what can be bought, orders that take a while, reservations, and what was bought."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from simulator.carrier.network.inventory import Inventory, Owned, Setting, Taken
from simulator.carrier.network.telnyx_side.calls import CARRIER
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.entries import Order, shown_order, tags_of
from simulator.carrier.network.telnyx_side.events import Webhooks, iso
from simulator.carrier.network.telnyx_side.fields import Body, is_e164, text
from simulator.carrier.network.telnyx_side.market import offer_of
from simulator.carrier.network.telnyx_side.problems import invalid, missing, no_such_connection, not_e164, not_found

Json = dict[str, object]

_RESERVED = timedelta(minutes=30)
_CHANGEABLE = ("connection_id", "customer_reference", "billing_group_id", "tags", "hd_voice_enabled", "external_pin")


class Numbers:
    """The account's numbers, kept in the network's inventory; orders and reservations last as long as the process."""

    def __init__(self, config: TelnyxConfig, inventory: Inventory, webhooks: Webhooks) -> None:
        self._config, self._inventory, self._webhooks = config, inventory, webhooks
        self._orders: dict[str, Order] = {}
        self._reserved: dict[str, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Orders that are still pending stay so."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # --- The market -----------------------------------------------------------------------------------------------

    def free(self, number: str) -> bool:
        """Whether it can be bought or reserved: nobody's, and not held."""
        until = self._reserved.get(number)
        return self._inventory.get(number) is None and (until is None or until < datetime.now(UTC))

    def reserve(self, body: Body) -> Json:
        """POST /number_reservations: nobody else sees them for half an hour. Raises TelnyxProblem."""
        numbers = _wanted_numbers(body)
        until = datetime.now(UTC) + _RESERVED
        if not all(self.free(number) and offer_of(number) for number in numbers):
            raise invalid("phone_numbers", "A phone number among them can't be reserved.")
        self._reserved |= dict.fromkeys(numbers, until)
        made = iso(datetime.now(UTC))
        return {
            "record_type": "number_reservation",
            "id": str(uuid.uuid4()),
            "status": "success",
            "customer_reference": text(body, "customer_reference"),
            "created_at": made,
            "updated_at": made,
            "phone_numbers": [
                {
                    "record_type": "reserved_phone_number",
                    "id": str(uuid.uuid4()),
                    "phone_number": number,
                    "status": "success",
                    "created_at": made,
                    "updated_at": made,
                    "expired_at": iso(until),
                }
                for number in numbers
            ],
        }

    # --- Orders ---------------------------------------------------------------------------------------------------

    def order(self, body: Body) -> Order:
        """POST /number_orders: pending, and decided a little later. Raises TelnyxProblem."""
        connection = text(body, "connection_id")
        if connection not in ("", self._config.connection_id):
            raise no_such_connection()
        order = Order(
            connection_id=connection,
            customer_reference=text(body, "customer_reference"),
            numbers=[(str(uuid.uuid4()), number) for number in _wanted_numbers(body)],
        )
        self._orders[order.id] = order
        task = asyncio.create_task(self._settle(order), name="telnyx order")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return order

    def find_order(self, order_id: str) -> Order:
        """Raises TelnyxProblem."""
        found = self._orders.get(order_id)
        if found is None:
            raise not_found()
        return found

    def orders(self, *, customer_reference: str = "", status: str = "") -> list[Order]:
        """What fits all that isn't "", newest first."""
        return [
            order
            for order in reversed(self._orders.values())
            if customer_reference in ("", order.customer_reference) and status in ("", order.status)
        ]

    async def _settle(self, order: Order) -> None:
        await asyncio.sleep(self._config.order_s)
        for place, number in order.numbers:
            order.statuses[place] = "success" if self._buy(number, order) else "failure"
        order.status = "success" if set(order.statuses.values()) == {"success"} else "failure"
        self._webhooks.tell(self._config.webhook_url, "number_order.complete", shown_order(order))

    def _buy(self, number: str, order: Order) -> bool:
        offer = offer_of(number)
        if offer is None:
            return False
        try:
            self.add(offer.phone_number, order.connection_id, order.customer_reference)
        except Taken:
            return False
        self._reserved.pop(number, None)
        return True

    # --- What was bought ------------------------------------------------------------------------------------------

    def add(self, number: str, connection_id: str, customer_reference: str = "") -> Owned:
        """The account has it now. Raises Taken."""
        owned = Owned(
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
        """Whether it's the account's."""
        found = self._inventory.get(number)
        return found is not None and found.carrier == CARRIER

    def connected(self, number: str) -> bool:
        """Whether calls to it go to the Call Control App."""
        found = self._inventory.get(number)
        return found is not None and found.settings.get("connection_id") == self._config.connection_id

    def owned(
        self, number: str = "", connection_id: str = "", customer_reference: str = "", tag: str = ""
    ) -> list[Owned]:
        """What fits all that isn't "", newest first."""
        tests: list[Callable[[Owned], bool]] = [
            lambda one: number.lstrip("+") in one.phone_number,
            lambda one: connection_id in ("", one.settings.get("connection_id")),
            lambda one: customer_reference in ("", one.settings.get("customer_reference")),
            lambda one: not tag or tag in tags_of(one.settings),
        ]
        return [one for one in self._inventory.of(CARRIER) if all(test(one) for test in tests)][::-1]

    def get(self, number_id: str) -> Owned:
        """By id, or by the number itself. Raises TelnyxProblem."""
        found = self._inventory.by_id(CARRIER, number_id)
        if found is None and self.owns(number_id):
            found = self._inventory.get(number_id)
        if found is None:
            raise not_found()
        return found

    def change(self, number_id: str, body: Body) -> Owned:
        """PATCH /phone_numbers/{id}. Raises TelnyxProblem."""
        owned = self.get(number_id)
        connection = text(body, "connection_id")
        if connection not in ("", self._config.connection_id):
            raise no_such_connection()
        changes: dict[str, Setting] = {name: _setting(name, body[name]) for name in _CHANGEABLE if name in body}
        self._inventory.change(owned, changes)
        return owned

    def release(self, number_id: str) -> Owned:
        """DELETE /phone_numbers/{id}. Raises TelnyxProblem."""
        owned = self.get(number_id)
        self._inventory.remove(owned.phone_number)
        return owned


def _wanted_numbers(body: Body) -> list[str]:
    given = body.get("phone_numbers")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise missing("phone_numbers")
    numbers = [entry.get("phone_number") if isinstance(entry, Mapping) else None for entry in given]
    for at, number in enumerate(numbers):
        if not isinstance(number, str) or not is_e164(number):
            raise not_e164(f"phone_numbers/{at}/phone_number")
    return [number for number in numbers if isinstance(number, str)]


def _setting(name: str, value: object) -> Setting:
    if name == "tags":
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise invalid("tags", "An array of strings is wanted.")
        return list(value)
    if value is not None and not isinstance(value, str | bool):
        raise invalid(name, f"The '{name}' parameter must be a string.")
    return value
