"""Calls over a carrier that plays at once, and returns its marks seconds late or never. In virtual time."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest

from media.audio.framer import FRAME_MS
from shared.events import AgentSaid, CallerSaid, TurnLatency
from tests.calls.scripted_call import ScriptedCall, ScriptedCarrier
from tests.virtual_time import run_virtual

GREETING = "We are open from nine to five on all days."


@dataclass
class LateCarrier(ScriptedCarrier):
    """A carrier that returns each mark `late_s` after the audio before it was played."""

    late_s: float = 3.0
    returning: deque[tuple[float, str]] = field(default_factory=deque)

    def step(self) -> None:
        now = asyncio.get_running_loop().time()
        super().step()
        self.returning += [(now + self.late_s, mark) for mark in self.marks]
        self.marks.clear()
        while self.returning and self.returning[0][0] <= now + 1e-9:
            self.marks.append(self.returning.popleft()[1])


def make_carrier(kind: str) -> ScriptedCarrier:
    return LateCarrier() if kind == "late" else ScriptedCarrier(loses_marks=True)


@pytest.mark.parametrize("kind", ["late", "missing"])
def test_recorded_latency_is_what_the_caller_heard(kind: str) -> None:
    async def scenario() -> tuple[ScriptedCall, float]:
        scripted = ScriptedCall(greeting=GREETING, answers=["From nine to five."] * 2, carrier=make_carrier(kind))
        await scripted.listen_until_quiet()
        await scripted.silence(1_000)
        await scripted.say("what are your hours", 1_000)
        before = len(scripted.carrier.played)
        while scripted.carrier.played.endswith(b"\xff" * 160):
            await scripted.silence(FRAME_MS)
        played = bytes(scripted.carrier.played[before:])
        heard_ms = (len(played) - len(played.lstrip(b"\xff"))) / 8
        await scripted.silence(8_000)
        await scripted.hang_up()
        return scripted, heard_ms

    scripted, heard_ms = run_virtual(scenario())
    (latency,) = scripted.events_of(TurnLatency)
    assert latency.total_ms == pytest.approx(heard_ms, abs=2 * FRAME_MS)


@pytest.mark.parametrize("kind", ["late", "missing"])
def test_transcript_holds_all_that_was_played_before_the_caller_answers(kind: str) -> None:
    """The caller answers half a second after the greeting, long before its marks could be called lost."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, answers=["Fine."], carrier=make_carrier(kind))
        await scripted.listen_until_quiet()
        await scripted.silence(500)
        await scripted.say("i would like an appointment", 1_200)
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert scripted.events_of(AgentSaid)[0].text == GREETING
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["i would like an appointment"]


@pytest.mark.parametrize("kind", ["late", "missing"])
def test_short_answer_after_the_second_utterance_is_a_turn(kind: str) -> None:
    """The end of an utterance is known by the clock, so that a "yes" is no nod during the agent's speech."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, answers=["Is Monday fine?", "See you."], carrier=make_carrier(kind))
        await scripted.listen_until_quiet()
        await scripted.silence(2_500)
        await scripted.say("i would like an appointment", 1_200)
        await scripted.listen_until_quiet()
        await scripted.silence(400)
        await scripted.say("yes", 400)
        await scripted.silence(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["i would like an appointment", "yes"]
    assert [said.text for said in scripted.events_of(AgentSaid)] == [GREETING, "Is Monday fine?", "See you."]
