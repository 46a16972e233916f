"""Redis away when a stream ends: nothing is known then, so nothing is written down that media's later word contradicts.

The second world of each test sees the same database and carriers as the first, and no Redis.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from control.calls.model import Admitted, Refused
from control.calls.writing import read, write
from control.db.scope import enter_platform
from control.webhooks.leading import Leading
from control.webhooks.metrics import WebhookMetrics
from shared.events import CallEnded, CallStarted, EndReason, Envelope, Event, Usage, encode_event
from tests.control.webhooks.deaf import deaf_redis
from tests.control.webhooks.reply import Reply
from tests.control.webhooks.stage import World, running
from tests.control.webhooks.test_continue import asks, begun

STATUS = "/webhooks/calls/status"


@pytest.fixture
async def blind(database_url: str) -> AsyncIterator[World]:
    """The webhooks without Redis."""
    async with running(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as made:
        yield made


async def media_tells(world: World, call_id: UUID, seq: int, event: Event) -> None:
    """The sink's work."""
    line = encode_event(Envelope(str(call_id), seq, world.clock().isoformat(), event))
    async with world.pool.transaction() as db:
        await enter_platform(db)
        assert (await write(db, [read("0-1", line)])).fresh == 1


async def talking(world: World, sid: str) -> tuple[str, UUID]:
    """A call at Twilio whose agent speaks; see `begun`."""
    action, call_id = await begun(world, sid)
    await media_tells(world, call_id, 1, CallStarted("twilio", sid, "MZ1", "Desk"))
    assert (await world.row(sid))["status"] == "in_progress"
    return action, call_id


def ended(reason: EndReason) -> CallEnded:
    return CallEnded("completed", reason, "", 30_000, Usage())


async def noted(world: World, name: str) -> Any:
    """Once it is written down that the call was cut off."""

    async def row() -> Any:
        found = await world.row(name)
        return found if "lost" in found["details"] else None

    return await world.until(row)


async def carrier_ends(world: World, sid: str) -> Reply:
    """Twilio's word that the call is over."""
    fields = {"CallSid": sid, "CallStatus": "completed", "CallDuration": "33", "SequenceNumber": "3"}
    return await world.twilio(STATUS, fields | {"Direction": "inbound"})


@pytest.mark.parametrize("reason", ["agent_hangup", "transferred"])
async def test_a_conversation_that_was_over_is_written_down_as_media_tells_it(
    world: World, blind: World, reason: EndReason
) -> None:
    sid = f"CG-{reason}"
    action, call_id = await talking(world, sid)
    reply = await asks(blind, action, sid)
    assert reply.verbs == ["Say", "Hangup"]
    assert "cannot go on" in reply.said and "busy" not in reply.said
    row = await noted(world, sid)
    assert (row["status"], row["end_reason"]) == ("in_progress", None)
    await carrier_ends(world, sid)
    row = await world.row(sid)
    assert (row["status"], row["end_reason"]) == ("completed", "media_lost")
    await media_tells(world, call_id, 9, ended(reason))
    row = await world.row(sid)
    seconds = 33 if reason == "transferred" else 30  # of callers put through the carrier's word counts
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", reason, seconds)


async def test_medias_word_may_be_the_first(world: World, blind: World) -> None:
    action, call_id = await talking(world, "CG1")
    await asks(blind, action, "CG1")
    await noted(world, "CG1")
    await media_tells(world, call_id, 9, ended("agent_hangup"))
    await carrier_ends(world, "CG1")
    row = await world.row("CG1")
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "agent_hangup", 30)


async def test_a_call_that_is_written_down_as_over_is_hung_up(world: World, blind: World) -> None:
    action, call_id = await talking(world, "CG2")
    await media_tells(world, call_id, 9, ended("agent_hangup"))
    assert (await asks(blind, action, "CG2")).verbs == ["Hangup"]


async def test_who_cannot_be_put_through_is_told_so(world: World, blind: World) -> None:
    action, call_id = await talking(world, "CG3")
    await media_tells(world, call_id, 9, ended("transferred"))
    reply = await asks(blind, action, "CG3")
    assert reply.verbs == ["Say", "Hangup"]
    assert "cannot go on" in reply.said
    row = await world.row("CG3")
    assert (row["status"], row["end_reason"]) == ("completed", "transferred")


