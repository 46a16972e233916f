"""/workspaces/{workspaceId}/phone-numbers/…: phone numbers over HTTP, with two carriers behind them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from control.accounts.passwords import Passwords
from control.carriers.book import CarrierOptions, open_carriers
from control.db.jobs import Handler
from control.db.pool import Timeouts, open_pool
from control.http.wiring import Policies, make_services
from control.numbers.service import payload_of
from control.numbers.work import buy_by, release_by
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.api import Api, Person, Reply, running_api
from tests.control.carriers.peer import How
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE, TwilioPeer
from tests.control.numbers.conftest import carrier_options
from tests.control.running import CHEAP, KEY, nowhere

NUMBER, OTHER = "+14155550123", "+14155550124"
SEARCH = f"GET {BASE}/AvailablePhoneNumbers"


class SlowTwilio(TwilioPeer):
    """Thinks about a search for as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.opened.set()

    async def _available(self, request: web.Request) -> web.Response:
        self.reached.set()
        await self.opened.wait()
        return await super()._available(request)


@pytest.fixture
async def twilio() -> AsyncIterator[SlowTwilio]:
    peer = SlowTwilio()
    async with peer.serving():
        yield peer


@pytest.fixture
def carriers(twilio: SlowTwilio, telnyx_peer: TelnyxPeer) -> CarrierOptions:
    """Both; Twilio is the usual one."""
    return carrier_options(twilio.url, telnyx_peer.url)


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str, carriers: CarrierOptions) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url, carriers=carriers) as running:
        await running.owner.execute("UPDATE tiers SET max_phone_numbers = 3")
        yield running


@dataclass(frozen=True, slots=True)
class Shop:
    """A workspace, its owner, and the path of its numbers."""

    api: Api
    ann: Person
    numbers: str

    async def buy(self, phone_number: str = NUMBER, **more: Any) -> str:
        """The id of a number that is being bought."""
        reply = await self.ann.post(self.numbers, {"phone_number": phone_number, **more})
        assert reply.status == 201, reply.body
        number_id: str = reply.body["phone_number"]["id"]
        return number_id

    async def have(self, number_id: str, status: str) -> str:
        """As if the worker had seen to it; the number's path."""
        await self.api.owner.execute("UPDATE phone_numbers SET status = $2 WHERE id = $1", UUID(number_id), status)
        return f"{self.numbers}/{number_id}"

    async def search(self, **query: str) -> Reply:
        return await self.ann.get(f"{self.numbers}/available", params=query)

    async def logged(self, number_id: str) -> list[str]:
        rows = await self.api.owner.fetch(
            "SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", number_id
        )
        return [row["action"] for row in rows]


async def make_shop(api: Api, ann: Person | None = None) -> Shop:
    ann = ann or await api.sign_up()
    return Shop(api, ann, f"/workspaces/{await ann.workspace()}/phone-numbers")


