"""Telnyx's calls after a media stream: the conversation came to its end, or was lost and goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.webhooks.later import finish_open
from control.webhooks.metrics import WebhookMetrics
from shared.bus.checkpoints import Checkpoints, Over
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Tickets
from tests.control.webhooks.stage import NODE, World, client_state, sealer_of
from tests.control.webhooks.telnyx_steps import HUMAN, SPARE, all_handled, answered, has_failed, later


async def test_the_end_of_a_conversation_hangs_up(world: World) -> None:
    await answered(world, "v3:e1")
    call_id = (await world.row("v3:e1"))["id"]
    await _checkpoints(world).end(str(call_id), Over(0))
    await world.telnyx("streaming.stopped", "v3:e1")
    assert [(one.action, one.call) for one in world.exchange.taken] == [("hangup", "v3:e1")]


async def test_a_call_that_is_written_down_as_over_is_hung_up_all_the_same(world: World) -> None:
    await answered(world, "v3:e2")
    await world.sql("UPDATE calls SET status = 'completed', ended_at = now() WHERE carrier_call_id = 'v3:e2'")
    await world.telnyx("streaming.stopped", "v3:e2")
    assert [(one.action, one.call) for one in world.exchange.taken] == [("hangup", "v3:e2")]


async def test_a_transfer(world: World) -> None:
    await answered(world, "v3:e3")
    call_id = (await world.row("v3:e3"))["id"]
    await _checkpoints(world).end(str(call_id), Over(0, HUMAN))
    await world.sql("UPDATE calls SET status = 'completed', ended_at = now() WHERE carrier_call_id = 'v3:e3'")
    await world.telnyx("streaming.stopped", "v3:e3")
    asked = world.exchange.taken[0]
    assert (asked.action, asked.call) == ("transfer", "v3:e3")
    assert (asked.body["to"], asked.body["from"]) == (HUMAN, world.telnyx_number)
    assert asked.body["time_limit_secs"] == 3_600
    # The other leg is no call of ours, and when nobody answers there, the caller is told.
    leg: dict[str, Any] = {"client_state": asked.body["target_leg_client_state"], "direction": "outgoing"}
    await world.telnyx("call.initiated", "v3:leg", **leg)
    await world.telnyx("call.hangup", "v3:leg", hangup_cause="timeout", **leg)
    assert world.exchange.actions == ["transfer", "speak"]
    assert world.exchange.taken[1].call == "v3:e3"
    await world.telnyx("call.speak.ended", "v3:e3")
    assert (world.exchange.taken[2].action, world.exchange.taken[2].call) == ("hangup", "v3:e3")


async def test_a_transfer_that_was_answered_is_left_alone(world: World) -> None:
    leg: dict[str, Any] = {"client_state": client_state("transfer:v3:e4"), "direction": "outgoing"}
    await world.telnyx("call.answered", "v3:leg2", **leg)
    await world.telnyx("call.hangup", "v3:leg2", hangup_cause="normal_clearing", **leg)
    assert world.exchange.taken == []


@pytest.mark.parametrize("kind", ["streaming.stopped", "streaming.failed"])
async def test_a_lost_call_goes_on_at_another_node(world: World, kind: str) -> None:
    call = f"v3:{kind}"
    await answered(world, call)
    await world.lose("m1")
    await world.node("m2", url=SPARE)
    await world.telnyx(kind, call, failure_reason="connection_lost")
    asked = world.exchange.taken[0]
    url = asked.body["stream_url"]
    assert (asked.action, url.rpartition("/")[0]) == ("streaming_start", f"{SPARE}/media/telnyx")
    plan = await Tickets(world.redis, sealer_of(world)).claim(url.rpartition("/")[2], "telnyx", call)
    assert (plan.leg, plan.resume is not None) == (1, True)
    assert (await world.row(call))["media_node"] == "m2"


async def test_a_stream_that_failed_and_stopped_was_lost_once(world: World) -> None:
    await answered(world, "v3:e6")
    url = f"{NODE}/media/telnyx/secret-4711"
    await asyncio.gather(
        world.telnyx("streaming.failed", "v3:e6", stream_params={"stream_url": url}),
        world.telnyx("streaming.stopped", "v3:e6", stream_url=url),
    )
    assert world.exchange.actions == ["streaming_start"]
    await world.telnyx("streaming.stopped", "v3:e6", stream_url=f"{NODE}/media/telnyx/another")
    assert world.exchange.actions == ["streaming_start"] * 2
    assert "secret" not in str(await world.events())
    assert world.figure("vocalized_control_webhook_resumed_total", carrier="telnyx") == 2


async def test_what_is_finished_later_is_counted_there(world: World) -> None:
    await answered(world, "v3:e8")
    world.exchange.down.add("streaming_start")
    await world.telnyx("streaming.stopped", "v3:e8")
    await world.until(lambda: has_failed(world))
    world.exchange.down.clear()
    registry = CollectorRegistry()
    now = world.clock() + timedelta(seconds=6)
    assert await finish_open(world.pool, world.rooms, now, 50, WebhookMetrics(registry)) == 1
    assert registry.get_sample_value("vocalized_control_webhook_resumed_total", {"carrier": "telnyx"}) == 1


async def test_a_call_that_runs_is_not_hung_up_for_being_late(world: World) -> None:
    await answered(world, "v3:e7")
    world.exchange.down.add("streaming_start")
    await world.telnyx("streaming.stopped", "v3:e7")
    await world.until(lambda: has_failed(world))
    row = await world.row("v3:e7")
    live = LiveCall(str(row["id"]), "m1", 1)
    await LiveCalls(world.redis).beat([live])
    assert await later(world, 61) == 1
    assert world.exchange.actions == []
    assert await all_handled(world)


async def test_a_lost_call_without_any_node_ends_in_words(world: World) -> None:
    await answered(world, "v3:e5")
    await world.lose("m1")
    await world.telnyx("streaming.failed", "v3:e5")
    assert world.exchange.actions == ["speak"]
    row = await world.row("v3:e5")
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "media_lost", "all_busy")


def _checkpoints(world: World) -> Checkpoints:
    return Checkpoints(world.redis, sealer_of(world))
