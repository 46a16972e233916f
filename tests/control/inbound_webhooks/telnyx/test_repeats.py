"""Commands and reports that come twice: what runs is never ended by the second one.

How Telnyx answers a repeated command is not documented (docs: command-retries), so here it refuses.
"""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from control.calls.live.service import HANG_UP, STREAM_ENDED, HangupJob, StreamEndedJob
from control.inbound_webhooks.tasks import webhooks_tasks
from control.inbound_webhooks.telnyx.commands import SPEAK_MARGIN_S
from control.inbound_webhooks.telnyx.wire import stream_key
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.live import LiveCall, LiveCalls
from tests.control.inbound_webhooks.telnyx.steps import (
    HUMAN,
    INVALID_REQUEST,
    all_handled,
    answer_telnyx_call,
    retry_after,
)
from tests.platform.webhooks import NODE, WebhookPlatform, client_state

FIRST_URL, SECOND_URL = f"{NODE}/media/telnyx/secret-1", f"{NODE}/media/telnyx/secret-2"


async def reopen(platform: WebhookPlatform, kind: str) -> None:
    """As if the process had died after it sent the event's commands."""
    await platform.execute("UPDATE webhook_events SET handled_at = NULL WHERE event_type = $1", kind)


async def put_outcome(platform: WebhookPlatform, call: str, outcome: StreamOutcome) -> None:
    call_id = (await platform.call_row(call))["id"]
    await Checkpoints(platform.redis, platform.sealer).put_outcome(str(call_id), outcome)


async def transfer(platform: WebhookPlatform, call: str, **payload: Any) -> dict[str, Any]:
    """A connected call is transferred; returns what the events of the other leg carry."""
    await put_outcome(platform, call, StreamOutcome(0, HUMAN))
    await platform.post_telnyx("streaming.stopped", call, stream_url=FIRST_URL, **payload)
    command = platform.telnyx_api.carried_out[-1]
    assert command.action == "transfer"
    return {"client_state": command.body["target_leg_client_state"], "direction": "outgoing"}


async def hangup_delays(platform: WebhookPlatform, call: str) -> list[timedelta]:
    """How long the jobs wait that hang this call up."""
    call_id = (await platform.call_row(call))["id"]
    async with platform.pool.transaction() as db:
        rows = await db.fetch(
            "SELECT payload, execute_after - created AS delay FROM pgqueuer WHERE entrypoint = $1", HANG_UP
        )
    jobs = [(msgspec.json.decode(row["payload"], type=HangupJob), row["delay"]) for row in rows]
    return [delay for job, delay in jobs if job.call_id == call_id and job.reason is None]


