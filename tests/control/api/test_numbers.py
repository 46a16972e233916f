"""/workspaces/{workspaceId}/phone-numbers/…: phone numbers of two carriers."""

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
from control.carriers.service import CarrierOptions, open_carriers
from control.db.jobs import JobHandler
from control.db.pool import Timeouts, open_pool
from control.numbers.service import Numbers, make_payload
from control.numbers.tasks import make_buy_job, make_release_job
from control.services import Policies, make_services
from shared.ids import new_id
from shared.secrets import Sealer
from tests.control.api.numbers_workspace import NUMBER, NumbersWorkspace, make_workspace
from tests.control.carriers.peer import FailureKind
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE, TwilioPeer
from tests.control.numbers.conftest import carrier_options
from tests.platform.api import Api, running_api
from tests.platform.services import CHEAP_HASHING, KEY, offline_clients

OTHER = "+14155550124"
SEARCH = f"GET {BASE}/AvailablePhoneNumbers"


class SlowTwilio(TwilioPeer):
    """A Twilio whose search waits for the test."""

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
    """Twilio, which is the default, and Telnyx."""
    return carrier_options(twilio.url, telnyx_peer.url)


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str, carriers: CarrierOptions) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url, carriers=carriers) as running:
        await running.owner.execute("UPDATE tiers SET max_phone_numbers = 3")
        yield running


@pytest.fixture
async def workspace(api: Api) -> NumbersWorkspace:
    return await make_workspace(api)


@dataclass(frozen=True, slots=True)
class NumberJobs:
    """Runs the jobs of numbers, as a worker would."""

    buy: JobHandler
    release: JobHandler


@pytest.fixture
async def jobs(
    api: Api, fresh_database_url: str, carriers: CarrierOptions, tmp_path: Path
) -> AsyncIterator[NumberJobs]:
    policies = Policies(links="https://app.example.com")
    with closing(Passwords(CHEAP_HASHING)) as passwords:
        numbers = make_services(Sealer([KEY]), policies, passwords, offline_clients(tmp_path))[Numbers]
        async with open_pool(fresh_database_url, size=2) as pool, open_carriers(carriers) as gateways:
            yield NumberJobs(make_buy_job(pool, numbers, gateways), make_release_job(pool, numbers, gateways))


# --- list ---


async def test_list_has_filters_and_pages(workspace: NumbersWorkspace) -> None:
    first, second, third = [await workspace.buy(number) for number in (NUMBER, OTHER, "+14155550125")]
    await workspace.set_status(second, "active")
    await workspace.set_status(third, "released")
    listed = (await workspace.ann.get(workspace.numbers)).body
    assert [number["id"] for number in listed["phone_numbers"]] == [second, first]
    assert (listed["total"], listed["page"], listed["limit"]) == (2, 1, 50)
    for status, found in (("buying", [first]), ("active", [second]), ("released", [third]), ("failed", [])):
        page = (await workspace.ann.get(workspace.numbers, params={"status": status})).body
        assert ([number["id"] for number in page["phone_numbers"]], page["total"]) == (found, len(found))
    page = (await workspace.ann.get(workspace.numbers, params={"limit": "1", "page": "2"})).body
    assert ([number["id"] for number in page["phone_numbers"]], page["total"]) == ([first], 2)
    assert (await workspace.ann.get(workspace.numbers, params={"status": "gone"})).param == "status"


async def test_one_number_is_read_by_its_id(workspace: NumbersWorkspace) -> None:
    number_id = await workspace.buy(friendly_name="Main line")
    (listed,) = (await workspace.ann.get(workspace.numbers)).body["phone_numbers"]
    reply = await workspace.ann.get(f"{workspace.numbers}/{number_id}")
    assert (reply.status, reply.body) == (200, {"phone_number": listed})
    released = await workspace.set_status(number_id, "released")
    assert (await workspace.ann.get(released)).body["phone_number"]["status"] == "released"
    for missing in (new_id(), "no-uuid"):
        assert (await workspace.ann.get(f"{workspace.numbers}/{missing}")).status == 404
    bob = await make_workspace(workspace.api)
    assert (await bob.ann.get(f"{bob.numbers}/{number_id}")).code == "number_not_found"


