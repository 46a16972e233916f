"""Campaigns whose calls are refused: they go on, wait, or pause."""

from datetime import timedelta

import pytest

from tests.control.campaigns.campaign_workspace import CampaignWorkspace, number_of

FIRST, SECOND = number_of(601), number_of(602)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_refused_number_ends_its_recipient_alone(tenant: CampaignWorkspace) -> None:
    """It became the workspace's own after it was added."""
    campaign = await tenant.start(FIRST, SECOND, calls_per_minute=600)
    await tenant.platform.in_platform(
        lambda db: db.execute(
            "UPDATE phone_numbers SET phone_number = $2 WHERE id = $1", tenant.workspace.number_id, FIRST
        )
    )
    assert await tenant.run() == 1
    rows = await tenant.recipients(campaign)
    assert (rows[FIRST]["status"], rows[FIRST]["outcome"], rows[FIRST]["detail"]) == (
        "finished", "refused", "number_is_own",
    )  # fmt: skip
    assert rows[SECOND]["status"] == "calling"


async def test_released_number_pauses_the_campaign(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST, number_ids=[tenant.workspace.number_id])
    await tenant.platform.in_platform(
        lambda db: db.execute("UPDATE phone_numbers SET status = 'released' WHERE id = $1", tenant.workspace.number_id)
    )
    assert await tenant.run() == 0
    stored = await tenant.get(campaign)
    assert (stored.status, stored.status_reason) == ("paused", "no_number")
    assert (await tenant.recipients(campaign))[FIRST]["status"] == "pending"


async def test_limit_that_gives_way_delays_the_campaign(tenant: CampaignWorkspace) -> None:
    """As many calls are open as the tier allows."""
    campaign = await tenant.start(FIRST)
    await tenant.platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) SELECT gen_random_uuid(), "
            "$1, 'inbound', 'twilio', 'in_progress', $2 FROM generate_series(1, 500)",
            tenant.workspace.workspace_id, tenant.now,
        )
    )  # fmt: skip
    assert await tenant.run() == 0
    assert (await tenant.get(campaign)).status_reason == "call_limit"
    await tenant.platform.in_platform(
        lambda db: db.execute("DELETE FROM calls WHERE workspace_id = $1", tenant.workspace.workspace_id)
    )
    assert await tenant.run(6) == 1
    assert (await tenant.get(campaign)).status_reason is None


async def test_end_of_a_campaigns_time_finishes_who_was_not_called(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST, SECOND, calls_per_minute=1, ends_at=tenant.now + timedelta(minutes=1))
    assert await tenant.run() == 1
    assert await tenant.run(61) == 0
    rows = await tenant.recipients(campaign)
    assert [row["outcome"] for row in rows.values()] == [None, "not_called"]
    assert (await tenant.get(campaign)).status == "running"  # a call is open
    await tenant.end_all("completed", "caller_hangup")
    await tenant.run(3)
    stored = await tenant.get(campaign)
    assert (stored.status, stored.status_reason) == ("completed", "campaign_ended")