async def test_refused_repeat_of_an_answer_does_not_end_the_call(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:s1")
    await reopen(platform, "call.initiated")
    platform.telnyx_api.refused |= dict.fromkeys(["answer", "reject"], INVALID_REQUEST)
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == [] and await all_handled(platform)
    assert (await platform.call_row("v3:s1"))["status"] == "in_progress"


async def test_refused_repeat_of_a_stream_does_not_speak_into_the_conversation(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:s2")
    call_id = str((await platform.call_row("v3:s2"))["id"])
    await LiveCalls(platform.redis).refresh([LiveCall(call_id, "m1", 0)])
    await reopen(platform, "call.answered")
    platform.telnyx_api.refused["streaming_start"] = INVALID_REQUEST
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == [] and await all_handled(platform)
    assert (await platform.call_row("v3:s2"))["status"] == "in_progress"


async def test_two_ends_of_one_stream_are_one_transfer(platform: WebhookPlatform) -> None:
    """A stream that was started twice, because the first answer was lost, has two addresses."""
    await answer_telnyx_call(platform, "v3:s3")
    await transfer(platform, "v3:s3")
    await platform.post_telnyx("streaming.stopped", "v3:s3", stream_url=SECOND_URL)
    assert platform.telnyx_api.actions == ["transfer"]
    first, second = platform.telnyx_api.received[-2:]
    assert first.body["command_id"] == second.body["command_id"]


async def test_refused_repeat_of_a_transfer_does_not_speak_to_the_caller(platform: WebhookPlatform) -> None:
    """The other leg is being called already; its events decide what follows."""
    await answer_telnyx_call(platform, "v3:s4")
    leg = await transfer(platform, "v3:s4")
    platform.telnyx_api.refused["transfer"] = INVALID_REQUEST
    await platform.post_telnyx("call.initiated", "v3:leg-s4", **leg)
    await reopen(platform, "streaming.stopped")
    assert await retry_after(platform) == 1
    await platform.post_telnyx("streaming.stopped", "v3:s4", stream_url=SECOND_URL)
    assert platform.telnyx_api.actions == ["transfer"] and await all_handled(platform)


async def test_late_end_of_a_stream_does_not_end_a_transferred_call(platform: WebhookPlatform) -> None:
    """Its outcome has expired in Redis."""
    await answer_telnyx_call(platform, "v3:s11")
    leg = await transfer(platform, "v3:s11")
    await platform.post_telnyx("call.initiated", "v3:leg-s11", **leg)
    await platform.execute(
        "UPDATE calls SET status = 'completed', end_reason = 'transferred', ended_at = now() "
        "WHERE carrier_call_id = $1", "v3:s11",
    )  # fmt: skip
    await platform.redis.flushall()
    await platform.post_telnyx("streaming.stopped", "v3:s11", stream_url=SECOND_URL)
    assert platform.telnyx_api.actions == ["transfer"]


async def test_target_that_is_reported_during_a_refusal_is_not_talked_over(platform: WebhookPlatform) -> None:
    """The first attempt was carried out, and the leg's first event comes while the repeat is refused."""
    await answer_telnyx_call(platform, "v3:s5")
    await put_outcome(platform, "v3:s5", StreamOutcome(0, HUMAN))
    platform.telnyx_api.refused["transfer"] = INVALID_REQUEST
    waiting = platform.telnyx_api.blocked["transfer"] = asyncio.Event()
    stopped = asyncio.create_task(platform.post_telnyx("streaming.stopped", "v3:s5", stream_url=FIRST_URL))
    await platform.wait_until(lambda: platform.telnyx_api.received[-1].action == "transfer")
    state = client_state("transfer:v3:s5")
    await platform.post_telnyx("call.initiated", "v3:leg-s5", client_state=state, direction="outgoing")
    waiting.set()
    assert (await stopped).status == 200
    assert platform.telnyx_api.actions == []


@pytest.mark.parametrize("kind", ["call.initiated", "call.answered", "streaming.stopped"])
async def test_late_event_does_not_end_a_transferred_call(platform: WebhookPlatform, kind: str) -> None:
    """Its row has been over for minutes, and the caller talks to the target."""
    call = f"v3:s6-{kind}"
    await answer_telnyx_call(platform, call)
    leg = await transfer(platform, call)
    await platform.post_telnyx("call.answered", f"{call}-leg", **leg)
    details = (await platform.call_row(call))["details"]
    ended, until = platform.clock() - timedelta(minutes=5), platform.clock() + timedelta(minutes=50)
    details["put_through"] = {"talked_s": 5, "until": until.isoformat()}
    await platform.execute(
        "UPDATE calls SET status = 'completed', end_reason = 'transferred', ended_at = $2, details = $3 "
        "WHERE carrier_call_id = $1", call, ended, details,
    )  # fmt: skip
    platform.telnyx_api.carried_out.clear()
    await platform.execute(
        "UPDATE webhook_events SET handled_at = NULL WHERE event_type = $1 AND payload #>> "
        "'{data,payload,call_control_id}' = $2", kind, call,
    )  # fmt: skip
    assert await retry_after(platform, 61) == 1
    assert platform.telnyx_api.actions == []


async def test_medias_report_finds_a_call_whose_id_has_changed_since(platform: WebhookPlatform) -> None:
    session: dict[str, Any] = {"call_session_id": "session-s7"}
    await answer_telnyx_call(platform, "v3:s7", **session)
    call_id = (await platform.call_row("v3:s7"))["id"]
    state = client_state(f"inbound:{call_id}")
    await platform.post_telnyx("call.machine.detection.ended", "v3:s7-b", result="human", client_state=state, **session)
    await put_outcome(platform, "v3:s7-b", StreamOutcome(0, HUMAN))
    job = StreamEndedJob(call_id, 0, "v3:s7", stream_key(FIRST_URL), "session-s7")
    await webhooks_tasks(platform.pool, platform.services).handlers[STREAM_ENDED](msgspec.json.encode(job))
    assert platform.telnyx_api.actions == ["transfer"]


async def test_failed_transfer_is_told_to_a_call_whose_id_changes(platform: WebhookPlatform) -> None:
    """Users of Telnyx have seen call_control_id change. The other leg's events name the call by the row's id."""
    session: dict[str, Any] = {"call_session_id": "session-s8"}
    await answer_telnyx_call(platform, "v3:s8", **session)
    call_id = (await platform.call_row("v3:s8"))["id"]
    state = session | {"client_state": client_state(f"inbound:{call_id}")}
    await put_outcome(platform, "v3:s8", StreamOutcome(0, HUMAN))
    await platform.post_telnyx("streaming.stopped", "v3:s8-b", stream_url=FIRST_URL, **state)
    command = platform.telnyx_api.carried_out[-1]
    assert (command.action, command.call) == ("transfer", "v3:s8-b")
    leg: dict[str, Any] = {"client_state": command.body["target_leg_client_state"], "direction": "outgoing"}
    await platform.post_telnyx("call.initiated", "v3:leg-s8", **leg)
    await platform.post_telnyx("call.bridged", "v3:s8-c", **state)
    await platform.post_telnyx("call.hangup", "v3:leg-s8", hangup_cause="normal_clearing", **leg)
    told = platform.telnyx_api.carried_out[-1]
    assert (told.action, told.call) == ("streaming_start", "v3:s8")
    assert (await platform.call_row("v3:s8"))["details"]["returns"][0]["target"] == "v3:leg-s8"


async def test_lost_end_of_the_last_words_leaves_no_line_up(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:s9")
    leg = await transfer(platform, "v3:s9")
    await platform.remove_node("m1")
    await platform.post_telnyx("call.hangup", "v3:leg-s9", hangup_cause="user_busy", **leg)
    words = platform.telnyx_api.carried_out[-1].body["payload"]
    (delay,) = await hangup_delays(platform, "v3:s9")
    assert delay.total_seconds() == pytest.approx(SPEAK_MARGIN_S + len(words) / 10, abs=1)


async def test_lost_end_of_a_refusal_leaves_no_line_up(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:s10")
    await platform.remove_node("m1")
    await platform.post_telnyx("call.answered", "v3:s10")
    assert platform.telnyx_api.actions == ["answer", "speak"]
    (delay,) = await hangup_delays(platform, "v3:s10")
    assert delay.total_seconds() > SPEAK_MARGIN_S
