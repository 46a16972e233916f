"""Telnyx's numbers: search, reservation, order, update and release with the official SDK."""

import json
from pathlib import Path

import phonenumbers
import pytest
from telnyx import NotFoundError, UnprocessableEntityError

from simulator.carrier.network.inventory import Inventory, OwnedNumber
from simulator.carrier.network.telnyx.number_search import NumberSearch, find_available_number, search_numbers
from tests.simulator.carrier.network.telnyx.account import NUMBER, Account, account, eventually, verify


async def order(telnyx: Account, *numbers: str, connection_id: str = "7001") -> str:
    """Places an order; returns its id."""
    answer = await telnyx.client.number_orders.create(
        phone_numbers=[{"phone_number": number} for number in numbers], connection_id=connection_id
    )
    assert answer.data is not None and answer.data.id is not None
    assert answer.data.status == "pending"
    assert answer.data.phone_numbers is not None
    assert [entry.status for entry in answer.data.phone_numbers] == ["pending"] * len(numbers)
    return answer.data.id


async def settled(telnyx: Account, order_id: str) -> str:
    """Polls until the order is settled; returns its status."""
    status = ""

    async def decided() -> bool:
        nonlocal status
        data = (await telnyx.client.number_orders.retrieve(order_id)).data
        assert data is not None
        status = str(data.status)
        return status != "pending"

    await eventually(decided)
    return status


@pytest.mark.parametrize(
    ("filters", "prefix"),
    [
        ({"country_code": "US", "national_destination_code": "415"}, "+1415"),
        ({"country_code": "US", "phone_number_type": "toll_free"}, "+18"),
        ({"country_code": "GB"}, "+4420"),
        ({"country_code": "DE", "features": ["voice"]}, "+4930"),
        ({"administrative_area": "IL"}, "+1312"),
        ({"locality": "Seattle"}, "+1206"),
        ({"phone_number": {"starts_with": "512"}}, "+1512"),
    ],
)
async def test_a_search(filters: dict[str, object], prefix: str) -> None:
    async with account() as telnyx:
        found = await telnyx.client.available_phone_numbers.list(filter={"limit": 5, **filters})  # type: ignore[arg-type]
        assert found.data is not None and len(found.data) == 5
        assert found.meta is not None and found.meta.total_results == 5
        for offer in found.data:
            assert offer.phone_number is not None and offer.phone_number.startswith(prefix)
            assert phonenumbers.is_possible_number(phonenumbers.parse(offer.phone_number))
            assert offer.record_type == "available_phone_number"
            assert offer.cost_information is not None and offer.cost_information.currency == "USD"
            assert offer.features is not None and "voice" in {feature.name for feature in offer.features}


@pytest.mark.parametrize(
    "filters",
    [
        {"country_code": "FR"},
        {"phone_number_type": "shared_cost"},
        {"country_code": "GB", "features": ["sms"]},
        {"locality": "Nowhere"},
    ],
)
async def test_a_search_that_finds_nothing(filters: dict[str, object]) -> None:
    async with account() as telnyx:
        found = await telnyx.client.available_phone_numbers.list(filter=filters)  # type: ignore[arg-type]
        assert found.data == []


def test_search_patterns() -> None:
    def numbers(**wanted: str) -> list[str]:
        return [offer.phone_number for offer in search_numbers(NumberSearch(limit=3, **wanted), lambda number: True)]  # type: ignore[arg-type]

    assert numbers(code="415", ends_with="77") == ["+14155550077", "+14155550177", "+14155550277"]
    assert numbers(code="415", contains="1234") == ["+14155551234"]
    assert numbers(code="415", starts_with="+141555512") == ["+14155551200", "+14155551201", "+14155551202"]


async def test_invalid_limit_is_refused() -> None:
    async with account() as telnyx:
        for limit in (0, 251):
            with pytest.raises(UnprocessableEntityError):
                await telnyx.client.available_phone_numbers.list(filter={"limit": limit})


async def test_order_is_pending_then_complete_and_reported() -> None:
    async with account() as telnyx:
        number = "+14155550777"
        order_id = await order(telnyx, number)
        assert not telnyx.carrier.owns(number)
        assert await settled(telnyx, order_id) == "success"
        assert telnyx.carrier.owns(number)
        reported = await telnyx.customer.event("number_order.complete")
        assert (reported["id"], reported["status"]) == (order_id, "success")
        assert [(entry["phone_number"], entry["status"]) for entry in reported["phone_numbers"]] == [
            (number, "success")
        ]
        verify(telnyx.customer.webhooks[0], telnyx.carrier.public_key)
        found = await telnyx.client.available_phone_numbers.list(
            filter={"national_destination_code": "415", "phone_number": {"ends_with": "0777"}}
        )
        assert found.data == []


async def test_order_of_an_owned_number_fails() -> None:
    async with account() as telnyx:
        fresh = "+14155550778"
        assert await settled(telnyx, await order(telnyx, fresh, NUMBER)) == "failure"
        reported = await telnyx.customer.event("number_order.complete")
        assert [entry["status"] for entry in reported["phone_numbers"]] == ["success", "failure"]
        assert await settled(telnyx, await order(telnyx, "+33612345678")) == "failure"


