"""Telnyx's events that are repeated, late or missing; calls that are rejected, and calls that are recorded."""

from typing import Any

import pytest

from shared.bus.live import LiveCall, LiveCalls
from shared.ids import new_id
from tests.control.inbound_webhooks.telnyx.steps import CALL_HAS_ENDED, OTHER_NODE_URL, all_handled, answer_telnyx_call
from tests.platform.webhooks import NODE, WebhookPlatform, client_state, running_webhooks

STREAMS = "90045"


async def resume_lost_call(platform: WebhookPlatform, call: str) -> str:
    """Loses a call and resumes it at a live node; returns the URL of its stream."""
    await answer_telnyx_call(platform, call)
    await platform.remove_node("m1")
    await platform.add_node("m2", url=OTHER_NODE_URL)
    await platform.post_telnyx("streaming.failed", call, failure_reason="connection_lost")
    assert platform.telnyx_api.actions == ["streaming_start"]
    url: str = platform.telnyx_api.carried_out.pop().body["stream_url"]
    row = await platform.call_row(call)
    await LiveCalls(platform.redis).refresh([LiveCall(str(row["id"]), "m2", 1)])
    return url


async def test_repeated_end_of_an_old_stream_is_ignored(platform: WebhookPlatform) -> None:
    await resume_lost_call(platform, "v3:e9")
    await platform.post_telnyx("streaming.stopped", "v3:e9")
    await platform.post_telnyx("streaming.stopped", "v3:e9", stream_url=f"{NODE}/media/telnyx/the-old-one")
    assert platform.telnyx_api.actions == []
    assert ((await platform.call_row("v3:e9"))["status"], await all_handled(platform)) == (
        "in_progress",
        True,
    )


async def test_end_of_the_current_stream_resumes_despite_a_live_node(
    platform: WebhookPlatform,
) -> None:
    """The node has not noticed yet that its socket is closed."""
    url = await resume_lost_call(platform, "v3:e10")
    await platform.add_node("m3", url=NODE)
    await platform.post_telnyx("streaming.failed", "v3:e10", stream_params={"stream_url": url})
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.body["stream_url"].rpartition("/")[0]) == (
        "streaming_start",
        f"{NODE}/media/telnyx",
    )


async def test_call_of_a_dead_node_is_resumed(platform: WebhookPlatform) -> None:
    await resume_lost_call(platform, "v3:e11")
    await platform.remove_node("m2")
    await platform.add_node("m1")
    await platform.post_telnyx("streaming.stopped", "v3:e11")
    assert platform.telnyx_api.actions == ["streaming_start"]


async def test_call_that_streams_already_is_unchanged(platform: WebhookPlatform) -> None:
    """Two events report one loss: when the second is processed, the first has resumed the call."""
    await answer_telnyx_call(platform, "v3:e12")
    platform.telnyx_api.refused["streaming_start"] = STREAMS
    await platform.post_telnyx("streaming.stopped", "v3:e12")
    assert [command.action for command in platform.telnyx_api.received[2:]] == ["streaming_start"]
    assert platform.telnyx_api.actions == []
    assert ((await platform.call_row("v3:e12"))["status"], await all_handled(platform)) == (
        "in_progress",
        True,
    )


async def test_unanswered_call_is_not_completed(platform: WebhookPlatform) -> None:
    """Telnyx reports normal_clearing for it, too."""
    await platform.ring_telnyx("v3:f2")
    await platform.post_telnyx("call.hangup", "v3:f2", hangup_cause="normal_clearing", hangup_source="caller")
    call_id = await platform.queue_outbound("telnyx")
    state = client_state(str(call_id))
    await platform.post_telnyx("call.hangup", "v3:f3", client_state=state, hangup_cause="normal_clearing")
    assert [(await platform.call_row(name))["status"] for name in ("v3:f2", "v3:f3")] == [
        "canceled",
        "no_answer",
    ]


@pytest.mark.parametrize("outbound", [True, False])
async def test_late_answer_completes_the_call(platform: WebhookPlatform, outbound: bool) -> None:
    name = f"v3:f4-{outbound}"
    fields: dict[str, Any] = {"direction": "incoming"}
    if outbound:
        fields = {
            "direction": "outgoing",
            "client_state": client_state(str(await platform.queue_outbound("telnyx"))),
        }
    else:
        await platform.ring_telnyx(name)
    answer = platform.telnyx_body(
        "call.answered", new_id(), {"call_control_id": name, "to": platform.telnyx_number} | fields
    )
    platform.telnyx_api.carried_out.clear()
    platform.telnyx_api.refused |= {"speak": CALL_HAS_ENDED, "streaming_start": CALL_HAS_ENDED}
    await platform.post_telnyx("call.hangup", name, hangup_cause="normal_clearing", **fields)
    assert (await platform.call_row(name))["status"] in ("canceled", "no_answer")
    assert (await platform.post_telnyx_body(answer)).status == 200
    row = await platform.call_row(name)
    assert (row["status"], row["answered_at"] is not None) == ("completed", True)
    assert platform.telnyx_api.actions == []


async def test_number_of_another_carrier_is_rejected(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:f5", to=platform.number)
    assert platform.telnyx_api.actions == ["reject"]


@pytest.mark.parametrize("consented", [True, False])
async def test_call_is_recorded_only_with_consent(database_url: str, valkey_url: str, consented: bool) -> None:
    async with running_webhooks(database_url, valkey_url, recordings="carrier") as platform:
        await platform.add_node()
        if consented:
            recording = {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."}
            await platform.execute(
                "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, "
                "voice_config) SELECT agent_id, 2, workspace_id, name, config || $2, voice_provider, voice_config "
                "FROM agent_versions WHERE workspace_id = $1",
                platform.workspace_id, {"recording": recording},
            )  # fmt: skip
            await platform.execute("UPDATE agents SET version = 2 WHERE workspace_id = $1", platform.workspace_id)
        await platform.ring_telnyx(f"v3:f6-{consented}")
        closed = {
            "hours": {"exceptions": [{"date": "2099-01-01", "ranges": [{"opens": "09:00", "closes": "10:00"}]}]},
            "outside_hours": {"action": "hang_up", "text": "We are closed."},
        }
        await platform.execute(
            "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config) "
            "SELECT a.id, 3, v.workspace_id, v.name, v.config || $2 FROM agent_versions v "
            "JOIN agents a ON a.id = v.agent_id AND a.version = v.version WHERE v.workspace_id = $1",
            platform.workspace_id, closed,
        )  # fmt: skip
        await platform.execute("UPDATE agents SET version = 3 WHERE workspace_id = $1", platform.workspace_id)
        await platform.ring_telnyx(f"v3:f7-{consented}")
        assert platform.telnyx_api.actions == ["answer"] * 2
        assert ["record" in command.body for command in platform.telnyx_api.carried_out] == [consented, False]
