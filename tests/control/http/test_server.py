"""The server's stop: running requests are answered, new ones are refused, and all waits are bounded."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvloop
from aiohttp import ClientConnectionError, ClientConnectorError, ClientSession, web

from control.http.server import ListenOptions, serve
from vocalized.free_port import free_port

LISTEN = ListenOptions("127.0.0.1", 0, keepalive_s=0.3, drain_s=5)


Served = tuple[int, asyncio.Task[None], asyncio.Event]


class SlowApp:
    """An application whose response waits for the test."""

    def __init__(self) -> None:
        self.reached, self.released = asyncio.Event(), asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/", self._respond)

    async def _respond(self, request: web.Request) -> web.Response:
        self.reached.set()
        await self.released.wait()
        return web.Response(text="done")


@asynccontextmanager
async def running_server(
    app: web.Application, listen: ListenOptions = LISTEN
) -> AsyncIterator[tuple[int, asyncio.Task[None], asyncio.Event]]:
    listen, stop = replace(listen, port=free_port()), asyncio.Event()
    task = asyncio.create_task(serve(app, listen, stop))
    await until_open(listen.port)
    yield listen.port, task, stop
    stop.set()
    await task


async def until_open(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def get(port: int) -> str:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as response:
        return await response.text()


async def test_running_request_is_answered_and_new_ones_are_refused() -> None:
    slow = SlowApp()
    async with running_server(slow.app) as (port, task, stop):
        running = asyncio.create_task(get(port))
        await slow.reached.wait()
        stop.set()
        with pytest.raises(ClientConnectorError):
            async with asyncio.timeout(20):
                while True:
                    async with ClientSession() as session, session.head(f"http://127.0.0.1:{port}/x"):
                        pass
        assert not task.done()
        slow.released.set()
        assert await running == "done"
        async with asyncio.timeout(20):
            await task


async def test_drain_ends_after_its_timeout() -> None:
    slow = SlowApp()
    async with running_server(slow.app, replace(LISTEN, drain_s=0.2)) as (port, task, stop):
        running = asyncio.create_task(get(port))
        await slow.reached.wait()
        stop.set()
        async with asyncio.timeout(20):
            await task
        with pytest.raises(ClientConnectionError):
            await running


async def test_idle_connection_does_not_delay_the_stop() -> None:
    slow = SlowApp()
    slow.released.set()
    async with running_server(slow.app, replace(LISTEN, keepalive_s=3_600)) as (port, task, stop):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"done")
        stop.set()
        async with asyncio.timeout(30):
            await task
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_incomplete_head_is_closed_after_the_keepalive_timeout(sent: bytes) -> None:
    slow = SlowApp()
    async with running_server(slow.app) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


HALF = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def test_a_half_head_is_closed_long_before_an_idle_connection_and_a_slow_answer() -> None:
    slow = SlowApp()
    listen = replace(LISTEN, keepalive_s=3_600, head_s=0.05)
    async with running_server(slow.app, listen) as (port, _, _), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HALF + b"\r\n")
        await slow.reached.wait()
        await _until_closed(port)
        slow.released.set()
        await reader.readuntil(b"done")
        writer.write(HALF)  # of a second request
        assert await reader.read() == b""
        writer.close()


def test_closes_a_half_head_that_arrived_with_the_connection() -> None:
    async def scenario() -> bytes:
        listen = replace(LISTEN, keepalive_s=3_600, head_s=0.05)
        async with running_server(web.Application(), listen) as (port, _, _):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
                client.sendall(HALF)  # before the server's loop accepts the connection
                return await asyncio.to_thread(client.recv, 1)

    assert uvloop.run(scenario()) == b""  # as the API runs: it delivers these bytes before aiohttp's task runs


async def _until_closed(port: int) -> None:
    """Sends the head of a request in pieces, and never its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (HALF[:20], HALF[20:]):
        writer.write(piece)
        await writer.drain()
    assert await reader.read() == b""
    writer.close()


async def test_processes_share_a_port_only_if_configured() -> None:
    shared = replace(LISTEN, port=free_port(), shared_port=True)
    stop = asyncio.Event()
    stop.set()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(serve(web.Application(), shared, stop))
    async with running_server(web.Application()) as (port, _, _):
        with pytest.raises(OSError):
            await serve(web.Application(), replace(LISTEN, port=port), stop)
