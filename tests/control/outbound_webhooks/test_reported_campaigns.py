"""Webhook events of campaigns and their recipients."""

from uuid import UUID

import pytest

from control.campaigns.tasks import CampaignDispatcher
from tests.control.campaigns.campaign_workspace import CampaignWorkspace, number_of
from tests.control.outbound_webhooks.reported_bodies import reported
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk

CALLED = number_of(701)


@pytest.mark.parametrize("external_ref", ["recall-2026-12", None])
async def test_events_have_the_campaigns_external_ref(desk: WebhookDesk, external_ref: str | None) -> None:
    """One recipient is called. The other recipient's number belongs to the workspace, so it is refused."""
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    dispatcher = CampaignDispatcher(desk.platform.pool, desk.platform.outbound.place_for_campaign)
    tenant = CampaignWorkspace(desk.platform, desk.workspace, dispatcher)
    campaign = await tenant.create(external_ref=external_ref, calls_per_minute=600)
    assert (await tenant.add(campaign, desk.workspace.number, CALLED, timezone="America/New_York")).added == 2
    await tenant.change("start", campaign)
    assert await tenant.run() == 1
    await tenant.change("pause", campaign)
    (call,) = await tenant.open_calls()
    await tenant.end(call["id"], "completed", "caller_hangup")
    await tenant.change("cancel", campaign)
    bodies = await reported(desk, endpoint)
    about = [body for body in bodies if body["type"].startswith("campaign.")]
    assert [body["type"] for body in about] == [
        "campaign.started", "campaign.recipient_finished", "campaign.paused", "campaign.recipient_finished",
        "campaign.completed",
    ]  # fmt: skip
    assert {UUID(body["data"]["campaign_id"]) for body in about} == {campaign.id}
    assert [body["data"]["external_ref"] for body in about] == [external_ref] * 5
    finished = [body["data"] for body in about if body["type"] == "campaign.recipient_finished"]
    assert [(data["outcome"], data["last_call_id"]) for data in finished] == [
        ("refused", None), ("answered", str(call["id"])),
    ]  # fmt: skip
