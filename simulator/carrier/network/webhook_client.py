"""Sends the carriers' webhooks with their time limits and retries, and with faults for tests."""

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
    """Faults in the delivery of webhooks.

    Attributes:
        duplicate: Each webhook is sent twice.
        shuffle_s: Maximum random delay of each webhook, which changes the order.
        delay_s: Delay of each webhook.
        drop_first: The first attempt of each webhook fails, as if no server were listening.
    """

    duplicate: bool = False
    shuffle_s: float = 0.0
    delay_s: float = 0.0
    drop_first: bool = False


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request. The signature covers the exact bytes of the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The receiver's response. The content type has no parameters."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How a carrier delivers webhooks.

    Attributes:
        attempts: Total number of attempts.
        connect_s: Time limit for the connection of each attempt.
        total_s: Time limit of each attempt.
        retry_on: Failures that are retried.
    """

    attempts: int = 1
    connect_s: float = 5.0
    total_s: float = 15.0
    retry_on: frozenset[FailureKind] = frozenset({"connect"})
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """A delivery attempt.

    Attributes:
        status: 0 without a response.
    """

    url: str
    attempt: int
    status: int
    failure: FailureKind | None


class DeliveryFailed(Exception):
    """The last attempt failed.

    Attributes:
        kind: How the attempt failed.
        status: The HTTP status; 0 without a response.
    """

    def __init__(self, kind: FailureKind, url: str, status: int = 0) -> None:
        super().__init__(f"{url}: {kind}{f' ({status})' if status else ''}")
        self.kind = kind
        self.url = url
        self.status = status


class WebhookClient:
    """Delivers webhooks over an aiohttp session that belongs to the caller.

    Attributes:
        deliveries: The first 10 000 attempts, in order.
        faults_by_phone: Faults of webhooks about a phone's calls (E.164), in place of `faults`.
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
        """Deliver a webhook and return the response (2xx or 3xx). Raises DeliveryFailed.

        Args:
            make: Builds attempt n, counted from 1.
            policy: How the carrier delivers.
            phone: The phone whose call the webhook concerns.
        """
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
        """Deliver in the background, with faults. A failure appears only in `deliveries`. `phone` is as in
        `deliver`.
        """
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
    """Read up to the first MiB of the body, which limits memory use."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= _MAX_BYTES:
            break
    return bytes(body)
