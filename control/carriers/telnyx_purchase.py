"""Number orders at Telnyx (docs: numbers/phone-numbers/number-orders, regulatory-requirements, requirement-groups)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, TypeVar

from control.carriers.model import CarrierRefused, NumberHolder, NumberPending, OwnedNumber
from control.carriers.retries import CarrierRequest
from control.carriers.telnyx_forms import (
    ADDRESS_REFUSED,
    INFO_PENDING,
    NAME,
    lacking_words,
    needs_requirements,
    pending_words,
    required_text,
)

T = TypeVar("T")

# An order is decided some time after it is placed: for how long and in which interval it is polled.
_ORDER_TIMEOUT_S: Final = 20.0
_ORDER_POLL_S: Final = 0.3
_ADDRESS: Final = "address"


class TelnyxOrders:
    """sdk: the account's client. find_owned: see Carrier."""

    def __init__(
        self,
        sdk: Any,
        send: CarrierRequest,
        connection_id: str,
        find_owned: Callable[[str], Awaitable[OwnedNumber | None]],
    ) -> None:
        self._sdk, self._send, self._connection_id, self._find_owned = sdk, send, connection_id, find_owned

    async def buy(self, phone_number: str, reference: str, holder: NumberHolder) -> OwnedNumber:
        """Orders a number, unless there is an order with this reference, and waits for the order's result.

        Raises NumberPending for an order that takes longer, at once when it waits for documents; a repeated call finds
        it."""
        order_id, status = await self._find_or_order(phone_number, reference, holder)
        try:
            async with asyncio.timeout(_ORDER_TIMEOUT_S):
                while status == "pending":
                    await asyncio.sleep(_ORDER_POLL_S)
                    status = await self._poll_order(order_id, holder)
                if status != "success":
                    raise CarrierRefused(NAME, "order_failed", "the number is not available", number_unavailable=True)
                return await self._wait_for_number(phone_number, reference)
        except TimeoutError:
            raise NumberPending(NAME, "order_pending", pending_words("")) from None

    async def find_status(self, reference: str) -> Literal["pending", "success"] | None:
        """Returns the state of the order with this reference; None without one, or when it failed."""
        found = await self._find_order(reference)
        return None if found is None else found[1]

    async def submit_documents(self, reference: str, holder: NumberHolder) -> str:
        """Gives the order what it lacks; returns what it waits for, empty for nothing."""
        found = await self._find_order(reference)
        if found is None or found[1] != "pending":
            return ""
        try:
            await self._poll_order(found[0], holder)
        except NumberPending as pending:
            return pending.message
        return ""

    async def cancel(self, reference: str) -> None:
        """Cancels the order with this reference while it is pending (API reference: Cancel a sub number order). No
        error where Telnyx refuses: it is being fulfilled."""
        page = await self._send(lambda: self._sdk.number_orders.list(filter={"customer_reference": reference}))
        ours = [one for one in page.data or [] if one.customer_reference == reference and one.status == "pending"]
        for part in [part for order in ours for part in order.sub_number_orders_ids or []]:
            with suppress(CarrierRefused):
                await self._send(partial(self._sdk.sub_number_orders.cancel, part))

    async def _find_or_order(self, phone_number: str, reference: str, holder: NumberHolder) -> tuple[str, str]:
        """Returns id and status of the existing order, if it has not failed, else of a new one."""
        found = await self._find_order(reference)
        if found is not None:
            return found
        wanted = {"phone_number": phone_number}
        if holder.carrier_bundle_id:
            wanted["requirement_group_id"] = holder.carrier_bundle_id
        answer = await self._send(
            lambda: self._sdk.number_orders.create(
                phone_numbers=[wanted], connection_id=self._connection_id, customer_reference=reference
            ),
            repeatable=False,
        )
        return (
            (required_text(answer.data.id), answer.data.status or "pending")
            if answer.data is not None
            else (required_text(None), "")
        )

    async def _find_order(self, reference: str) -> tuple[str, Literal["pending", "success"]] | None:
        """Returns id and status of an order that has not failed."""
        page = await self._send(lambda: self._sdk.number_orders.list(filter={"customer_reference": reference}))
        for order in page.data or []:
            if order.customer_reference == reference and order.status in ("pending", "success"):
                return required_text(order.id), order.status
        return None

    async def _poll_order(self, order_id: str, holder: NumberHolder) -> str:
        """Returns the order's status. Raises NumberPending when it waits for documents."""
        answer = await self._send(lambda: self._sdk.number_orders.retrieve(order_id))
        if answer.data is None:
            return "pending"
        status = answer.data.status or "pending"
        for number in answer.data.phone_numbers or []:
            wanted = number.requirements_status or ""
            if status == "pending" and needs_requirements(wanted):
                raise NumberPending(NAME, wanted, await self._submit(number, wanted, holder))
        return str(status)

    async def _submit(self, number: Any, wanted: str, holder: NumberHolder) -> str:
        """Submits the holder's address for each requirement of that type without a value; returns what the number waits
        for then, also where Telnyx does not accept the address: the order stays open."""
        if wanted != INFO_PENDING:
            return pending_words(wanted)
        lacking = [one for one in number.regulatory_requirements or [] if not one.field_value]
        addresses = [one for one in lacking if one.field_type == _ADDRESS and holder.carrier_address_id]
        if addresses and not await self._submit_address(number, addresses, holder.carrier_address_id):
            return ADDRESS_REFUSED
        left = [str(one.field_type) for one in lacking if one not in addresses]
        return pending_words("requirement-info-under-review") if lacking and not left else lacking_words(left)

    async def _submit_address(self, number: Any, requirements: Sequence[Any], address: str) -> bool:
        """False: Telnyx does not accept it."""
        values = [{"requirement_id": required_text(one.requirement_id), "field_value": address} for one in requirements]
        try:
            await self._send(
                lambda: self._sdk.number_order_phone_numbers.update_requirements(
                    required_text(number.id), regulatory_requirements=values
                )
            )
        except CarrierRefused:
            return False
        return True

    async def _wait_for_number(self, phone_number: str, reference: str) -> OwnedNumber:
        """Waits until the account lists the number as active, some time after the order. The listed number may lack the
        order's reference, so that is filled in."""
        while True:
            found = await self._find_owned(phone_number)
            if found is not None and not found.pending:
                return replace(found, reference=reference)
            await asyncio.sleep(_ORDER_POLL_S)
