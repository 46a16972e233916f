"""Descriptors that run out under the event loop that the programs use: what is connected goes on, and it recovers."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.vocalized.processes import linux_only

SERVER = """
import asyncio, uvloop

async def answer(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""
FREE = 3


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """Process id and port."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def answers(client: socket.socket) -> bool:
    try:
        client.sendall(b"hello")
        return client.recv(100) == b"hello"
    except OSError:  # refused, or not accepted in time
        return False


@linux_only
def test_connected_calls_continue_and_later_calls_are_served_again(server: tuple[int, int]) -> None:
    pid, port = server
    with ExitStack() as stack:

        def connect(timeout_s: float = 10.0) -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout_s))

        first = connect()
        assert answers(first)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + FREE, before[1]))
        others = [connect(0.2) for _ in range(3 * FREE)]
        assert 0 < sum(map(answers, others)) <= FREE + 1, "a number below the highest may be free"
        assert answers(first), "what is connected goes on"
        for other in others:
            other.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert answers(connect())
