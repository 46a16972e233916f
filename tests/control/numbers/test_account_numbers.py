"""Numbers that the platform's account has already: listed, and taken for a workspace."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from control.carriers.rules import CarrierUnavailable
from control.carriers.service import Carriers
from control.http.services import Services
from control.numbers.rules import NumberImport, PhoneNumber
from control.numbers.service import find_account_numbers, take_number
from control.numbers.tasks import configure_numbers
from control.platform.service import Platform
from shared.errors import Conflict, Invalid, Problem, Unavailable
from shared.ids import new_id
from tests.control.numbers.conftest import NOW
from tests.control.numbers.regulated import RegulatedWorkspace, regulated_workspace
from tests.platform.regulated_network import CONNECTION, HOOKS, LONDON

ELSEWHERE = {"twilio": {"VoiceUrl": "https://other.example.com/"}, "telnyx": {"connection_id": "7"}}
# Telnyx tells the price of numbers that are for sale only.
PRICES = {"twilio": None, "telnyx": Decimal("1.05")}
BOTH_CARRIERS = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@pytest.fixture
async def ours(database_url: str, services: Services) -> AsyncIterator[RegulatedWorkspace]:
    async with regulated_workspace(database_url, services) as running:
        yield running


async def take(ours: RegulatedWorkspace, name: str, phone_number: str, *, take_over: bool = False) -> PhoneNumber:
    """Imports a number, as the API does."""
    it, wanted = ours.workspace, NumberImport(phone_number, "Ours", name, take_over, PRICES[name])
    await it.in_platform(lambda db: it.numbers.check_import(db, it.workspace_id, phone_number))
    taken = await take_number(ours.regulated.carriers.get(name), wanted, UUID(new_id()))
    return await it.in_platform(lambda db: it.numbers.import_number(db, it.workspace_id, it.actor, wanted, taken, NOW))


async def fault(ours: RegulatedWorkspace, name: str, phone_number: str) -> str:
    with pytest.raises(Problem) as caught:
        await take(ours, name, phone_number)
    return str(caught.value.code)


@BOTH_CARRIERS
async def test_a_number_is_taken_and_its_calls_come_to_us(name: str, ours: RegulatedWorkspace) -> None:
    phone_number = {"twilio": "+14155551001", "telnyx": "+14155551002"}[name]
    ours.regulated.own(name, phone_number)
    number = await take(ours, name, phone_number)
    assert (number.status, number.friendly_name, number.country) == ("active", "Ours", "US")
    owned = ours.regulated.owned(phone_number)
    assert number.carrier_number_id == owned.id and number.capabilities["voice"] is True
    assert number.monthly_price == {"twilio": Decimal("1.15"), "telnyx": Decimal("1.05")}[name]
    settings = owned.settings
    if name == "twilio":
        assert (settings["VoiceUrl"], settings["FriendlyName"]) == (
            f"{HOOKS}/webhooks/calls/inbound", str(number.id),
        )  # fmt: skip
    else:
        assert (settings["connection_id"], settings["customer_reference"]) == (CONNECTION, str(number.id))
    assert await fault(ours, name, phone_number) == "number_taken"
    assert await ours.audit(number.id) == ["number.import"]


@BOTH_CARRIERS
async def test_a_number_whose_calls_go_elsewhere_is_only_taken_over_when_told_to(
    name: str, ours: RegulatedWorkspace
) -> None:
    phone_number = {"twilio": "+14155551011", "telnyx": "+14155551012"}[name]
    ours.regulated.own(name, phone_number, **ELSEWHERE[name])
    before = dict(ours.regulated.owned(phone_number).settings)
    assert await fault(ours, name, phone_number) == "number_elsewhere"
    assert ours.regulated.owned(phone_number).settings == before
    number = await take(ours, name, phone_number, take_over=True)
    (entry,) = await ours.workspace.fetch("SELECT details FROM audit_log WHERE resource_id = $1", str(number.id))
    assert entry["details"]["after"]["took_over"] is True


async def test_only_an_active_number_of_the_account_is_taken(ours: RegulatedWorkspace) -> None:
    assert await fault(ours, "twilio", "+14155551021") == "number_not_owned"
    assert await fault(ours, "twilio", "+1415") == "phone_number_invalid"
    ours.regulated.own("telnyx", f"{LONDON}500")
    ours.regulated.network.phone_network.inventory.change(
        ours.regulated.owned(f"{LONDON}500"), {"status": "requirement-info-pending"}
    )
    assert await fault(ours, "telnyx", f"{LONDON}500") == "number_pending"


async def test_a_number_is_neither_taken_beyond_the_tier_nor_from_a_workspace(ours: RegulatedWorkspace) -> None:
    ours.regulated.own("twilio", "+14155551031")
    await ours.workspace.execute("UPDATE tiers SET max_phone_numbers = 0")
    assert await fault(ours, "twilio", "+14155551031") == "number_limit"
    await ours.workspace.execute("UPDATE tiers SET max_phone_numbers = 20")
    await ours.workspace.execute(
        "UPDATE workspaces SET deleted_at = now(), purge_after = now() WHERE id = $1", ours.workspace.workspace_id
    )
    assert await fault(ours, "twilio", "+14155551031") == "workspace_not_found"
    assert "VoiceUrl" not in ours.regulated.owned("+14155551031").settings


async def test_what_was_taken_but_not_stored_is_taken_again(ours: RegulatedWorkspace) -> None:
    """The process died in between: the number's calls come to us, and no workspace has it."""
    ours.regulated.own("twilio", "+14155551041", **ELSEWHERE["twilio"])
    wanted = NumberImport("+14155551041", "", "twilio", take_over=True)
    await take_number(ours.regulated.carriers.get("twilio"), wanted, UUID(new_id()))
    number = await take(ours, "twilio", "+14155551041")
    assert ours.regulated.owned("+14155551041").settings["FriendlyName"] == str(number.id)


