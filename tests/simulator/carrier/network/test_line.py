"""Lines: one clock over streams, sounds, silence and bridges, and every end."""

import asyncio
import json
from itertools import pairwise

import aiohttp
import pytest

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.media_call import BadUrl, CannotConnect
from simulator.carrier.media_stream import PartyOutput, StreamEnd
from simulator.carrier.mulaw import SILENT_FRAME
from simulator.carrier.network.line import Line
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.stream_messages import twilio_identity
from simulator.carrier.twilio_messages import TwilioStreamMessages
from tests.platform.twilio_network import LIMIT_S, SPEED, Customer
from tests.simulator.scripted_agent import ScriptedAgent, loud
from tests.simulator.virtual_clock import VirtualClock


class RecordingParty:
    """Sends `says`, records what it hears and when, and hangs up after `longest` frames."""

    def __init__(self, says: bytes = b"", longest: int = 1_000_000) -> None:
        self.moments: list[int] = []
        self.heard = bytearray()
        self.arrivals: list[tuple[float, float]] = []
        self.fifth = asyncio.Event()
        self._says, self._longest = says, longest

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        self.moments.append(at_ms)
        if len(self.moments) == 5:
            self.fifth.set()
        self.heard += heard
        at = at_ms * 8
        frame = self._says[at : at + 160].ljust(160, b"\xff")
        return PartyOutput(frame, hang_up=len(self.moments) >= self._longest)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        self.arrivals.append((at_ms, begins_ms))

    def cleared(self, at_ms: float) -> None:
        """Ignored."""


async def test_sounds_and_silence_follow_each_other_on_one_clock() -> None:
    party = RecordingParty()
    line = Line(party, VirtualClock())
    sound = tone(100, 500.0)
    await line.play(sound)
    await line.wait(0.5)
    await line.play(sound)
    line.hang_up()
    await line.closed()
    assert line.by == "network"
    assert party.moments == [n * 20 for n in range(len(party.moments))]
    assert line.audio.duration_ms == len(party.moments) * 20
    first = party.heard.index(sound)
    assert party.heard.index(sound, first + 1) >= first + len(sound) + 25 * 160
    assert bytes(line.audio.agent) == bytes(party.heard)
    assert [begins for _, begins in party.arrivals] == sorted(begins for _, begins in party.arrivals)


async def test_hang_up_of_the_party_ends_the_current_operation() -> None:
    line = Line(RecordingParty(longest=10), VirtualClock())
    await line.wait(100.0)
    assert (line.by, line.audio.duration_ms) == ("caller", 200)
    await line.play(tone(100, 500.0))  # the line has ended: returns at once
    await line.wait(5.0)
    await line.closed()


async def test_operation_can_be_interrupted() -> None:
    party = RecordingParty()
    line = Line(party, VirtualClock())
    waiting = asyncio.create_task(line.wait(1_000_000.0))
    await party.fifth.wait()
    with pytest.raises(RuntimeError):
        await line.wait(1.0)
    line.end_stream()  # there is none
    assert not waiting.done()
    line.interrupt()
    await waiting
    line.hang_up()
    await line.closed()


async def test_bridged_lines_hear_each_other_until_one_hangs_up() -> None:
    one = RecordingParty(tone(1_000, 300.0))
    two = RecordingParty(tone(1_000, 600.0), longest=40)
    first, second = Line(one, VirtualClock()), Line(two, VirtualClock())
    await first.bridge(second)
    assert (second.by, first.by) == ("caller", None)
    assert loud(bytes(one.heard)) and loud(bytes(two.heard))
    # The audio arrives without gaps, one or two frames later.
    said = bytes(second.audio.caller)[160 : 160 * 20]
    assert said in bytes(one.heard)
    first.hang_up()
    await asyncio.gather(first.closed(), second.closed())


async def test_bridge_with_an_ended_line_returns_at_once() -> None:
    first, second = Line(RecordingParty(), VirtualClock()), Line(RecordingParty(), VirtualClock())
    second.hang_up()
    await first.bridge(second)
    await first.wait(0.1)
    first.hang_up()
    await asyncio.gather(first.closed(), second.closed())


async def test_error_of_the_party_ends_its_line_and_is_raised() -> None:
    class Failing(RecordingParty):
        def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
            raise ValueError("a bug in the party")

    line = Line(Failing(), VirtualClock())
    await line.over.wait()
    with pytest.raises(ValueError, match="a bug"):
        await line.closed()


def _messages() -> TwilioStreamMessages:
    return TwilioStreamMessages(twilio_identity())


