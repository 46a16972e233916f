"""The jobs that buy and give back, at carriers that do as carriers do: nothing is bought twice, nothing is left."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.carriers.book import Carriers, open_carriers
from control.db.jobs import Handler, JobFailed, Retries, work_off
from control.db.pool import Connection
from control.numbers.model import Number
from control.numbers.service import BUY, RELEASE, payload_of
from control.numbers.work import buy_by, release_by
from control.platform.audit import Actor
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE, TwilioPeer
from tests.control.numbers.conftest import NOW, Scene, carrier_options

ONE = "+14155550123"
GONE = "+14155559999"
PURCHASE = {"twilio": f"POST {BASE}/IncomingPhoneNumbers.json", "telnyx": "POST /v2/number_orders"}

Peers = dict[str, TwilioPeer | TelnyxPeer]


@pytest.fixture
def peers(twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer) -> Peers:
    return {"twilio": twilio_peer, "telnyx": telnyx_peer}


@pytest.fixture
def buy(scene: Scene, carriers: Carriers) -> Handler:
    return buy_by(scene.pool, scene.numbers, carriers)


@pytest.fixture
def release(scene: Scene, carriers: Carriers) -> Handler:
    return release_by(scene.pool, scene.numbers, carriers)


both = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@both
async def test_a_number_is_bought_and_works(name: str, scene: Scene, buy: Handler, peers: Peers) -> None:
    number = await scene.buy(ONE, name)
    await buy(payload_of(number.id))
    after = await scene.get(number)
    (row,) = peers[name].numbers.values()
    assert (after.status, after.status_detail) == ("active", None)
    assert after.carrier_number_id == (row["sid"] if name == "twilio" else row["id"])
    assert after.capabilities["voice"] is True
    assert after.monthly_price == {"twilio": Decimal("1.10"), "telnyx": Decimal("1.05")}[name]
    assert str(number.id) in (row.get("friendly_name"), row.get("customer_reference"))
    await buy(payload_of(number.id))
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
async def test_a_process_that_dies_after_the_purchase_buys_nothing_twice(
    name: str, scene: Scene, buy: Handler, peers: Peers, owner: Connection
) -> None:
    """The purchase succeeds, the transaction that would write it down does not."""
    number = await scene.buy(ONE, name)
    await owner.execute(
        """
        CREATE FUNCTION no_luck() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the database dies just now'; END $$;
        CREATE TRIGGER no_luck BEFORE UPDATE ON phone_numbers
            FOR EACH ROW WHEN (NEW.status = 'active') EXECUTE FUNCTION no_luck();
        """
    )
    with pytest.raises(asyncpg.RaiseError):
        await buy(payload_of(number.id))
    assert len(peers[name].numbers) == 1, "it was bought"
    assert (await scene.get(number)).status == "buying"
    await owner.execute("DROP TRIGGER no_luck ON phone_numbers")
    await buy(payload_of(number.id))
    after = await scene.get(number)
    assert (after.status, bool(after.carrier_number_id)) == ("active", True)
    assert after.monthly_price > 0, "the price was noted before"
    assert len(peers[name].numbers) == 1
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
async def test_a_process_that_is_killed_while_it_buys_buys_nothing_twice(
    name: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    """The carrier has done it; its answer never reaches anybody."""
    number = await scene.buy(ONE, name)
    if isinstance(peers[name], TelnyxPeer):
        peers[name].order_polls = 0  # type: ignore[union-attr]
    peers[name].fail("hang", on=PURCHASE[name], after=True)
    dying = asyncio.ensure_future(buy(payload_of(number.id)))
    async with asyncio.timeout(30):
        await peers[name].hangs.wait()
    assert len(peers[name].numbers) == 1, "it was bought"
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    await buy(payload_of(number.id))
    assert (await scene.get(number)).status == "active"
    assert len(peers[name].numbers) == 1
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
@pytest.mark.parametrize("how", ["500", "drop", "rubbish"])
async def test_an_answer_that_is_lost_is_found_out_about(
    name: str, how: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    number = await scene.buy(ONE, name)
    peers[name].fail(how, on=PURCHASE[name], after=True)  # type: ignore[arg-type]
    with pytest.raises(JobFailed) as caught:
        await buy(payload_of(number.id))
    assert not caught.value.for_good and caught.value.reason.startswith(f"{name}: ")
    assert (await scene.get(number)).status == "buying"
    await buy(payload_of(number.id))
    assert (await scene.get(number)).status == "active"
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
async def test_a_number_that_is_not_to_be_had_says_so(name: str, scene: Scene, buy: Handler) -> None:
    number = await scene.buy(GONE, name)
    await buy(payload_of(number.id))
    after = await scene.get(number)
    assert (after.status, after.status_detail) == ("failed", "The number is not to be had any more.")


@both
async def test_a_number_that_costs_too_much_is_not_bought(name: str, scene: Scene, buy: Handler, peers: Peers) -> None:
    async def change(db: Connection) -> None:
        await scene.services.platform.change_settings(db, Actor("system"), {"number_highest_monthly_price": 1})

    await scene.all_of(change)
    number = await scene.buy(ONE, name)
    await buy(payload_of(number.id))
    after = await scene.get(number)
    price = {"twilio": "1.10", "telnyx": "1.05"}[name]
    told = f"It costs {price} US dollars a month; up to 1 are paid."
    assert (after.status, after.status_detail) == ("failed", told)
    assert not peers[name].requests(PURCHASE[name])


@both
async def test_a_refused_purchase_tells_why(name: str, scene: Scene, buy: Handler, peers: Peers) -> None:
    number = await scene.buy(ONE, name)
    peers[name].fail("refuse", on=PURCHASE[name])
    await buy(payload_of(number.id))
    after = await scene.get(number)
    assert after.status == "failed"
    why = {"twilio": "the carrier does not accept our sign-in", "telnyx": "refused with HTTP 401"}[name]
    assert after.status_detail == f"The carrier refused: {why}."
    await scene.buy(ONE, name)  # who tries again may


@both
async def test_a_number_that_the_account_has_for_others_is_not_adopted(
    name: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    peers[name].own(ONE, "the front desk's own")
    peers[name].market.remove(ONE)
    number = await scene.buy(ONE, name)
    await buy(payload_of(number.id))
    assert (await scene.get(number)).status == "failed"
    (row,) = peers[name].numbers.values()
    assert "the front desk's own" in row.values(), "and is left alone"


@both
@pytest.mark.parametrize("step", ["owned", "price", "configure"])
async def test_a_carrier_that_is_away_is_asked_again_later(
    name: str, step: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    number = await scene.buy(ONE, name)
    steps = {
        "twilio": {"owned": "GET /2010", "price": "GET /v1/P", "configure": f"POST {BASE}/IncomingPhoneNumbers/PN"},
        "telnyx": {"owned": "GET /v2/phone", "price": "GET /v2/avail", "configure": "PATCH"},
    }
    peers[name].fail("503", on=steps[name][step], times=3)
    with pytest.raises(JobFailed) as caught:
        await buy(payload_of(number.id))
    assert not caught.value.for_good
    assert (await scene.get(number)).status == "buying"
    await buy(payload_of(number.id))
    assert (await scene.get(number)).status == "active"
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
async def test_a_carrier_that_is_slow_is_given_up_for_now(name: str, scene: Scene, peers: Peers) -> None:
    number = await scene.buy(ONE, name)
    peers[name].fail("hang", times=9)
    options = carrier_options(peers["twilio"].url, peers["telnyx"].url, timeout_s=0.1)
    async with open_carriers(options) as carriers:
        with pytest.raises(JobFailed) as caught:
            await buy_by(scene.pool, scene.numbers, carriers)(payload_of(number.id))
    assert caught.value.reason == f"{name}: timeout"
    assert (await scene.get(number)).status == "buying"


@both
async def test_two_workers_at_once_buy_one_number(name: str, scene: Scene, buy: Handler, peers: Peers) -> None:
    number = await scene.buy(ONE, name)
    results = await asyncio.gather(*(buy(payload_of(number.id)) for _ in range(2)), return_exceptions=True)
    # One may find the other in the midst of it, and be done again later.
    assert all(one is None or isinstance(one, JobFailed) for one in results)
    await buy(payload_of(number.id))
    assert (await scene.get(number)).status == "active"
    assert len(peers[name].numbers) == 1


@both
@pytest.mark.parametrize("status", ["released", "failed"])
async def test_what_nobody_wants_any_more_is_given_back(
    name: str, status: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    """A workspace goes while a worker buys for it; or dies so."""
    number = await scene.buy(ONE, name)
    peers[name].own(ONE, str(number.id))
    await scene.have(number, status)
    await buy(payload_of(number.id))
    assert not peers[name].numbers
    assert (await scene.get(number)).status == status


@both
async def test_a_purchase_given_up_while_the_carrier_works_is_undone(
    name: str, scene: Scene, buy: Handler, release: Handler, peers: Peers, owner: Connection
) -> None:
    number = await scene.buy(ONE, name)
    async with owner.transaction():
        # The worker waits for the row, to note the price; what it knows of the number is old by then.
        await owner.execute("SELECT FROM phone_numbers WHERE id = $1 FOR UPDATE", number.id)
        buying = asyncio.ensure_future(buy(payload_of(number.id)))
        await _until(lambda: _waits(owner))
        await owner.execute("UPDATE phone_numbers SET status = 'releasing' WHERE id = $1", number.id)
    await buying
    assert len(peers[name].requests(PURCHASE[name])) == 1
    assert not peers[name].numbers, "bought, and given back at once"
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"


async def _waits(owner: Connection) -> bool:
    return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))


@both
async def test_a_number_is_given_back(name: str, scene: Scene, buy: Handler, release: Handler, peers: Peers) -> None:
    number = await _active(scene, buy, name)
    await scene.release(number)
    await release(payload_of(number.id))
    after = await scene.get(number)
    assert (after.status, after.agent_id) == ("released", None)
    assert after.released_at is not None
    assert not peers[name].numbers
    asked = len(peers[name].asked)
    await release(payload_of(number.id))
    assert len(peers[name].asked) == asked, "done is done"
    again = await scene.buy(ONE, name)
    await buy(payload_of(again.id))
    assert (await scene.get(again)).status == "active"


@both
@pytest.mark.parametrize("how", ["503", "refuse"])
async def test_a_release_that_does_not_succeed_is_tried_again(
    name: str, how: str, scene: Scene, buy: Handler, release: Handler, peers: Peers
) -> None:
    number = await _active(scene, buy, name)
    await scene.release(number)
    peers[name].fail(how, on="DELETE", times=3 if how == "503" else 1)  # type: ignore[arg-type]
    with pytest.raises(JobFailed) as caught:
        await release(payload_of(number.id))
    assert not caught.value.for_good
    assert (await scene.get(number)).status == "releasing", "it costs money still"
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"


@both
async def test_a_release_whose_answer_was_lost_ends_well(
    name: str, scene: Scene, buy: Handler, release: Handler, peers: Peers
) -> None:
    number = await _active(scene, buy, name)
    await scene.release(number)
    peers[name].fail("drop", on="DELETE", after=True)
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"
    assert not peers[name].numbers


@both
async def test_a_purchase_that_was_begun_is_given_back_with_its_workspace(
    name: str, scene: Scene, release: Handler, peers: Peers
) -> None:
    begun, other = await scene.buy(ONE, name), await scene.buy("+14155550124", name)
    peers[name].own(ONE, str(begun.id))
    peers[name].own("+14155550199", "another's")
    await scene.all_of(lambda db: scene.numbers.release_all(db, scene.workspace_id, NOW))
    for number in (begun, other):
        await release(payload_of(number.id))
        assert (await scene.get(number)).status == "released"
    (row,) = peers[name].numbers.values()
    assert row["phone_number"] == "+14155550199"


async def test_a_number_of_no_carrier_is_simply_gone(scene: Scene, release: Handler) -> None:
    number = await scene.buy(ONE, "simulated")
    await scene.have(number, "releasing")
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"


@pytest.mark.parametrize("job", ["buy", "release"])
async def test_a_carrier_that_is_not_set_up_is_waited_for(job: str, scene: Scene) -> None:
    number = await scene.buy(ONE)
    if job == "release":
        await scene.have(number, "releasing")
    handler = (buy_by if job == "buy" else release_by)(scene.pool, scene.numbers, Carriers({}))
    with pytest.raises(JobFailed) as caught:
        await handler(payload_of(number.id))
    assert (caught.value.reason, caught.value.for_good) == ("twilio: not_set_up", False)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"number_id": 3}', b'{"number_id": "x"}'])
async def test_a_job_that_says_nothing_fails_for_good(payload: bytes, buy: Handler, release: Handler) -> None:
    for handler in (buy, release):
        with pytest.raises(JobFailed) as caught:
            await handler(payload)
        assert caught.value.for_good


async def test_a_number_that_is_gone_with_its_workspace_is_no_fault(buy: Handler, release: Handler) -> None:
    await buy(payload_of(uuid4()))
    await release(payload_of(uuid4()))


async def test_the_queue_does_it_all(
    scene: Scene, buy: Handler, release: Handler, twilio_peer: TwilioPeer, fresh_database_url: str
) -> None:
    """From the request's transaction to the carrier and back, over a fault of the carrier."""
    stop = asyncio.Event()
    retries = Retries(first_wait_s=0.05, look_every_s=0.05)
    worker = asyncio.create_task(work_off(fresh_database_url, {BUY: buy, RELEASE: release}, retries, stop))
    twilio_peer.fail("drop", on=PURCHASE["twilio"], after=True)
    number = await scene.buy(ONE)
    await _until(lambda: _has(scene, number, "active"))
    await scene.release(number)
    await _until(lambda: _has(scene, number, "released"))
    stop.set()
    await worker
    assert len(twilio_peer.requests(PURCHASE["twilio"])) == 1
    assert not twilio_peer.numbers


async def _active(scene: Scene, buy: Handler, name: str) -> Number:
    number = await scene.buy(ONE, name)
    await buy(payload_of(number.id))
    return await scene.get(number)


async def _has(scene: Scene, number: Number, status: str) -> bool:
    return (await scene.get(number)).status == status


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1_500):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come to that")
