"""After a media stream at Twilio: hang up, transfer, or resume at another node."""

from typing import Any
from uuid import UUID

import pytest

from control.calls.announcements import transfer_returned_text
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.events.service import parse_event, write_events
from control.calls.records.details import decode_details
from control.calls.transfers.rules import MOST_RETURNS
from control.db.scope import enter_platform
from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Tickets
from shared.events import CallEnded, CallUsage, Event, EventEnvelope, encode_event
from shared.plan import HeardMessage
from tests.platform.webhook_reply import WebhookReply
from tests.platform.webhooks import CALLER, NODE, WebhookPlatform

OTHER_NODE_URL = "wss://media-2.example.com"
HUMAN = "+14155557777"
MESSAGES = [HeardMessage("user", "A person, please."), HeardMessage("assistant", "I'll put you through.")]


async def start_call(platform: WebhookPlatform, sid: str) -> tuple[str, UUID]:
    """Connects a call to node m1; returns the path of its <Connect action> and the call's id."""
    reply = await platform.ring_twilio(sid)
    call_id = (await platform.call_row(sid))["id"]

    async def has_node() -> bool:
        return bool((await platform.call_row(sid))["media_node"])

    await platform.wait_until(has_node)
    return reply.action, call_id


async def ask_continue(platform: WebhookPlatform, action: str, sid: str, **fields: str) -> WebhookReply:
    """Sends the request of <Connect action>."""
    return await platform.post_twilio(
        action, {"CallSid": sid, "CallStatus": "in-progress", "Direction": "inbound"} | fields
    )


async def put_conversation(platform: WebhookPlatform, call_id: UUID) -> None:
    """As media leaves it when the caller is transferred."""
    checkpoint = Checkpoint(
        call_id=str(call_id), node_id="m1", leg=0, messages=MESSAGES, turn=1, usage=CallUsage(), began_ms=1, at_ms=9
    )
    await checkpoints(platform).put(checkpoint)


async def report(platform: WebhookPlatform, call_id: UUID, seq: int, event: Event) -> None:
    """Stores an event of media's."""
    line = encode_event(EventEnvelope(str(call_id), seq, platform.clock().isoformat(), event))
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        await write_events(db, [parse_event("1-0", line)])


def checkpoints(platform: WebhookPlatform) -> Checkpoints:
    """The checkpoints that media writes."""
    return Checkpoints(platform.redis, platform.sealer)


