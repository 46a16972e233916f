"""Addresses and documents at both carriers of the simulated network, which is written from their documents."""

from collections.abc import AsyncIterator

import pytest

from control.carriers import twilio_documents
from control.carriers.rules import (
    AddressRequirement,
    CarrierBundle,
    CarrierRefused,
    CarrierUnavailable,
    NumberHolder,
    NumberPending,
    NumberRequirements,
    PostalAddress,
)
from tests.platform.regulated_network import (
    BERLIN,
    CONNECTION,
    HOOKS,
    LONDON,
    MOBILE,
    RegulatedNetwork,
    running_regulated_network,
)

OFFICE = PostalAddress("Acme GmbH", "Torstr. 1", "Haus 2", "Berlin", "Berlin", "10119", "DE")
BOTH_CARRIERS = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@pytest.fixture
async def regulated() -> AsyncIterator[RegulatedNetwork]:
    async with running_regulated_network() as network:
        yield network


@BOTH_CARRIERS
async def test_an_address_is_registered_once_by_its_reference(name: str, regulated: RegulatedNetwork) -> None:
    documents = regulated.carriers.get(name).documents
    first = await documents.create_address(OFFICE, "one")
    assert await documents.create_address(OFFICE, "one") == first
    assert await documents.find_addresses("one") == [first] and await documents.find_addresses("two") == []
    assert await documents.create_address(OFFICE, "two") != first
    for _ in range(2):
        await documents.delete_address(first)
    assert await documents.find_addresses("one") == []


