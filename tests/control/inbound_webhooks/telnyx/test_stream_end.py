"""Telnyx's calls after a media stream: hung up, transferred or resumed."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.calls.announcements import transfer_returned_text
from control.calls.records.details import decode_details
from control.inbound_webhooks.service import WebhookMetrics
from control.inbound_webhooks.tasks import retry_open_webhooks
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Tickets
from tests.control.inbound_webhooks.telnyx.steps import (
    HUMAN,
    OTHER_NODE_URL,
    all_handled,
    answer_telnyx_call,
    any_failed,
    retry_after,
)
from tests.platform.webhooks import NODE, WebhookPlatform, client_state


async def test_ended_conversation_hangs_up(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e1")
    call_id = (await platform.call_row("v3:e1"))["id"]
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0))
    await platform.post_telnyx("streaming.stopped", "v3:e1")
    assert [(command.action, command.call) for command in platform.telnyx_api.carried_out] == [("hangup", "v3:e1")]


async def test_ended_call_is_hung_up(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e2")
    await platform.execute("UPDATE calls SET status = 'completed', ended_at = now() WHERE carrier_call_id = 'v3:e2'")
    await platform.post_telnyx("streaming.stopped", "v3:e2")
    assert [(command.action, command.call) for command in platform.telnyx_api.carried_out] == [("hangup", "v3:e2")]


async def test_telnyx_says_what_no_voice_of_the_agent_could_say_and_hangs_up(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e15")
    call_id = (await platform.call_row("v3:e15"))["id"]
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, "", "Auf Wiederhören.", "de"))
    await platform.execute("UPDATE calls SET status = 'failed', ended_at = now() WHERE carrier_call_id = 'v3:e15'")
    await platform.post_telnyx("streaming.stopped", "v3:e15")
    spoken = platform.telnyx_api.carried_out[0]
    assert (spoken.action, spoken.body["payload"], spoken.body["language"]) == ("speak", "Auf Wiederhören.", "de-DE")
    await platform.post_telnyx("call.speak.ended", "v3:e15")
    assert platform.telnyx_api.actions == ["speak", "hangup"]


async def test_transfer_and_its_failure(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e3")
    call_id = (await platform.call_row("v3:e3"))["id"]
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    await platform.execute(
        "UPDATE calls SET status = 'completed', end_reason = 'transferred', ended_at = now() WHERE id = $1", call_id
    )
    await platform.post_telnyx("streaming.stopped", "v3:e3")
    command = platform.telnyx_api.carried_out[0]
    assert (command.action, command.call) == ("transfer", "v3:e3")
    assert (command.body["to"], command.body["from"]) == (HUMAN, platform.telnyx_number)
    assert command.body["time_limit_secs"] == 3_600
    # The other leg is not a call of the platform. If it is not answered, the caller goes on with the agent.
    leg: dict[str, Any] = {"client_state": command.body["target_leg_client_state"], "direction": "outgoing"}
    await platform.post_telnyx("call.initiated", "v3:leg", **leg)
    await platform.post_telnyx("call.hangup", "v3:leg", hangup_cause="timeout", **leg)
    await platform.post_telnyx("call.initiated", "v3:leg", **leg)  # late
    assert platform.telnyx_api.actions == ["transfer", "streaming_start"]
    stream = platform.telnyx_api.carried_out[1]
    token = stream.body["stream_url"].rpartition("/")[2]
    plan = await Tickets(platform.redis, platform.sealer).claim(token, "telnyx", "v3:e3")
    assert stream.call == "v3:e3" and plan.resume is not None
    assert (plan.leg, plan.resume.transfer_failure) == (1, "no_answer")
    assert plan.agent.greeting == transfer_returned_text("en", "no_answer")
    row = await platform.call_row("v3:e3")
    details = decode_details(row["details"])
    assert (row["status"], row["end_reason"], details.carrier.transfer_called) == ("in_progress", None, None)
    # The end of the next stream is one like any other.
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(1))
    await platform.post_telnyx("streaming.stopped", "v3:e3", stream_url=stream.body["stream_url"])
    assert platform.telnyx_api.actions[2:] == ["hangup"]


async def test_costs_of_a_transfers_legs_are_costs_of_the_call(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e20")
    for number, cost in enumerate(["0.0010", "0.0200"]):
        leg: dict[str, Any] = {"client_state": client_state("transfer:v3:e20"), "call_leg_id": f"leg-{number}"}
        for _ in range(2):
            await platform.post_telnyx("call.cost", f"v3:e20-{number}", total_cost=cost, **leg)
    assert decode_details((await platform.call_row("v3:e20"))["details"]).carrier.total_cost is None
    await platform.post_telnyx("call.cost", "v3:e20", total_cost="0.0300")
    assert decode_details((await platform.call_row("v3:e20"))["details"]).carrier.total_cost == Decimal("0.0510")


async def test_agent_that_could_not_be_connected_is_tried_again(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e21")
    platform.telnyx_api.unavailable.add("streaming_start")
    leg: dict[str, Any] = {"client_state": client_state("transfer:v3:e21"), "direction": "outgoing"}
    await platform.post_telnyx("call.hangup", "v3:leg21", hangup_cause="user_busy", **leg)
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    assert await retry_after(platform) == 1
    (stream,) = platform.telnyx_api.carried_out
    token = stream.body["stream_url"].rpartition("/")[2]
    plan = await Tickets(platform.redis, platform.sealer).claim(token, "telnyx", "v3:e21")
    assert plan.resume is not None and plan.resume.transfer_failure == "busy"
    assert len(decode_details((await platform.call_row("v3:e21"))["details"]).returns) == 1


@pytest.mark.parametrize(("reached", "done"), [("call.answered", []), ("call.bridged", []), ("", ["streaming_start"])])
async def test_transfer_is_reached_by_its_legs_own_event(
    platform: WebhookPlatform, reached: str, done: list[str]
) -> None:
    """A target that declines has the hang-up cause of one that talked."""
    call = f"v3:e4{reached}"
    await answer_telnyx_call(platform, call)
    leg: dict[str, Any] = {"client_state": client_state(f"transfer:{call}"), "direction": "outgoing"}
    if reached:
        await platform.post_telnyx(reached, "v3:leg2", **leg)
    await platform.post_telnyx("call.hangup", "v3:leg2", hangup_cause="normal_clearing", **leg)
    assert platform.telnyx_api.actions == done


async def test_failed_transfer_is_told_in_the_agents_language_where_no_node_has_room(platform: WebhookPlatform) -> None:
    await platform.configure_agents({"language": "fr"})
    await answer_telnyx_call(platform, "v3:e9")
    await platform.remove_node("m1")
    leg: dict[str, Any] = {"client_state": client_state("transfer:v3:e9"), "direction": "outgoing"}
    await platform.post_telnyx("call.hangup", "v3:leg9", hangup_cause="call_rejected", **leg)
    assert platform.telnyx_api.carried_out[0].body["language"] == "fr-FR"


@pytest.mark.parametrize("kind", ["streaming.stopped", "streaming.failed"])
async def test_lost_call_is_resumed_at_another_node(platform: WebhookPlatform, kind: str) -> None:
    call = f"v3:{kind}"
    await answer_telnyx_call(platform, call)
    await platform.remove_node("m1")
    await platform.add_node("m2", url=OTHER_NODE_URL)
    await platform.post_telnyx(kind, call, failure_reason="connection_lost")
    command = platform.telnyx_api.carried_out[0]
    url = command.body["stream_url"]
    assert (command.action, url.rpartition("/")[0]) == ("streaming_start", f"{OTHER_NODE_URL}/media/telnyx")
    plan = await Tickets(platform.redis, platform.sealer).claim(url.rpartition("/")[2], "telnyx", call)
    assert (plan.leg, plan.resume is not None) == (1, True)
    assert (await platform.call_row(call))["media_node"] == "m2"


async def test_failed_and_stopped_are_one_end_of_a_stream(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e6")
    url = f"{NODE}/media/telnyx/secret-4711"
    await asyncio.gather(
        platform.post_telnyx("streaming.failed", "v3:e6", stream_params={"stream_url": url}),
        platform.post_telnyx("streaming.stopped", "v3:e6", stream_url=url),
    )
    assert platform.telnyx_api.actions == ["streaming_start"]
    await platform.post_telnyx("streaming.stopped", "v3:e6", stream_url=f"{NODE}/media/telnyx/another")
    assert platform.telnyx_api.actions == ["streaming_start"] * 2
    assert "secret" not in str(await platform.stored_events())
    assert platform.metric("vocalized_control_webhook_resumed_total", carrier="telnyx") == 2


async def test_resumption_by_a_retry_is_counted(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e8")
    platform.telnyx_api.unavailable.add("streaming_start")
    await platform.post_telnyx("streaming.stopped", "v3:e8")
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    registry = CollectorRegistry()
    now = platform.clock() + timedelta(seconds=6)
    assert await retry_open_webhooks(platform.pool, platform.services, now, 50, WebhookMetrics(registry)) == 1
    assert registry.get_sample_value("vocalized_control_webhook_resumed_total", {"carrier": "telnyx"}) == 1


async def test_late_retry_does_not_hang_up_a_live_call(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e7")
    platform.telnyx_api.unavailable.add("streaming_start")
    await platform.post_telnyx("streaming.stopped", "v3:e7")
    await platform.wait_until(lambda: any_failed(platform))
    row = await platform.call_row("v3:e7")
    live = LiveCall(str(row["id"]), "m1", 1)
    await LiveCalls(platform.redis).refresh([live])
    assert await retry_after(platform, 61) == 1
    assert platform.telnyx_api.actions == []
    assert await all_handled(platform)


async def test_call_whose_audio_is_unusable_is_refused_by_voice(platform: WebhookPlatform) -> None:
    await platform.configure_agents({"language": "es"})
    await answer_telnyx_call(platform, "v3:e10")
    call_id = (await platform.call_row("v3:e10"))["id"]
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, is_refused=True))
    await platform.post_telnyx("streaming.stopped", "v3:e10")
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.body["language"]) == ("speak", "es-ES")
    row = await platform.call_row("v3:e10")
    assert (row["status"], row["end_detail"]) == ("failed", "unusable")


async def test_lost_call_without_a_node_is_refused_by_voice(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e5")
    await platform.remove_node("m1")
    await platform.post_telnyx("streaming.failed", "v3:e5")
    assert platform.telnyx_api.actions == ["speak"]
    row = await platform.call_row("v3:e5")
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "media_lost", "all_busy")


def checkpoints(platform: WebhookPlatform) -> Checkpoints:
    return Checkpoints(platform.redis, platform.sealer)


async def test_caller_who_hangs_up_after_the_node_was_lost_did_not_end_the_call(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:e90")
    await platform.remove_node("m1")
    await platform.post_telnyx("call.hangup", "v3:e90", hangup_cause="normal_clearing")
    assert (await platform.call_row("v3:e90"))["end_reason"] == "caller_hangup"
    await platform.post_telnyx("streaming.stopped", "v3:e90")
    assert (await platform.call_row("v3:e90"))["end_reason"] == "media_lost"