async def test_two_streams_with_a_gap_between_them() -> None:
    async with Customer().running() as customer, aiohttp.ClientSession() as session, asyncio.timeout(LIMIT_S):
        party = RecordingParty()
        line = Line(party, RealTimeClock(SPEED))
        ends = []
        for count in (1, 2):
            streaming = asyncio.create_task(line.stream(session, customer.media_url, _messages()))
            await customer.wait_until(lambda: sum(bool(agent.played) for agent in customer.agents) == count)  # noqa: B023
            line.end_stream()
            ends.append(await streaming)
            await line.wait(0.2)
        line.hang_up()
        await line.closed()
        assert ends == [StreamEnd("network"), StreamEnd("network")]
        assert [agent.stopped for agent in customer.agents] == [True, True]
        assert all(after - before == 20 for before, after in pairwise(party.moments))
        for made in customer.agents:
            media = [message["media"] for message in made.received if message["event"] == "media"]
            assert [part["timestamp"] for part in media] == [str(n * 20) for n in range(len(media))]  # type: ignore[index]
        # Each greeting is 400 ms in two pieces; the second begins where the first ends.
        begins = [begin for _, begin in party.arrivals]
        assert len(begins) == 4
        assert (begins[1] - begins[0], begins[3] - begins[2]) == (200, 200)
        heard = [loud(bytes(party.heard[at : at + 160])) for at in range(0, len(party.heard), 160)]
        rises = sum(after and not before for before, after in pairwise([False, *heard]))
        assert rises == 2
        assert line.faults == [] and line.last_end == StreamEnd("network")


async def test_stream_can_end_without_a_stop_message() -> None:
    async with Customer().running() as customer, aiohttp.ClientSession() as session, asyncio.timeout(LIMIT_S):
        line = Line(RecordingParty(), RealTimeClock(SPEED))
        streaming = asyncio.create_task(line.stream(session, customer.media_url, _messages(), send_stop=False))
        await customer.wait_until(lambda: customer.agents and customer.agents[0].start)
        line.hang_up()
        assert (await streaming).by == "network"
        await line.closed()
        assert not customer.agents[0].stopped


async def test_line_stays_up_when_a_stream_cannot_be_opened() -> None:
    async with aiohttp.ClientSession() as session:
        line = Line(RecordingParty(), RealTimeClock(SPEED))
        with pytest.raises(CannotConnect) as refused:
            await line.stream(session, "ws://127.0.0.1:1/", _messages())
        assert refused.value.kind == "refused"
        with pytest.raises(BadUrl):
            await line.stream(session, "ws://127.0.0.1:1/?x=1", _messages())
        await line.wait(0.1)
        assert not line.over.is_set()
        line.hang_up()
        assert (await line.stream(session, "ws://127.0.0.1:1/", _messages())).by == "network"
        await line.closed()


async def test_caller_hangs_up_while_a_stream_is_being_opened() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, aiohttp.ClientSession() as session, asyncio.timeout(LIMIT_S):
        line = Line(PassiveParty(longest_s=0.3), RealTimeClock(SPEED))
        assert await line.stream(session, url, _messages()) == StreamEnd("caller")
        await line.closed()


async def test_faults_of_all_streams_are_recorded() -> None:
    class FaultyAgent(ScriptedAgent):
        def receive(self, text: str) -> list[str]:
            answers = super().receive(text)
            return ["no json", *answers] if json.loads(text)["event"] == "start" else answers

    async with (
        Customer(make_agent=FaultyAgent).running() as customer,
        aiohttp.ClientSession() as session,
        asyncio.timeout(LIMIT_S),
    ):
        line = Line(RecordingParty(), RealTimeClock(SPEED))
        for count in (1, 2):
            streaming = asyncio.create_task(line.stream(session, customer.media_url, _messages()))
            await customer.wait_until(lambda: sum(bool(agent.played) for agent in customer.agents) == count)  # noqa: B023
            line.end_stream()
            await streaming
        line.hang_up()
        await line.closed()
        assert [fault.code for fault in line.faults] == ["bad_json", "bad_json"]


def test_passive_party_plays_its_sound_once() -> None:
    party = PassiveParty(tone(30, 500.0), longest_s=0.1)
    frames = [party.tick(n * 20, SILENT_FRAME) for n in range(6)]
    assert [loud(step.frame) for step in frames[:2]] == [True, True]
    assert frames[2].frame == SILENT_FRAME and len(frames[1].frame) == 160
    assert [step.hang_up for step in frames] == [False] * 5 + [True]


async def test_stream_is_ended_while_it_is_being_opened() -> None:
    async with Customer().running() as customer, aiohttp.ClientSession() as session, asyncio.timeout(LIMIT_S):
        line = Line(RecordingParty(), RealTimeClock(SPEED))
        for turns in range(12):  # at different stages of opening
            streaming = asyncio.create_task(line.stream(session, customer.media_url, _messages()))
            for _ in range(turns + 1):
                await asyncio.sleep(0)
            line.end_stream()
            assert (await streaming).by == "network"
        line.hang_up()
        await line.closed()