@BOTH_CARRIERS
async def test_a_registration_whose_answer_is_lost_is_not_repeated_but_found(
    name: str, regulated: RegulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = regulated.carriers.get(name).documents
    carrier = regulated.twilio if name == "twilio" else regulated.telnyx
    find = documents.find_addresses

    async def find_then_lose(reference: str) -> list[str]:
        found = await find(reference)
        carrier.lose_next.append(500)
        return found

    monkeypatch.setattr(documents, "find_addresses", find_then_lose)
    with pytest.raises(CarrierUnavailable):
        await documents.create_address(OFFICE, "one")
    monkeypatch.undo()
    kept = [*regulated.twilio.regulation.addresses, *regulated.telnyx.numbers.requirements.addresses]
    assert [await documents.create_address(OFFICE, "one")] == kept


async def test_an_address_that_twilio_cannot_validate_is_refused_with_a_sentence(regulated: RegulatedNetwork) -> None:
    address = PostalAddress("Acme", "1 Main St", "", "Austin", "TX", "none", "US")
    with pytest.raises(CarrierRefused) as caught:
        await regulated.carriers.get("twilio").documents.create_address(address, "one")
    assert (caught.value.code, caught.value.message) == (
        "21628",
        "the address could not be validated: check its spelling",
    )


@pytest.mark.parametrize(
    ("number", "country", "address", "bundle"),
    [
        (f"{BERLIN}000", "DE", "local", True),
        (f"{LONDON}000", "GB", "any", False),
        (f"{MOBILE}000", "GB", "none", True),
        ("+14155550000", "US", "none", False),
        ("+33123456789", "FR", None, False),
    ],
)
async def test_reads_requirements_of_a_number_from_twilio(
    regulated: RegulatedNetwork, number: str, country: str, address: AddressRequirement | None, bundle: bool
) -> None:
    found = await regulated.carriers.get("twilio").documents.fetch_requirements(number, country)
    assert found == NumberRequirements(address, bundle)


async def test_telnyx_requires_a_group_in_some_countries(regulated: RegulatedNetwork) -> None:
    documents = regulated.carriers.get("telnyx").documents
    assert await documents.fetch_requirements("+41215471644", "CH") == NumberRequirements(None, True)
    assert await documents.fetch_requirements(f"{LONDON}000", "GB") == NumberRequirements(None, False)


async def test_bundles_are_read_with_their_addresses(regulated: RegulatedNetwork) -> None:
    documents = regulated.carriers.get("twilio").documents
    address = await documents.create_address(OFFICE, "one")
    bundle = regulated.twilio.regulation.add_bundle("DE", "toll-free", "in-review", address)
    assert await documents.fetch_bundle(bundle.sid) == CarrierBundle("DE", "toll_free", "in_review", (address,))
    assert await documents.fetch_bundle("BU" + "0" * 32) is None
    documents = regulated.carriers.get("telnyx").documents
    group = regulated.telnyx.numbers.requirements.add_group("GB", "local", "pending-approval")
    assert await documents.fetch_bundle(group.id) == CarrierBundle("GB", "local", "in_review")
    assert await documents.fetch_bundle("none") is None
    regulated.telnyx.numbers.requirements.groups[group.id.upper()] = group
    assert await documents.fetch_bundle(group.id.upper()) is None, "one id for one bundle"


async def test_a_bundle_for_numbers_that_we_do_not_sell_fits_none(regulated: RegulatedNetwork) -> None:
    bundle = regulated.twilio.regulation.add_bundle("DE", "machine-to-machine", "twilio-approved")
    found = await regulated.carriers.get("twilio").documents.fetch_bundle(bundle.sid)
    assert found is not None and found.number_kind == "machine_to_machine"


async def test_a_bundle_of_many_documents_is_read_within_a_time(
    regulated: RegulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = regulated.twilio.regulation.add_bundle("DE", "local", "twilio-approved")
    monkeypatch.setattr(twilio_documents, "_BUNDLE_TIMEOUT_S", 0.0)
    with pytest.raises(CarrierUnavailable) as caught:
        await regulated.carriers.get("twilio").documents.fetch_bundle(bundle.sid)
    assert caught.value.code == "timeout"


async def test_twilio_sells_a_regulated_number_under_address_and_bundle(regulated: RegulatedNetwork) -> None:
    """Each refusal is told in a sentence of its own."""
    carrier, add = regulated.carriers.get("twilio"), regulated.twilio.regulation.add_bundle
    address = await carrier.documents.create_address(OFFICE, "one")
    other = await carrier.documents.create_address(OFFICE, "two")
    abroad = await carrier.documents.create_address(PostalAddress("A", "1 St", "", "London", "L", "SW1", "GB"), "three")
    bundle, draft = add("DE", "local", "twilio-approved", address), add("DE", "local", "draft", address)
    for holder, code, words in (
        (NumberHolder(), "21631", "need an address"),
        (NumberHolder("AD" + "0" * 32), "21613", "in the number's country"),
        (NumberHolder(abroad), "21615", "in its own area"),
        (NumberHolder(address), "21649", "documents about the business"),
        (NumberHolder(address, draft.sid), "21649", "has approved"),
        (NumberHolder(other, bundle.sid), "21651", "is not the one in the documents"),
    ):
        with pytest.raises(CarrierRefused) as caught:
            await carrier.buy(f"{BERLIN}000", "reference", holder)
        assert caught.value.code == code and words in caught.value.message, holder
    await carrier.buy(f"{BERLIN}000", "reference", NumberHolder(address, bundle.sid))
    settings = regulated.owned(f"{BERLIN}000").settings
    assert (settings["AddressSid"], settings["BundleSid"]) == (address, bundle.sid)


async def test_telnyx_gets_the_address_that_an_order_lacks_and_says_what_is_left(regulated: RegulatedNetwork) -> None:
    carrier = regulated.carriers.get("telnyx")
    address = await carrier.documents.create_address(OFFICE, "one")
    with pytest.raises(NumberPending) as caught:
        await carrier.buy(f"{LONDON}000", "first", NumberHolder())
    assert caught.value.message.endswith("takes calls: an address, a document.")
    with pytest.raises(NumberPending) as caught:
        await carrier.buy(f"{LONDON}001", "second", NumberHolder(address))
    assert caught.value.message.endswith("takes calls: a document.")
    (order,) = regulated.telnyx.numbers.orders(customer_reference="second")
    assert list(order.values.values()) == [address]


async def test_telnyx_takes_a_requirement_group_with_the_order(regulated: RegulatedNetwork) -> None:
    carrier, groups = regulated.carriers.get("telnyx"), regulated.telnyx.numbers.requirements
    with pytest.raises(CarrierRefused):
        await carrier.buy(f"{BERLIN}001", "first")
    group = groups.add_group("DE", "local")
    bought = await carrier.buy(f"{BERLIN}001", "second", NumberHolder("", group.id))
    assert (bought.phone_number, bought.pending) == (f"{BERLIN}001", "")


async def test_numbers_of_the_account_say_where_their_calls_go(regulated: RegulatedNetwork) -> None:
    ours = f"{HOOKS}/webhooks/calls/inbound"
    for last, settings in enumerate(
        (
            {},
            {"VoiceUrl": "https://demo.twilio.com/welcome/voice/"},
            {"VoiceUrl": ours},
            {"VoiceUrl": "https://other.example.com/"},
            {"VoiceUrl": ours, "TrunkSid": "TK1"},
            {"VoiceUrl": ours, "VoiceApplicationSid": "AP1"},
            {"SmsUrl": "https://other.example.com/"},
            {"VoiceUrl": ours, "SmsApplicationSid": "AP1"},
            {"VoiceUrl": ours, "SmsUrl": "https://demo.twilio.com/welcome/sms/reply/"},
        )
    ):
        regulated.own("twilio", f"+1415555000{last}", **settings)
    twilio = regulated.carriers.get("twilio")
    found = {number.phone_number[-1]: number.target for number in await twilio.list_numbers("", 100)}
    assert found == {
        "0": "nowhere", "1": "nowhere", "2": "us", "3": "elsewhere", "4": "elsewhere", "5": "elsewhere",
        "6": "elsewhere", "7": "elsewhere", "8": "us",
    }  # fmt: skip
    assert [number.phone_number for number in await twilio.list_numbers("50003", 100)] == ["+14155550003"]
    assert len(await twilio.list_numbers("", 2)) == 2
    for last in (4, 5):
        owned = await twilio.find_owned(f"+1415555000{last}")
        assert owned is not None
        await twilio.configure(owned)
        after = await twilio.find_owned(f"+1415555000{last}")
        assert after is not None and after.target == "us"
    telnyx = regulated.carriers.get("telnyx")
    for last, connection in enumerate(("", CONNECTION, "7")):
        regulated.own("telnyx", f"+1415555010{last}", connection_id=connection)
    regulated.own("telnyx", "+14155550103")
    regulated.network.phone_network.inventory.change(regulated.owned("+14155550103"), {"messaging_profile_id": "4001"})
    assert {number.phone_number[-1]: number.target for number in await telnyx.list_numbers("", 100)} == {
        "0": "nowhere", "1": "us", "2": "elsewhere", "3": "elsewhere",
    }  # fmt: skip
    assert len(await telnyx.list_numbers("", 2)) == 2
