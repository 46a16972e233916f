"""The limit of simultaneous connections from one client address."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
import uvloop
from aiohttp import web

from control.http.server import ListenOptions, listening
from tests.vocalized.processes import linux_only

LISTEN = ListenOptions("127.0.0.1", 0, drain_s=5, connections_per_address=3)
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LONG_REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000)
# Both are this machine (Linux: the whole of 127.0.0.0/8).
ADDRESS, OTHER_ADDRESS = "127.0.0.1", "127.0.0.2"

pytestmark = linux_only


class Connection:
    """An open connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes = REQUEST) -> tuple[str, bytes]:
        """Sends a request; returns the head of the answer and its body."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line for line in head.split("\r\n") if line.startswith("Content-Length: ")).split(": ")[1]
        return head, await self.reader.readexactly(int(length))

    async def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Clients:
    """Opens connections to a server and closes them at the end of a test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connections: list[Connection] = []

    async def connect(self, address: str = ADDRESS) -> Connection:
        streams = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
        self.connections.append(Connection(*streams))
        return self.connections[-1]


@asynccontextmanager
async def clients_of_server(listen: ListenOptions = LISTEN) -> AsyncIterator[Clients]:
    async def respond(request: web.Request) -> web.Response:
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", respond)
    async with asyncio.timeout(30), listening(app, listen) as port:
        clients = Clients(port)
        try:
            yield clients
        finally:
            for connection in clients.connections:
                await connection.close()


async def refuse_and_answer(request: bytes) -> None:
    async with clients_of_server() as clients:
        kept = [await clients.connect() for _ in range(3)]
        assert [(await connection.ask())[1] for connection in kept] == [b"done"] * 3
        for _ in range(2):
            refused = await clients.connect()
            head, body = await refused.ask(request)
            assert head.startswith("HTTP/1.1 429 Too Many Requests\r\n")
            assert "\r\nRetry-After: 5\r\n" in head and "\r\nConnection: close\r\n" in head
            assert json.loads(body)["error"]["code"] == "too_many_connections"
            assert await refused.rest() == b""
        assert (await (await clients.connect(OTHER_ADDRESS)).ask())[1] == b"done"
        assert [(await connection.ask())[1] for connection in kept] == [b"done"] * 3
        await kept.pop().close()
        while (await (await clients.connect()).ask())[1] != b"done":
            await clients.connections.pop().close()  # the server has not seen the end of the closed connection yet


@pytest.mark.parametrize("request_bytes", [REQUEST, b"", LONG_REQUEST], ids=["short", "none", "long"])
async def test_one_address_with_too_many_connections_is_refused_while_another_is_answered(request_bytes: bytes) -> None:
    await refuse_and_answer(request_bytes)


def test_the_limit_holds_on_the_loop_of_the_api() -> None:
    uvloop.run(refuse_and_answer(REQUEST))


async def test_refused_connections_that_stay_open_are_dropped_beyond_the_same_number() -> None:
    async with clients_of_server() as clients:
        flood = [await clients.connect() for _ in range(40)]
        answers = [(await connection.rest())[:12] for connection in flood[3:]]
        assert answers[:3] == [b"HTTP/1.1 429"] * 3
        assert b"" in answers
        assert (await (await clients.connect(OTHER_ADDRESS)).ask())[1] == b"done"
        assert (await flood[0].ask())[1] == b"done"


async def test_trusted_proxies_have_no_limit() -> None:
    async with clients_of_server(replace(LISTEN, trusted_proxies=[f"{OTHER_ADDRESS}/32"])) as clients:
        proxied = [await clients.connect(OTHER_ADDRESS) for _ in range(12)]
        assert [(await connection.ask())[1] for connection in proxied] == [b"done"] * 12
        direct = [await clients.connect() for _ in range(4)]
        assert (await direct[-1].ask())[0].startswith("HTTP/1.1 429")
