"""Telnyx's words that come twice, too late or not at all; whose calls are taken, and which of them it records."""

from typing import Any

import pytest

from shared.bus.live import LiveCall, LiveCalls
from shared.ids import new_id
from tests.control.webhooks.stage import NODE, World, client_state, running
from tests.control.webhooks.telnyx_steps import OVER, SPARE, all_handled, answered

STREAMS = "90045"


async def goes_on(world: World, call: str) -> str:
    """A call that was lost, and that a living node carries again; its stream's address."""
    await answered(world, call)
    await world.lose("m1")
    await world.node("m2", url=SPARE)
    await world.telnyx("streaming.failed", call, failure_reason="connection_lost")
    assert world.exchange.actions == ["streaming_start"]
    url: str = world.exchange.taken.pop().body["stream_url"]
    row = await world.row(call)
    await LiveCalls(world.redis).beat([LiveCall(str(row["id"]), "m2", 1)])
    return url


async def test_the_end_of_an_old_stream_told_again_ends_nothing(world: World) -> None:
    await goes_on(world, "v3:e9")
    await world.telnyx("streaming.stopped", "v3:e9")
    await world.telnyx("streaming.stopped", "v3:e9", stream_url=f"{NODE}/media/telnyx/the-old-one")
    assert world.exchange.actions == []
    assert ((await world.row("v3:e9"))["status"], await all_handled(world)) == ("in_progress", True)


async def test_the_end_of_the_present_stream_is_believed_whatever_its_node_tells(world: World) -> None:
    """The node has not noticed yet that the socket is dead."""
    url = await goes_on(world, "v3:e10")
    await world.node("m3", url=NODE)
    await world.telnyx("streaming.failed", "v3:e10", stream_params={"stream_url": url})
    (asked,) = world.exchange.taken
    assert (asked.action, asked.body["stream_url"].rpartition("/")[0]) == ("streaming_start", f"{NODE}/media/telnyx")


async def test_a_node_that_is_gone_carries_nothing(world: World) -> None:
    await goes_on(world, "v3:e11")
    await world.lose("m2")
    await world.node("m1")
    await world.telnyx("streaming.stopped", "v3:e11")
    assert world.exchange.actions == ["streaming_start"]


async def test_a_call_that_streams_already_is_left_alone(world: World) -> None:
    """Two words on one loss at the same moment: the second finds the call led on by the first."""
    await answered(world, "v3:e12")
    world.exchange.refuses["streaming_start"] = STREAMS
    await world.telnyx("streaming.stopped", "v3:e12")
    assert [asked.action for asked in world.exchange.tried[2:]] == ["streaming_start"]
    assert world.exchange.actions == []
    assert ((await world.row("v3:e12"))["status"], await all_handled(world)) == ("in_progress", True)


async def test_what_nobody_answered_is_not_completed(world: World) -> None:
    """Telnyx clears it normally all the same."""
    await world.incoming("v3:f2")
    await world.telnyx("call.hangup", "v3:f2", hangup_cause="normal_clearing", hangup_source="caller")
    call_id = await world.queued("telnyx")
    state = client_state(str(call_id))
    await world.telnyx("call.hangup", "v3:f3", client_state=state, hangup_cause="normal_clearing")
    assert [(await world.row(name))["status"] for name in ("v3:f2", "v3:f3")] == ["canceled", "no_answer"]


@pytest.mark.parametrize("outbound", [True, False])
async def test_an_answer_that_is_told_after_the_end_was_one(world: World, outbound: bool) -> None:
    name = f"v3:f4-{outbound}"
    ours: dict[str, Any] = {"direction": "incoming"}
    if outbound:
        ours = {"direction": "outgoing", "client_state": client_state(str(await world.queued("telnyx")))}
    else:
        await world.incoming(name)
    answer = world.event("call.answered", new_id(), {"call_control_id": name, "to": world.telnyx_number} | ours)
    world.exchange.taken.clear()
    world.exchange.refuses |= {"speak": OVER, "streaming_start": OVER}
    await world.telnyx("call.hangup", name, hangup_cause="normal_clearing", **ours)
    assert (await world.row(name))["status"] in ("canceled", "no_answer")
    assert (await world.sent(answer)).status == 200
    row = await world.row(name)
    assert (row["status"], row["answered_at"] is not None) == ("completed", True)
    assert world.exchange.actions == []


async def test_a_number_that_stands_elsewhere_is_not_answered(world: World) -> None:
    await world.incoming("v3:f5", to=world.number)
    assert world.exchange.actions == ["reject"]


@pytest.mark.parametrize("consented", [True, False])
async def test_only_who_consented_is_recorded(database_url: str, valkey_url: str, consented: bool) -> None:
    async with running(database_url, valkey_url, recordings="carrier") as world:
        await world.node()
        if consented:
            recording = {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."}
            await world.sql(
                "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, "
                "voice_config) SELECT agent_id, 2, workspace_id, name, config || $2, voice_provider, voice_config "
                "FROM agent_versions WHERE workspace_id = $1",
                world.workspace_id, {"recording": recording},
            )  # fmt: skip
            await world.sql("UPDATE agents SET version = 2 WHERE workspace_id = $1", world.workspace_id)
        await world.incoming(f"v3:f6-{consented}")
        await world.sql("UPDATE workspaces SET status = 'suspended' WHERE id = $1", world.workspace_id)
        await world.incoming(f"v3:f7-{consented}")
        assert world.exchange.actions == ["answer"] * 2
        assert ["record" in asked.body for asked in world.exchange.taken] == [consented, False]
