"""A call whose socket broke is resumed from its checkpoint in a second stream."""

import asyncio
from typing import cast

import msgspec
import numpy as np
import pytest

from media.audio.wav import read_wav
from media.call.taps import Tap
from shared.bus.checkpoints import Checkpoint
from shared.events import (
    SEQ_PER_LEG,
    AgentSaid,
    AnnouncementHeard,
    CallEnded,
    CallerSaid,
    CallResumed,
    CallStarted,
    Event,
    LanguageSwitched,
    RecordingReady,
    ToolRan,
    ToolStarted,
)
from shared.plan import CallPlan, ConsentPlan, LanguagePlan, LimitsPlan, ResumePoint
from shared.storage import Storage
from tests.media.server.phone import Phone
from tests.platform.bus_node import BusNode, wait_until

APOLOGY = "Sorry, we were cut off."


def next_leg(plan: CallPlan, checkpoint: Checkpoint) -> CallPlan:
    """The plan that control makes of a checkpoint."""
    resume = ResumePoint(
        messages=checkpoint.messages,
        turn=checkpoint.turn,
        usage=checkpoint.usage,
        began_ms=checkpoint.began_ms,
        lost_ms=checkpoint.at_ms,
        announced=checkpoint.announced,
        recording_refused=checkpoint.recording_refused,
        language=checkpoint.language,
    )
    agent = msgspec.structs.replace(plan.agent, greeting=APOLOGY)
    return msgspec.structs.replace(plan, agent=agent, leg=plan.leg + 1, resume=resume)


def abort_socket(phone: Phone) -> None:
    """Closes the connection without a close frame."""
    response = phone.socket._response  # no public method does this
    assert response.connection is not None and response.connection.transport is not None
    response.connection.transport.abort()


