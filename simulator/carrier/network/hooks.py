"""Webhooks out of the network: one HTTP client with the carriers' time limits and retries, and faults for tests."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import ClientTimeout

Why = Literal["connect", "timeout", "broken", "4xx", "5xx"]

_MOST_BYTES = 1 << 20
_MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Faults:
    """What the way to the receiver does to notifications.

    duplicate: each comes twice. shuffle_s: each waits for a random time up to this, so their order is lost. delay_s:
    each waits so long. drop_first: the first attempt of each is lost on the way, as if nobody answered.
    """

    duplicate: bool = False
    shuffle_s: float = 0.0
    delay_s: float = 0.0
    drop_first: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to go: the body's exact bytes are what was signed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; content_type without its parameters."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """How a carrier delivers: attempts in all, the limits of each, and after which failures it tries again."""

    attempts: int = 1
    connect_s: float = 5.0
    total_s: float = 15.0
    again: frozenset[Why] = frozenset({"connect"})
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt that was made, for whoever looks: status 0 when there was no answer."""

    url: str
    attempt: int
    status: int
    why: Why | None


class Undelivered(Exception):
    """The last attempt failed. why: how; status: the HTTP status, 0 when there was no answer."""

    def __init__(self, why: Why, url: str, status: int = 0) -> None:
        super().__init__(f"{url}: {why}{f' ({status})' if status else ''}")
        self.why = why
        self.url = url
        self.status = status


class Hooks:
    """Delivers over one aiohttp session, which is not closed here. deliveries: every attempt, in order, bounded."""

    def __init__(self, session: aiohttp.ClientSession, faults: Faults | None = None, *, seed: int = 0) -> None:
        self.faults = faults or Faults()
        self.deliveries: list[Delivery] = []
        self.session = session
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, make: Callable[[int], Request], policy: Policy) -> Answer:
        """Asks and gives the answer (any 2xx or 3xx); `make` builds attempt n, from 1. Raises Undelivered."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(make(attempt), policy, attempt)
            except Undelivered as failure:
                if attempt >= policy.attempts or failure.why not in policy.again:
                    raise
            if policy.pause_s:
                await asyncio.sleep(policy.pause_s)

    def send(self, make: Callable[[int], Request], policy: Policy) -> None:
        """Delivers in the background, through the faults; a failure is only seen in `deliveries`."""
        for _ in range(2 if self.faults.duplicate else 1):
            if len(self._tasks) >= _MOST_WAITING:
                return
            task = asyncio.create_task(self._quietly(make, policy), name="hook")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Returns when all that was sent until now was delivered or given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Gives up what is still under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _quietly(self, make: Callable[[int], Request], policy: Policy) -> None:
        late = self.faults.delay_s + self._random.uniform(0.0, self.faults.shuffle_s)
        if late:
            await asyncio.sleep(late)
        try:
            await self.deliver(make, policy)
        except Undelivered:
            return

    async def _attempt(self, request: Request, policy: Policy, attempt: int) -> Answer:
        try:
            if self.faults.drop_first and attempt == 1:
                raise Undelivered("connect", request.url)
            answer = await self._ask(request, policy)
        except Undelivered as failure:
            self._note(Delivery(request.url, attempt, failure.status, failure.why))
            raise
        self._note(Delivery(request.url, attempt, answer.status, None))
        return answer

    async def _ask(self, request: Request, policy: Policy) -> Answer:
        timeout = ClientTimeout(total=policy.total_s, sock_connect=policy.connect_s)
        try:
            async with self.session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=dict(request.headers),
                timeout=timeout,
                allow_redirects=True,
            ) as response:
                body = await _bounded(response)
        except aiohttp.ConnectionTimeoutError as error:
            raise Undelivered("connect", request.url) from error
        except TimeoutError as error:
            raise Undelivered("timeout", request.url) from error
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise Undelivered("connect", request.url) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Undelivered("broken", request.url) from error
        if response.status >= 400:
            raise Undelivered("5xx" if response.status >= 500 else "4xx", request.url, response.status)
        return Answer(response.status, response.content_type, body)

    def _note(self, delivery: Delivery) -> None:
        if len(self.deliveries) < _MOST_WAITING:
            self.deliveries.append(delivery)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body's first mebibyte: no receiver may fill the network's memory."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= _MOST_BYTES:
            break
    return bytes(body)
