"""The endpoints of phone numbers, over HTTP, with a carrier behind them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from control.api.client.numbers import ROUTES
from control.app import ROUTES as APP_ROUTES
from control.carriers.book import Carriers
from control.db.jobs import Handler
from control.db.pool import Pool
from control.http.context import Services
from control.numbers.service import payload_of
from control.numbers.work import buy_by, release_by
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE, TwilioPeer
from tests.control.numbers.conftest import carrier_options
from tests.control.running import Api, Person, running_api

ALL = (*APP_ROUTES, *(one for one in ROUTES if one not in APP_ROUTES))
SEARCH = f"GET {BASE}/AvailablePhoneNumbers"


@pytest.fixture
async def api(
    fresh_database_url: str, valkey_url: str, twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer
) -> AsyncIterator[Api]:
    """With Twilio as the default carrier."""
    options = carrier_options(twilio_peer.url, telnyx_peer.url)
    async with running_api(fresh_database_url, valkey_url, routes=ALL, carriers=options) as api:
        await api.owner.execute("UPDATE tiers SET max_phone_numbers = 5")
        yield api


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.sign_up()


@pytest.fixture
async def numbers(ann: Person) -> str:
    """The path of a workspace's numbers."""
    return f"/workspaces/{await ann.workspace()}/phone-numbers"


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker would do."""

    buy: Handler
    release: Handler


@pytest.fixture
def work(pool: Pool, services: Services, carriers: Carriers) -> Work:
    return Work(buy_by(pool, services.numbers, carriers), release_by(pool, services.numbers, carriers))


async def test_available_numbers_are_the_carriers(ann: Person, numbers: str, twilio_peer: TwilioPeer) -> None:
    reply = await ann.get(f"{numbers}/available", params={"area_code": "415", "limit": "2"})
    assert reply.status == 200, reply.body
    assert reply.body["available"] == [
        {"phone_number": f"+1415555010{n}", "locality": "San Francisco", "region": "CA", "price": 1.1} for n in (0, 1)
    ]
    assert "/US/Local" in twilio_peer.asked[0].path
    more = await ann.get(f"{numbers}/available", params={"area_code": "415", "country": "US"})
    assert len(more.body["available"]) == 20
    assert len(twilio_peer.requests(SEARCH)) == 1


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
)
async def test_a_search_that_makes_no_sense_names_its_fault(
    query: dict[str, str], param: str, ann: Person, numbers: str, twilio_peer: TwilioPeer
) -> None:
    reply = await ann.get(f"{numbers}/available", params=query)
    assert (reply.status, reply.param) == (422, param)
    assert not twilio_peer.asked


async def test_without_its_carrier_a_search_says_so(ann: Person, numbers: str, twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("503", times=3)
    reply = await ann.get(f"{numbers}/available")
    assert (reply.status, reply.code) == (503, "carrier_away")


async def test_without_any_carrier_nothing_is_sold(fresh_database_url: str, valkey_url: str) -> None:
    async with running_api(fresh_database_url, valkey_url, routes=ALL) as api:
        ann = await api.sign_up()
        numbers = f"/workspaces/{await ann.workspace()}/phone-numbers"
        for reply in (
            await ann.get(f"{numbers}/available"),
            await ann.post(numbers, {"phone_number": "+14155550123"}),
        ):
            assert (reply.status, reply.code) == (409, "no_carrier")
        assert (await ann.get(numbers)).body == {"phone_numbers": [], "total": 0, "page": 1, "limit": 50}


async def test_a_numbers_life(ann: Person, numbers: str, work: Work, twilio_peer: TwilioPeer) -> None:
    reply = await ann.post(numbers, {"phone_number": "+14155550123", "friendly_name": " Main "})
    assert reply.status == 201, reply.body
    bought = reply.body["phone_number"]
    assert (bought["status"], bought["friendly_name"], bought["country"]) == ("buying", "Main", "US")
    await work.buy(payload_of(UUID(bought["id"])))
    (listed,) = (await ann.get(numbers)).body["phone_numbers"]
    assert listed["id"] == bought["id"]
    assert (listed["status"], listed["status_detail"], listed["monthly_price"]) == ("active", None, 1.1)
    assert (listed["agent_name"], listed["capabilities"]["voice"]) == (None, True)
    assert "carrier_number_id" not in listed
    renamed = await ann.put(f"{numbers}/{bought['id']}", {"friendly_name": "Desk"})
    assert renamed.body["phone_number"]["friendly_name"] == "Desk"
    gone = await ann.delete(f"{numbers}/{bought['id']}")
    assert (gone.status, gone.raw) == (204, b"")
    (listed,) = (await ann.get(numbers, params={"status": "releasing"})).body["phone_numbers"]
    await work.release(payload_of(UUID(bought["id"])))
    assert (await ann.get(numbers)).body["total"] == 0
    (listed,) = (await ann.get(numbers, params={"status": "released"})).body["phone_numbers"]
    assert listed["released_at"] is not None
    assert not twilio_peer.numbers


async def test_a_live_agent_keeps_its_number(api: Api, ann: Person, numbers: str, work: Work) -> None:
    reply = await ann.post(numbers, {"phone_number": "+14155550123"})
    number_id = reply.body["phone_number"]["id"]
    await work.buy(payload_of(UUID(number_id)))
    agents = numbers.replace("phone-numbers", "agents")
    draft = {"name": "Desk", "config": {"greeting": "Hello."}, "phone_number_id": number_id}
    agent = (await ann.post(agents, draft)).body["agent"]
    (listed,) = (await ann.get(numbers)).body["phone_numbers"]
    assert (listed["agent_id"], listed["agent_name"]) == (agent["id"], "Desk")
    await api.owner.execute("UPDATE agents SET status = 'live' WHERE id = $1", UUID(agent["id"]))
    refused = await ann.delete(f"{numbers}/{number_id}")
    assert (refused.status, refused.code) == (409, "number_in_use")
    assert (await ann.post(f"{agents}/{agent['id']}/pause")).status == 200
    assert (await ann.delete(f"{numbers}/{number_id}")).status == 204


async def test_a_failed_purchase_tells_its_reason(ann: Person, numbers: str, work: Work) -> None:
    reply = await ann.post(numbers, {"phone_number": "+14155559999"})
    await work.buy(payload_of(UUID(reply.body["phone_number"]["id"])))
    (listed,) = (await ann.get(numbers)).body["phone_numbers"]
    assert (listed["status"], listed["status_detail"]) == ("failed", "The number is not to be had any more.")


async def test_a_repeated_purchase_is_one(api: Api, ann: Person, numbers: str) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = await ann.post(numbers, {"phone_number": "+14155550123"}, headers=headers)
    second = await ann.post(numbers, {"phone_number": "+14155550123"}, headers=headers)
    assert (first.status, second.raw) == (201, first.raw)
    other = await ann.post(numbers, {"phone_number": "+14155550124"}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    taken = await ann.post(numbers, {"phone_number": "+14155550123"})
    assert (taken.status, taken.code, taken.param) == (409, "number_taken", "phone_number")
    assert await api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'numbers.buy'") == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "phone_number"),
        ({"phone_number": "4155550123"}, "phone_number"),
        ({"phone_number": "+1415555"}, "phone_number"),
        ({"phone_number": "+14155550123", "friendly_name": "a\nb"}, "friendly_name"),
        ({"phone_number": "+14155550123", "carrier": "pigeon"}, "carrier"),
    ],
)
async def test_a_wrong_order_names_its_fault(body: dict[str, str], param: str, ann: Person, numbers: str) -> None:
    reply = await ann.post(numbers, body)
    assert (reply.status, reply.param) == (422, param)


async def test_who_may_what(api: Api, ann: Person, numbers: str) -> None:
    workspace_id = numbers.split("/")[2]
    bought = await ann.post(numbers, {"phone_number": "+14155550123"})
    one = f"{numbers}/{bought.body['phone_number']['id']}"
    viewer, member = await api.member(workspace_id, "viewer"), await api.member(workspace_id, "member")
    stranger = await api.sign_up()
    assert (await viewer.get(numbers)).status == 200
    assert (await viewer.put(one, {"friendly_name": "x"})).status == 403
    assert (await member.put(one, {"friendly_name": "x"})).status == 200
    assert (await member.post(numbers, {"phone_number": "+14155550124"})).status == 403
    assert (await member.delete(one)).status == 403
    assert (await stranger.get(numbers)).status == 404
    assert (await api.nobody.get(numbers)).status == 401