async def test_two_imports_of_a_number_at_once_give_it_to_one_workspace(
    ours: RegulatedWorkspace, database_url: str, services: Services
) -> None:
    """Both configured it; the carrier keeps the id of the one that is stored, whichever came last."""
    ours.regulated.own("twilio", "+14155551045")
    async with regulated_workspace(database_url, services) as theirs:
        late, early = ours.workspace, replace(theirs, regulated=ours.regulated)
        wanted = NumberImport("+14155551045", "", "twilio")
        await late.in_platform(lambda db: late.numbers.check_import(db, late.workspace_id, wanted.phone_number))
        number = await take(early, "twilio", wanted.phone_number)
        taken = await take_number(ours.regulated.carriers.get("twilio"), wanted, UUID(new_id()))
        with pytest.raises(Conflict) as caught:
            await late.in_platform(
                lambda db: late.numbers.import_number(db, late.workspace_id, late.actor, wanted, taken, NOW)
            )
    assert caught.value.code == "number_taken"
    await configure_numbers(ours.workspace.pool, ours.regulated.carriers, NOW, 50)
    assert ours.regulated.owned(wanted.phone_number).settings["FriendlyName"] == str(number.id)


async def test_a_number_is_left_where_it_is_when_its_price_is_not_known(
    ours: RegulatedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pricing API is down: a take-over in vain would leave its calls unanswered."""
    ours.regulated.own("twilio", "+14155551046", **ELSEWHERE["twilio"])
    carrier, wanted = ours.regulated.carriers.get("twilio"), NumberImport("+14155551046", "", "twilio", take_over=True)

    async def fail(*values: object) -> None:
        raise CarrierUnavailable("twilio", "503", "the carrier has a fault")

    monkeypatch.setattr(carrier, "monthly_price", fail)
    with pytest.raises(Unavailable):
        await take_number(carrier, wanted, UUID(new_id()))
    assert ours.regulated.owned("+14155551046").settings["VoiceUrl"] == ELSEWHERE["twilio"]["VoiceUrl"]


async def test_a_number_without_a_price_is_not_taken(ours: RegulatedWorkspace) -> None:
    """Its workspace would never pay for it."""
    ours.regulated.own("telnyx", "+14155551047")
    carrier = ours.regulated.carriers.get("telnyx")
    with pytest.raises(Invalid) as caught:
        await take_number(carrier, NumberImport("+14155551047", "", "telnyx"), UUID(new_id()))
    assert (caught.value.code, caught.value.param) == ("price_required", "monthly_price")
    assert not ours.regulated.owned("+14155551047").settings["connection_id"]
    free = NumberImport("+14155551047", "", "telnyx", monthly_price=Decimal(0))
    assert (await take_number(carrier, free, UUID(new_id()))).monthly_price == 0


async def test_imported_numbers_are_no_purchases(ours: RegulatedWorkspace) -> None:
    for last in range(3):
        ours.regulated.own("twilio", f"+1415555105{last}")
        await take(ours, "twilio", f"+1415555105{last}")
    await ours.workspace.in_platform(
        lambda db: ours.workspace.services[Platform].change_settings(
            db, ours.workspace.actor, {"number_purchases_per_day": 1}
        )
    )
    await ours.order("+14155550000")


@BOTH_CARRIERS
async def test_an_unavailable_carrier_takes_and_lists_nothing(name: str, ours: RegulatedWorkspace) -> None:
    carriers: Carriers = ours.regulated.carriers
    network = ours.regulated.twilio if name == "twilio" else ours.regulated.telnyx
    network.fail_next.extend([503] * 3)
    assert await fault(ours, name, "+14155551061") == "carrier_away"
    network.fail_next.extend([503] * 3)
    with pytest.raises(Unavailable):
        await find_account_numbers(carriers.get(name), "")
    ours.regulated.own(name, "+14155551061")
    assert [
        account_number.phone_number for account_number in await find_account_numbers(carriers.get(name), "51061")
    ] == ["+14155551061"]
