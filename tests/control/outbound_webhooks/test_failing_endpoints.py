"""Endpoints that fail, until they are disabled or work again."""

from datetime import timedelta

from control.outbound_webhooks.endpoints import EndpointEdit
from tests.control.calls.call_platform import NOW
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk
from tests.control.tools.hostile_peer import plain, running_peer

OK = plain("", "204 No Content")
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
        failing = "SELECT failing_since FROM outbound_webhook_endpoints WHERE id = $1"
        assert await desk.row(failing, endpoint) == NOW
        await desk.pass_until_next(endpoint)
        await desk.send_due()
        assert await desk.row(failing, endpoint) is None


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
