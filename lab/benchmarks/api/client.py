"""A closed loop of HTTP requests over keep-alive connections, with little cost in the client."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import cast

HEAD_END = b"\r\n\r\n"
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as bytes. expect: the expected status."""

    wire: bytes
    expect: int = 200


def make_request(
    method: str, path: str, *, token: str = "", body: bytes = b"", expect: int = 200, extra: str = ""
) -> Request:
    """Writes a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Accept: application/json"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    lines += [extra] if extra else []
    return Request("\r\n".join(lines).encode() + HEAD_END + body, expect)


@dataclass(frozen=True, slots=True)
class ConnectionResult:
    """The results of one connection. latencies: in ms. wrong: responses with another status."""

    latencies: list[float]
    wrong: int


class ClosedLoopConnection(asyncio.Protocol):
    """One connection: sends the next request when the last response is complete."""

    def __init__(self, asks: Sequence[Request], until: float, warm_until: float) -> None:
        self._asks = asks
        self._until = until
        self._warm_until = warm_until
        self._count = 0
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.latencies: list[float] = []
        self.wrong = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(HEAD_END)
        if head < 0 or len(self._buffer) < head + 4 + _length(self._buffer[:head]):
            return
        now = perf_counter()
        if now > self._warm_until:
            self.latencies.append((now - self._sent) * 1000)
            asked = self._asks[(self._count - 1) % len(self._asks)]
            self.wrong += int(self._buffer[9:12]) != asked.expect
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.wrong += 1
            self.over.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        wire = self._asks[self._count % len(self._asks)].wire
        self._count += 1
        self._sent = perf_counter()
        self._transport.write(wire)

    def _end(self) -> None:
        self.over.set_result(None)
        assert self._transport is not None
        self._transport.close()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])


async def run_closed_loop(
    port: int, asks: Sequence[Request], *, connections: int, seconds: float, warm_s: float
) -> list[ConnectionResult]:
    """Runs a closed loop on several connections; responses in the first `warm_s` do not count."""
    loop = asyncio.get_running_loop()
    begin = perf_counter()
    talkers = []
    for index in range(connections):
        turned = [*asks[index % len(asks) :], *asks[: index % len(asks)]]
        _, talker = await loop.create_connection(
            lambda turned=turned: ClosedLoopConnection(turned, begin + warm_s + seconds, begin + warm_s),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        talkers.append(talker)
    async with asyncio.timeout(warm_s + seconds + PATIENCE_S):
        await asyncio.gather(*(talker.over for talker in talkers))
    return [ConnectionResult(talker.latencies, talker.wrong) for talker in talkers]