async def test_orders_are_listed_by_their_reference() -> None:
    async with account() as telnyx:
        for number, reference in (("+14155550001", "tenant-1"), ("+14155550002", "tenant-2")):
            made = await telnyx.client.number_orders.create(
                phone_numbers=[{"phone_number": number}], customer_reference=reference
            )
            assert made.data is not None and made.data.id is not None
            await settled(telnyx, made.data.id)
        page = await telnyx.client.number_orders.list(filter={"customer_reference": "tenant-1"})
        (found,) = page.data
        assert (found.customer_reference, found.status) == ("tenant-1", "success")
        assert found.phone_numbers is not None and found.phone_numbers[0].phone_number == "+14155550001"
        (bought,) = (await telnyx.client.phone_numbers.list(filter={"phone_number": "14155550001"})).data
        assert bought.customer_reference == "tenant-1"
        assert (await telnyx.client.number_orders.list(filter={"status": "pending"})).data == []


async def test_orders_that_are_refused() -> None:
    async with account() as telnyx:
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.number_orders.create(phone_numbers=[])
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.number_orders.create(phone_numbers=[{"phone_number": "415"}])
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.number_orders.create(phone_numbers=[{"phone_number": NUMBER}], connection_id="1")
        with pytest.raises(NotFoundError):
            await telnyx.client.number_orders.retrieve("none")


async def test_a_number_is_found_changed_and_released() -> None:
    async with account() as telnyx:
        await settled(telnyx, await order(telnyx, "+14155550777", connection_id=""))
        assert not telnyx.carrier.numbers.connected("+14155550777")
        page = await telnyx.client.phone_numbers.list(filter={"phone_number": "+14155550777"})
        (found,) = page.data
        assert (found.phone_number, found.status, found.phone_number_type) == ("+14155550777", "active", "local")
        changed = await telnyx.client.phone_numbers.update(
            found.id, connection_id="7001", customer_reference="tenant-1", tags=["a", "b"]
        )
        assert changed.data is not None
        assert (changed.data.connection_id, changed.data.customer_reference) == ("7001", "tenant-1")
        assert changed.data.tags == ["a", "b"]
        assert telnyx.carrier.numbers.connected("+14155550777")
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.phone_numbers.update(found.id, connection_id="7002")
        by_tag = await telnyx.client.phone_numbers.list(filter={"tag": "b"})
        assert [one.id for one in by_tag.data] == [found.id]
        deleted = await telnyx.client.phone_numbers.delete(found.id)
        assert deleted.data is not None and deleted.data.status == "deleted"
        assert not telnyx.carrier.owns("+14155550777")
        with pytest.raises(NotFoundError):
            await telnyx.client.phone_numbers.delete(found.id)


async def test_lists_are_paged() -> None:
    async with account() as telnyx:
        for line in range(5):
            telnyx.carrier.numbers.add(f"+1415555090{line}", "7001")
        first = await telnyx.client.phone_numbers.list(page_size=4)
        assert first.meta is not None and (first.meta.page_number, first.meta.total_pages) == (1, 2)
        assert [one.phone_number async for one in first][-1] == NUMBER


async def test_reserved_number_is_not_found() -> None:
    async with account() as telnyx:
        made = await telnyx.client.number_reservations.create(phone_numbers=[{"phone_number": "+14155550000"}])
        assert made.data is not None and made.data.status == "success"
        found = await telnyx.client.available_phone_numbers.list(
            filter={"national_destination_code": "415", "limit": 1}
        )
        assert found.data is not None and found.data[0].phone_number == "+14155550001"
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.number_reservations.create(phone_numbers=[{"phone_number": "+14155550000"}])
        assert await settled(telnyx, await order(telnyx, "+14155550000")) == "success"


def test_available_numbers_by_country_and_kind() -> None:
    offer = find_available_number("+442079460123")
    assert offer is not None and (offer.country, offer.locality) == ("GB", "London")
    assert find_available_number("+33612345678") is None


def test_inventory_stores_bought_numbers(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    Inventory(path).add(OwnedNumber("telnyx", NUMBER, "1", {"connection_id": "7001"}))
    assert json.loads(path.read_text())[0]["phone_number"] == NUMBER
    kept = Inventory(path).get(NUMBER)
    assert kept is not None and kept.settings == {"connection_id": "7001"}


async def test_number_that_needs_documents_is_not_active_before_they_are_approved() -> None:
    async with account(documented=("+4420",), order_s=0.0) as telnyx:
        number = "+442079460001"
        order_id = await order(telnyx, number)

        async def requirement() -> str:
            data = (await telnyx.client.number_orders.retrieve(order_id)).data
            assert data is not None and data.phone_numbers is not None and data.status == "pending"
            return str(data.phone_numbers[0].requirements_status)

        async def waits() -> bool:
            return await requirement() == "requirement-info-pending"

        await eventually(waits)
        (owned,) = (await telnyx.client.phone_numbers.list(filter={"phone_number": number[1:]})).data or []
        assert owned.status == "requirement-info-pending"
        assert not telnyx.carrier.numbers.connected(number)
        telnyx.carrier.numbers.approve(order_id)
        assert await settled(telnyx, order_id) == "success"
        assert telnyx.carrier.numbers.connected(number)
