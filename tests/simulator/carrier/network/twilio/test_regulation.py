"""Numbers that are not sold to everybody, by the official SDK: addresses, regulations, bundles and refusals."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]  # ships no types
from twilio.rest import Client  # type: ignore[import-untyped]

from simulator.carrier.network.twilio.number_rule import NumberRule
from simulator.carrier.network.twilio.regulation import Regulation
from tests.platform.twilio_network import running_twilio_network
from tests.simulator.carrier.network.twilio.test_sdk import client_of, run_blocking

BERLIN = "+493023125000"
LONDON = "+442079460000"
RULES = (
    NumberRule("+4930", "DE", address="local"),
    NumberRule("+4420", "GB", address="any", needs_bundle=False),
)
OFFICE = {
    "customer_name": "Acme", "street": "Torstr. 1", "city": "Berlin", "region": "Berlin", "postal_code": "10119",
    "iso_country": "DE", "friendly_name": "office",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegulatedAccount:
    client: Client
    regulation: Regulation

    async def create_address(self, **fields: str) -> str:
        address = await run_blocking(lambda: self.client.addresses.create(**OFFICE | fields))
        return str(address.sid)

    async def buy(self, number: str, **fields: str) -> Any:
        return await run_blocking(lambda: self.client.incoming_phone_numbers.create(phone_number=number, **fields))

    async def refusal_of(self, number: str, **fields: str) -> int:
        return await refused(lambda: self.client.incoming_phone_numbers.create(phone_number=number, **fields))


@asynccontextmanager
async def regulated_account() -> AsyncIterator[RegulatedAccount]:
    async with running_twilio_network(regulated=RULES) as net, client_of(net) as client:
        client.numbers.base_url = net.url
        yield RegulatedAccount(client, net.carrier.regulation)


async def refused(request: Callable[[], object]) -> int:
    """The code with which a request is refused."""
    with pytest.raises(TwilioRestException) as caught:
        await run_blocking(request)
    return int(caught.value.code)


async def test_addresses_are_created_listed_and_deleted() -> None:
    async with regulated_account() as account:
        sid, addresses = await account.create_address(), account.client.addresses
        other = await account.create_address(friendly_name="store", iso_country="GB")
        found = await run_blocking(lambda: addresses.list(friendly_name="office"))
        assert [(one.sid, one.city, one.iso_country) for one in found] == [(sid, "Berlin", "DE")]
        assert (await run_blocking(addresses(other).fetch)).friendly_name == "store"
        assert await run_blocking(addresses(sid).delete)
        assert await refused(addresses(sid).fetch) == 20404
        assert await refused(lambda: addresses.create(**OFFICE | {"iso_country": "US", "postal_code": "SW1A"})) == 21628
        assert await refused(lambda: addresses.create(**OFFICE | {"customer_name": "ä" * 33})) == 20001


async def test_the_address_is_checked_first() -> None:
    async with regulated_account() as account:
        (offer,) = await run_blocking(lambda: account.client.available_phone_numbers("DE").local.list(limit=1))
        assert (offer.phone_number, offer.address_requirements) == (BERLIN, "local")
        assert await account.refusal_of(BERLIN) == 21631
        assert await account.refusal_of(BERLIN, address_sid="AD" + "0" * 32) == 21613
        abroad = await account.create_address(iso_country="GB")
        assert await account.refusal_of(BERLIN, address_sid=abroad) == 21615
        bought = await account.buy(LONDON, address_sid=abroad)
        assert (bought.address_sid, bought.address_requirements, bought.bundle_sid) == (abroad, "any", None)


async def test_a_bundle_has_to_be_approved_of_the_right_kind_and_hold_the_address() -> None:
    async with regulated_account() as account:
        address, another = await account.create_address(), await account.create_address()
        add = account.regulation.add_bundle
        assert await account.refusal_of(BERLIN, address_sid=address) == 21649
        for bundle in (add("DE", "local", "in-review", address), add("DE", "mobile", "twilio-approved", address)):
            assert await account.refusal_of(BERLIN, address_sid=address, bundle_sid=bundle.sid) == 21649
        bundle = add("DE", "local", "twilio-approved", address)
        assert await account.refusal_of(BERLIN, address_sid=another, bundle_sid=bundle.sid) == 21651
        bought = await account.buy(BERLIN, address_sid=address, bundle_sid=bundle.sid)
        assert (bought.address_sid, bought.bundle_sid) == (address, bundle.sid)


async def test_regulations_and_bundles_are_read() -> None:
    async with regulated_account() as account:
        compliance = account.client.numbers.v2.regulatory_compliance
        found = await run_blocking(lambda: compliance.regulations.list(iso_country="DE", number_type="local"))
        assert [(one.number_type, one.end_user_type) for one in found] == [
            ("local", "business"),
            ("local", "individual"),
        ]
        assert await run_blocking(lambda: compliance.regulations.list(iso_country="GB")) == []
        bundle = account.regulation.add_bundle("DE", "local", "in-review", "AD" + "1" * 32)
        fetched = await run_blocking(compliance.bundles(bundle.sid).fetch)
        regulation = await run_blocking(compliance.regulations(fetched.regulation_sid).fetch)
        assert (fetched.status, regulation.iso_country, regulation.number_type) == ("in-review", "DE", "local")
        items = await run_blocking(compliance.bundles(bundle.sid).item_assignments.list)
        (document,) = [one.object_sid for one in items if one.object_sid.startswith("RD")]
        attributes = (await run_blocking(compliance.supporting_documents(document).fetch)).attributes
        assert attributes == {"address_sids": ["AD" + "1" * 32]}
        assert await refused(compliance.bundles("BU" + "0" * 32).fetch) == 20404
