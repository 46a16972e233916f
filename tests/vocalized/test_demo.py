"""The demonstration with a scripted agent in place of the platform."""

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from media.providers.ports import Ask, Message, ToolCall, ToolSpec, Words
from media.providers.receptionist.brain import Receptionist
from shared.plan import read_plan
from simulator.carrier.caller import Caller
from simulator.carrier.mulaw import decode
from simulator.carrier.prepare import prepare
from simulator.carrier.script import AfterAgent, BargeIn, Ending, Play, Say, Script, Turn
from tests.simulator.agent_server import AgentServer, LockStep
from tests.simulator.scripted_agent import ScriptedAgent, tone
from tests.vocalized.telling import tell
from vocalized.child import ServerFailed
from vocalized.cli import ROOT
from vocalized.demo import Dial, Parts, demonstrate
from vocalized.keepsakes import Keepsakes
from vocalized.phone import Conversation, place
from vocalized.scenes import PLAN, SAMPLE, SAMPLE_WORDS, Scene, scenes
from vocalized.show import Show
from vocalized.voice import VoiceError

MESSAGE = "one two three four five"
ENDING = Ending(quiet_ms=400, timeout_ms=2_000)
LEAVES = Scene("call-1", "Call 1: a message", Script((Turn(Say(MESSAGE)), Turn(Say("yes"))), ENDING), MESSAGE)
ASKS = Scene("call-2", "Call 2: questions", Script((Turn(Say("when?")), Turn(Say("where?"), BargeIn(200))), ENDING))


async def voice(text: str) -> bytes:
    return decode(tone(20 * len(text))).astype("<i2").tobytes()


class Stage:
    """A server whose agents tell the same events for each call, and a recogniser that hears what it's told to."""

    def __init__(self, folder: Path, heard: str = MESSAGE, **agent: int) -> None:
        self.server = AgentServer(lambda: ScriptedAgent(**agent), events=tell)  # type: ignore[arg-type]
        self.out = StringIO()
        self.folder = folder
        (folder / "demo").mkdir()
        self.heard = heard

    @asynccontextmanager
    async def serve(self, show: Show) -> AsyncIterator[Dial]:
        async with self.server.running():
            yield self.dial

    async def dial(self, scene: Scene, caller: Caller, show: Show) -> Conversation:
        self.server.pace = LockStep()
        url = f"{self.server.url}/media/twilio"
        conversation = await place(url, caller, show, pace=self.server.pace, limit_s=scene.limit_s)
        return replace(conversation, recording=b"the platform's")

    async def run(self, **changes: object) -> int:
        parts = {
            "serve": self.serve,
            "scenes": [LEAVES, ASKS],
            "voice": voice,
            "load_recogniser": lambda: lambda pcm: self.heard,
            "keepsakes": Keepsakes(self.folder / "demo"),
        }
        show = Show(Console(file=self.out, width=200))
        return await demonstrate(Parts(**{**parts, **changes}), show)  # type: ignore[arg-type]


async def test_both_calls_are_placed_shown_and_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert await stage.run() == 0
    kept = {path.name for path in (tmp_path / "demo").iterdir()}
    assert kept == {f"call-{n}{end}" for n in (1, 2) for end in (".wav", "-server.wav", ".png")}
    for words in ("Call 1: a message", "Call 2: questions", "front desk", "520 ms", "5 of the caller's 5 words"):
        assert words in stage.out.getvalue()
    for path in (tmp_path / "demo").iterdir():
        assert str(path) in stage.out.getvalue().replace("\n", "")
    with wave.open(str(tmp_path / "demo" / "call-1.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert (np.abs(samples).max(axis=0) > 10_000).all()
    assert (tmp_path / "demo" / "call-1-server.wav").read_bytes() == b"the platform's"


async def test_a_message_that_is_not_read_back_fails_the_demonstration(tmp_path: Path) -> None:
    stage = Stage(tmp_path, heard="one two")
    assert await stage.run() == 1
    assert "was not read back" in stage.out.getvalue()


async def test_a_call_that_ends_too_early_fails_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, hangs_up_after=1)
    assert await stage.run() == 1
    assert "ended before the caller's last turn" in stage.out.getvalue()


async def test_a_server_that_does_not_start_fails_it_with_its_reason(tmp_path: Path) -> None:
    @asynccontextmanager
    async def broken(show: Show) -> AsyncIterator[Dial]:
        raise ServerFailed("no such plan")
        yield stage.dial

    stage = Stage(tmp_path)
    assert await stage.run(serve=broken) == 1
    assert "error: no such plan" in stage.out.getvalue()


async def test_a_voice_that_cannot_be_loaded_fails_it_with_its_reason(tmp_path: Path) -> None:
    async def mute(text: str) -> bytes:
        raise VoiceError("the local voice: its file is missing")

    stage = Stage(tmp_path)
    assert await stage.run(voice=mute) == 1
    assert "its file is missing" in stage.out.getvalue()


async def test_the_real_scenes_can_be_performed_and_hold_what_was_promised() -> None:
    leaves, asks = scenes(ROOT)
    assert leaves.message == SAMPLE_WORDS
    assert Play(ROOT / SAMPLE) in [turn.act for turn in leaves.script.turns]
    questions = [turn for turn in asks.script.turns if isinstance(turn.act, Say) and turn.act.text.endswith("?")]
    assert len(questions) == 3
    assert sum(isinstance(turn.when, BargeIn) for turn in asks.script.turns) == 1
    for scene in (leaves, asks):
        assert isinstance(scene.script.turns[0].when, AfterAgent)
        assert len(await prepare(scene.script, voice)) == len(scene.script.turns)


async def answers(scene: Scene) -> list[str]:
    """What the plan's receptionist answers to what the caller says, if nothing is misheard."""
    plan, receptionist = read_plan(ROOT / PLAN), Receptionist()
    messages, said = [Message("assistant", plan.agent.greeting)], []
    for turn in scene.script.turns:
        text = turn.act.text if isinstance(turn.act, Say) else scene.message
        messages.append(Message("user", text))
        ask = Ask(plan.agent.prompt, tuple(messages), [ToolSpec("end_call", "", {})])
        events = [event async for event in receptionist.stream(ask)]
        said.append("".join(event.text for event in events if isinstance(event, Words)))
        said[-1] += " [end_call]" if any(isinstance(event, ToolCall) for event in events) else ""
        messages.append(Message("assistant", said[-1]))
    return said


async def test_the_plans_receptionist_plays_its_part_in_both_scenes() -> None:
    leaves, asks = scenes(ROOT)
    asked, read_back, noted, bye = await answers(leaves)
    assert asked.endswith("?")
    assert "ask what you can do for your country" in read_back
    assert noted.endswith("?") and bye.endswith("[end_call]")
    hours, address, children, bye = await answers(asks)
    assert "8 in the morning" in hours and "214 Harbor Street" in address and "age of 3" in children
    assert bye.endswith("[end_call]")


@pytest.mark.parametrize("path", [PLAN, SAMPLE])
def test_what_the_demonstration_needs_is_in_the_tree(path: Path) -> None:
    assert (ROOT / path).is_file()
