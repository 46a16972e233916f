"""`vocalized call` against a scripted agent over a real socket: the outcome, the JSON, and plain errors."""

import asyncio
import json
import os
import re
import signal
import socket
import wave
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
from aiohttp.test_utils import TestServer

from simulator.carrier.mulaw import decode
from simulator.carrier.network.config import make_config
from simulator.carrier.network.server import running_network
from tests.simulator.agent_server import AgentServer
from tests.simulator.scripted_agent import ScriptedAgent, tone
from tests.vocalized.call_events import CALL_ID, stream_events
from tests.vocalized.recording_printer import RecordingPrinter
from tests.vocalized.stack.test_addresses import ADDRESSES
from vocalized.commands import call as call_module
from vocalized.commands.call import CallOptions, UsageError, run_call
from vocalized.free_port import free_port
from vocalized.stack.addresses import write_addresses


async def voice(text: str) -> bytes:
    """20 ms of tone for every letter."""
    return decode(tone(20 * len(text))).astype("<i2").tobytes()


@pytest.fixture
def printer() -> Iterator[RecordingPrinter]:
    yield RecordingPrinter()


def server_with_events() -> AgentServer:
    """A server that also sends the call's events."""
    return AgentServer(lambda: ScriptedAgent(answers_ms=(800, 600)), events=stream_events)


async def run_outcome(server: AgentServer, printer: RecordingPrinter, **options: object) -> int:
    call_options = CallOptions(f"{server.url}/media/twilio", **options)  # type: ignore[arg-type]
    return await run_call(call_options, printer, voice=voice, pace=server.clock, patience_s=0.2)


async def test_a_call_with_two_turns_of_both_kinds_in_order(
    printer: RecordingPrinter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "turn.flac", decode(tone(500)), 8_000)
    turns = [("audio", str(tmp_path / "turn.flac")), ("say", "a text of 25 letters here")]
    async with server_with_events().running() as server:
        code = await run_outcome(server, printer, turns=turns, record=tmp_path / "out.wav", as_json=True)
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


async def test_text_and_latency_are_printed_without_json(
    printer: RecordingPrinter, capsys: pytest.CaptureFixture[str]
) -> None:
    async with server_with_events().running() as server:
        assert await run_outcome(server, printer, turns=[("say", "hello")]) == 0
    assert capsys.readouterr().out == ""
    for words in ("Hello, this is the front desk.", "I would like to leave a message.", "520 ms = 400 end of turn"):
        assert words in printer.text
    assert re.search(r"hello +\d{3} ms", printer.text)


async def test_waits_for_a_server_that_starts(printer: RecordingPrinter) -> None:
    """The README starts the server and calls it at once."""
    server, port = server_with_events(), free_port()
    options = CallOptions(f"ws://127.0.0.1:{port}/media/twilio", turns=[("say", "hello")])
    calling = asyncio.create_task(run_call(options, printer, voice=voice, pace=server.clock, patience_s=0.2))
    async with asyncio.timeout(30):
        await printer.informed.wait()
    assert "waiting up to 60 s" in printer.text
    async with server.running(port):
        assert await calling == 0


