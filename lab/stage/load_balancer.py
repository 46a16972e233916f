"""A TCP load balancer in front of several APIs, whose backends can be exchanged while connections run."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

_CHUNK: Final = 65_536


class LoadBalancer:
    """Gives each new connection to the next backend in turn; open connections stay where they are.

    ports: of the backends on this machine. connections: how many each of them was given.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self.connections: Counter[int] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forwards one connection until either side closes it; closes it if the backend does not accept it."""
        port = self.ports[self.connections.total() % len(self.ports)]
        self.connections[port] += 1
        try:
            backend_reader, backend_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, backend_writer), _copy(backend_reader, writer))


@asynccontextmanager
async def balanced(port: int, backends: Sequence[int]) -> AsyncIterator[LoadBalancer]:
    """Listens on a port of 127.0.0.1 while the block runs. Raises OSError when the port is taken."""
    balancer = LoadBalancer(backends)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", port)
    try:
        yield balancer
    finally:
        server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
