"""The webhook client: time limits, retries, faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from simulator.carrier.network.webhook_client import (
    DeliveryFailed,
    DeliveryFaults,
    DeliveryPolicy,
    FailureKind,
    WebhookClient,
    WebhookRequest,
)


@dataclass
class Receiver:
    """Responds with the next of `statuses` (0: not at all); the last one repeats."""

    statuses: list[int] = field(default_factory=lambda: [200])
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    received_one: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = f"http://127.0.0.1:{server.port}/hook"
            yield self
            self.released.set()

    async def _receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.received_one.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            await self.released.wait()
        return web.Response(status=status or 200, text="<Response/>", content_type="text/xml")


@asynccontextmanager
async def running_client(faults: DeliveryFaults | None = None) -> AsyncIterator[WebhookClient]:
    async with aiohttp.ClientSession() as session:
        client = WebhookClient(session, faults)
        yield client
        await client.close()


def posted(url: str, text: str = "") -> WebhookRequest:
    return WebhookRequest("POST", url, {"X-A": "b"}, text.encode())


async def test_response_is_returned() -> None:
    async with Receiver().running() as receiver, running_client() as client:
        answer = await client.deliver(lambda _: posted(receiver.url, "a=1"), DeliveryPolicy())
        assert (answer.status, answer.content_type, answer.body) == (200, "text/xml", b"<Response/>")
        assert receiver.bodies == [b"a=1"]


@pytest.mark.parametrize(
    ("statuses", "retry_on", "attempts", "why"),
    [
        ([500], frozenset(), 3, "5xx"),
        ([404], frozenset({"5xx"}), 3, "4xx"),
        ([500, 500, 500], frozenset({"5xx"}), 3, "5xx"),
        ([500, 200], frozenset({"5xx"}), 3, None),
        ([0, 200], frozenset({"timeout"}), 2, None),
        ([0], frozenset({"5xx"}), 2, "timeout"),
    ],
)
async def test_only_failures_named_by_the_policy_are_retried(
    statuses: list[int], retry_on: frozenset[FailureKind], attempts: int, why: str | None
) -> None:
    async with Receiver(list(statuses)).running() as receiver, running_client() as client:
        policy = DeliveryPolicy(attempts, total_s=0.2, retry_on=retry_on)
        numbers: list[int] = []

        def make(attempt: int) -> WebhookRequest:
            numbers.append(attempt)
            return posted(receiver.url, str(attempt))

        try:
            await client.deliver(make, policy)
            assert why is None
        except DeliveryFailed as failure:
            assert failure.kind == why
        assert numbers == list(range(1, len(receiver.bodies) + 1))
        assert len(receiver.bodies) == (len(statuses) if retry_on and statuses != [404] and statuses != [0] else 1)


async def test_refused_connection_is_retried() -> None:
    async with running_client() as client:
        url = f"http://127.0.0.1:{unused_port()}/"
        with pytest.raises(DeliveryFailed) as failure:
            await client.deliver(lambda _: posted(url), DeliveryPolicy(2))
        assert failure.value.kind == "connect"
        assert [delivery.attempt for delivery in client.deliveries] == [1, 2]
        with pytest.raises(DeliveryFailed, match="connect"):
            await client.deliver(lambda _: posted("nonsense"), DeliveryPolicy())


async def test_delivery_faults() -> None:
    async with Receiver().running() as receiver:
        async with running_client(DeliveryFaults(duplicate=True)) as client:
            client.send(lambda _: posted(receiver.url, "twice"), DeliveryPolicy())
            await client.drain()
        assert receiver.bodies == [b"twice", b"twice"]
        receiver.bodies.clear()
        async with running_client(DeliveryFaults(shuffle_s=0.2)) as client:
            for number in range(8):
                client.send(lambda _, number=number: posted(receiver.url, str(number)), DeliveryPolicy())  # type: ignore[misc]
            await client.drain()
        order = [int(body) for body in receiver.bodies]
        assert sorted(order) == list(range(8)) and order != sorted(order)
        receiver.bodies.clear()
        async with running_client(DeliveryFaults(drop_first=True, delay_s=0.01)) as client:
            client.send(lambda _: posted(receiver.url, "lost"), DeliveryPolicy(1))
            client.send(lambda attempt: posted(receiver.url, str(attempt)), DeliveryPolicy(2))
            await client.drain()
        assert receiver.bodies == [b"2"]


async def test_faults_of_one_phone_leave_others_alone() -> None:
    async with Receiver().running() as receiver, running_client() as client:
        client.faults_by_phone["+16465550101"] = DeliveryFaults(duplicate=True, drop_first=True)
        client.send(lambda attempt: posted(receiver.url, f"odd {attempt}"), DeliveryPolicy(2), "+16465550101")
        client.send(lambda attempt: posted(receiver.url, f"plain {attempt}"), DeliveryPolicy(2), "+16465550102")
        await client.drain()
        with pytest.raises(DeliveryFailed, match="connect"):
            await client.deliver(lambda _: posted(receiver.url), DeliveryPolicy(), "+16465550101")
        assert sorted(receiver.bodies) == [b"odd 2", b"odd 2", b"plain 1"]


async def test_endless_response_is_cut() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except ConnectionError:
            return response

    app = web.Application()
    app.router.add_post("/", endless)
    async with TestServer(app, host="127.0.0.1") as server, running_client() as client:
        answer = await client.deliver(
            lambda _: posted(f"http://127.0.0.1:{server.port}/"), DeliveryPolicy(total_s=10.0)
        )
        assert 1 << 20 <= len(answer.body) < 3 << 20


async def test_close_cancels_pending_deliveries() -> None:
    async with Receiver([0]).running() as receiver:
        async with running_client() as client:
            client.send(lambda _: posted(receiver.url), DeliveryPolicy())
            await receiver.received_one.wait()
        assert client.deliveries == []
