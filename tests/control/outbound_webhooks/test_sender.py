"""Delivery to receivers that are down, slow, broken or hostile: each event at least once, verified, under one id."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from control.db.duties import AnyDuty
from control.db.pool import Connection
from control.outbound_webhooks.http_client import MOST_KEPT
from control.outbound_webhooks.rules import ClaimedDelivery, DeliveryAttempt, DeliveryPolicy
from control.outbound_webhooks.service import EndpointEdit, report_facts
from control.outbound_webhooks.tasks import outbound_webhooks_tasks
from control.worker_runtime import WorkerMetrics
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk, ids, open_desk, verified
from tests.control.tools.hostile_peer import Respond, drip, flood, garbage, hang, hang_up, plain, running_peer

OK = plain("", "204 No Content")


async def test_event_is_delivered_once_and_verified(desk: WebhookDesk) -> None:
    async with running_peer(OK) as peer:
        endpoint, secret = await desk.add_endpoint(f"{peer.url}/hook")
        await desk.report()
        (attempt,) = await desk.send_due()
        assert (attempt.is_delivered, attempt.status_code) == (True, 204)
        webhook_id, body = verified(peer.requests[0], secret)
        (delivery,) = await desk.deliveries(endpoint)
        assert (delivery.status, delivery.attempts, str(delivery.event.id)) == ("delivered", 1, webhook_id)
        assert body == {
            "id": webhook_id,
            "type": "agent.updated",
            "api_version": "2026-11-26",
            "timestamp": "2026-11-25T12:00:00Z",
            "workspace_id": str(desk.workspace.workspace_id),
            "object_id": body["data"]["agent_id"],
            "sequence": delivery.event.sequence,
            "data": {"agent_id": body["object_id"], "name": "Desk", "status": "live", "version": 3},
        }
        desk.now += timedelta(days=1)
        assert await desk.send_due() == [] and len(peer.requests) == 1


async def test_both_secrets_sign_for_a_day_after_a_rotation_and_a_leaked_one_not_at_all(desk: WebhookDesk) -> None:
    """By the public library's own verification, whose clock is the real one."""
    desk.now = datetime.now(UTC)
    async with running_peer(OK) as peer:
        endpoint, first = await desk.add_endpoint(peer.url)
        second = await desk.rotate(endpoint)
        await desk.report()
        await desk.send_due()
        assert [is_accepted(peer.requests[0], key) for key in (first, second)] == [True, True]
        third = await desk.rotate(endpoint, at_once=True)
        await desk.report()
        await desk.send_due()
        assert [is_accepted(peer.requests[1], key) for key in (first, second, third)] == [False, False, True]
        fourth = await desk.rotate(endpoint)
        desk.now += timedelta(hours=24)
        await desk.report()
        await desk.send_due()
        _, signed = peer.requests[-1].split("webhook-signature: ")
        assert len(signed.split("\r\n")[0].split(" ")) == 1  # the overlap is over
        assert verified(peer.requests[-1], fourth)


