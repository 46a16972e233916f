"""Exchanges with vendors are bounded and guarded, whatever the vendor does."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from control.integrations.vendor_http import VendorHttp, VendorRequest, VendorUnreachable
from shared.egress import EgressGuard

LOOPBACK = EgressGuard(["127.0.0.0/8"])


@asynccontextmanager
async def vendor(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A vendor that answers every GET so; yields its address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/x"
    finally:
        await runner.cleanup()


async def send(url: str, *, guard: EgressGuard = LOOPBACK, timeout_s: float = 5.0, max_bytes: int = 1_000) -> bytes:
    return (await VendorHttp(guard, timeout_s, max_bytes).send(VendorRequest("GET", url))).body


async def test_answer_is_read_as_it_is_and_two_exchanges_share_the_certificates() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.json_response({"a": [1]}, status=201)

    async with vendor(answer) as url:
        http = VendorHttp(LOOPBACK, 5.0)
        for _ in range(2):
            got = await http.send(VendorRequest("GET", url))
            assert (got.status, got.is_success, got.json()) == (201, True, {"a": [1]})


async def test_endless_answer_is_cut_off() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 500)

    async with vendor(answer) as url:
        with pytest.raises(VendorUnreachable, match="longer than 1,000 bytes"):
            await send(url)


async def test_answer_that_trickles_is_given_up_as_a_whole() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async with vendor(answer) as url:
        with pytest.raises(VendorUnreachable, match=r"within 0\.2 s"):
            await send(url, timeout_s=0.2)


async def test_compressed_answer_is_refused() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"x" * 10_000_000), headers={"Content-Encoding": "gzip"})

    async with vendor(answer) as url:
        with pytest.raises(VendorUnreachable, match="compressed"):
            await send(url, max_bytes=1_000_000)


async def test_redirect_is_not_followed() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/x"
        return web.Response(status=302, headers={"Location": "/other"})

    async with vendor(answer) as url:
        got = await VendorHttp(LOOPBACK, 5.0).send(VendorRequest("GET", url))
        assert (got.status, got.is_success) == (302, False)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/x", "https://127.0.0.1/x", "https://169.254.169.254/", "https://[::1]/", "not an address"],
)
async def test_our_own_network_is_not_reached_and_not_named(url: str) -> None:
    with pytest.raises(VendorUnreachable) as caught:
        await send(url, guard=EgressGuard())
    assert "127.0.0.1" not in str(caught.value) and "169.254" not in str(caught.value)


async def test_request_shows_no_secret() -> None:
    request = VendorRequest("GET", "https://a.example/?key=hidden", {"Authorization": "hidden"}, b"hidden")
    assert "hidden" not in repr(request)
