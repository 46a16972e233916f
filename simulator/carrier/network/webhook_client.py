"""Sends the carriers' webhooks, with their time limits and retries, and with faults for tests."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import ClientTimeout

FailureKind = Literal["connect", "timeout", "broken", "4xx", "5xx"]

_MAX_BYTES = 1 << 20
_MAX_PENDING = 10_000


@dataclass(frozen=True, slots=True)
class DeliveryFaults:
    """Faults in the delivery of notifications.

    duplicate: each is sent twice. shuffle_s: each is delayed by a random time up to this, which changes their order.
    delay_s: each is delayed by this time. drop_first: the first attempt of each fails, as if nothing listened.
    """

    duplicate: bool = False
    shuffle_s: float = 0.0
    delay_s: float = 0.0
    drop_first: bool = False


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP request. The signature covers the exact bytes of the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The receiver's response. content_type: without parameters."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How a carrier delivers.

    attempts: in all. connect_s, total_s: time limits of each. retry_on: failures that are retried.
    """

    attempts: int = 1
    connect_s: float = 5.0
    total_s: float = 15.0
    retry_on: frozenset[FailureKind] = frozenset({"connect"})
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """An attempt that was made. status: 0 without a response."""

    url: str
    attempt: int
    status: int
    failure: FailureKind | None


class DeliveryFailed(Exception):
    """The last attempt failed. kind: how. status: the HTTP status, 0 without a response."""

    def __init__(self, kind: FailureKind, url: str, status: int = 0) -> None:
        super().__init__(f"{url}: {kind}{f' ({status})' if status else ''}")
        self.kind = kind
        self.url = url
        self.status = status


class WebhookClient:
    """Delivers over an aiohttp session that the caller owns. deliveries: the first 10 000 attempts, in order.

    faults_by_phone: of webhooks about the calls of a phone (E.164), in place of `faults`.
    """

    def __init__(self, session: aiohttp.ClientSession, faults: DeliveryFaults | None = None, *, seed: int = 0) -> None:
        self.faults = faults or DeliveryFaults()
        self.faults_by_phone: dict[str, DeliveryFaults] = {}
        self.deliveries: list[DeliveryAttempt] = []
        self.session = session
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(
        self, make: Callable[[int], WebhookRequest], policy: DeliveryPolicy, phone: str = ""
    ) -> WebhookResponse:
        """Deliver and return the response (2xx or 3xx). make: builds attempt n, from 1. phone: whose call it is
        about. Raises DeliveryFailed."""
        faults = self._faults_of(phone)
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(make(attempt), policy, attempt, faults)
            except DeliveryFailed as failure:
                if attempt >= policy.attempts or failure.kind not in policy.retry_on:
                    raise
            if policy.pause_s:
                await asyncio.sleep(policy.pause_s)

    def send(self, make: Callable[[int], WebhookRequest], policy: DeliveryPolicy, phone: str = "") -> None:
        """Deliver in the background, with the faults. A failure shows only in `deliveries`. phone: see `deliver`."""
        for _ in range(2 if self._faults_of(phone).duplicate else 1):
            if len(self._tasks) >= _MAX_PENDING:
                return
            task = asyncio.create_task(self._deliver_in_background(make, policy, phone), name="hook")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every delivery has succeeded or failed."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Cancel pending deliveries."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def _faults_of(self, phone: str) -> DeliveryFaults:
        return self.faults_by_phone.get(phone, self.faults)

    async def _deliver_in_background(
        self, make: Callable[[int], WebhookRequest], policy: DeliveryPolicy, phone: str
    ) -> None:
        faults = self._faults_of(phone)
        late = faults.delay_s + self._random.uniform(0.0, faults.shuffle_s)
        if late:
            await asyncio.sleep(late)
        try:
            await self.deliver(make, policy, phone)
        except DeliveryFailed:
            return

    async def _attempt(
        self, request: WebhookRequest, policy: DeliveryPolicy, attempt: int, faults: DeliveryFaults
    ) -> WebhookResponse:
        try:
            if faults.drop_first and attempt == 1:
                raise DeliveryFailed("connect", request.url)
            response = await self._request(request, policy)
        except DeliveryFailed as failure:
            self._record(DeliveryAttempt(request.url, attempt, failure.status, failure.kind))
            raise
        self._record(DeliveryAttempt(request.url, attempt, response.status, None))
        return response

    async def _request(self, request: WebhookRequest, policy: DeliveryPolicy) -> WebhookResponse:
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
                body = await _read_body(response)
        except aiohttp.ConnectionTimeoutError as error:
            raise DeliveryFailed("connect", request.url) from error
        except TimeoutError as error:
            raise DeliveryFailed("timeout", request.url) from error
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise DeliveryFailed("connect", request.url) from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryFailed("broken", request.url) from error
        if response.status >= 400:
            raise DeliveryFailed("5xx" if response.status >= 500 else "4xx", request.url, response.status)
        return WebhookResponse(response.status, response.content_type, body)

    def _record(self, delivery: DeliveryAttempt) -> None:
        if len(self.deliveries) < _MAX_PENDING:
            self.deliveries.append(delivery)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read at most the first MiB of the body, to bound the memory."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= _MAX_BYTES:
            break
    return bytes(body)