async def test_ended_conversation_hangs_up(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB1")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0))
    assert (await ask_continue(platform, action, "CB1")).verbs == ["Hangup"]


async def test_transfer_dials_and_announces_that_nobody_answered(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB2")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    reply = await ask_continue(platform, action, "CB2")
    assert reply.verbs == ["Dial"]
    dial = reply.xml[0]
    assert (dial.findtext("Number"), dial.attrib["callerId"]) == (HUMAN, CALLER)
    assert dial.attrib["timeLimit"] == "3600"
    next_action = dial.attrib["action"].removeprefix("https://hooks.example.com")
    assert (await ask_continue(platform, next_action, "CB2", DialCallStatus="completed")).verbs == ["Hangup"]
    await platform.execute("UPDATE calls SET status = 'completed', ended_at = now() WHERE id = $1", call_id)
    failed = await ask_continue(platform, next_action, "CB2", DialCallStatus="no-answer")
    assert failed.verbs == ["Say", "Hangup"], "the carrier has reported the end"

    async def is_stored() -> bool:
        return any(event["event_id"] == "CB2:continue:0:dialled" for event in await platform.stored_events())

    await platform.wait_until(is_stored)


@pytest.mark.parametrize("is_end_stored", [True, False])
@pytest.mark.parametrize(("status", "failure"), [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed")])
async def test_transfer_that_is_not_answered_leads_back_to_the_agent(
    platform: WebhookPlatform, status: str, failure: str, is_end_stored: bool
) -> None:
    sid = f"CB-{status}-{is_end_stored}"
    action, call_id = await start_call(platform, sid)
    await put_conversation(platform, call_id)
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    await ask_continue(platform, action, sid)
    ended = CallEnded("completed", "transferred", "", 9_000, CallUsage(), HUMAN)
    if is_end_stored:
        await report(platform, call_id, 9, ended)
    dialed = {"DialCallStatus": status, "DialCallSid": f"CA-{sid}"}
    back = await ask_continue(platform, action, sid, **dialed)
    assert back.verbs == ["Connect"]
    plan = await Tickets(platform.redis, platform.sealer).claim(back.ticket, "twilio", sid)
    assert plan.resume is not None and plan.leg == 1
    assert (plan.resume.transfer_failure, plan.resume.messages) == (failure, MESSAGES)
    assert plan.agent.greeting == transfer_returned_text("en", failure)  # type: ignore[arg-type]
    await report(platform, call_id, 9, ended)
    row = await platform.call_row(sid)
    assert (row["status"], row["end_reason"], row["ended_at"], row["duration_seconds"]) == (
        "in_progress",
        None,
        None,
        0,
    )
    (returned,) = decode_details(row["details"]).returns
    assert (returned.leg, returned.failure, returned.number, returned.target) == (0, failure, HUMAN, f"CA-{sid}")
    repeated = await ask_continue(platform, action, sid, **dialed)
    assert (repeated.verbs, len(decode_details((await platform.call_row(sid))["details"]).returns)) == (["Connect"], 1)


async def test_agent_takes_a_message_after_several_transfers_that_failed(platform: WebhookPlatform) -> None:
    await platform.configure_agents({"fallback_number": HUMAN})
    action, call_id = await start_call(platform, "CB20")
    numbers = []
    for leg in range(MOST_RETURNS):
        await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(leg, HUMAN))
        back = await ask_continue(platform, action, "CB20", DialCallStatus="busy", DialCallSid=f"CA-{leg}")
        plan = await Tickets(platform.redis, platform.sealer).claim(back.ticket, "twilio", "CB20")
        numbers.append(plan.agent.fallback_number)
        action = back.action
    assert numbers == [HUMAN] * (MOST_RETURNS - 1) + [""]


async def test_twilio_says_what_no_voice_of_the_agent_could_say(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB15")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, "", "Auf Wiederhören.", "de"))
    ended = await ask_continue(platform, action, "CB15")
    assert ended.verbs == ["Say", "Hangup"]
    assert (ended.xml[0].text, ended.xml[0].attrib["language"]) == ("Auf Wiederhören.", "de-DE")
    action, call_id = await start_call(platform, "CB16")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN, "One moment.", "en"))
    assert (await ask_continue(platform, action, "CB16")).verbs == ["Say", "Dial"]


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "+7378742833", "sip:ann@example.com"])
async def test_transfer_shows_our_number_for_a_withheld_caller(platform: WebhookPlatform, withheld: str) -> None:
    sid = f"CB3-{withheld}"
    reply = await platform.ring_twilio(sid, From=withheld)
    call_id = (await platform.call_row(sid))["id"]
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    dial = (await ask_continue(platform, reply.action, sid, From=withheld)).xml[0]
    assert dial.attrib["callerId"] == platform.number


async def test_transfer_is_dialed_after_the_end_was_stored(
    platform: WebhookPlatform,
) -> None:
    action, call_id = await start_call(platform, "CB4")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    await platform.execute(
        "UPDATE calls SET status = 'completed', end_reason = 'transferred', ended_at = now() WHERE id = $1", call_id
    )
    assert (await ask_continue(platform, action, "CB4")).verbs == ["Dial"]
    await platform.execute("UPDATE calls SET ended_at = now() - interval '1 hour' WHERE id = $1", call_id)
    assert (await ask_continue(platform, action, "CB4")).verbs == ["Dial"]