def is_accepted(request: str, secret: str) -> bool:
    head, _, body = request.partition("\r\n\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_receiver_that_is_down_for_an_hour_gets_each_event(desk: WebhookDesk) -> None:
    async with running_peer(hang_up) as peer:
        endpoint, secret = await desk.add_endpoint(peer.url)
        for _ in range(3):
            await desk.report()
        while desk.now < NOW + timedelta(hours=1):
            await desk.send_due()
            await desk.pass_until_next(endpoint)
        peer.answers[:] = [OK]
        peer.requests.clear()
        for _ in range(12):
            await desk.send_due()
            desk.now += timedelta(minutes=30)
        delivered = await desk.deliveries(endpoint)
        assert [one.status for one in delivered] == ["delivered"] * 3
        assert sorted(ids(peer, secret)) == sorted(str(one.event.id) for one in delivered)
        assert all(one.attempts <= 10 for one in delivered)


@pytest.mark.parametrize(
    ("answer", "status_code", "why"),
    [
        (plain("no", "500 Internal Server Error"), 500, "the status was 500"),
        (hang, None, "there was no answer within 0.5 s"),
        (hang_up, None, "the connection broke (RemoteProtocolError)"),
        (garbage, None, "the connection broke (RemoteProtocolError)"),
        (
            plain("", "302 Found", head="Location: http://169.254.169.254/latest/meta-data\r\n"),
            302,
            "the status was 302: redirects are not followed",
        ),
    ],
)
async def test_failed_attempt_is_repeated_under_the_same_id(
    desk: WebhookDesk, answer: Respond, status_code: int | None, why: str
) -> None:
    async with running_peer(answer, OK) as peer:
        endpoint, secret = await desk.add_endpoint(peer.url)
        await desk.report()
        (attempt,) = await desk.send_due()
        assert (attempt.status_code, attempt.error) == (status_code, why)
        assert await desk.send_due() == []  # not at once
        await desk.pass_until_next(endpoint)
        assert timedelta(seconds=8) <= desk.now - NOW <= timedelta(seconds=12)
        assert [one.is_delivered for one in await desk.send_due()] == [True]
        first, second = ids(peer, secret)
        assert first == second


async def test_answer_is_read_to_a_bound_and_counts_by_its_status(desk: WebhookDesk) -> None:
    """10 MB, a byte now and then for ever, and one that breaks off: the status has come, so nothing is sent again."""

    async def break_off(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhal")

    async with running_peer(OK) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        for answer in (flood(peer, 10_000_000), drip, break_off):
            peer.answers[:] = [answer]
            await desk.report()
            (attempt,) = await desk.send_due()
            assert (attempt.is_delivered, attempt.status_code) == (True, 200), attempt
            assert len(attempt.answer) <= MOST_KEPT
        assert peer.sent < 10_000_000
        assert attempt.answer == "hal"
        assert len(peer.requests) == 3 and len(await desk.deliveries(endpoint)) == 3


async def test_delivery_fails_for_good_after_three_days(desk: WebhookDesk) -> None:
    async with running_peer(plain("", "503 Service Unavailable")) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        while (await desk.deliveries(endpoint))[0].status == "pending":
            assert len(await desk.send_due()) == 1
            if (await desk.deliveries(endpoint))[0].status == "pending":
                await desk.pass_until_next(endpoint)
        (delivery,) = await desk.deliveries(endpoint)
        assert delivery.status == "failed" and 13 <= delivery.attempts == len(peer.requests) <= 20
        assert timedelta(hours=60) < desk.now - NOW < timedelta(days=3)


async def test_worker_killed_between_any_two_steps_loses_nothing(desk: WebhookDesk) -> None:
    """After the lease; after the request; within the transaction that records it; after it was recorded."""
    async with running_peer(OK) as peer:
        endpoint, secret = await desk.add_endpoint(peer.url)
        await desk.report()
        (leased,) = await desk.sender.claim()  # killed before it sends
        assert await desk.send_due() == [], "another worker sent what was leased"
        desk.now += timedelta(seconds=61)
        (leased,) = await desk.sender.claim()
        attempt = await desk.sender.attempt(leased)  # killed before it records
        desk.now += timedelta(seconds=61)
        (again,) = await desk.sender.claim()
        second = await desk.sender.attempt(again)
        with pytest.raises(RuntimeError, match="killed"):
            await desk.platform.in_platform(lambda db: _record_and_die(desk, db, again, second))
        assert (await desk.deliveries(endpoint))[0].status == "pending"
        desk.now += timedelta(seconds=61)
        (third,) = await desk.send_due()
        assert third.is_delivered
        await desk.sender.record(leased, attempt)  # the first worker was only slow: nothing is recorded twice
        (delivery,) = await desk.deliveries(endpoint)
        assert (delivery.status, delivery.attempts) == ("delivered", 1)
        assert len(peer.requests) == 3 and len(set(ids(peer, secret))) == 1
        desk.now += timedelta(days=1)
        assert await desk.send_due() == []


async def _record_and_die(
    desk: WebhookDesk, db: Connection, claimed: ClaimedDelivery, attempt: DeliveryAttempt
) -> None:
    await desk.sender._record(db, claimed, attempt)
    raise RuntimeError("killed")


async def test_fact_that_is_rolled_back_is_not_reported(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")

    async def report_and_die(db: Connection) -> None:
        await report_facts(db, [desk.make_fact("agent.updated")], desk.now)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await desk.platform.in_platform(report_and_die)
    assert await desk.deliveries(endpoint) == []


async def test_slow_receivers_delay_no_others(platform: CallPlatform) -> None:
    """Failing endpoints have few places of their own, and an endpoint its share."""
    policy = DeliveryPolicy(slots=8, failing_slots=2, per_endpoint=3, per_workspace=16, timeout_s=0.5)
    async with open_desk(platform, policy) as desk, running_peer(OK) as peer:
        other = await platform.create_workspace()
        failing = [(await desk.add_endpoint(f"{peer.url}/{number}"))[0] for number in range(4)]
        await platform.in_platform(
            lambda db: db.execute(
                "UPDATE outbound_webhook_endpoints SET failing_since = $2 WHERE id = ANY($1)", failing, NOW
            )
        )
        slow, _ = await desk.add_endpoint(f"{peer.url}/slow")
        for _ in range(10):
            await desk.report()
        quick, _ = await desk.add_endpoint(f"{peer.url}/quick", workspace=other)
        await desk.report(workspace=other)
        claimed = await desk.sender.claim()
        counts = {one: sum(c.endpoint_id == one for c in claimed) for one in (*failing, slow, quick)}
        assert counts[quick] == 1
        assert counts[slow] == 3
        assert sum(counts[one] for one in failing) == 2 and max(counts[one] for one in failing) == 1
        for one in [c for c in claimed if c.endpoint_id != slow]:
            await desk.sender.record(one, await desk.sender.attempt(one))
        again = await desk.sender.claim()  # the requests to the slow one still run
        assert not [one for one in again if one.endpoint_id == slow]


async def test_workspace_and_endpoint_have_their_shares_of_what_runs(platform: CallPlatform) -> None:
    policy = DeliveryPolicy(slots=8, per_endpoint=3, per_workspace=4, timeout_s=0.5)
    async with open_desk(platform, policy) as desk:
        first, _ = await desk.add_endpoint("http://127.0.0.1:9/", "agent.created")
        await desk.report("agent.created")
        assert len(await desk.sender.claim()) == 1
        desk.now += timedelta(seconds=1)
        for _ in range(5):
            await desk.report("agent.created")
        assert [one.endpoint_id for one in await desk.sender.claim()] == [first] * 2  # one runs already
        await desk.add_endpoint("http://127.0.0.1:9/", "agent.deleted")
        other = await platform.create_workspace()
        theirs, _ = await desk.add_endpoint("http://127.0.0.1:9/", workspace=other)
        for _ in range(3):
            await desk.report("agent.deleted")
            await desk.report("agent.deleted", workspace=other)
        claimed = await desk.sender.claim()
        assert sum(one.endpoint_id == theirs for one in claimed) == 3
        assert len(claimed) == 4  # the workspace's fourth


async def test_running_sender_sends_what_is_due_while_others_are_slow(platform: CallPlatform) -> None:
    """As the worker runs it, by the real clock; a stopped one finishes its requests."""
    policy = DeliveryPolicy(timeout_s=30.0, poll_s=0.05)
    slow_began, slow_may_answer, quick_came, stop = (asyncio.Event() for _ in range(4))

    async def answer_later(writer: asyncio.StreamWriter) -> None:
        slow_began.set()
        await slow_may_answer.wait()
        await OK(writer)

    async def answer(writer: asyncio.StreamWriter) -> None:
        quick_came.set()
        await OK(writer)

    async with open_desk(platform, policy) as desk, running_peer(answer_later) as slow, running_peer(answer) as quick:
        endpoint, _ = await desk.add_endpoint(slow.url, "agent.created")
        other, _ = await desk.add_endpoint(quick.url, "agent.deleted")
        task = asyncio.create_task(desk.sender.run(stop))
        async with asyncio.timeout(30):
            await desk.report("agent.created")
            await slow_began.wait()
            await desk.report("agent.deleted")
            await quick_came.wait()
            assert (await desk.deliveries(endpoint))[0].status == "pending"
            stop.set()
            slow_may_answer.set()
            await task
        assert [(await desk.deliveries(one))[0].status for one in (endpoint, other)] == ["delivered"] * 2


def duties(desk: WebhookDesk, metrics: WorkerMetrics) -> dict[str, AnyDuty]:
    tasks = outbound_webhooks_tasks(
        desk.platform.pool, desk.webhooks, metrics.count_webhook_attempt, metrics.report_oldest_delivery
    )
    return {duty.name: duty for duty in tasks.duties}


async def test_old_events_and_expired_deliveries_are_cleared(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    await desk.report()
    expire = duties(desk, WorkerMetrics())
    for days, statuses in ((2.9, ["pending"]), (3.1, ["failed"]), (29.9, ["failed"]), (30.1, [])):
        now = NOW + timedelta(days=days)
        for name in ("expired_deliveries", "old_webhook_events"):
            await expire[name].run_once(desk.platform.pool, now)
        assert [delivery.status for delivery in await desk.deliveries(endpoint)] == statuses, days


async def test_endpoint_gets_the_types_that_it_chose_and_of_its_workspace_only(desk: WebhookDesk) -> None:
    async with running_peer(OK) as peer:
        other = await desk.platform.create_workspace()
        await desk.add_endpoint(f"{peer.url}/some", "agent.created", "agent.deleted")
        await desk.add_endpoint(f"{peer.url}/theirs", workspace=other)
        for kind in ("agent.created", "agent.updated"):
            await desk.report(kind)
        await desk.send_due()
        assert [request.split(" ")[1] for request in peer.requests] == ["/some"]
        assert msgspec.json.decode(peer.requests[0].partition("\r\n\r\n")[2])["type"] == "agent.created"


async def test_events_of_an_object_are_numbered_upward_and_unique_ones_stored_once(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    about = desk.workspace.agent_id
    for _ in range(5):
        await desk.report(object_id=about)
    await desk.platform.in_platform(
        lambda db: db.execute("UPDATE outbound_webhook_events SET sequence = sequence + 3600000000")
    )  # as if the clock had been set back by an hour
    await desk.report(object_id=about)
    for _ in range(2):
        await desk.report("agent.deleted", object_id=about, is_unique=True)
    events = [delivery.event for delivery in reversed(await desk.deliveries(endpoint))]
    assert len(events) == 7
    numbers = sorted(event.sequence for event in events)
    assert len(set(numbers)) == 7
    assert max(events, key=lambda one: one.sequence).type == "agent.deleted"


async def test_deleted_workspace_is_sent_nothing_until_it_is_restored(desk: WebhookDesk) -> None:
    """In the days in which it can be restored, nothing of its callers leaves the platform."""
    async with running_peer(OK) as peer:
        await desk.add_endpoint(peer.url)
        await desk.report()
        set_deleted = "UPDATE workspaces SET deleted_at = $2, purge_after = $2 WHERE id = $1"
        for deleted_at, sent in ((desk.now, 0), (None, 1)):
            await desk.platform.in_platform(
                lambda db, at=deleted_at: db.execute(set_deleted, desk.workspace.workspace_id, at)  # type: ignore[misc]
            )
            assert len(await desk.send_due()) == sent


async def test_oldest_due_delivery_of_endpoints_that_work_is_reported(desk: WebhookDesk) -> None:
    metrics = WorkerMetrics()

    async def report(now: datetime) -> float | None:
        await duties(desk, metrics)["oldest_delivery"].run_once(desk.platform.pool, now)
        return metrics.registry.get_sample_value("vocalized_worker_outbound_webhook_oldest")

    await desk.add_endpoint("http://127.0.0.1:9/")
    assert await report(NOW) == 0
    for _ in range(2):
        await desk.report()
        desk.now += timedelta(minutes=1)
    assert await report(desk.now) == NOW.timestamp()
    await desk.send_due()  # nobody listens there
    assert await report(desk.now + timedelta(hours=1)) == 0


async def test_deleted_endpoint_is_sent_nothing(desk: WebhookDesk) -> None:
    """Its deliveries stay until their events are deleted: a month of them would exceed the timeout of a request."""
    async with running_peer(OK) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        owner, endpoints = desk.workspace, desk.webhooks.endpoints
        await desk.platform.in_workspace(
            owner, lambda db: endpoints.delete(db, owner.workspace_id, owner.actor, endpoint)
        )
        assert await desk.send_due() == [] and not peer.requests
        now = NOW + timedelta(days=31)
        for name in ("expired_deliveries", "old_webhook_events"):
            await duties(desk, WorkerMetrics())[name].run_once(desk.platform.pool, now)
        assert await desk.row("SELECT count(*) FROM outbound_webhook_deliveries WHERE endpoint_id = $1", endpoint) == 0


async def test_fact_is_stored_while_others_hold_its_workspace_and_endpoint(desk: WebhookDesk) -> None:
    """A member who changes or deletes an endpoint, or a job that holds the workspace, delays no call."""
    owner, endpoints = desk.workspace, desk.webhooks.endpoints
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    kept, _ = await desk.add_endpoint("http://127.0.0.1:9/")

    async def hold(db: Connection) -> None:
        await db.execute("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", owner.workspace_id)
        await endpoints.update(db, owner.workspace_id, owner.actor, kept, EndpointEdit(description="x"), NOW)
        await endpoints.delete(db, owner.workspace_id, owner.actor, endpoint)
        await desk.platform.in_platform(report)

    async def report(db: Connection) -> None:
        await db.execute("SET LOCAL lock_timeout = '200ms'")
        await report_facts(db, [desk.make_fact("agent.updated")], NOW)

    await desk.platform.in_workspace(owner, hold)
    assert len(await desk.deliveries(kept)) == 1
