"""Requests to customers' addresses, over TLS: the checked address is connected to, in the name of the host."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from control.platform.guarded_http import GuardedTransport
from shared.egress import EgressGuard
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import running_vendor

HOST = "vendor.example.com"
LOCAL = EgressGuard(["127.0.0.1/32"])


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A server with a certificate for HOST. `/redirect` leads to a private address."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Host"])

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("https://10.0.0.1/")

    certificate = make_certificate(tmp_path, (HOST,))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    routes = [web.get("/", answer), web.get("/redirect", redirect)]
    async with running_vendor(routes, certificate) as address:
        yield int(address.rpartition(":")[2])


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Answers of the name server, one a question; the last one stays."""
    left = list(answers)

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def client(guard: EgressGuard = LOCAL) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=GuardedTransport(guard), trust_env=False)


async def test_the_address_is_pinned_and_the_certificate_is_the_hosts(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.1", "10.0.0.1")  # the second answer would be a rebinding
    async with client() as http:
        response = await http.get(f"https://{HOST}:{port}/")
        assert response.text == f"{HOST}:{port}"
        with pytest.raises(httpx.ConnectError, match="public internet"):
            await http.get(f"https://{HOST}:{port}/")


async def test_another_hosts_certificate_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    async with client() as http:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await http.get(f"https://other.example.com:{port}/")


async def test_private_addresses_and_redirects_to_them_are_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "127.0.0.1")
    async with client() as http:
        with pytest.raises(httpx.ConnectError, match="public internet"):
            await http.get(f"https://{HOST}:{port}/redirect", follow_redirects=True)
    async with client(EgressGuard()) as http:
        with pytest.raises(httpx.ConnectError, match="public internet"):
            await http.get(f"https://{HOST}:{port}/")
        with pytest.raises(httpx.ConnectError, match="https"):
            await http.get(f"http://{HOST}:{port}/")


async def test_an_address_that_does_not_answer_is_passed_over(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        targets = ("127.0.0.2", port), ("127.0.0.1", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", target) for target in targets]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with client(EgressGuard(["127.0.0.0/8"])) as http:
        assert (await http.post(f"https://{HOST}:{port}/", json={"a": 1})).status_code == 405


async def test_unknown_and_private_names_are_told_alike(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    told = []
    async with client(EgressGuard()) as http:
        for resolve in (None, fail):
            resolve_to(monkeypatch, "10.0.0.1")
            if resolve is not None:
                monkeypatch.setattr(socket, "getaddrinfo", resolve)
            with pytest.raises(httpx.ConnectError) as raised:
                await http.get(f"https://{HOST}:{port}/")
            told.append(str(raised.value))
    assert told[0] == told[1]
