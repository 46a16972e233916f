"""Addresses, requirement groups and the requirements of orders, by the official SDK."""

from typing import Any

import pytest
from telnyx import NotFoundError, UnprocessableEntityError

from simulator.carrier.network.telnyx.requirements import requirement_id
from tests.simulator.carrier.network.telnyx.account import Account, account, eventually

LONDON = "+442079460001"
OFFICE: dict[str, Any] = {
    "business_name": "Acme", "first_name": "", "last_name": "", "street_address": "1 High St", "locality": "London",
    "country_code": "GB", "postal_code": "SW1A 1AA", "customer_reference": "office",
}  # fmt: skip


async def order(telnyx: Account, **fields: str) -> str:
    made = await telnyx.client.number_orders.create(phone_numbers=[{"phone_number": LONDON, **fields}])  # type: ignore[typeddict-item]
    assert made.data is not None and made.data.id is not None
    return made.data.id


async def status_of(telnyx: Account, order_id: str) -> tuple[str | None, str | None]:
    """Of the order, and of its requirements."""
    data = (await telnyx.client.number_orders.retrieve(order_id)).data
    assert data is not None and data.phone_numbers is not None
    return data.status, data.phone_numbers[0].requirements_status


async def until(telnyx: Account, order_id: str, *wanted: str) -> None:
    async def reached() -> bool:
        return await status_of(telnyx, order_id) == wanted

    await eventually(reached)


async def test_addresses_are_created_found_by_reference_and_deleted() -> None:
    async with account() as telnyx:
        addresses = telnyx.client.addresses
        made = (await addresses.create(**OFFICE)).data
        assert made is not None and made.id is not None
        await addresses.create(**OFFICE | {"customer_reference": "store"})
        found = await addresses.list(filter={"customer_reference": {"eq": "office"}})
        assert [(one.id, one.locality) for one in found.data or []] == [(made.id, "London")]
        await addresses.delete(made.id)
        with pytest.raises(NotFoundError):
            await addresses.retrieve(made.id)
        with pytest.raises(UnprocessableEntityError):
            await addresses.create(**OFFICE | {"business_name": ""})


async def test_requirements_of_an_order_are_submitted_and_reviewed() -> None:
    async with account(documented=("+4420",), order_s=0.0) as telnyx:
        order_id = await order(telnyx)
        await until(telnyx, order_id, "pending", "requirement-info-pending")
        data = (await telnyx.client.number_orders.retrieve(order_id)).data
        assert data is not None and data.phone_numbers is not None
        entry = data.phone_numbers[0]
        required = [(one.field_type, one.field_value) for one in entry.regulatory_requirements or []]
        assert required == [("address", None), ("document", None)] and entry.id is not None
        address = (await telnyx.client.addresses.create(**OFFICE)).data
        assert address is not None and address.id is not None
        submit = telnyx.client.number_order_phone_numbers.update_requirements
        with pytest.raises(UnprocessableEntityError):
            await submit(
                entry.id, regulatory_requirements=[{"requirement_id": requirement_id("address"), "field_value": "1"}]
            )
        for kind, value in (("address", address.id), ("document", "document-1")):
            assert await status_of(telnyx, order_id) == ("pending", "requirement-info-pending")
            await submit(
                entry.id, regulatory_requirements=[{"requirement_id": requirement_id(kind), "field_value": value}]
            )
        assert await status_of(telnyx, order_id) == ("pending", "requirement-info-under-review")


async def test_requirement_groups_are_read_and_used_by_orders() -> None:
    async with account(documented=("+4420",), grouped=("+4420",), order_s=0.0) as telnyx:
        with pytest.raises(UnprocessableEntityError):
            await order(telnyx)
        groups = telnyx.carrier.numbers.requirements
        other, ours = groups.add_group("DE", "local"), groups.add_group("GB", "local")
        found = await telnyx.client.requirement_groups.retrieve(ours.id)
        assert (found.country_code, found.phone_number_type, found.status) == ("GB", "local", "approved")
        with pytest.raises(UnprocessableEntityError):
            await order(telnyx, requirement_group_id=other.id)
        await until(telnyx, await order(telnyx, requirement_group_id=ours.id), "success", "approved")


async def test_an_order_is_cancelled_while_it_is_pending() -> None:
    async with account(documented=("+4420",), order_s=0.0) as telnyx:
        order_id = await order(telnyx)
        await until(telnyx, order_id, "pending", "requirement-info-pending")
        data = (await telnyx.client.number_orders.retrieve(order_id)).data
        assert data is not None and data.sub_number_orders_ids is not None
        (part,) = data.sub_number_orders_ids
        assert not telnyx.carrier.numbers.free(LONDON)
        cancelled = (await telnyx.client.sub_number_orders.cancel(part)).data
        assert cancelled is not None and (cancelled.id, cancelled.order_request_id) == (part, order_id)
        assert telnyx.carrier.numbers.free(LONDON)
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.sub_number_orders.cancel(part)
        with pytest.raises(NotFoundError):
            await telnyx.client.sub_number_orders.cancel("none")


async def test_an_order_with_an_unapproved_group_is_reviewed() -> None:
    async with account(documented=("+4420",), order_s=0.0) as telnyx:
        group = telnyx.carrier.numbers.requirements.add_group("GB", "local", "unapproved")
        order_id = await order(telnyx, requirement_group_id=group.id)
        await until(telnyx, order_id, "pending", "requirement-info-under-review")
        with pytest.raises(NotFoundError):
            await telnyx.client.requirement_groups.retrieve("none")
