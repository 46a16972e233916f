"""A call whose socket broke goes on over a second one, as control arranges it from the checkpoint."""

from typing import cast

import msgspec

from shared.bus.checkpoints import Checkpoint
from shared.events import SEQ_PER_LEG, AgentSaid, CallEnded, CallerSaid, CallResumed, CallStarted
from shared.plan import CallPlan, Resume
from tests.media.server.bus.station import Station, until
from tests.media.server.phone import Phone

APOLOGY = "Sorry, we were cut off."


def next_leg(plan: CallPlan, kept: Checkpoint) -> CallPlan:
    """What control makes of a checkpoint."""
    resume = Resume(kept.messages, kept.turn, kept.usage, kept.began_ms, kept.at_ms)
    agent = msgspec.structs.replace(plan.agent, greeting=APOLOGY)
    return msgspec.structs.replace(plan, agent=agent, leg=plan.leg + 1, resume=resume)


def break_off(phone: Phone) -> None:
    """The socket is gone without a close frame."""
    response = phone.socket._response  # there is no public way
    assert response.connection is not None and response.connection.transport is not None
    response.connection.transport.abort()


async def test_it_apologises_and_answers_what_was_asked(station: Station, plan: CallPlan, speech: bytes) -> None:
    phone = await station.dial(plan)
    await phone.speak(speech)
    async with phone.going_on():
        await station.until_event(CallerSaid)
    break_off(phone)
    await station.until_event(CallEnded)
    kept = cast(Checkpoint, await until(lambda: station.checkpoint(plan.call_id)))
    assert (kept.turn, kept.messages[-1].role) == (1, "user")

    again = await station.dial(next_leg(plan, kept), "MZagain", returns_marks=True)
    async with again.going_on():
        resumed = await station.until_event(CallResumed)

        async def answered() -> list[AgentSaid]:
            said = [event for event in await station.events() if isinstance(event, AgentSaid)]
            return said if said[-1:] and said[-1].text == "Thank you for calling." else []

        said = await until(answered)
    live = await station.live(plan.call_id)
    assert live is not None and live.leg == 1
    assert said[-1].start_ms >= resumed.at_ms
    await again.hang_up()

    async def second_end() -> bool:
        return sum(isinstance(event, CallEnded) for event in await station.events()) == 2

    await until(second_end)
    assert [event.text for event in said][-2:] == [APOLOGY, "Thank you for calling."]
    assert resumed.leg == 1 and resumed.stream_id == "MZagain" and resumed.lost_ms >= 0
    assert resumed.at_ms >= kept.at_ms - kept.began_ms
    found = await station.envelopes()
    second = [envelope for envelope in found if envelope.seq > SEQ_PER_LEG]
    assert [envelope.seq for envelope in second] == [SEQ_PER_LEG + 1 + at for at in range(len(second))]
    assert not any(isinstance(envelope.event, CallStarted | CallerSaid) for envelope in second)
    ended = second[-1].event
    assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"
    assert ended.usage.llm_requests == 2, "one of each stream"
    over = await station.over(plan.call_id)
    assert over is not None and over.leg == 1


async def test_a_second_stream_takes_a_call_over_while_the_first_still_ends(
    station: Station, plan: CallPlan, speech: bytes
) -> None:
    """Commands and signs of life belong to the later one."""
    phone = await station.dial(plan)
    await phone.speak(speech)
    async with phone.going_on():
        await station.until_event(CallerSaid)
        kept = cast(Checkpoint, await until(lambda: station.checkpoint(plan.call_id)))
        again = await station.dial(next_leg(plan, kept), "MZagain")
        await station.until_event(CallResumed)
    break_off(phone)
    await station.until_event(CallEnded)
    async with again.going_on():

        async def later() -> bool:
            live = await station.live(plan.call_id)
            return live is not None and live.leg == 1

        await until(later)
    await again.hang_up()


async def test_recordings_of_both_streams_lie_on_one_time_line(station: Station, plan: CallPlan, speech: bytes) -> None:
    from media.audio.wav import read_wav
    from shared.events import RecordingReady
    from shared.storage import Storage

    plan = msgspec.structs.replace(plan, recording=True)
    phone = await station.dial(plan)
    await phone.speak(speech)
    async with phone.going_on():
        await station.until_event(CallerSaid)
    break_off(phone)
    await station.until_event(CallEnded)
    kept = cast(Checkpoint, await until(lambda: station.checkpoint(plan.call_id)))
    kept = msgspec.structs.replace(kept, began_ms=kept.began_ms - 20_000)  # as if the call had been up for longer
    again = await station.dial(next_leg(plan, kept), "MZagain", returns_marks=True)
    await again.speak(speech)
    await again.hang_up()

    async def both() -> list[RecordingReady]:
        ready = [event for event in await station.events() if isinstance(event, RecordingReady)]
        return ready if len(ready) == 2 else []

    first, second = await until(both)
    folder = f"recordings/{plan.workspace_id}/{plan.call_id}"
    assert (first.path, first.leg, second.path, second.leg) == (f"{folder}-0.wav", 0, f"{folder}-1.wav", 1)
    storage = Storage((station.state.parent / "objects").as_uri())
    one, two = read_wav(await storage.get(first.path)), read_wav(await storage.get(second.path))
    assert abs(one.seconds * 1000 - first.duration_ms) < 1 and abs(two.seconds * 1000 - second.duration_ms) < 1
    assert 20 < two.seconds < 60
    quiet = round(20 * two.sample_rate)
    assert not two.samples[:quiet].any() and two.samples[quiet:].any()
    assert not list((station.state / "spool").glob("*/recordings/*/*.wav")), "what is stored leaves the machine"