async def test_fields_of_a_number(workspace: NumbersWorkspace) -> None:
    await workspace.buy(friendly_name="Main", carrier="telnyx")
    (number,) = (await workspace.ann.get(workspace.numbers)).body["phone_numbers"]
    for name in ("id", "created_at", "updated_at"):
        del number[name]
    assert number == {
        "phone_number": NUMBER, "friendly_name": "Main", "carrier": "telnyx", "status": "buying",
        "status_detail": None, "agent_id": None, "agent_name": None, "country": "US", "capabilities": {},
            "address_id": None, "bundle_id": None,
        "monthly_price": None, "currency": "usd", "released_at": None,
    }  # fmt: skip


# --- search ---


async def test_search_uses_the_default_or_the_named_carrier(
    workspace: NumbersWorkspace, twilio: SlowTwilio, telnyx_peer: TelnyxPeer
) -> None:
    by_default = await workspace.search(area_code="415", limit="1")
    assert by_default.body["available"] == [
        {
            "phone_number": "+14155550100",
            "locality": "San Francisco",
            "region": "CA",
            "price": 1.1,
            "currency": "usd",
            "address_requirements": "none",
        }
    ]
    assert (len(twilio.requests_to(SEARCH)), telnyx_peer.received) == (1, [])
    assert (await workspace.search(area_code="415", limit="1", carrier="twilio")).body == by_default.body
    assert len((await workspace.search(area_code="415", country="US")).body["available"]) == 20
    assert "/US/Local" in twilio.received[0].path
    by_carrier = await workspace.search(area_code="415", limit="2", carrier="telnyx")
    assert [offer["price"] for offer in by_carrier.body["available"]] == [1.05, 1.05]
    assert len(twilio.requests_to(SEARCH)) == 1 and len(telnyx_peer.requests_to("GET /v2/available_phone_numbers")) == 1
    assert (await workspace.search(area_code="415", limit="2", carrier="nobody")).param == "carrier"


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
async def test_invalid_search_names_the_parameter(
    workspace: NumbersWorkspace, twilio: SlowTwilio, query: dict[str, str], param: str
) -> None:
    reply = await workspace.search(**query)
    assert (reply.status, reply.param) == (422, param)
    assert not twilio.received


@pytest.mark.parametrize(
    ("kind", "times", "code"),
    [("503", 3, "carrier_away"), ("drop", 3, "carrier_away"), ("refuse", 1, "carrier_refused")],
)
async def test_unavailable_carrier_has_its_own_code(
    workspace: NumbersWorkspace, twilio: SlowTwilio, kind: FailureKind, times: int, code: str
) -> None:
    twilio.fail(kind, on=SEARCH, times=times)
    reply = await workspace.search()
    assert (reply.status, reply.code) == (503, code)
    assert reply.headers["Retry-After"]
    assert (await workspace.search()).status == 200


async def test_search_has_a_timeout(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, twilio: SlowTwilio
) -> None:
    twilio.fail("hang", on=SEARCH, times=9)
    quick = replace(carriers, timeout_s=0.2)
    async with running_api(fresh_database_url, valkey_url, carriers=quick) as api, asyncio.timeout(60):
        reply = await (await make_workspace(api)).search()
    assert (reply.status, reply.code) == (503, "carrier_away")


async def test_slow_carrier_delays_no_other_request(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, twilio: SlowTwilio
) -> None:
    """With one database connection, which a search must not hold."""
    async with running_api(
        fresh_database_url, valkey_url, carriers=carriers, pool_size=1, timeouts=Timeouts(acquire=0.5)
    ) as api:
        workspace = await make_workspace(api)
        twilio.opened.clear()
        searching = asyncio.create_task(workspace.search())
        await twilio.reached.wait()
        assert (await workspace.ann.get(workspace.numbers)).status == 200
        assert not searching.done()
        twilio.opened.set()
        assert (await searching).status == 200


async def test_unconfigured_carrier_is_422(
    fresh_database_url: str, valkey_url: str, carriers: CarrierOptions, telnyx_peer: TelnyxPeer
) -> None:
    twilio_only = replace(carriers, telnyx_api_key="")
    async with running_api(fresh_database_url, valkey_url, carriers=twilio_only) as api:
        workspace = await make_workspace(api)
        bought = await workspace.ann.post(workspace.numbers, {"phone_number": NUMBER, "carrier": "telnyx"})
        for reply in (bought, await workspace.search(carrier="telnyx")):
            assert (reply.status, reply.code, reply.param) == (422, "carrier_not_set_up", "carrier")
        assert (await workspace.ann.get(workspace.numbers)).body["total"] == 0
        assert (await workspace.search()).status == 200
    assert not telnyx_peer.received


