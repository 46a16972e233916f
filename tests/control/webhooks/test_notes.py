"""What Twilio tells about calls: in whatever order, as often as it likes."""

import asyncio
from datetime import timedelta

from control.webhooks.later import finish_open
from tests.control.webhooks.reply import Reply
from tests.control.webhooks.stage import CALLER, World

STATUS, RECORDING = "/webhooks/calls/status", "/webhooks/calls/recording"


async def tells(world: World, sid: str, status: str, sequence: int, *, call: str = "", **fields: str) -> Reply:
    """A status callback."""
    path = f"{STATUS}?call={call}" if call else STATUS
    given = {"CallSid": sid, "CallStatus": status, "SequenceNumber": str(sequence), "Direction": "outbound-api"}
    reply = await world.twilio(path, given | fields)
    assert reply.status == 204
    return reply


async def test_a_call_of_ours_from_its_beginning_to_its_end(world: World) -> None:
    call_id = await world.queued()
    seen = []
    for number, status in enumerate(("initiated", "ringing", "in-progress", "completed")):
        more = {"CallDuration": "61", "Duration": "2"} if status == "completed" else {}
        await tells(world, "CD1", status, number, call=str(call_id), **more)
        seen.append((await world.row("CD1"))["status"])
    assert seen == ["queued", "ringing", "in_progress", "completed"]
    row = await world.row("CD1")
    assert (row["id"], row["duration_seconds"]) == (call_id, 61)


async def test_the_end_before_the_ringing(world: World) -> None:
    call_id = str(await world.queued())
    await tells(world, "CD2", "no-answer", 2, call=call_id)
    await tells(world, "CD2", "ringing", 1, call=call_id)
    await tells(world, "CD2", "in-progress", 3, call=call_id)
    assert (await world.row("CD2"))["status"] == "no_answer"


async def test_the_same_word_again_and_at_once(world: World) -> None:
    call_id = str(await world.queued())
    await asyncio.gather(*(tells(world, "CD3", "busy", 2, call=call_id) for _ in range(5)))
    await tells(world, "CD3", "busy", 2, call=call_id)
    assert (await world.row("CD3"))["status"] == "busy"
    assert len(await world.events()) == 1


async def test_a_word_about_an_unknown_call_is_kept_and_harmless(world: World) -> None:
    await tells(world, "CD4", "completed", 3)
    (event,) = await world.events()
    assert event["handled_at"] is not None


async def test_an_answering_machine(world: World) -> None:
    call_id = str(await world.queued())
    await tells(world, "CD5", "in-progress", 2, call=call_id)
    fields = {"CallSid": "CD5", "AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "3200"}
    assert (await world.twilio(f"{STATUS}?call={call_id}", fields)).status == 204
    row = await world.row("CD5")
    assert row["details"]["carrier"]["answered_by"] == "machine_end_beep"
    assert row["details"]["end_meant"] == "voicemail"


async def test_a_recording_is_fetched_once(world: World) -> None:
    await world.rings("CD6")
    fields = {
        "CallSid": "CD6", "RecordingSid": "RE1", "RecordingStatus": "completed", "RecordingDuration": "12",
        "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", "RecordingChannels": "2",
    }  # fmt: skip
    for _ in range(3):
        assert (await world.twilio(RECORDING, fields)).status == 204
    told = (await world.row("CD6"))["details"]["carrier_recordings"]["RE1"]
    assert (told["id"], told["duration_s"]) == ("RE1", 12)
    jobs = await world.owner.fetch("SELECT 1 FROM pgqueuer WHERE entrypoint = 'calls.fetch_recording'")
    assert len(jobs) == 1


async def test_a_recording_that_there_is_not(world: World) -> None:
    await world.rings("CD7")
    fields = {"CallSid": "CD7", "RecordingSid": "RE2", "RecordingStatus": "absent", "ErrorCode": "0"}
    assert (await world.twilio(RECORDING, fields)).status == 204
    assert (await world.row("CD7"))["details"]["carrier"]["recording"] == "absent"


async def test_what_breaks_is_done_later(world: World) -> None:
    call_id = str(await world.queued())
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await tells(world, "CD8", "busy", 2, call=call_id)
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    (event,) = await world.events()
    assert event["handled_at"] is None
    assert await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=6), 10) == 1
    assert (await world.row("CD8"))["status"] == "busy"
    (event,) = await world.events()
    assert event["handled_at"] is not None


async def test_one_that_came_again_before_later_is_done_at_once(world: World) -> None:
    call_id = str(await world.queued())
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await tells(world, "CD9", "busy", 2, call=call_id)
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    await tells(world, "CD9", "busy", 2, call=call_id)
    assert (await world.row("CD9"))["status"] == "busy"
    assert await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=6), 10) == 0


async def test_only_what_is_known_is_kept(world: World) -> None:
    await tells(
        world, "CD10", "ringing", 1, CallToken="secret-4711", FromCity="SAN FRANCISCO", From=CALLER, X="y" * 900
    )
    (event,) = await world.events()
    form = event["payload"]["form"]
    assert form["From"] == CALLER
    assert not {"CallToken", "FromCity", "X"} & form.keys()


async def test_two_recordings_of_a_call_are_both_fetched(world: World) -> None:
    await world.rings("CDA1B")
    fields = {"CallSid": "CDA1B", "RecordingStatus": "completed", "RecordingUrl": "https://api.twilio.com/x"}
    for name in ("RE1", "RE2", "RE1"):
        await world.twilio(RECORDING, fields | {"RecordingSid": name})
    assert (await world.row("CDA1B"))["details"]["carrier_recordings"].keys() == {"RE1", "RE2"}
