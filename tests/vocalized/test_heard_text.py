"""An interrupted answer's transcript ends at the last heard word, checked against the caller's own recording."""

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from rich.console import Console

from shared.events import AgentSaid
from simulator.carrier.caller import Caller
from simulator.carrier.prepared_turn import prepare_turns
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending, Say, Script, Turn
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import FinishedCall
from vocalized.caller.local_speech import load_recognizer, load_voice
from vocalized.caller.media_call import call_media_server
from vocalized.caller.voice import CallerVoice
from vocalized.demo.readback import words_of
from vocalized.free_port import free_port
from vocalized.stack.process import media_command, running_server

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
async def test_transcript_ends_at_the_last_heard_word(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    script = Script(tuple(turns()), Ending(quiet_ms=1_500))
    port = free_port()
    printer = CallPrinter(Console(quiet=True))
    performances = await prepare_turns(script, CallerVoice(load_voice))
    async with running_server(media_command(port, plan, tmp_path / "state"), ROOT, port, tmp_path / "log"):
        url = f"ws://127.0.0.1:{port}/media/twilio"
        call = await call_media_server(url, Caller(performances, script.ending), printer, limit_s=300)
    interrupted_answers = interrupted(call)
    assert len(interrupted_answers) == len(BARGE_IN_MS)
    recognize = load_recognizer()
    for answer in interrupted_answers:
        assert answer.planned == FACT
        heard = words_of(recognize(audible_audio(call, answer)))
        transcript = words_of(answer.text)
        # The interrupted word may be half audible: the recognizer may return it or not, and may misrecognize a word.
        assert abs(len(heard) - len(transcript)) <= 1, f"transcript {transcript}, heard {heard}"
        match = SequenceMatcher(None, transcript, heard, autojunk=False)
        assert sum(block.size for block in match.get_matching_blocks()) >= len(transcript) - 2, (
            f"transcript {transcript}, heard {heard}"
        )


def turns() -> Iterator[Turn]:
    """The first turn waits for no greeting; after the last one the caller waits for the whole answer."""
    for number, moment in enumerate(BARGE_IN_MS):
        yield Turn(Say("Where is the garden?"), AfterAgent() if number else After(500))
        yield Turn(Say("Thank you very much indeed."), BargeIn(moment))


def interrupted(call: FinishedCall) -> list[AgentSaid]:
    """The interrupted answers."""
    answers = [answer for turn in call.transcript.turns for answer in turn.answers]
    return [answer for answer in answers if answer.interrupted]


def audible_audio(call: FinishedCall, answer: AgentSaid) -> bytes:
    """The audio of that answer that reached the caller, 16-bit at 8 kHz, between silences."""
    samples = call.record.audio.stereo()[:, 1]
    start, end = max(0, answer.start_ms - 200) * RATE, (answer.end_ms + 200) * RATE
    return samples[start:end].astype("<i2").tobytes()
