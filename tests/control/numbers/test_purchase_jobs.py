"""The jobs that buy and release numbers, at simulated carriers: nothing is bought twice or stays unused."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.audit.service import Actor
from control.carriers.service import Carriers, open_carriers
from control.db.jobs import JobFailed, JobHandler, JobRetries, run_jobs
from control.db.pool import Connection
from control.numbers.rules import PhoneNumber
from control.numbers.service import BUY, RELEASE, make_payload
from control.numbers.tasks import make_buy_job, make_release_job
from control.platform.service import Platform
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE, TwilioPeer
from tests.control.numbers.conftest import NOW, NumbersWorkspace, carrier_options

ONE = "+14155550123"
UNAVAILABLE_NUMBER = "+14155559999"
PURCHASE = {"twilio": f"POST {BASE}/IncomingPhoneNumbers.json", "telnyx": "POST /v2/number_orders"}

Peers = dict[str, TwilioPeer | TelnyxPeer]


@pytest.fixture
def peers(twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer) -> Peers:
    return {"twilio": twilio_peer, "telnyx": telnyx_peer}


@pytest.fixture
def buy(workspace: NumbersWorkspace, carriers: Carriers) -> JobHandler:
    return make_buy_job(workspace.pool, workspace.numbers, carriers)


@pytest.fixture
def release(workspace: NumbersWorkspace, carriers: Carriers) -> JobHandler:
    return make_release_job(workspace.pool, workspace.numbers, carriers)


both_carriers = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@both_carriers
async def test_number_is_bought_and_configured(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    (row,) = peers[name].numbers.values()
    assert (after.status, after.status_detail) == ("active", None)
    assert after.carrier_number_id == (row["sid"] if name == "twilio" else row["id"])
    assert after.capabilities["voice"] is True
    assert after.monthly_price == {"twilio": Decimal("1.10"), "telnyx": Decimal("1.05")}[name]
    assert str(number.id) in (row.get("friendly_name"), row.get("customer_reference"))
    await buy(make_payload(number.id))
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
async def test_crash_after_the_purchase_buys_nothing_twice(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers, owner: Connection
) -> None:
    """The purchase succeeds, the transaction that would store it fails."""
    number = await workspace.buy(ONE, name)
    await owner.execute(
        """
        CREATE FUNCTION fail_update() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the database fails'; END $$;
        CREATE TRIGGER fail_update BEFORE UPDATE ON phone_numbers
            FOR EACH ROW WHEN (NEW.status = 'active') EXECUTE FUNCTION fail_update();
        """
    )
    with pytest.raises(asyncpg.RaiseError):
        await buy(make_payload(number.id))
    assert len(peers[name].numbers) == 1, "the carrier sold it once"
    assert (await workspace.get(number)).status == "buying"
    await owner.execute("DROP TRIGGER fail_update ON phone_numbers")
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    assert (after.status, bool(after.carrier_number_id)) == ("active", True)
    assert after.monthly_price > 0, "the price was stored before the purchase"
    assert len(peers[name].numbers) == 1
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
async def test_killed_process_buys_nothing_twice(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    """The carrier executes the purchase; its answer is lost."""
    number = await workspace.buy(ONE, name)
    if isinstance(peers[name], TelnyxPeer):
        peers[name].order_polls = 0  # type: ignore[union-attr]
    peers[name].fail("hang", on=PURCHASE[name], after=True)
    unfinished = asyncio.ensure_future(buy(make_payload(number.id)))
    async with asyncio.timeout(30):
        await peers[name].request_hangs.wait()
    assert len(peers[name].numbers) == 1, "the carrier sold it once"
    unfinished.cancel()
    with suppress(asyncio.CancelledError):
        await unfinished
    await buy(make_payload(number.id))
    assert (await workspace.get(number)).status == "active"
    assert len(peers[name].numbers) == 1
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
@pytest.mark.parametrize("kind", ["500", "drop", "rubbish"])
async def test_lost_answer_of_a_purchase_is_recovered(
    name: str, kind: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    peers[name].fail(kind, on=PURCHASE[name], after=True)  # type: ignore[arg-type]
    with pytest.raises(JobFailed) as caught:
        await buy(make_payload(number.id))
    assert not caught.value.is_permanent and caught.value.reason.startswith(f"{name}: ")
    assert (await workspace.get(number)).status == "buying"
    await buy(make_payload(number.id))
    assert (await workspace.get(number)).status == "active"
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
async def test_unavailable_number_fails_with_a_reason(name: str, workspace: NumbersWorkspace, buy: JobHandler) -> None:
    number = await workspace.buy(UNAVAILABLE_NUMBER, name)
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    assert (after.status, after.status_detail) == ("failed", "The number is no longer available.")


@both_carriers
async def test_a_number_that_costs_too_much_is_not_bought(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    async def change(db: Connection) -> None:
        await workspace.services[Platform].change_settings(db, Actor("system"), {"number_highest_monthly_price": 1})

    await workspace.in_platform(change)
    number = await workspace.buy(ONE, name)
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    price = {"twilio": "1.10", "telnyx": "1.05"}[name]
    detail = f"It costs {price} US dollars a month; the platform pays up to 1."
    assert (after.status, after.status_detail) == ("failed", detail)
    assert not peers[name].requests_to(PURCHASE[name])


@both_carriers
async def test_refused_purchase_states_the_reason(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    peers[name].fail("refuse", on=PURCHASE[name])
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    assert after.status == "failed"
    detail = {"twilio": "the carrier does not accept our sign-in", "telnyx": "refused with HTTP 401"}[name]
    assert after.status_detail == f"The carrier refused: {detail}."
    await workspace.buy(ONE, name)  # another purchase may try again


@both_carriers
async def test_number_with_another_reference_is_not_adopted(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    peers[name].add_number(ONE, "the front desk's own")
    peers[name].market.remove(ONE)
    number = await workspace.buy(ONE, name)
    await buy(make_payload(number.id))
    assert (await workspace.get(number)).status == "failed"
    (row,) = peers[name].numbers.values()
    assert "the front desk's own" in row.values(), "the other number is unchanged"


@both_carriers
@pytest.mark.parametrize("step", ["owned", "price", "configure"])
async def test_unavailable_carrier_is_retried(
    name: str, step: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    steps = {
        "twilio": {"owned": "GET /2010", "price": "GET /v1/P", "configure": f"POST {BASE}/IncomingPhoneNumbers/PN"},
        "telnyx": {"owned": "GET /v2/phone", "price": "GET /v2/avail", "configure": "PATCH"},
    }
    peers[name].fail("503", on=steps[name][step], times=3)
    with pytest.raises(JobFailed) as caught:
        await buy(make_payload(number.id))
    assert not caught.value.is_permanent
    assert (await workspace.get(number)).status == "buying"
    await buy(make_payload(number.id))
    assert (await workspace.get(number)).status == "active"
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
async def test_slow_carrier_is_retried(name: str, workspace: NumbersWorkspace, peers: Peers) -> None:
    number = await workspace.buy(ONE, name)
    peers[name].fail("hang", times=9)
    options = carrier_options(peers["twilio"].url, peers["telnyx"].url, timeout_s=0.1)
    async with open_carriers(options) as carriers:
        with pytest.raises(JobFailed) as caught:
            await make_buy_job(workspace.pool, workspace.numbers, carriers)(make_payload(number.id))
    assert caught.value.reason == f"{name}: timeout"
    assert (await workspace.get(number)).status == "buying"


@both_carriers
async def test_two_workers_at_once_buy_one_number(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    results = await asyncio.gather(*(buy(make_payload(number.id)) for _ in range(2)), return_exceptions=True)
    # One worker may fail because the other one holds the number; its job is retried later.
    assert all(result is None or isinstance(result, JobFailed) for result in results)
    await buy(make_payload(number.id))
    assert (await workspace.get(number)).status == "active"
    assert len(peers[name].numbers) == 1


@both_carriers
@pytest.mark.parametrize("status", ["released", "failed"])
async def test_number_of_an_abandoned_purchase_is_released(
    name: str, status: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    """A workspace is deleted while a worker buys for it."""
    number = await workspace.buy(ONE, name)
    peers[name].add_number(ONE, str(number.id))
    await workspace.set_status(number, status)
    await buy(make_payload(number.id))
    assert not peers[name].numbers
    assert (await workspace.get(number)).status == status


@both_carriers
async def test_purchase_abandoned_during_the_request_is_undone(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, release: JobHandler, peers: Peers, owner: Connection
) -> None:
    number = await workspace.buy(ONE, name)
    async with owner.transaction():
        # The worker waits for the row in order to store the price; its copy of the number is outdated by then.
        await owner.execute("SELECT FROM phone_numbers WHERE id = $1 FOR UPDATE", number.id)
        buying = asyncio.ensure_future(buy(make_payload(number.id)))
        await _wait_until(lambda: _has_blocked_transaction(owner))
        await owner.execute("UPDATE phone_numbers SET status = 'releasing' WHERE id = $1", number.id)
    await buying
    assert len(peers[name].requests_to(PURCHASE[name])) == 1
    assert not peers[name].numbers, "bought and released"
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"


async def _has_blocked_transaction(owner: Connection) -> bool:
    return bool(await owner.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))


@both_carriers
async def test_number_is_released(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, release: JobHandler, peers: Peers
) -> None:
    number = await buy_active_number(workspace, buy, name)
    await workspace.release(number)
    await release(make_payload(number.id))
    after = await workspace.get(number)
    assert (after.status, after.agent_id) == ("released", None)
    assert after.released_at is not None
    assert not peers[name].numbers
    request_count = len(peers[name].received)
    await release(make_payload(number.id))
    assert len(peers[name].received) == request_count, "a repeat sends no request"
    second_order = await workspace.buy(ONE, name)
    await buy(make_payload(second_order.id))
    assert (await workspace.get(second_order)).status == "active"


@both_carriers
@pytest.mark.parametrize("kind", ["503", "refuse"])
async def test_failed_carrier_release_is_retried(
    name: str, kind: str, workspace: NumbersWorkspace, buy: JobHandler, release: JobHandler, peers: Peers
) -> None:
    number = await buy_active_number(workspace, buy, name)
    await workspace.release(number)
    peers[name].fail(kind, on="DELETE", times=3 if kind == "503" else 1)  # type: ignore[arg-type]
    with pytest.raises(JobFailed) as caught:
        await release(make_payload(number.id))
    assert not caught.value.is_permanent
    assert (await workspace.get(number)).status == "releasing", "it is still paid for"
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"


@both_carriers
async def test_release_with_a_lost_answer_succeeds(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, release: JobHandler, peers: Peers
) -> None:
    number = await buy_active_number(workspace, buy, name)
    await workspace.release(number)
    peers[name].fail("drop", on="DELETE", after=True)
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"
    assert not peers[name].numbers


@both_carriers
async def test_unfinished_purchase_is_released_with_its_workspace(
    name: str, workspace: NumbersWorkspace, release: JobHandler, peers: Peers
) -> None:
    purchased, other = await workspace.buy(ONE, name), await workspace.buy("+14155550124", name)
    peers[name].add_number(ONE, str(purchased.id))
    peers[name].add_number("+14155550199", "another's")
    await workspace.in_platform(lambda db: workspace.numbers.release_all(db, workspace.workspace_id, NOW))
    for number in (purchased, other):
        await release(make_payload(number.id))
        assert (await workspace.get(number)).status == "released"
    (row,) = peers[name].numbers.values()
    assert row["phone_number"] == "+14155550199"


async def test_simulated_number_is_released_without_a_carrier(workspace: NumbersWorkspace, release: JobHandler) -> None:
    number = await workspace.buy(ONE, "simulated")
    await workspace.set_status(number, "releasing")
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"


@pytest.mark.parametrize("job", ["buy", "release"])
async def test_unconfigured_carrier_is_retried(job: str, workspace: NumbersWorkspace) -> None:
    number = await workspace.buy(ONE)
    if job == "release":
        await workspace.set_status(number, "releasing")
    handler = (make_buy_job if job == "buy" else make_release_job)(workspace.pool, workspace.numbers, Carriers({}))
    with pytest.raises(JobFailed) as caught:
        await handler(make_payload(number.id))
    assert (caught.value.reason, caught.value.is_permanent) == ("twilio: not_set_up", False)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"number_id": 3}', b'{"number_id": "x"}'])
async def test_unreadable_payload_fails_permanently(payload: bytes, buy: JobHandler, release: JobHandler) -> None:
    for handler in (buy, release):
        with pytest.raises(JobFailed) as caught:
            await handler(payload)
        assert caught.value.is_permanent


async def test_number_deleted_with_its_workspace_is_no_error(buy: JobHandler, release: JobHandler) -> None:
    await buy(make_payload(uuid4()))
    await release(make_payload(uuid4()))


async def test_queue_runs_purchase_and_release(
    workspace: NumbersWorkspace,
    buy: JobHandler,
    release: JobHandler,
    twilio_peer: TwilioPeer,
    fresh_seeded_database_url: str,
) -> None:
    """From the request's transaction to the carrier and back, with an error of the carrier in between."""
    stop = asyncio.Event()
    retries = JobRetries(first_wait_s=0.05, poll_every_s=0.05)
    worker = asyncio.create_task(run_jobs(fresh_seeded_database_url, {BUY: buy, RELEASE: release}, retries, stop))
    twilio_peer.fail("drop", on=PURCHASE["twilio"], after=True)
    number = await workspace.buy(ONE)
    await _wait_until(lambda: _has_status(workspace, number, "active"))
    await workspace.release(number)
    await _wait_until(lambda: _has_status(workspace, number, "released"))
    stop.set()
    await worker
    assert len(twilio_peer.requests_to(PURCHASE["twilio"])) == 1
    assert not twilio_peer.numbers


async def buy_active_number(workspace: NumbersWorkspace, buy: JobHandler, name: str) -> PhoneNumber:
    number = await workspace.buy(ONE, name)
    await buy(make_payload(number.id))
    return await workspace.get(number)


async def _has_status(workspace: NumbersWorkspace, number: PhoneNumber, status: str) -> bool:
    return (await workspace.get(number)).status == status


async def _wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1_500):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the condition was not met within 30 s")
