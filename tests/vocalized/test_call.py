"""`vocalized call` against a scripted agent over a real socket: the outcome, the JSON, and plain errors."""

import asyncio
import json
import re
import socket
import wave
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
from rich.console import Console

from simulator.carrier.mulaw import decode
from tests.simulator.agent_server import AgentServer
from tests.simulator.scripted_agent import ScriptedAgent, tone
from tests.vocalized.telling import CALL_ID, tell
from tests.vocalized.test_addresses import TOLD
from vocalized.addresses import write_addresses
from vocalized.call import CallOptions, UsageFault, run_call
from vocalized.show import Show


async def voice(text: str) -> bytes:
    """20 ms of sound for every letter."""
    return decode(tone(20 * len(text))).astype("<i2").tobytes()


class Screen(Show):
    """What would stand on the screen."""

    def __init__(self) -> None:
        self.out = StringIO()
        super().__init__(Console(file=self.out, width=200))

    @property
    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def screen() -> Iterator[Screen]:
    yield Screen()


def talkative() -> AgentServer:
    """A server that also tells the call's events."""
    return AgentServer(lambda: ScriptedAgent(answers_ms=(800, 600)), events=tell)


async def outcome(server: AgentServer, screen: Screen, **options: object) -> int:
    wanted = CallOptions(f"{server.url}/media/twilio", **options)  # type: ignore[arg-type]
    return await run_call(wanted, screen, voice=voice, pace=server.pace, patience_s=0.2)


async def test_a_call_with_two_turns_of_both_kinds_in_order(
    screen: Screen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "turn.flac", decode(tone(500)), 8_000)
    turns = [("audio", str(tmp_path / "turn.flac")), ("say", "a text of 25 letters here")]
    async with talkative().running() as server:
        code = await outcome(server, screen, turns=turns, record=tmp_path / "out.wav", as_json=True)
    (agent,) = server.agents
    assert [end - begin for begin, end in agent.turns] == [500, 500]
    assert agent.played == ["greeting", "answer 1", "answer 2"]
    assert agent.stopped
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(result) == ["call_id", "status", "end_reason", "duration_s", "turns", "recording"]
    assert (code, result["call_id"], result["status"]) == (0, CALL_ID, "completed")
    assert result["turns"][0]["latency_ms"]["total"] == 520
    assert result["recording"] == str(tmp_path / "out.wav")
    with wave.open(result["recording"]) as file:
        assert file.getnframes() / 8_000 == pytest.approx(result["duration_s"], abs=0.01)


async def test_words_and_the_latency_split_appear_without_json(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    async with talkative().running() as server:
        assert await outcome(server, screen, turns=[("say", "hello")]) == 0
    assert capsys.readouterr().out == ""
    for words in ("Hello, this is the front desk.", "I would like to leave a message.", "520 ms = 400 end of turn"):
        assert words in screen.text
    assert re.search(r"hello +\d{3} ms", screen.text)


async def test_a_server_without_events_is_called_all_the_same(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer().running() as server:
        assert await outcome(server, screen, turns=[("say", "hello")], as_json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["end_reason"], result["turns"]) == ("completed", "caller_hangup", [])
    assert "warning" in screen.text and "does not know the call" in screen.text


async def test_an_agent_that_hangs_up_before_the_last_turn_is_told_of(screen: Screen) -> None:
    async with AgentServer(lambda: ScriptedAgent(hangs_up_after=1)).running() as server:
        assert await outcome(server, screen, turns=[("say", "hello"), ("say", "goodbye")]) == 0
    assert "ended before the caller's last turn" in screen.text


async def test_a_media_server_that_breaks_down_fails_the_call(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer(lambda: ScriptedAgent(hangs_up_after=1), close_code=1011).running() as server:
        assert await outcome(server, screen, turns=[("say", "hello")], as_json=True) == 1
    assert "media lost" in screen.text and "1011" in screen.text
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


async def test_nobody_there(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        media = f"ws://127.0.0.1:{free.getsockname()[1]}/media/twilio"
        options = CallOptions(media, [("say", "hello")], as_json=True)
        assert await run_call(options, screen, voice=voice, patience_s=0.2) == 1
    assert "error: --media: nothing answers at" in screen.text
    assert "warning" not in screen.text
    assert json.loads(capsys.readouterr().out)["end_reason"] == "carrier_error"


async def test_a_recording_that_cannot_be_written_is_an_error_after_a_call_that_was_made(
    screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with talkative().running() as server:
        code = await outcome(server, screen, turns=[("say", "hello")], record=tmp_path / "file" / "out.wav")
    assert code == 1
    assert "error: --record:" in screen.text


async def test_a_platform_that_does_not_run_is_told(
    screen: Screen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], as_json=True, state=tmp_path)
    assert await run_call(options, screen, voice=voice) == 1
    assert f"error: --to: no platform runs on {tmp_path}: start one with `vocalized up`" in screen.text
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


async def test_a_platform_with_real_carriers_only_cannot_be_phoned_from_here(screen: Screen, tmp_path: Path) -> None:
    write_addresses(tmp_path, msgspec.structs.replace(TOLD, carrier=""))
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], state=tmp_path)
    assert await run_call(options, screen, voice=voice) == 1
    assert "with a real phone" in screen.text


async def test_a_platform_that_went_away_without_a_word_is_told(screen: Screen, tmp_path: Path) -> None:
    write_addresses(tmp_path, msgspec.structs.replace(TOLD, carrier="http://127.0.0.1:1"))
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], state=tmp_path)
    assert await run_call(options, screen, voice=voice) == 1
    assert "error: --to: no phone network answers at http://127.0.0.1:1" in screen.text


@pytest.mark.parametrize(
    ("options", "flag", "reason"),
    [
        (CallOptions(turns=[("say", "x")]), "--to", "either --to or --media"),
        (CallOptions("ws://h/m", [("say", "x")], to="+14155550123"), "--to", "either --to or --media"),
        (CallOptions(to="415 555", turns=[("say", "x")]), "--to", "no number"),
        (CallOptions("http://host/", [("say", "x")]), "--media", "ws://"),
        (CallOptions("ws://h/m?x=1", [("say", "x")]), "--media", "query string"),
        (CallOptions("ws://h/m"), "--mic", "at least one"),
        (CallOptions("ws://h/m", [("say", "x")], mic=True), "--mic", "either"),
        (CallOptions("ws://h/m", [("audio", "/nowhere/x.wav")]), "--audio", "/nowhere/x.wav: no such file"),
        (CallOptions("ws://h/m", [("say", "")]), "--say", "no audio"),
        (CallOptions("ws://h/m", [("say", "x")], record=Path("/")), "--record", "is a folder"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named_before_anything_is_dialled(
    options: CallOptions, flag: str, reason: str, screen: Screen
) -> None:
    with pytest.raises(UsageFault, match=reason) as caught:
        asyncio.run(run_call(options, screen, voice=voice))
    assert caught.value.flag == flag
