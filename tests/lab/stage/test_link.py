"""Links between programs: what arrives, and when, while one is open, frozen, cut or slow."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvloop

from lab.stage.link import SLOW_S, Link, Neighbor, running_link
from vocalized.free_port import free_port

# An arrival that does not come fails the test instead of hanging it.
ARRIVAL_S = 5.0
Run = Callable[[Coroutine[None, None, None]], None]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo(asyncio.Protocol):
    """Sends back what it gets. ended: holds all of it once a connection is over."""

    def __init__(self, ended: asyncio.Queue[bytes]) -> None:
        self.ended = ended
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.put_nowait(self.received)


@asynccontextmanager
async def link_to_echo() -> AsyncIterator[tuple[Link, int, asyncio.Queue[bytes]]]:
    ended = asyncio.Queue[bytes]()
    server = await asyncio.get_running_loop().create_server(lambda: Echo(ended), "127.0.0.1", 0)
    async with server, running_link(Neighbor(server.sockets[0].getsockname()[1])) as (link, port):
        yield link, port, ended


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def arrives(connection: Connection, data: bytes) -> None:
    async with asyncio.timeout(ARRIVAL_S):
        assert await connection[0].readexactly(len(data)) == data


async def is_reset(connection: Connection) -> bool:
    """Reads until the connection is over; an orderly end is no reset."""
    async with asyncio.timeout(ARRIVAL_S):
        try:
            await connection[0].read(100)
        except ConnectionResetError:
            return True
    return False


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_is_sent_over_a_frozen_link_arrives_in_order_once_it_is_open(run: Run) -> None:
    run(_send_over_a_frozen_link())


async def _send_over_a_frozen_link() -> None:
    async with link_to_echo() as (link, port, _), connected(port) as old:
        old[1].write(b"1")
        await arrives(old, b"1")
        link.set("frozen")
        async with connected(port) as new:
            old[1].write(b"23")
            new[1].write(b"4")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await old[0].read(1)
            old[1].write(b"5")
            assert (link.held, link.open_connections) == (2, 2), "the old and the new one"
            link.set("open")
            await arrives(old, b"235")
            await arrives(new, b"4")
            assert (link.held, link.resets, link.delayed) == (0, 0, 0)


async def test_a_cut_link_resets_old_and_new_connections_and_takes_further_ones_when_open() -> None:
    async with link_to_echo() as (link, port, _), connected(port) as old:
        old[1].write(b"1")
        await arrives(old, b"1")
        link.set("cut")
        assert await is_reset(old)
        async with connected(port) as refused:
            assert await is_reset(refused)
        assert link.resets == 3, "both ends of the old one, and the new one"
        link.set("open")
        async with connected(port) as new:
            new[1].write(b"2")
            await arrives(new, b"2")


async def test_a_slow_link_delivers_later_and_nothing_overtakes() -> None:
    loop = asyncio.get_running_loop()
    async with link_to_echo() as (link, port, _), connected(port) as connection:
        link.set("slow")
        began = loop.time()
        connection[1].write(b"1")
        await arrives(connection, b"1")
        assert loop.time() - began >= 2 * SLOW_S * 0.9, "each way"
        assert link.delayed == 2
        connection[1].write(b"2")
        await asyncio.sleep(SLOW_S / 2)
        link.set("open")
        connection[1].write(b"3")
        await arrives(connection, b"23")


async def test_an_end_arrives_after_what_was_sent() -> None:
    async with link_to_echo() as (link, port, ended):
        link.set("slow")
        async with connected(port) as connection:
            connection[1].write(b"1")
        async with asyncio.timeout(ARRIVAL_S):
            assert await ended.get() == b"1"


async def test_connections_to_a_neighbor_that_is_away_are_reset() -> None:
    async with running_link(Neighbor(free_port())) as (link, port), connected(port) as connection:
        assert await is_reset(connection)
        assert link.connections == 1