async def test_without_carriers_no_number_is_sold(fresh_database_url: str, valkey_url: str) -> None:
    async with running_api(fresh_database_url, valkey_url) as api:
        workspace = await make_workspace(api)
        for reply in (await workspace.search(), await workspace.ann.post(workspace.numbers, {"phone_number": NUMBER})):
            assert (reply.status, reply.code) == (409, "no_carrier")
        assert (await workspace.ann.get(workspace.numbers)).body == {
            "phone_numbers": [],
            "total": 0,
            "page": 1,
            "limit": 50,
            "has_more": False,
        }


# --- buying ---


async def test_number_is_bought_at_the_named_carrier(workspace: NumbersWorkspace) -> None:
    for number, fields, carrier in ((NUMBER, {}, "twilio"), (OTHER, {"carrier": "telnyx"}, "telnyx")):
        reply = await workspace.ann.post(workspace.numbers, {"phone_number": number, **fields})
        assert (reply.status, reply.body["phone_number"]["carrier"]) == (201, carrier)
        assert reply.body["phone_number"]["status"] == "buying"
        assert await workspace.audit_actions(reply.body["phone_number"]["id"]) == ["number.buy"]
    jobs = await workspace.api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'numbers.buy'")
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
async def test_invalid_order_names_the_field(workspace: NumbersWorkspace, body: dict[str, Any], param: str) -> None:
    reply = await workspace.ann.post(workspace.numbers, body)
    assert (reply.status, reply.param) == (422, param)
    assert (await workspace.ann.get(workspace.numbers)).body["total"] == 0


async def test_failed_purchase_has_its_reason(workspace: NumbersWorkspace, jobs: NumberJobs) -> None:
    await jobs.buy(make_payload(UUID(await workspace.buy("+14155559999"))))
    (number,) = (await workspace.ann.get(workspace.numbers)).body["phone_numbers"]
    assert (number["status"], number["status_detail"]) == ("failed", "The number is no longer available.")


async def test_repeat_with_one_key_buys_once(workspace: NumbersWorkspace) -> None:
    key = {"Idempotency-Key": "order-1"}
    orders = [await workspace.ann.post(workspace.numbers, {"phone_number": NUMBER}, headers=key) for _ in range(2)]
    assert [order.status for order in orders] == [201, 201]
    assert orders[0].raw == orders[1].raw
    other = await workspace.ann.post(workspace.numbers, {"phone_number": NUMBER, "carrier": "telnyx"}, headers=key)
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert (await workspace.ann.get(workspace.numbers)).body["total"] == 1


async def test_number_belongs_to_one_workspace_across_carriers(workspace: NumbersWorkspace) -> None:
    await workspace.buy()
    other_workspace = await make_workspace(workspace.api)
    for buyer in (workspace, other_workspace):
        reply = await buyer.ann.post(buyer.numbers, {"phone_number": NUMBER, "carrier": "telnyx"})
        assert (reply.status, reply.code, reply.param) == (409, "number_taken", "phone_number")


async def test_tier_limits_concurrent_purchases(workspace: NumbersWorkspace) -> None:
    orders = await asyncio.gather(
        *(workspace.ann.post(workspace.numbers, {"phone_number": f"+1415555013{n}"}) for n in range(6))
    )
    assert sorted(order.status for order in orders) == [201, 201, 201, 409, 409, 409]
    assert {order.code for order in orders if order.status == 409} == {"number_limit"}


# --- renaming and release ---