async def test_the_agents_language_is_spoken(world: World, blind: World) -> None:
    """As Twilio's request carries it."""
    action, _ = await talking(world, "CG4")
    german = action.replace("language=en-US", "language=de-DE")
    assert "Auf Wiederhören" in (await asks(blind, german, "CG4")).said
    assert await noted(world, "CG4")


async def test_the_agents_language_is_spoken_at_telnyx(world: World, blind: World) -> None:
    """Whose request carries none."""
    call_id = await talking_at_telnyx(world, "v3:bus-german")
    await world.sql(
        "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, voice_config) "
        "SELECT agent_id, 2, workspace_id, name, jsonb_set(config, '{language}', to_jsonb('de'::text)), "
        "voice_provider, voice_config FROM agent_versions WHERE agent_id = $1 AND version = 1",
        (await world.row("v3:bus-german"))["agent_id"],
    )
    await world.sql("UPDATE calls SET agent_version = 2 WHERE id = $1", call_id)
    await blind.telnyx("streaming.stopped", "v3:bus-german")
    assert "Auf Wiederhören" in blind.exchange.taken[0].body["payload"]


async def test_redis_may_go_away_while_the_call_is_led_back(world: World, blind: World) -> None:
    await talking(world, "CG5")
    leading = Leading(blind.pool, blind.rooms, WebhookMetrics(), 5.0)
    its = await leading.transact(lambda db: blind.rooms.calls.go_on(db, "twilio", "CG5", blind.clock()))
    assert its is not None
    outcome, _ = await leading.resume(its, blind.clock())
    assert isinstance(outcome, Refused) and outcome.why == "cut_off"
    plan = await leading.transact(lambda db: blind.rooms.calls.resume(db, its, None, blind.clock()))
    assert isinstance(plan, Admitted) and plan.leg == 1
    refused = await leading.stream(plan)
    assert isinstance(refused, Refused) and refused.why == "cut_off"
    first = await leading.stream(replace(plan, leg=0))
    assert isinstance(first, Refused) and first.why == "all_busy"


async def test_a_redis_that_does_not_answer_is_as_good_as_none(world: World, database_url: str) -> None:
    action, _ = await talking(world, "CG6")
    async with deaf_redis() as url, running(database_url, url, redis_timeout_s=0.2) as deaf:
        assert "cannot go on" in (await asks(deaf, action, "CG6")).said
    assert (await noted(world, "CG6"))["status"] == "in_progress"


async def talking_at_telnyx(world: World, call: str) -> UUID:
    """A call whose agent speaks."""
    await world.incoming(call)
    await world.telnyx("call.answered", call, direction="incoming")
    call_id: UUID = (await world.row(call))["id"]
    await media_tells(world, call_id, 1, CallStarted("telnyx", call, "S1", "Desk"))
    return call_id


@pytest.mark.parametrize("reason", ["agent_hangup", "transferred"])
async def test_the_same_at_telnyx(world: World, blind: World, reason: EndReason) -> None:
    call = f"v3:bus-{reason}"
    call_id = await talking_at_telnyx(world, call)
    await blind.telnyx("streaming.stopped", call)
    assert blind.exchange.actions == ["speak"]
    assert "cannot go on" in blind.exchange.taken[0].body["payload"]
    row = await noted(world, call)
    assert (row["status"], row["end_reason"]) == ("in_progress", None)
    await blind.telnyx("call.speak.ended", call)
    assert blind.exchange.actions == ["speak", "hangup"]
    await blind.telnyx("call.hangup", call, hangup_cause="normal_clearing", hangup_source="callee")
    row = await world.row(call)
    assert (row["status"], row["end_reason"]) == ("completed", "media_lost")
    await media_tells(world, call_id, 9, ended(reason))
    row = await world.row(call)
    assert (row["status"], row["end_reason"]) == ("completed", reason)


async def test_one_that_is_over_is_hung_up_at_telnyx(world: World, blind: World) -> None:
    call_id = await talking_at_telnyx(world, "v3:bus-over")
    await media_tells(world, call_id, 9, ended("silence"))
    await blind.telnyx("streaming.stopped", "v3:bus-over")
    assert blind.exchange.actions == ["hangup"]


async def test_one_that_nobody_knows_is_hung_up_at_telnyx(blind: World) -> None:
    await blind.telnyx("streaming.stopped", "v3:bus-never")
    assert blind.exchange.actions == ["hangup"]
