"""An interrupted answer's transcript ends at the word that the caller heard, judged by the caller's own recording."""

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from rich.console import Console

from shared.events import AgentSaid
from simulator.carrier.caller import Caller
from simulator.carrier.prepare import prepare
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending, Say, Script, Turn
from vocalized.child import free_port, media_command, running_server
from vocalized.local import load_recogniser, load_voice
from vocalized.phone import Conversation, place
from vocalized.readback import words_of
from vocalized.show import Show
from vocalized.voice import CallerVoice

ROOT = Path(__file__).parents[2]
FACT = "The garden is behind the old brick house, next to the little river, and the gate is painted green."
PLAN = {
    "agent": {"name": "Garden", "prompt": f"Facts:\n- {FACT}"},
    "stt": [{"provider": "local"}],
    "llm": [{"provider": "receptionist"}],
    "tts": [{"provider": "local"}],
    "turn": {"silence_ms": 500},
}
BARGE_IN_MS = (900, 1_900, 2_900)  # into the answer's audio
RATE = 8  # samples per ms


@pytest.mark.speech
async def test_the_transcript_ends_at_the_word_that_was_heard(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    script = Script(tuple(turns()), Ending(quiet_ms=1_500))
    port = free_port()
    show = Show(Console(quiet=True))
    performances = await prepare(script, CallerVoice(load_voice))
    async with running_server(media_command(port, plan, tmp_path / "state"), ROOT, port, tmp_path / "log"):
        url = f"ws://127.0.0.1:{port}/media/twilio"
        conversation = await place(url, Caller(performances, script.ending), show, limit_s=300)
    cut = interrupted(conversation)
    assert len(cut) == len(BARGE_IN_MS)
    recognise = load_recogniser()
    for said in cut:
        assert said.planned == FACT
        heard = words_of(recognise(leg(conversation, said)))
        told = words_of(said.text)
        # The word that was cut may be half audible: the recogniser may give it or not, and may get a word wrong.
        assert abs(len(heard) - len(told)) <= 1, f"told {told}, heard {heard}"
        match = SequenceMatcher(None, told, heard, autojunk=False)
        assert sum(block.size for block in match.get_matching_blocks()) >= len(told) - 2, f"told {told}, heard {heard}"


def turns() -> Iterator[Turn]:
    """There is no greeting to wait for; later the caller hears out the answer to the thanks, however late it comes."""
    for number, moment in enumerate(BARGE_IN_MS):
        yield Turn(Say("Where is the garden?"), AfterAgent() if number else After(500))
        yield Turn(Say("Thank you very much indeed."), BargeIn(moment))


def interrupted(conversation: Conversation) -> list[AgentSaid]:
    """The answers that were cut."""
    answers = [said for turn in conversation.transcript.turns for said in turn.answers]
    return [said for said in answers if said.interrupted]


def leg(conversation: Conversation, said: AgentSaid) -> bytes:
    """What the caller's ear got of that answer, 16-bit at 8 kHz, between silences."""
    samples = conversation.record.legs.stereo()[:, 1]
    start, end = max(0, said.start_ms - 200) * RATE, (said.end_ms + 200) * RATE
    return samples[start:end].astype("<i2").tobytes()
