"""Webhooks: limits, retries, faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from simulator.carrier.network.hooks import Faults, Hooks, Policy, Request, Undelivered, Why


@dataclass
class Receiver:
    """Answers with the next of `statuses` (0: never), the last again and again."""

    statuses: list[int] = field(default_factory=lambda: [200])
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = f"http://127.0.0.1:{server.port}/hook"
            yield self
            self.released.set()

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.came.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            await self.released.wait()
        return web.Response(status=status or 200, text="<Response/>", content_type="text/xml")


@asynccontextmanager
async def hooks(faults: Faults | None = None) -> AsyncIterator[Hooks]:
    async with aiohttp.ClientSession() as session:
        made = Hooks(session, faults)
        yield made
        await made.close()


def posted(url: str, text: str = "") -> Request:
    return Request("POST", url, {"X-A": "b"}, text.encode())


async def test_an_answer_comes_back_and_a_redirect_is_followed() -> None:
    async with Receiver().running() as receiver, hooks() as made:
        answer = await made.deliver(lambda _: posted(receiver.url, "a=1"), Policy())
        assert (answer.status, answer.content_type, answer.body) == (200, "text/xml", b"<Response/>")
        assert receiver.bodies == [b"a=1"]


@pytest.mark.parametrize(
    ("statuses", "again", "attempts", "why"),
    [
        ([500], frozenset(), 3, "5xx"),
        ([404], frozenset({"5xx"}), 3, "4xx"),
        ([500, 500, 500], frozenset({"5xx"}), 3, "5xx"),
        ([500, 200], frozenset({"5xx"}), 3, None),
        ([0, 200], frozenset({"timeout"}), 2, None),
        ([0], frozenset({"5xx"}), 2, "timeout"),
    ],
)
async def test_only_what_the_policy_names_is_tried_again(
    statuses: list[int], again: frozenset[Why], attempts: int, why: str | None
) -> None:
    async with Receiver(list(statuses)).running() as receiver, hooks() as made:
        policy = Policy(attempts, total_s=0.2, again=again)
        numbers: list[int] = []

        def make(attempt: int) -> Request:
            numbers.append(attempt)
            return posted(receiver.url, str(attempt))

        try:
            await made.deliver(make, policy)
            assert why is None
        except Undelivered as failure:
            assert failure.why == why
        assert numbers == list(range(1, len(receiver.bodies) + 1))
        assert len(receiver.bodies) == (len(statuses) if again and statuses != [404] and statuses != [0] else 1)


async def test_nobody_there_is_a_failed_connection_and_tried_again() -> None:
    async with hooks() as made:
        url = f"http://127.0.0.1:{unused_port()}/"
        with pytest.raises(Undelivered) as failure:
            await made.deliver(lambda _: posted(url), Policy(2))
        assert failure.value.why == "connect"
        assert [delivery.attempt for delivery in made.deliveries] == [1, 2]
        with pytest.raises(Undelivered, match="connect"):
            await made.deliver(lambda _: posted("nonsense"), Policy())


async def test_faults_of_the_way() -> None:
    async with Receiver().running() as receiver:
        async with hooks(Faults(duplicate=True)) as made:
            made.send(lambda _: posted(receiver.url, "twice"), Policy())
            await made.settle()
        assert receiver.bodies == [b"twice", b"twice"]
        receiver.bodies.clear()
        async with hooks(Faults(shuffle_s=0.2)) as made:
            for number in range(8):
                made.send(lambda _, number=number: posted(receiver.url, str(number)), Policy())  # type: ignore[misc]
            await made.settle()
        order = [int(body) for body in receiver.bodies]
        assert sorted(order) == list(range(8)) and order != sorted(order)
        receiver.bodies.clear()
        async with hooks(Faults(drop_first=True, delay_s=0.01)) as made:
            made.send(lambda _: posted(receiver.url, "lost"), Policy(1))
            made.send(lambda attempt: posted(receiver.url, str(attempt)), Policy(2))
            await made.settle()
        assert receiver.bodies == [b"2"]


async def test_an_endless_answer_is_cut() -> None:
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
    async with TestServer(app, host="127.0.0.1") as server, hooks() as made:
        answer = await made.deliver(lambda _: posted(f"http://127.0.0.1:{server.port}/"), Policy(total_s=10.0))
        assert 1 << 20 <= len(answer.body) < 3 << 20


async def test_what_is_under_way_is_given_up_at_the_end() -> None:
    async with Receiver([0]).running() as receiver:
        async with hooks() as made:
            made.send(lambda _: posted(receiver.url), Policy())
            await receiver.came.wait()
        assert made.deliveries == []
