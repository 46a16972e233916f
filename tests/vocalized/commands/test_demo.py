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

from media.providers.ports import ChatRequest, Message, TextDelta, ToolCall, ToolSpec
from media.providers.receptionist.llm import ReceptionistLanguageModel
from shared.plan import read_plan
from simulator.carrier.caller import Caller
from simulator.carrier.mulaw import decode
from simulator.carrier.prepared_turn import prepare_turns
from simulator.carrier.script import AfterAgent, BargeIn, Ending, Play, Say, Script, Turn
from tests.simulator.agent_server import AgentServer, LockStepClock
from tests.simulator.scripted_agent import ScriptedAgent, tone
from tests.vocalized.call_events import stream_events
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import FinishedCall
from vocalized.caller.media_call import call_media_server
from vocalized.caller.voice import VoiceError
from vocalized.commands.cli import ROOT
from vocalized.commands.demo import DemoParts, Dial, demonstrate
from vocalized.demo.calls import SAMPLE, SAMPLE_WORDS, DemoCall, demo_calls
from vocalized.demo.files import DemoFiles
from vocalized.stack.first_addresses import PLAN
from vocalized.stack.process import ServerFailed

MESSAGE = "one two three four five"
ENDING = Ending(quiet_ms=400, timeout_ms=2_000)
MESSAGE_CALL = DemoCall("call-1", "Call 1: a message", Script((Turn(Say(MESSAGE)), Turn(Say("yes"))), ENDING), MESSAGE)
QUESTIONS_CALL = DemoCall(
    "call-2", "Call 2: questions", Script((Turn(Say("when?")), Turn(Say("where?"), BargeIn(200))), ENDING)
)


async def voice(text: str) -> bytes:
    return decode(tone(20 * len(text))).astype("<i2").tobytes()


class FakeAgent:
    """A media server that sends the same events for each call, and a recognizer that returns `heard`."""

    def __init__(self, folder: Path, heard: str = MESSAGE, **agent: int) -> None:
        self.server = AgentServer(lambda: ScriptedAgent(**agent), events=stream_events)  # type: ignore[arg-type]
        self.out = StringIO()
        self.folder = folder
        (folder / "demo").mkdir()
        self.heard = heard

    @asynccontextmanager
    async def serve(self, printer: CallPrinter) -> AsyncIterator[Dial]:
        async with self.server.running():
            yield self.dial

    async def dial(self, call: DemoCall, caller: Caller, printer: CallPrinter) -> FinishedCall:
        self.server.clock = LockStepClock()
        url = f"{self.server.url}/media/twilio"
        finished = await call_media_server(url, caller, printer, pace=self.server.clock, limit_s=call.limit_s)
        return replace(finished, recording=b"the platform's")

    async def run(self, **changes: object) -> int:
        parts = {
            "serve": self.serve,
            "calls": [MESSAGE_CALL, QUESTIONS_CALL],
            "voice": voice,
            "load_recognizer": lambda: lambda pcm: self.heard,
            "files": DemoFiles(self.folder / "demo"),
        }
        printer = CallPrinter(Console(file=self.out, width=200))
        return await demonstrate(DemoParts(**{**parts, **changes}), printer)  # type: ignore[arg-type]


