"""Callers of a workspace whose spending limit is reached, at both carriers."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from control.db.scope import enter_platform
from shared.bus.granted_time import GrantedTime, GrantedTimes
from tests.control.billing.spend_scene import PRICE, TIER, add_metered_tier
from tests.platform.webhooks import WebhookPlatform, running_webhooks

CLOSED = "Sorry, we cannot take calls at the moment. Please try again later. Goodbye."
NOWHERE = "redis://127.0.0.1:1/0"


async def limit_spending(platform: WebhookPlatform, limit: Decimal) -> None:
    """From now on the workspace pays, and may spend so much."""
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        await add_metered_tier(db)
    workspace_id = platform.workspace_id
    await platform.execute("UPDATE workspaces SET status = 'active', tier_name = $2 WHERE id = $1", workspace_id, TIER)
    await platform.execute(
        "UPDATE workspace_changes SET status = 'active', tier_name = $2 WHERE workspace_id = $1", workspace_id, TIER
    )
    await platform.execute(
        "INSERT INTO billing_settings (workspace_id, usage_limit_monthly, auto_pause_on_limit) VALUES ($1, $2, true)",
        workspace_id,
        limit,
    )


@pytest.fixture
async def limited(platform: WebhookPlatform) -> AsyncIterator[WebhookPlatform]:
    """A workspace that can pay a call of two minutes."""
    await limit_spending(platform, 2 * PRICE)
    yield platform


async def refused_call(platform: WebhookPlatform, sid: str) -> Mapping[str, Any]:
    """The call's row, once the refusal is stored, which Twilio's answer does not wait for."""

    async def find() -> Mapping[str, Any] | None:
        row = await platform.call_row(sid)
        return row if row["ended_at"] else None

    row: Mapping[str, Any] = await platform.wait_until(find)
    return row


async def granted_time(platform: WebhookPlatform, sid: str) -> GrantedTime | None:
    row = await platform.call_row(sid)
    (found,) = await GrantedTimes(platform.redis).read([str(row["id"])])
    return found


async def test_twilio_callers_hear_a_sentence_when_the_money_is_reserved(limited: WebhookPlatform) -> None:
    for sid in ("CAs1", "CAs2"):
        assert (await limited.ring_twilio(sid)).verbs == ["Connect"]
        assert await granted_time(limited, sid) == GrantedTime(60)
    reply = await limited.ring_twilio("CAs3")
    assert (reply.verbs, reply.spoken) == (["Say", "Hangup"], CLOSED)
    row = await refused_call(limited, "CAs3")
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "spend_limit", "spend_limit")
    assert (await limited.ring_twilio("CAs1")).verbs == ["Connect"]  # a repeated request reserves nothing more


async def test_telnyx_call_is_not_put_through_when_the_money_is_reserved(limited: WebhookPlatform) -> None:
    for call in ("v3:s1", "v3:s2"):
        await limited.ring_telnyx(call)
        await limited.post_telnyx("call.answered", call, direction="incoming", path="/webhooks/calls/status")
    assert limited.telnyx_api.actions == ["answer", "streaming_start"] * 2
    await limited.ring_telnyx("v3:s3")
    row = await limited.call_row("v3:s3")
    assert (row["status"], row["end_detail"]) == ("failed", "spend_limit")
    await limited.post_telnyx("call.answered", "v3:s3", direction="incoming", path="/webhooks/calls/status")
    assert limited.telnyx_api.actions[4:] == ["answer", "speak"]
    assert limited.telnyx_api.carried_out[-1].body["payload"] == CLOSED


async def test_no_limited_call_begins_without_redis(database_url: str) -> None:
    """Nobody knows what the others have reserved."""
    async with running_webhooks(database_url, NOWHERE, redis_timeout_s=0.2) as platform:
        await limit_spending(platform, 100 * PRICE)
        reply = await platform.ring_twilio("CAs9")
        assert reply.verbs == ["Say", "Hangup"]
        assert (await refused_call(platform, "CAs9"))["end_detail"] == "all_busy"