async def test_resumed_call_apologizes_and_answers_the_open_question(
    bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
    abort_socket(phone)
    await bus_node.wait_for_event(CallEnded)
    checkpoint = cast(Checkpoint, await wait_until(lambda: bus_node.checkpoint(plan.call_id)))
    assert (checkpoint.turn, checkpoint.messages[-1].role) == (1, "user")

    again = await bus_node.dial(next_leg(plan, checkpoint), "MZagain", returns_marks=True)
    async with again.sending_silence():
        resumed = await bus_node.wait_for_event(CallResumed)

        async def find_answer() -> list[AgentSaid]:
            said = [event for event in await bus_node.events() if isinstance(event, AgentSaid)]
            return said if said[-1:] and said[-1].text == "Thank you for calling." else []

        said = await wait_until(find_answer)
    live = await bus_node.live_call(plan.call_id)
    assert live is not None and live.leg == 1
    assert said[-1].start_ms >= resumed.at_ms
    await again.hang_up()

    async def have_both_ended() -> bool:
        return sum(isinstance(event, CallEnded) for event in await bus_node.events()) == 2

    await wait_until(have_both_ended)
    assert [event.text for event in said][-2:] == [APOLOGY, "Thank you for calling."]
    assert resumed.leg == 1 and resumed.stream_id == "MZagain" and resumed.lost_ms >= 0
    assert resumed.at_ms >= checkpoint.at_ms - checkpoint.began_ms
    found = await bus_node.envelopes()
    second = [envelope for envelope in found if envelope.seq > SEQ_PER_LEG]
    assert [envelope.seq for envelope in second] == [SEQ_PER_LEG + 1 + at for at in range(len(second))]
    assert not any(isinstance(envelope.event, CallStarted | CallerSaid) for envelope in second)
    ended = second[-1].event
    assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"
    assert ended.usage.llm_requests == 2, "one request in each stream"
    outcome = await bus_node.outcome(plan.call_id)
    assert outcome is not None and outcome.leg == 1


async def test_turn_that_is_pending_when_the_stream_is_lost_is_reported_once(
    bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    thinking = msgspec.structs.replace(plan.llm[0], options={**plan.llm[0].options, "first_token_ms": 30_000})
    plan = msgspec.structs.replace(plan, llm=[thinking])
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():
        taken = cast(Checkpoint, await wait_until(lambda: bus_node.checkpoint(plan.call_id)))
    assert (taken.turn, taken.messages[-1].role) == (0, "user")
    abort_socket(phone)
    await bus_node.wait_for_event(CallEnded)
    checkpoint = cast(Checkpoint, await bus_node.checkpoint(plan.call_id))
    assert (checkpoint.turn, checkpoint.messages[-1].role) == (1, "user")
    again = await bus_node.dial(next_leg(plan, checkpoint), "MZagain", returns_marks=True)
    async with again.sending_silence():
        assert (await bus_node.wait_for_event(AgentSaid)).text == APOLOGY
    await again.hang_up()
    assert [event.turn for event in await bus_node.events() if isinstance(event, CallerSaid)] == [1]


async def test_recording_is_announced_once_and_begins_at_the_announcements_end(
    bus_node: BusNode, storage: Storage, plan: CallPlan, speech: bytes
) -> None:
    """The caller talks all the time. The first stream is lost right after the announcement, before any turn."""
    announced = msgspec.structs.replace(plan, recording=True, consent=ConsentPlan("This call is recorded."))
    phone = await bus_node.dial(announced, returns_marks=True)
    talking = asyncio.create_task(phone.speak(speech * 20))
    heard = await bus_node.wait_for_event(AnnouncementHeard)
    checkpoint = cast(Checkpoint, await wait_until(lambda: bus_node.checkpoint(plan.call_id)))
    assert checkpoint.announced == ("recording",)
    (connection,) = bus_node.worker.connections
    assert connection.call is not None
    frames: list[bytes] = []
    connection.call.add_tap(Tap(caller_ulaw=frames.append))

    async def is_speech_received() -> bool:
        return sum(max(frame) - min(frame) > 100 for frame in frames) > 20

    await wait_until(is_speech_received)
    talking.cancel()
    abort_socket(phone)
    await bus_node.wait_for_event(RecordingReady)

    again = await bus_node.dial(next_leg(announced, checkpoint), "MZagain", returns_marks=True)
    await again.speak(speech * 2)
    await again.hang_up()

    async def find_recordings() -> list[RecordingReady]:
        found = [event for event in await bus_node.events() if isinstance(event, RecordingReady)]
        return found if len(found) == 2 else []

    await wait_until(find_recordings)
    assert sum(isinstance(event, AnnouncementHeard) for event in await bus_node.events()) == 1
    for recording in await find_recordings():
        samples = np.abs(read_wav(await storage.get(recording.path)).samples)
        first_ms = float(np.argmax(samples.max(axis=1) > 0.001)) / 8
        assert first_ms > heard.at_ms - 1  # which is rounded
        assert samples[:, 0].max() > 0.01, "the caller is heard in it"


async def test_resumed_call_continues_in_the_language_of_the_checkpoint(bus_node: BusNode, plan: CallPlan) -> None:
    """The stream is lost before anything else is said in it."""
    agent, languages = msgspec.structs.replace(plan.agent, greeting=""), (LanguagePlan("es-MX"),)
    bilingual = msgspec.structs.replace(plan, agent=agent, languages=languages)
    phone = await bus_node.dial(bilingual)
    await bus_node.wait_for_event(CallStarted)
    (connection,) = bus_node.worker.connections
    assert connection.call is not None and connection.call.language.tag == plan.agent.language
    connection.call.language.heard(0, "es")
    connection.call.language.take_turn(0, "quisiera reservar una mesa", is_dictated=False)
    connection.call.record_event(LanguageSwitched(1, "es-MX", plan.agent.language, 5))

    async def find_checkpoint() -> Checkpoint | None:
        found = await bus_node.checkpoint(plan.call_id)
        return found if found is not None and found.language else None

    async with asyncio.timeout(5):  # as below
        checkpoint = cast(Checkpoint, await wait_until(find_checkpoint))
    abort_socket(phone)
    await bus_node.wait_for_event(CallEnded)
    again = await bus_node.dial(next_leg(bilingual, checkpoint), "MZagain")
    await bus_node.wait_for_event(CallResumed)
    (connection,) = bus_node.worker.connections
    assert connection.call is not None and connection.call.language.tag == checkpoint.language == "es-MX"
    await again.hang_up()


@pytest.mark.parametrize(
    "event", [ToolStarted(1, "book", "run-1", 5), ToolRan(1, "book", True, "booked", 9, "run-1")], ids=["start", "end"]
)
async def test_a_checkpoint_follows_the_start_and_the_end_of_a_tool(
    bus_node: BusNode, plan: CallPlan, event: Event
) -> None:
    """The node may be lost while the tool runs, long before the next turn."""
    agent = msgspec.structs.replace(plan.agent, greeting="")  # nothing else is said or heard
    limits = LimitsPlan(idle_nudge_s=0, silence_s=0)
    phone = await bus_node.dial(msgspec.structs.replace(plan, agent=agent, limits=limits))
    await bus_node.wait_for_event(CallStarted)
    (connection,) = bus_node.worker.connections
    assert connection.call is not None and await bus_node.checkpoint(plan.call_id) is None
    connection.call.record_event(event)
    async with asyncio.timeout(5):  # a stream that has ended for lack of audio has a checkpoint, too
        await wait_until(lambda: bus_node.checkpoint(plan.call_id))
    await phone.hang_up()


async def test_second_stream_takes_over_while_the_first_is_ending(
    bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    """Commands and heartbeats belong to the later stream."""
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
        checkpoint = cast(Checkpoint, await wait_until(lambda: bus_node.checkpoint(plan.call_id)))
        again = await bus_node.dial(next_leg(plan, checkpoint), "MZagain")
        await bus_node.wait_for_event(CallResumed)
    abort_socket(phone)
    await bus_node.wait_for_event(CallEnded)
    async with again.sending_silence():

        async def is_second_live() -> bool:
            live = await bus_node.live_call(plan.call_id)
            return live is not None and live.leg == 1

        await wait_until(is_second_live)
    await again.hang_up()


async def test_recordings_of_both_streams_share_one_time_line(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    from media.audio.wav import read_wav
    from shared.events import RecordingReady
    from shared.storage import Storage

    plan = msgspec.structs.replace(plan, recording=True)
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
    abort_socket(phone)
    await bus_node.wait_for_event(CallEnded)
    checkpoint = cast(Checkpoint, await wait_until(lambda: bus_node.checkpoint(plan.call_id)))
    checkpoint = msgspec.structs.replace(
        checkpoint, began_ms=checkpoint.began_ms - 20_000
    )  # as if the call had started earlier
    again = await bus_node.dial(next_leg(plan, checkpoint), "MZagain", returns_marks=True)
    await again.speak(speech)
    await again.hang_up()

    async def find_both() -> list[RecordingReady]:
        ready = [event for event in await bus_node.events() if isinstance(event, RecordingReady)]
        return ready if len(ready) == 2 else []

    first, second = await wait_until(find_both)
    folder = f"recordings/{plan.workspace_id}/{plan.call_id}"
    assert (first.path, first.leg, second.path, second.leg) == (f"{folder}-0.wav", 0, f"{folder}-1.wav", 1)
    storage = Storage((bus_node.state.parent / "objects").as_uri())
    one, two = read_wav(await storage.get(first.path)), read_wav(await storage.get(second.path))
    assert abs(one.seconds * 1000 - first.duration_ms) < 1 and abs(two.seconds * 1000 - second.duration_ms) < 1
    assert 20 < two.seconds < 60
    quiet = round(20 * two.sample_rate)
    assert not two.samples[:quiet].any() and two.samples[quiet:].any()
    assert not list((bus_node.state / "spool").glob("*/recordings/*/*.wav")), (
        "stored recordings are removed from the spool"
    )