async def test_both_calls_are_run_printed_and_saved(tmp_path: Path) -> None:
    agent = FakeAgent(tmp_path)
    assert await agent.run() == 0
    saved = {path.name for path in (tmp_path / "demo").iterdir()}
    assert saved == {f"call-{n}{end}" for n in (1, 2) for end in (".wav", "-server.wav", ".png")}
    for words in ("Call 1: a message", "Call 2: questions", "front desk", "520 ms", "5 of the caller's 5 words"):
        assert words in agent.out.getvalue()
    for path in (tmp_path / "demo").iterdir():
        assert str(path) in agent.out.getvalue().replace("\n", "")
    with wave.open(str(tmp_path / "demo" / "call-1.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert (np.abs(samples).max(axis=0) > 10_000).all()
    assert (tmp_path / "demo" / "call-1-server.wav").read_bytes() == b"the platform's"


async def test_message_that_is_not_read_back_fails_the_demonstration(tmp_path: Path) -> None:
    agent = FakeAgent(tmp_path, heard="one two")
    assert await agent.run() == 1
    assert "was not read back" in agent.out.getvalue()


async def test_call_that_ends_too_early_fails_the_demonstration(tmp_path: Path) -> None:
    agent = FakeAgent(tmp_path, hangs_up_after=1)
    assert await agent.run() == 1
    assert "ended before the caller's last turn" in agent.out.getvalue()


async def test_server_that_does_not_start_is_reported(tmp_path: Path) -> None:
    @asynccontextmanager
    async def broken(printer: CallPrinter) -> AsyncIterator[Dial]:
        raise ServerFailed("no such plan")
        yield agent.dial

    agent = FakeAgent(tmp_path)
    assert await agent.run(serve=broken) == 1
    assert "error: no such plan" in agent.out.getvalue()


async def test_voice_that_cannot_be_loaded_is_reported(tmp_path: Path) -> None:
    async def mute(text: str) -> bytes:
        raise VoiceError("the local voice: its file is missing")

    agent = FakeAgent(tmp_path)
    assert await agent.run(voice=mute) == 1
    assert "its file is missing" in agent.out.getvalue()


async def test_demo_calls_can_be_prepared_and_have_the_promised_turns() -> None:
    leave_message_call, ask_call = demo_calls(ROOT)
    assert leave_message_call.message == SAMPLE_WORDS
    assert Play(ROOT / SAMPLE) in [turn.act for turn in leave_message_call.script.turns]
    questions = [turn for turn in ask_call.script.turns if isinstance(turn.act, Say) and turn.act.text.endswith("?")]
    assert len(questions) == 3
    assert sum(isinstance(turn.when, BargeIn) for turn in ask_call.script.turns) == 1
    for call in (leave_message_call, ask_call):
        assert isinstance(call.script.turns[0].when, AfterAgent)
        assert len(await prepare_turns(call.script, voice)) == len(call.script.turns)


async def answers(call: DemoCall) -> list[str]:
    """The answers of the plan's receptionist to the caller's turns, if all are recognized correctly."""
    plan, receptionist = read_plan(ROOT / PLAN), ReceptionistLanguageModel()
    messages, answers_given = [Message("assistant", plan.agent.greeting)], []
    for turn in call.script.turns:
        text = turn.act.text if isinstance(turn.act, Say) else call.message
        messages.append(Message("user", text))
        request = ChatRequest(plan.agent.prompt, tuple(messages), [ToolSpec("end_call", "", {})])
        events = [event async for event in receptionist.stream(request)]
        answers_given.append("".join(event.text for event in events if isinstance(event, TextDelta)))
        answers_given[-1] += " [end_call]" if any(isinstance(event, ToolCall) for event in events) else ""
        messages.append(Message("assistant", answers_given[-1]))
    return answers_given


async def test_receptionist_of_the_plan_answers_both_calls() -> None:
    leave_message_call, ask_call = demo_calls(ROOT)
    question, read_back, thanked, goodbye = await answers(leave_message_call)
    assert question.endswith("?")
    assert "ask what you can do for your country" in read_back
    assert thanked.endswith("?") and goodbye.endswith("[end_call]")
    hours, address, children, goodbye = await answers(ask_call)
    assert "8 in the morning" in hours and "214 Harbor Street" in address and "age of 3" in children
    assert goodbye.endswith("[end_call]")


@pytest.mark.parametrize("path", [PLAN, SAMPLE])
def test_files_of_the_demonstration_exist(path: Path) -> None:
    assert (ROOT / path).is_file()