@pytest.fixture
async def shop(api: Api) -> Shop:
    return await make_shop(api)


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker would do."""

    buy: Handler
    release: Handler


@pytest.fixture
async def work(api: Api, fresh_database_url: str, carriers: CarrierOptions, tmp_path: Path) -> AsyncIterator[Work]:
    policies = Policies(links="https://app.example.com")
    with closing(Passwords(CHEAP)) as passwords:
        numbers = make_services(Sealer([KEY]), policies, passwords, nowhere(tmp_path)).numbers
        async with open_pool(fresh_database_url, size=2) as pool, open_carriers(carriers) as gateways:
            yield Work(buy_by(pool, numbers, gateways), release_by(pool, numbers, gateways))


# --- the list ---


async def test_the_list_is_narrowed_and_paged(shop: Shop) -> None:
    first, second, third = [await shop.buy(number) for number in (NUMBER, OTHER, "+14155550125")]
    await shop.have(second, "active")
    await shop.have(third, "released")
    listed = (await shop.ann.get(shop.numbers)).body
    assert [one["id"] for one in listed["phone_numbers"]] == [second, first]
    assert (listed["total"], listed["page"], listed["limit"]) == (2, 1, 50)
    for status, found in (("buying", [first]), ("active", [second]), ("released", [third]), ("failed", [])):
        page = (await shop.ann.get(shop.numbers, params={"status": status})).body
        assert ([one["id"] for one in page["phone_numbers"]], page["total"]) == (found, len(found))
    page = (await shop.ann.get(shop.numbers, params={"limit": "1", "page": "2"})).body
    assert ([one["id"] for one in page["phone_numbers"]], page["total"]) == ([first], 2)
    assert (await shop.ann.get(shop.numbers, params={"status": "gone"})).param == "status"


async def test_a_number_is_told_with_its_carrier(shop: Shop) -> None:
    await shop.buy(friendly_name="Main", carrier="telnyx")
    (told,) = (await shop.ann.get(shop.numbers)).body["phone_numbers"]
    for name in ("id", "created_at", "updated_at"):
        del told[name]
    assert told == {
        "phone_number": NUMBER, "friendly_name": "Main", "carrier": "telnyx", "status": "buying",
        "status_detail": None, "agent_id": None, "agent_name": None, "country": "US", "capabilities": {},
        "monthly_price": 0.0, "released_at": None,
    }  # fmt: skip


# --- what can be bought ---


async def test_a_search_asks_the_usual_carrier_or_the_one_that_is_named(
    shop: Shop, twilio: SlowTwilio, telnyx_peer: TelnyxPeer
) -> None:
    usual = await shop.search(area_code="415", limit="1")
    assert usual.body["available"] == [
        {"phone_number": "+14155550100", "locality": "San Francisco", "region": "CA", "price": 1.1}
    ]
    assert (len(twilio.requests(SEARCH)), telnyx_peer.asked) == (1, [])
    assert (await shop.search(area_code="415", limit="1", carrier="twilio")).body == usual.body
    assert len((await shop.search(area_code="415", country="US")).body["available"]) == 20
    assert "/US/Local" in twilio.asked[0].path
    named = await shop.search(area_code="415", limit="2", carrier="telnyx")
    assert [one["price"] for one in named.body["available"]] == [1.05, 1.05]
    assert len(twilio.requests(SEARCH)) == 1 and len(telnyx_peer.requests("GET /v2/available_phone_numbers")) == 1
    assert (await shop.search(area_code="415", limit="2", carrier="nobody")).param == "carrier"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"area_code": "1"}, "area_code"),
        ({"area_code": "123456"}, "area_code"),
        ({"area_code": "4a5"}, "area_code"),
        ({"area_code": "41"}, "area_code"),
        ({"country": "us"}, "country"),
        ({"country": "QX"}, "country"),
        ({"limit": "51"}, "limit"),
        ({"area": "415"}, "area"),
    ],
    ids=str,
)
async def test_a_search_that_makes_no_sense_names_its_fault(
    shop: Shop, twilio: SlowTwilio, query: dict[str, str], param: str
) -> None:
    reply = await shop.search(**query)
    assert (reply.status, reply.param) == (422, param)
    assert not twilio.asked


@pytest.mark.parametrize(
    ("how", "times", "code"),
    [("503", 3, "carrier_away"), ("drop", 3, "carrier_away"), ("refuse", 1, "carrier_refused")],
)
async def test_a_carrier_that_does_not_answer_is_told_apart(
    shop: Shop, twilio: SlowTwilio, how: How, times: int, code: str
) -> None:
    twilio.fail(how, on=SEARCH, times=times)
    reply = await shop.search()
    assert (reply.status, reply.code) == (503, code)
    assert reply.headers["Retry-After"]
    assert (await shop.search()).status == 200


async def test_a_carrier_that_hangs_is_not_waited_for_long(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, twilio: SlowTwilio
) -> None:
    twilio.fail("hang", on=SEARCH, times=9)
    quick = replace(carriers, timeout_s=0.2)
    async with running_api(fresh_database_url, valkey_url, carriers=quick) as api, asyncio.timeout(60):
        reply = await (await make_shop(api)).search()
    assert (reply.status, reply.code) == (503, "carrier_away")


async def test_nobodys_request_waits_for_a_slow_carrier(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, twilio: SlowTwilio
) -> None:
    """There is one connection to the database, and a search does not hold it."""
    async with running_api(
        fresh_database_url, valkey_url, carriers=carriers, pool_size=1, timeouts=Timeouts(acquire=0.5)
    ) as api:
        shop = await make_shop(api)
        twilio.opened.clear()
        searching = asyncio.create_task(shop.search())
        await twilio.reached.wait()
        assert (await shop.ann.get(shop.numbers)).status == 200
        assert not searching.done()
        twilio.opened.set()
        assert (await searching).status == 200


async def test_a_carrier_that_is_not_set_up_is_a_fault_of_the_request(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, telnyx_peer: TelnyxPeer
) -> None:
    alone = replace(carriers, telnyx_api_key="")
    async with running_api(fresh_database_url, valkey_url, carriers=alone) as api:
        shop = await make_shop(api)
        bought = await shop.ann.post(shop.numbers, {"phone_number": NUMBER, "carrier": "telnyx"})
        for reply in (bought, await shop.search(carrier="telnyx")):
            assert (reply.status, reply.code, reply.param) == (422, "carrier_not_set_up", "carrier")
        assert (await shop.ann.get(shop.numbers)).body["total"] == 0
        assert (await shop.search()).status == 200
    assert not telnyx_peer.asked


async def test_without_any_carrier_nothing_is_sold(fresh_database_url: str, valkey_url: str) -> None:
    async with running_api(fresh_database_url, valkey_url) as api:
        shop = await make_shop(api)
        for reply in (await shop.search(), await shop.ann.post(shop.numbers, {"phone_number": NUMBER})):
            assert (reply.status, reply.code) == (409, "no_carrier")
        assert (await shop.ann.get(shop.numbers)).body == {"phone_numbers": [], "total": 0, "page": 1, "limit": 50}


# --- buying ---


async def test_a_number_is_bought_at_the_carrier_that_is_named(shop: Shop) -> None:
    for number, more, carrier in ((NUMBER, {}, "twilio"), (OTHER, {"carrier": "telnyx"}, "telnyx")):
        reply = await shop.ann.post(shop.numbers, {"phone_number": number, **more})
        assert (reply.status, reply.body["phone_number"]["carrier"]) == (201, carrier)
        assert reply.body["phone_number"]["status"] == "buying"
        assert await shop.logged(reply.body["phone_number"]["id"]) == ["number.buy"]
    jobs = await shop.api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'numbers.buy'")
    assert jobs == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "phone_number"),
        ({"phone_number": "14155550123"}, "phone_number"),
        ({"phone_number": "+1415555"}, "phone_number"),
        ({"phone_number": NUMBER, "carrier": "nobody"}, "carrier"),
        ({"phone_number": NUMBER, "friendly_name": "x" * 201}, "friendly_name"),
        ({"phone_number": NUMBER, "friendly_name": "a\nb"}, "friendly_name"),
        ({"phone_number": NUMBER, "price": 1}, "price"),
    ],
    ids=str,
)
async def test_a_wrong_order_names_its_fault(shop: Shop, body: dict[str, Any], param: str) -> None:
    reply = await shop.ann.post(shop.numbers, body)
    assert (reply.status, reply.param) == (422, param)
    assert (await shop.ann.get(shop.numbers)).body["total"] == 0


async def test_a_failed_purchase_tells_its_reason(shop: Shop, work: Work) -> None:
    await work.buy(payload_of(UUID(await shop.buy("+14155559999"))))
    (told,) = (await shop.ann.get(shop.numbers)).body["phone_numbers"]
    assert (told["status"], told["status_detail"]) == ("failed", "The number is not to be had any more.")


async def test_a_repeat_under_one_key_buys_once(shop: Shop) -> None:
    key = {"Idempotency-Key": "order-1"}
    orders = [await shop.ann.post(shop.numbers, {"phone_number": NUMBER}, headers=key) for _ in range(2)]
    assert [order.status for order in orders] == [201, 201]
    assert orders[0].raw == orders[1].raw
    other = await shop.ann.post(shop.numbers, {"phone_number": NUMBER, "carrier": "telnyx"}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert (await shop.ann.get(shop.numbers)).body["total"] == 1


async def test_a_number_is_one_workspaces_whoever_its_carrier_is(shop: Shop) -> None:
    await shop.buy()
    theirs = await make_shop(shop.api)
    for who in (shop, theirs):
        reply = await who.ann.post(who.numbers, {"phone_number": NUMBER, "carrier": "telnyx"})
        assert (reply.status, reply.code, reply.param) == (409, "number_taken", "phone_number")


async def test_the_tier_bounds_how_many_also_at_once(shop: Shop) -> None:
    orders = await asyncio.gather(*(shop.ann.post(shop.numbers, {"phone_number": f"+1415555013{n}"}) for n in range(6)))
    assert sorted(order.status for order in orders) == [201, 201, 201, 409, 409, 409]
    assert {order.code for order in orders if order.status == 409} == {"number_limit"}


# --- names, and giving back ---


async def test_a_numbers_life(shop: Shop, work: Work, twilio: SlowTwilio) -> None:
    number_id = await shop.buy(friendly_name=" Main ")
    await work.buy(payload_of(UUID(number_id)))
    (told,) = (await shop.ann.get(shop.numbers)).body["phone_numbers"]
    assert (told["id"], told["friendly_name"]) == (number_id, "Main")
    assert (told["status"], told["status_detail"], told["monthly_price"]) == ("active", None, 1.1)
    assert told["capabilities"]["voice"] is True
    assert twilio.numbers
    at = f"{shop.numbers}/{number_id}"
    assert (await shop.ann.put(at, {"friendly_name": "Desk"})).body["phone_number"]["friendly_name"] == "Desk"
    gone = await shop.ann.delete(at)
    assert (gone.status, gone.raw) == (204, b"")
    assert (await shop.ann.get(shop.numbers, params={"status": "releasing"})).body["total"] == 1
    await work.release(payload_of(UUID(number_id)))
    assert (await shop.ann.get(shop.numbers)).body["total"] == 0
    (told,) = (await shop.ann.get(shop.numbers, params={"status": "released"})).body["phone_numbers"]
    assert told["released_at"] is not None
    assert not twilio.numbers


async def test_a_number_is_renamed(shop: Shop) -> None:
    number_id = await shop.buy(friendly_name="Main")
    at = f"{shop.numbers}/{number_id}"
    renamed = await shop.ann.put(at, {"friendly_name": "  Desk  "})
    assert (renamed.status, renamed.body["phone_number"]["friendly_name"]) == (200, "Desk")
    assert (await shop.ann.put(at, {"friendly_name": "Desk"})).status == 200
    assert await shop.logged(number_id) == ["number.buy", "number.rename"]
    assert (await shop.ann.put(at, {})).param == "friendly_name"
    assert (await shop.ann.put(f"{shop.numbers}/{new_id()}", {"friendly_name": "x"})).code == "number_not_found"


async def test_a_number_is_given_back_unless_it_is_in_use(shop: Shop) -> None:
    number_id = await shop.buy()
    at = f"{shop.numbers}/{number_id}"
    buying = await shop.ann.delete(at)
    assert (buying.status, buying.code) == (409, "number_buying")
    await shop.have(number_id, "active")
    agents = shop.numbers.replace("phone-numbers", "agents")
    agent_id = (await shop.ann.post(agents, {"name": "Desk", "phone_number_id": number_id})).body["agent"]["id"]
    await shop.api.owner.execute("UPDATE agents SET status = 'live' WHERE id = $1", UUID(agent_id))
    used = await shop.ann.delete(at)
    assert (used.status, used.code) == (409, "number_in_use")
    assert (await shop.ann.post(f"{agents}/{agent_id}/pause")).status == 200
    assert (await shop.ann.delete(at)).status == 204
    (told,) = (await shop.ann.get(shop.numbers)).body["phone_numbers"]
    assert (told["status"], told["agent_name"]) == ("releasing", None)
    assert (await shop.ann.delete(at)).status == 204
    await shop.have(number_id, "released")
    assert (await shop.ann.delete(at)).code == "number_not_found"
    assert await shop.logged(number_id) == ["number.buy", "number.release"]


# --- who may ---


async def test_roles_and_other_peoples_numbers(shop: Shop) -> None:
    number_id, api = await shop.buy(), shop.api
    at, workspace_id = await shop.have(number_id, "active"), shop.numbers.split("/")[2]
    viewer, member = await api.member(workspace_id, "viewer"), await api.member(workspace_id, "member")
    order = {"phone_number": OTHER}
    assert (await api.nobody.get(shop.numbers)).status == 401
    assert (await viewer.get(shop.numbers)).status == 200
    assert (await viewer.get(f"{shop.numbers}/available")).status == 200
    assert (await viewer.put(at, {"friendly_name": "x"})).code == "role"
    assert (await member.put(at, {"friendly_name": "x"})).status == 200
    assert (await member.post(shop.numbers, order)).code == "role"
    assert (await member.delete(at)).code == "role"
    theirs = await make_shop(api)
    assert (await theirs.ann.get(f"{shop.numbers}/available")).status == 404
    for reply in (
        await theirs.ann.put(f"{theirs.numbers}/{number_id}", {"friendly_name": "mine"}),
        await theirs.ann.delete(f"{theirs.numbers}/{number_id}"),
    ):
        assert (reply.status, reply.code) == (404, "number_not_found")
    assert (await theirs.ann.get(theirs.numbers)).body["total"] == 0
