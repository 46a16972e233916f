"""Endpoints that fail, until they are disabled or work again."""

import asyncio
import ssl
from datetime import timedelta

import httpx
import pytest

from control.outbound_webhooks.http_client import WebhookHttpClient
from control.outbound_webhooks.rules import UNSEALED
from control.outbound_webhooks.service import EndpointEdit
from control.outbound_webhooks.tasks import WebhookSender
from shared.egress import EgressGuard
from tests.control.calls.call_platform import NOW
from tests.control.outbound_webhooks.webhook_workspace import LOOPBACK, POLICY, WebhookDesk
from tests.control.tools.hostile_peer import plain, running_peer

OK = plain("", "204 No Content")
FAILING_SINCE = "SELECT failing_since FROM outbound_webhook_endpoints WHERE id = $1"
IS_ENABLED = "SELECT is_enabled FROM outbound_webhook_endpoints WHERE id = $1"


async def test_endpoint_that_fails_for_five_days_is_disabled_and_its_owner_told(desk: WebhookDesk) -> None:
    async with running_peer(plain("", "500 Internal Server Error")) as peer:
        endpoint, _ = await desk.add_endpoint(f"{peer.url}/secret-path")
        for hours in range(0, 120, 20):
            desk.now = NOW + timedelta(hours=hours)
            await desk.report()
            await desk.send_due()
            assert await desk.row(IS_ENABLED, endpoint), hours
        desk.now = NOW + timedelta(days=5)
        await desk.report()
        stored = len(await desk.deliveries(endpoint))
        await desk.send_due()
        assert not await desk.row(IS_ENABLED, endpoint)
        assert await desk.row("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'mail.send'") >= 1
        await desk.report()  # is not kept for it
        assert len(await desk.deliveries(endpoint)) == stored


async def test_days_without_an_attempt_are_no_days_of_failing(desk: WebhookDesk) -> None:
    """One event failed for good; the next one, a month later, comes while the receiver restarts."""
    async with running_peer(plain("", "500 Internal Server Error")) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        while (await desk.deliveries(endpoint))[0].status == "pending":
            await desk.send_due()
            desk.now += timedelta(hours=10)
        desk.now += timedelta(days=30)
        await desk.report()
        assert len(await desk.send_due()) == 1
        assert await desk.row(IS_ENABLED, endpoint)
        peer.answers[:] = [OK]
        await desk.pass_until_next(endpoint)
        assert [one.is_delivered for one in await desk.send_due()] == [True]


async def test_success_ends_the_time_of_failing(desk: WebhookDesk) -> None:
    async with running_peer(plain("", "500 Internal Server Error"), OK) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        await desk.send_due()
        assert await desk.row(FAILING_SINCE, endpoint) == NOW
        await desk.pass_until_next(endpoint)
        await desk.send_due()
        assert await desk.row(FAILING_SINCE, endpoint) is None


async def test_gone_disables_at_once(desk: WebhookDesk) -> None:
    async with running_peer(plain("", "410 Gone")) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        await desk.send_due()
        assert (
            await desk.row("SELECT disabled_reason FROM outbound_webhook_endpoints WHERE id = $1", endpoint) == "gone"
        )


async def test_late_answer_of_an_old_address_does_not_disable_the_new_one(desk: WebhookDesk) -> None:
    async with running_peer(plain("", "410 Gone")) as peer:
        endpoint, _ = await desk.add_endpoint(peer.url)
        await desk.report()
        (claimed,) = await desk.sender.claim()
        attempt = await desk.sender.attempt(claimed)
        await desk.change(endpoint, EndpointEdit(f"{peer.url}/new"))
        await desk.sender.record(claimed, attempt)
        assert await desk.row(IS_ENABLED, endpoint)


async def test_secret_that_the_platform_cannot_open_is_no_failure_of_the_endpoint(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    await desk.report()
    await desk.platform.in_platform(
        lambda db: db.execute("UPDATE outbound_webhook_endpoints SET sealed_secret = '\\x00' WHERE id = $1", endpoint)
    )
    (attempt,) = await desk.send_due()
    assert attempt.error == UNSEALED
    assert await desk.row(FAILING_SINCE, endpoint) is None
    (delivery,) = await desk.deliveries(endpoint)
    assert (delivery.status, delivery.attempts) == ("pending", 1)


async def test_attempt_that_crashes_is_recorded_and_made_again_later(
    desk: WebhookDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be made whenever the lease is over, for three days, and nobody would see it."""

    stop = asyncio.Event()

    def crash() -> ssl.SSLContext:
        stop.set()
        raise RuntimeError("a library's error")

    monkeypatch.setattr(httpx, "create_ssl_context", crash)
    client = WebhookHttpClient(EgressGuard(LOOPBACK), 0.5)
    email_queue = desk.webhooks.email_queue
    counted: list[str] = []
    sender = WebhookSender(
        desk.platform.pool,
        desk.webhooks.endpoints.safe,
        client,
        email_queue,
        POLICY,
        lambda: NOW,
        count_attempt=counted.append,
    )
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    await desk.report()
    async with asyncio.timeout(30):
        await sender.run(stop)
    (delivery,) = await desk.deliveries(endpoint)
    assert (delivery.status, delivery.attempts) == ("pending", 1) and delivery.due_at > NOW
    assert await desk.row(FAILING_SINCE, endpoint) is None
    assert counted == ["failed"]