async def test_number_is_bought_used_and_released(
    workspace: NumbersWorkspace, jobs: NumberJobs, twilio: SlowTwilio
) -> None:
    number_id = await workspace.buy(friendly_name=" Main ")
    await jobs.buy(make_payload(UUID(number_id)))
    (number,) = (await workspace.ann.get(workspace.numbers)).body["phone_numbers"]
    assert (number["id"], number["friendly_name"]) == (number_id, "Main")
    assert (number["status"], number["status_detail"], number["monthly_price"]) == ("active", None, 1.1)
    assert number["capabilities"]["voice"] is True
    assert twilio.numbers
    path = f"{workspace.numbers}/{number_id}"
    assert (await workspace.ann.put(path, {"friendly_name": "Desk"})).body["phone_number"]["friendly_name"] == "Desk"
    deleted = await workspace.ann.delete(path)
    assert (deleted.status, deleted.raw) == (204, b"")
    assert (await workspace.ann.get(workspace.numbers, params={"status": "releasing"})).body["total"] == 1
    await jobs.release(make_payload(UUID(number_id)))
    assert (await workspace.ann.get(workspace.numbers)).body["total"] == 0
    (number,) = (await workspace.ann.get(workspace.numbers, params={"status": "released"})).body["phone_numbers"]
    assert number["released_at"] is not None
    assert not twilio.numbers


async def test_number_is_renamed(workspace: NumbersWorkspace) -> None:
    number_id = await workspace.buy(friendly_name="Main")
    path = f"{workspace.numbers}/{number_id}"
    renamed = await workspace.ann.put(path, {"friendly_name": "  Desk  "})
    assert (renamed.status, renamed.body["phone_number"]["friendly_name"]) == (200, "Desk")
    assert (await workspace.ann.put(path, {"friendly_name": "Desk"})).status == 200
    assert await workspace.audit_actions(number_id) == ["number.buy", "number.rename"]
    assert (await workspace.ann.put(path, {})).param == "friendly_name"
    assert (
        await workspace.ann.put(f"{workspace.numbers}/{new_id()}", {"friendly_name": "x"})
    ).code == "number_not_found"


async def test_number_is_released_unless_in_use(workspace: NumbersWorkspace) -> None:
    number_id = await workspace.buy()
    path = f"{workspace.numbers}/{number_id}"
    buying = await workspace.ann.delete(path)
    assert (buying.status, buying.code) == (409, "number_buying")
    await workspace.set_status(number_id, "active")
    agents = workspace.numbers.replace("phone-numbers", "agents")
    agent_id = (await workspace.ann.post(agents, {"name": "Desk", "phone_number_id": number_id})).body["agent"]["id"]
    await workspace.api.owner.execute("UPDATE agents SET status = 'live' WHERE id = $1", UUID(agent_id))
    used = await workspace.ann.delete(path)
    assert (used.status, used.code) == (409, "number_in_use")
    assert (await workspace.ann.post(f"{agents}/{agent_id}/pause")).status == 200
    assert (await workspace.ann.delete(path)).status == 204
    (number,) = (await workspace.ann.get(workspace.numbers)).body["phone_numbers"]
    assert (number["status"], number["agent_name"]) == ("releasing", None)
    assert (await workspace.ann.delete(path)).status == 204
    await workspace.set_status(number_id, "released")
    assert (await workspace.ann.delete(path)).code == "number_not_found"
    assert await workspace.audit_actions(number_id) == ["number.buy", "number.release"]


# --- permissions ---


async def test_roles_and_numbers_of_other_workspaces(workspace: NumbersWorkspace) -> None:
    number_id, api = await workspace.buy(), workspace.api
    path, workspace_id = await workspace.set_status(number_id, "active"), workspace.numbers.split("/")[2]
    viewer, member = await api.member(workspace_id, "viewer"), await api.member(workspace_id, "member")
    order = {"phone_number": OTHER}
    assert (await api.anonymous.get(workspace.numbers)).status == 401
    assert (await viewer.get(workspace.numbers)).status == 200
    assert (await viewer.get(f"{workspace.numbers}/available")).status == 200
    assert (await viewer.put(path, {"friendly_name": "x"})).code == "role"
    assert (await member.put(path, {"friendly_name": "x"})).status == 200
    assert (await member.post(workspace.numbers, order)).code == "role"
    assert (await member.delete(path)).code == "role"
    other_workspace = await make_workspace(api)
    assert (await other_workspace.ann.get(f"{workspace.numbers}/available")).status == 404
    for reply in (
        await other_workspace.ann.put(f"{other_workspace.numbers}/{number_id}", {"friendly_name": "mine"}),
        await other_workspace.ann.delete(f"{other_workspace.numbers}/{number_id}"),
    ):
        assert (reply.status, reply.code) == (404, "number_not_found")
    assert (await other_workspace.ann.get(other_workspace.numbers)).body["total"] == 0
