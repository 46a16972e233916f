"""Events that follow from calls: their analysis, and the money that they cost. By the real job and the real duty."""

from control.billing.money import round_money
from tests.control.billing.spend_scene import PRICE, make_scene
from tests.control.calls.analysis.analyzed_call import FINDINGS, analyze, answering, served, store_events
from tests.control.calls.consumed_events import conversation_events
from tests.control.outbound_webhooks.reported_bodies import reported
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk


async def test_analysis_is_reported_once_without_what_it_found(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/", "call.analysed")
    async with served(desk.platform, answering(FINDINGS)):
        call = await desk.platform.admit(desk.workspace)
        await store_events(desk.platform, conversation_events(call))
        assert await reported(desk, endpoint) == []
        for _ in range(2):  # a job may run twice
            await analyze(desk.platform, call)
    (body,) = await reported(desk, endpoint)
    assert body["object_id"] == body["data"]["call_id"] == str(call.call_id)
    assert body["data"]["analysis_status"] == "done"
    assert FINDINGS["summary"] not in str(body)


async def test_spending_limit_is_reported_when_it_is_near_and_when_it_is_reached(desk: WebhookDesk) -> None:
    await desk.platform.redis.flushall()
    scene = await make_scene(desk.platform, 5 * PRICE)
    theirs = WebhookDesk(desk.platform, scene.workspace, desk.sender)
    endpoint, _ = await theirs.add_endpoint("http://127.0.0.1:9/", "spending_limit.near", "spending_limit.reached")
    assert await scene.ring(240)  # 80 % of the limit
    await scene.run(260)
    assert await scene.ring(600)
    await scene.run(120)
    near, reached = await reported(theirs, endpoint)
    assert [one["type"] for one in (near, reached)] == ["spending_limit.near", "spending_limit.reached"]
    assert near["object_id"] == str(scene.workspace.workspace_id)
    assert near["data"]["usage_limit"] == float(round_money(5 * PRICE, near["data"]["currency"]))
    # The second call runs still: what it may cost counts at the limit, and is spent when it is over.
    assert near["data"]["spent"] == reached["data"]["spent"] == float(round_money(4 * PRICE, near["data"]["currency"]))
