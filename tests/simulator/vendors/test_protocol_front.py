"""The port that serves gRPC and HTTP by what a client offers in its TLS handshake."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress

import pytest

from simulator.vendors.protocol_front import NoGreeting, ProtocolFront, offered_protocols


def greet(*protocols: str) -> bytes:
    """The first record of a client that offers these protocols."""
    context, sent = ssl.create_default_context(), ssl.MemoryBIO()
    if protocols:
        context.set_alpn_protocols(protocols)
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


@pytest.mark.parametrize("protocols", [(), ("h2",), ("http/1.1",), ("h2", "http/1.1")])
def test_offered_protocols_are_read(protocols: Sequence[str]) -> None:
    assert offered_protocols(greet(*protocols)) == tuple(protocols)


def test_what_is_cut_off_or_no_greeting_is_refused() -> None:
    whole = greet("h2")
    for end in range(len(whole) - 1):
        with suppress(NoGreeting):  # the extension may stand before the cut
            assert offered_protocols(whole[:end]) == ("h2",)
    for wrong in (b"", b"GET / HTTP/1.1\r\n\r\n", whole[:3], whole[:5] + b"\x02" + whole[6:]):
        with pytest.raises(NoGreeting):
            offered_protocols(wrong)


async def test_each_client_reaches_the_server_of_its_protocol() -> None:
    async def serve(name: bytes) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            greeting = await reader.readexactly(5)
            writer.write(name + greeting)
            writer.close()

        return await asyncio.start_server(answer, "127.0.0.1", 0)

    async def ask(port: int, sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        try:
            return await reader.read(100)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async with await serve(b"grpc") as grpc, await serve(b"http") as http:
        ports = (one.sockets[0].getsockname()[1] for one in (grpc, http))
        async with ProtocolFront(*ports).running() as port:
            assert await ask(port, greet("h2")) == b"grpc" + greet("h2")[:5]
            assert await ask(port, greet()) == b"http" + greet()[:5]
            assert await ask(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(20_000)) == b""
    async with ProtocolFront(1, 1).running() as port:
        assert await ask(port, greet("h2")) == b"", "nobody listens there"