async def test_lost_call_is_resumed_at_another_node(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB5")
    messages = [HeardMessage("assistant", "Hello."), HeardMessage("user", "I need a dentist.")]
    await checkpoints(platform).put(
        Checkpoint(
            call_id=str(call_id),
            node_id="m1",
            leg=0,
            messages=messages,
            turn=1,
            usage=CallUsage(),
            began_ms=1_000,
            at_ms=2_000,
        )
    )
    await platform.remove_node("m1")
    await platform.add_node("m2", url=OTHER_NODE_URL)
    reply = await ask_continue(platform, action, "CB5")
    assert reply.stream == f"{OTHER_NODE_URL}/media/twilio"
    assert "&leg=1&" in reply.action
    plan = await Tickets(platform.redis, platform.sealer).claim(reply.ticket, "twilio", "CB5")
    assert plan.leg == 1
    assert plan.resume is not None and plan.resume.messages == messages
    assert "cut off" in plan.agent.greeting


async def test_lost_call_returns_to_its_node_without_another(platform: WebhookPlatform) -> None:
    action, _ = await start_call(platform, "CB6")
    reply = await ask_continue(platform, action, "CB6")
    assert reply.stream == f"{NODE}/media/twilio"


async def test_another_node_is_preferred_to_the_one_that_lost_the_call(platform: WebhookPlatform) -> None:
    action, _ = await start_call(platform, "CB7")
    await platform.add_node("m1", calls=0)
    await platform.add_node("m2", url=OTHER_NODE_URL, calls=50)
    assert (await ask_continue(platform, action, "CB7")).stream == f"{OTHER_NODE_URL}/media/twilio"


async def test_lost_call_without_a_node_is_refused_by_voice(platform: WebhookPlatform) -> None:
    action, _ = await start_call(platform, "CB8")
    await platform.remove_node("m1")
    reply = await ask_continue(platform, action, "CB8")
    assert reply.verbs == ["Say", "Hangup"]

    async def closed() -> bool:
        return (await platform.call_row("CB8"))["status"] in ("busy", "failed", "completed")

    await platform.wait_until(closed)


async def test_answered_call_without_a_node_is_stored_as_media_lost(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB13")
    await platform.execute("UPDATE calls SET status = 'in_progress', answered_at = now() WHERE id = $1", call_id)
    await platform.remove_node("m1")
    assert (await ask_continue(platform, action, "CB13")).verbs == ["Say", "Hangup"]

    async def closed() -> Any:
        row = await platform.call_row("CB13")
        return row if row["ended_at"] else None

    row = await platform.wait_until(closed)
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "media_lost", "all_busy")


@pytest.mark.parametrize("source", ["live", "checkpoint"])
async def test_lost_node_is_the_one_that_reported_the_call(platform: WebhookPlatform, source: str) -> None:
    """Nodes of one machine share an address, so another node may accept the socket; media reports which one."""
    sid = f"CB14-{source}"
    action, call_id = await start_call(platform, sid)
    await platform.add_node("m2", url=OTHER_NODE_URL)
    if source == "live":
        await LiveCalls(platform.redis).refresh([LiveCall(str(call_id), "m2", 0)])
    else:
        await checkpoints(platform).put(
            Checkpoint(
                call_id=str(call_id),
                node_id="m2",
                leg=0,
                messages=[],
                turn=0,
                usage=CallUsage(),
                began_ms=1_000,
                at_ms=2_000,
            )
        )
    await platform.add_node("m1", calls=50)
    assert (await ask_continue(platform, action, sid)).stream == f"{NODE}/media/twilio"


async def test_number_of_resumptions_is_limited(platform: WebhookPlatform) -> None:
    action, _ = await start_call(platform, "CB9")
    verbs = []
    for _ in range(6):
        reply = await ask_continue(platform, action, "CB9")
        verbs.append(reply.verbs[0])
        if reply.verbs == ["Connect"]:
            action = reply.action
    assert verbs == ["Connect"] * 5 + ["Say"]


async def test_ended_call_is_not_resumed(platform: WebhookPlatform) -> None:
    action, _ = await start_call(platform, "CB10")
    reply = await ask_continue(platform, action, "CB10", CallStatus="completed", CallDuration="7")
    assert reply.verbs == ["Hangup"]
    row = await platform.call_row("CB10")
    assert (row["status"], row["duration_seconds"]) == ("completed", 7)


async def test_unknown_call_is_hung_up(platform: WebhookPlatform) -> None:
    assert (await ask_continue(platform, "/webhooks/calls/continue", "CB11")).verbs == ["Hangup"]


async def test_call_ended_by_the_carrier_is_not_resumed(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB12")
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        ended = CarrierStatus("twilio", "CB12", "completed", platform.clock(), call_id=call_id)
        await apply_status(db, ended)
    assert (await ask_continue(platform, action, "CB12")).verbs == ["Hangup"]


@pytest.mark.parametrize("hangs_up", ["at once", "after it was connected again"])
async def test_caller_who_hangs_up_after_the_node_was_lost_did_not_end_the_call(
    platform: WebhookPlatform, hangs_up: str
) -> None:
    """The one node that there is dies. As long as its last heartbeat counts, the call is led to it again."""
    sid = f"CB-lone-{hangs_up}"
    action, call_id = await start_call(platform, sid)
    if hangs_up == "at once":
        await platform.remove_node("m1")
    else:
        assert (await ask_continue(platform, action, sid)).verbs == ["Connect"]
    await ask_continue(platform, action, sid, CallStatus="completed", CallDuration="12")

    async def is_lost() -> bool:
        return bool((await platform.call_row(sid))["end_reason"] == "media_lost")

    await platform.wait_until(is_lost)
    await report(platform, call_id, 9, CallEnded("completed", "caller_hangup", "", 9_000, CallUsage()))
    assert (await platform.call_row(sid))["end_reason"] == "caller_hangup", "its node was only slow"


async def test_caller_who_hangs_up_ends_the_call(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CB-own")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0))
    await platform.remove_node("m1")
    await ask_continue(platform, action, "CB-own", CallStatus="completed", CallDuration="12")
    assert (await platform.call_row("CB-own"))["end_reason"] == "caller_hangup"