async def test_server_without_events_can_be_called(
    printer: RecordingPrinter, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer().running() as server:
        assert await run_outcome(server, printer, turns=[("say", "hello")], as_json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["end_reason"], result["turns"]) == ("completed", "caller_hangup", [])
    assert "warning" in printer.text and "does not know the call" in printer.text


async def test_agent_that_hangs_up_before_the_last_turn_is_reported(printer: RecordingPrinter) -> None:
    async with AgentServer(lambda: ScriptedAgent(hangs_up_after=1)).running() as server:
        assert await run_outcome(server, printer, turns=[("say", "hello"), ("say", "goodbye")]) == 0
    assert "ended before the caller's last turn" in printer.text


async def test_broken_media_server_fails_the_call(
    printer: RecordingPrinter, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AgentServer(lambda: ScriptedAgent(hangs_up_after=1), close_code=1011).running() as server:
        assert await run_outcome(server, printer, turns=[("say", "hello")], as_json=True) == 1
    assert "media lost" in printer.text and "1011" in printer.text
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


async def test_unreachable_server_is_reported(printer: RecordingPrinter, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        media = f"ws://127.0.0.1:{free.getsockname()[1]}/media/twilio"
        options = CallOptions(media, [("say", "hello")], as_json=True, start_s=0.1)
        assert await run_call(options, printer, voice=voice, patience_s=0.2) == 1
    assert "error: --media: nothing answers at" in printer.text
    assert "warning" not in printer.text
    assert json.loads(capsys.readouterr().out)["end_reason"] == "carrier_error"


async def test_recording_that_cannot_be_written_is_an_error_after_the_call(
    printer: RecordingPrinter, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with server_with_events().running() as server:
        code = await run_outcome(server, printer, turns=[("say", "hello")], record=tmp_path / "file" / "out.wav")
    assert code == 1
    assert "error: --record:" in printer.text


async def test_platform_that_is_not_running_is_reported(
    printer: RecordingPrinter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], as_json=True, state=tmp_path)
    assert await run_call(options, printer, voice=voice) == 1
    assert f"error: --to: no platform runs on {tmp_path}: start one with `vocalized up`" in printer.text
    assert json.loads(capsys.readouterr().out)["status"] == "failed"


async def test_answer_needs_a_running_platform(printer: RecordingPrinter, tmp_path: Path) -> None:
    options = CallOptions(answer="+14155550123", turns=[("say", "hello")], state=tmp_path)
    assert await run_call(options, printer, voice=voice) == 1
    assert f"error: NUMBER: no platform runs on {tmp_path}" in printer.text


class SilentDevice:
    """A microphone and a loudspeaker of a machine without sound."""

    def play(self, pcm: bytes) -> None:
        pass

    def close(self) -> None:
        pass


async def test_waiting_for_a_call_with_the_microphone_can_be_stopped(
    printer: RecordingPrinter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "open_sound_device", lambda spoken: SilentDevice())
    async with running_network(make_config({})) as network, TestServer(network.app) as server, asyncio.timeout(20):
        write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, carrier=str(server.make_url("")).rstrip("/")))
        answering = asyncio.create_task(run_call(CallOptions(answer="+16465550123", mic=True, state=tmp_path), printer))
        while "waiting for a call" not in printer.text:  # noqa: ASYNC110 -- the line comes from another task
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        assert await answering == 1
    assert "error: NUMBER: stopped before the call began" in printer.text


async def test_a_phone_is_told_that_another_one_waits_at_its_number(printer: RecordingPrinter, tmp_path: Path) -> None:
    """And the one that waits is told when the network has gone."""
    async with running_network(make_config({})) as network, TestServer(network.app) as server, asyncio.timeout(20):
        write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, carrier=str(server.make_url("")).rstrip("/")))
        options = CallOptions(answer="+16465550123", turns=[("say", "hello")], state=tmp_path)
        first = asyncio.create_task(run_call(options, printer, voice=voice))
        while "waiting for a call" not in printer.text:  # noqa: ASYNC110 -- the line comes from another task
            await asyncio.sleep(0.01)
        second = RecordingPrinter()
        assert await run_call(options, second, voice=voice) == 1
        assert second.text == "error: NUMBER: another phone waits at this number already\n"
        await network.app.shutdown()
        assert await first == 1
    assert "error: NUMBER: the phone network closed the connection before the call began" in printer.text


async def test_platform_with_real_carriers_only_cannot_be_called(printer: RecordingPrinter, tmp_path: Path) -> None:
    write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, carrier=""))
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], state=tmp_path)
    assert await run_call(options, printer, voice=voice) == 1
    assert "with a real phone" in printer.text


async def test_platform_that_crashed_is_reported(printer: RecordingPrinter, tmp_path: Path) -> None:
    write_addresses(tmp_path, msgspec.structs.replace(ADDRESSES, carrier="http://127.0.0.1:1"))
    options = CallOptions(to="+14155550123", turns=[("say", "hello")], state=tmp_path)
    assert await run_call(options, printer, voice=voice) == 1
    assert "error: --to: no phone network answers at http://127.0.0.1:1" in printer.text


@pytest.mark.parametrize(
    ("options", "flag", "reason"),
    [
        (CallOptions(turns=[("say", "x")]), "--to", "either --to or --media"),
        (CallOptions("ws://h/m", [("say", "x")], to="+14155550123"), "--to", "either --to or --media"),
        (CallOptions(to="415 555", turns=[("say", "x")]), "--to", "no number"),
        (CallOptions(answer="415 555", turns=[("say", "x")]), "NUMBER", "no number"),
        (
            CallOptions(answer="+\u0664\u0661\u0665\u0665\u0665\u0665\u0661", turns=[("say", "x")]),
            "NUMBER",
            "no number",
        ),
        (CallOptions(answer="+14155550123"), "--mic", "at least one"),
        (CallOptions("http://host/", [("say", "x")]), "--media", "ws://"),
        (CallOptions("ws://h/m?x=1", [("say", "x")]), "--media", "query string"),
        (CallOptions("ws://h/m"), "--mic", "at least one"),
        (CallOptions("ws://h/m", [("say", "x")], mic=True), "--mic", "either"),
        (CallOptions("ws://h/m", [("audio", "/nowhere/x.wav")]), "--audio", "/nowhere/x.wav: no such file"),
        (CallOptions("ws://h/m", [("say", "")]), "--say", "no audio"),
        (CallOptions("ws://h/m", [("say", "x")], record=Path("/")), "--record", "is a folder"),
    ],
)
def test_invalid_flag_is_named_before_dialing(
    options: CallOptions, flag: str, reason: str, printer: RecordingPrinter
) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        asyncio.run(run_call(options, printer, voice=voice))
    assert caught.value.flag == flag
