"""A simulated line against a local server; frames and clock are virtual."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

from lab.benchmarks.caller import Caller, CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.line import Line, LineState
from tests.lab.benchmarks.parrot import ParrotServer

PHRASE = Phrase((b"AAAA", b"BBBB", b"CCCC"), 0, 60)


@dataclass
class ConnectedLine:
    """One line to one server."""

    line: Line
    caller: Caller
    ups: list[Line] = field(default_factory=list)
    now: float = 0.0

    def send_frames(self, count: int) -> None:
        for _ in range(count):
            self.now = round(self.now + 0.02, 3)
            self.line.send_frame(self.now)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  the line under test has no event to wait for
            await asyncio.sleep(0)


@asynccontextmanager
async def dial(app: web.Application, behavior: CallerBehavior) -> AsyncIterator[ConnectedLine]:
    async with TestServer(app) as server:
        assert server.port is not None
        caller = Caller(behavior, first_turn_at=0.0)
        url = f"ws://{server.host}:{server.port}/media/twilio"
        line = Line(url, 1, PHRASE, caller, lambda up: connected.ups.append(up), lambda: connected.now)
        connected = ConnectedLine(line, caller)
        await asyncio.get_running_loop().create_connection(lambda: line, server.host, server.port)
        await until(lambda: line.state is not LineState.DIALING)
        yield connected
        line.hang_up()


@pytest.fixture
def server() -> ParrotServer:
    return ParrotServer(silence_frames=2)


@pytest.fixture
async def rig(server: ParrotServer) -> AsyncIterator[ConnectedLine]:
    async with dial(server.app, CallerBehavior(phrase_frames=3, cycle_s=60.0, barge_after_s=0.5)) as connected:
        yield connected


async def test_turn_is_answered_and_its_mark_is_echoed(server: ParrotServer, rig: ConnectedLine) -> None:
    assert rig.ups == [rig.line]
    rig.send_frames(5)
    await until(lambda: rig.caller.turns[0].answered)
    assert (rig.caller.turns[0].ended, rig.caller.turns[0].answered) == (0.06, 0.1)
    await until(lambda: server.parrots[0].said == 6)
    await asyncio.sleep(0)
    assert server.parrots[0].marks == []
    await until(lambda: rig.caller.pending_marks == 1)
    rig.now = 1.09
    rig.send_frames(1)
    await until(lambda: server.parrots[0].marks == ["end"])


async def test_interruption_is_answered_with_a_clear(server: ParrotServer, rig: ConnectedLine) -> None:
    rig.send_frames(5)
    await until(lambda: rig.caller.pending_marks == 1)
    rig.now = 0.6
    rig.send_frames(1)
    await until(lambda: rig.caller.turns[1].cleared)
    assert (rig.caller.turns[1].began, rig.caller.turns[1].cleared) == (0.62, 0.62)
    await until(lambda: server.parrots[0].marks == ["end"])


async def test_hang_up_sends_stop(server: ParrotServer, rig: ConnectedLine) -> None:
    rig.line.hang_up()
    await until(lambda: server.parrots[0].stopped)
    assert rig.line.state is LineState.HUNG_UP


@asynccontextmanager
async def other(handler: Callable[[web.WebSocketResponse], object]) -> AsyncIterator[ConnectedLine]:
    async def call(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        result = handler(socket)
        assert asyncio.iscoroutine(result)
        await result
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/media/twilio", call)
    async with dial(app, CallerBehavior(phrase_frames=3)) as connected:
        yield connected


async def test_a_call_that_the_server_ends_is_lost() -> None:
    async with other(lambda socket: socket.close(code=WSCloseCode.OK)) as rig:
        await until(lambda: rig.line.state is LineState.LOST)


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        '{"event":"media","streamSid":"MZother","media":{"payload":"AAAA"}}',
        f'{{"event":"unheard","streamSid":"MZ{1:032x}"}}',
        f'{{"event":"media","streamSid":"MZ{1:032x}"}}',
    ],
)
async def test_invalid_messages_are_counted(message: str) -> None:
    async with other(lambda socket: socket.send_str(message)) as rig:
        await until(lambda: rig.line.errors == 1)
        assert rig.line.state is LineState.UP


async def test_unknown_path_is_refused() -> None:
    async with dial(web.Application(), CallerBehavior(phrase_frames=3)) as rig:
        assert rig.line.state is LineState.REFUSED
        assert rig.ups == []
