"""Sends operations and reads their answers, with retries: with threads, and with asyncio."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, TypeVar

import httpx

from .errors import AnswerInvalid, ApiError, ConnectionFailed, VocalizedError
from .files import AsyncFileDownload, FileDownload
from .operation import Operation, read_answer, read_error
from .settings import ClientSettings, connection_error, redirect_target

Answer = TypeVar("Answer")
Outcome = TypeVar("Outcome")
_draw = random.Random().random


class Transport:
    """May be used by several threads. sleep: waits for seconds between attempts."""

    def __init__(
        self, settings: ClientSettings, http: httpx.Client, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.settings, self.http, self._sleep = settings, http, sleep

    def with_settings(self, settings: ClientSettings) -> "Transport":
        """With other settings, over the same connections."""
        return Transport(settings, self.http, self._sleep)

    def send(self, operation: Operation, kind: type[Answer]) -> Answer:
        """The answer as this type. Raises ApiError, ConnectionFailed, AnswerInvalid."""
        return read_answer(kind, self._repeat(operation, self._fetch))

    def send_only(self, operation: Operation) -> None:
        """For an operation whose answer has no body. Raises ApiError, ConnectionFailed."""
        self._repeat(operation, self._fetch)

    @contextmanager
    def download(self, operation: Operation) -> Iterator[FileDownload]:
        """The file that the API answers or leads to. Raises as `send`."""
        response = self._repeat(operation, self._open)
        try:
            yield FileDownload(response)
        finally:
            response.close()

    def _repeat(self, operation: Operation, attempt: Callable[[httpx.Request], Outcome]) -> Outcome:
        """The outcome of the first attempt that succeeds, or the last one's error."""
        for number in count():
            try:
                return attempt(self.http.build_request(**self.settings.request(operation)))
            except (ApiError, ConnectionFailed) as error:
                delay = _delay_s(self.settings, operation, error, number)
            self._sleep(delay)
        raise AssertionError("attempts are bounded by _delay_s")

    def _fetch(self, request: httpx.Request) -> bytes:
        response = self._start(request)
        try:
            return _read(_no_redirect(response))
        finally:
            response.close()

    def _open(self, request: httpx.Request) -> httpx.Response:
        """The answer with the file. Storage, to which the API may lead, gets no token; a link is new in each attempt,
        because it is valid for minutes."""
        response = self._start(request)
        if not response.is_redirect:
            return response
        response.close()
        target = redirect_target(response)
        stored = self._start(self.http.build_request("GET", target, **_bare(self.settings)))
        if stored.is_redirect:
            stored.close()
        return _no_redirect(stored)

    def _start(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self.http.send(request, stream=True, follow_redirects=False)
        except httpx.RequestError as error:
            raise connection_error(error) from error
        if response.is_success or response.is_redirect:
            return response
        try:
            content = _read(response)
        finally:
            response.close()
        raise read_error(response.status_code, response.headers, content)


class AsyncTransport:
    """For one event loop. sleep: waits for seconds between attempts."""

    def __init__(
        self,
        settings: ClientSettings,
        http: httpx.AsyncClient,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings, self.http, self._sleep = settings, http, sleep

    def with_settings(self, settings: ClientSettings) -> "AsyncTransport":
        """With other settings, over the same connections."""
        return AsyncTransport(settings, self.http, self._sleep)

    async def send(self, operation: Operation, kind: type[Answer]) -> Answer:
        """The answer as this type. Raises ApiError, ConnectionFailed, AnswerInvalid."""
        return read_answer(kind, await self._repeat(operation, self._fetch))

    async def send_only(self, operation: Operation) -> None:
        """For an operation whose answer has no body. Raises ApiError, ConnectionFailed."""
        await self._repeat(operation, self._fetch)

    @asynccontextmanager
    async def download(self, operation: Operation) -> AsyncIterator[AsyncFileDownload]:
        """The file that the API answers or leads to. Raises as `send`."""
        response = await self._repeat(operation, self._open)
        try:
            yield AsyncFileDownload(response)
        finally:
            await response.aclose()

    async def _repeat(self, operation: Operation, attempt: Callable[[httpx.Request], Awaitable[Outcome]]) -> Outcome:
        """The outcome of the first attempt that succeeds, or the last one's error."""
        for number in count():
            try:
                return await attempt(self.http.build_request(**self.settings.request(operation)))
            except (ApiError, ConnectionFailed) as error:
                delay = _delay_s(self.settings, operation, error, number)
            await self._sleep(delay)
        raise AssertionError("attempts are bounded by _delay_s")

    async def _fetch(self, request: httpx.Request) -> bytes:
        response = await self._start(request)
        try:
            return await _read_async(_no_redirect(response))
        finally:
            await response.aclose()

    async def _open(self, request: httpx.Request) -> httpx.Response:
        """As Transport's."""
        response = await self._start(request)
        if not response.is_redirect:
            return response
        await response.aclose()
        target = redirect_target(response)
        stored = await self._start(self.http.build_request("GET", target, **_bare(self.settings)))
        if stored.is_redirect:
            await stored.aclose()
        return _no_redirect(stored)

    async def _start(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self.http.send(request, stream=True, follow_redirects=False)
        except httpx.RequestError as error:
            raise connection_error(error) from error
        if response.is_success or response.is_redirect:
            return response
        try:
            content = await _read_async(response)
        finally:
            await response.aclose()
        raise read_error(response.status_code, response.headers, content)


def _delay_s(settings: ClientSettings, operation: Operation, error: VocalizedError, attempt: int) -> float:
    """Seconds until the next attempt. Raises the error if it is final."""
    delay = settings.retries.delay_s(error, attempt=attempt, is_repeatable=operation.is_repeatable, draw=_draw)
    if delay is None:
        raise error
    return delay


def _bare(settings: ClientSettings) -> dict[str, Any]:
    """Arguments of httpx's `build_request` for another server: without the client's headers."""
    return {"headers": {"User-Agent": settings.user_agent}, "timeout": settings.timeout}


def _no_redirect(response: httpx.Response) -> httpx.Response:
    """Raises AnswerInvalid: only files are elsewhere, one step away. A wrong base_url, such as http for https, leads to
    another."""
    if response.is_redirect:
        raise AnswerInvalid(f"the answer {response.status_code} of {response.url.host} leads elsewhere: check base_url")
    return response


def _read(response: httpx.Response) -> bytes:
    try:
        return response.read()
    except httpx.DecodingError as error:
        raise AnswerInvalid("the answer's compression is broken") from error
    except httpx.RequestError as error:
        raise connection_error(error) from error


async def _read_async(response: httpx.Response) -> bytes:
    try:
        return await response.aread()
    except httpx.DecodingError as error:
        raise AnswerInvalid("the answer's compression is broken") from error
    except httpx.RequestError as error:
        raise connection_error(error) from error
