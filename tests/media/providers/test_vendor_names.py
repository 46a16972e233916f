"""Addresses of vendors' hosts: remembered while no name server answers. In virtual time."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from media.providers import vendor_names as module
from media.providers.vendor_names import (
    FRESH_S,
    MOST_HOSTS,
    PATIENCE_S,
    STALE_S,
    NameServersAway,
    VendorNames,
    VendorResolver,
    vendor_names,
)
from shared.name_resolver import AddressInfo, NameResolver
from tests.virtual_time import clock_ms, run_virtual


class NameServers(NameResolver):
    """Answers with `address`, raises `error`, or never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.address = "192.0.2.1"
        self.error: OSError | None = None
        self.is_silent = False
        self.delay_s = 0.0
        self.asked: list[str] = []

    async def resolve(self, name: str, port: int, owner: str = "") -> list[AddressInfo]:
        self.asked.append(name)
        if self.is_silent:
            await asyncio.sleep(3.0)
            raise TimeoutError
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, port))]


AWAY = socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "unknown")


def address(found: list[AddressInfo]) -> str:
    return str(found[0][4][0])


def test_an_answer_counts_for_a_minute() -> None:
    async def scenario() -> None:
        servers = NameServers()
        names = VendorNames(servers)
        for _ in range(3):
            assert address(await names.resolve("api.example.com", 443)) == "192.0.2.1"
        servers.address = "192.0.2.2"
        await asyncio.sleep(FRESH_S)
        assert address(await names.resolve("api.example.com", 443)) == "192.0.2.2"
        assert len(servers.asked) == 2

    run_virtual(scenario())


@pytest.mark.parametrize("is_silent", [True, False])
def test_old_addresses_are_used_while_no_name_server_answers(is_silent: bool) -> None:
    async def scenario() -> None:
        servers = NameServers()
        names = VendorNames(servers)
        await names.resolve("api.example.com", 443)
        await asyncio.sleep(FRESH_S)
        servers.is_silent, servers.error = is_silent, AWAY
        before = clock_ms()
        with capture_logs() as logs:
            assert address(await names.resolve("api.example.com", 443)) == "192.0.2.1"
        assert clock_ms() - before <= PATIENCE_S * 1_000 + 1
        assert [(entry["event"], entry["host"]) for entry in logs] == [("vendor.address_stale", "api.example.com")]
        with pytest.raises(NameServersAway if is_silent else socket.gaierror):
            await names.resolve("other.example.com", 443)
        await asyncio.sleep(3.0)
        servers.is_silent, servers.error, servers.address = False, None, "192.0.2.3"
        assert address(await names.resolve("api.example.com", 443)) == "192.0.2.3"
        await asyncio.sleep(FRESH_S + STALE_S + 1)
        servers.error = AWAY
        with pytest.raises(OSError):
            await names.resolve("api.example.com", 443)

    run_virtual(scenario(), limit_s=10 * STALE_S)


def test_a_slow_answer_is_learned_though_nobody_waits_for_it() -> None:
    """The first of two name servers is dead: every answer comes after a second."""

    async def scenario() -> None:
        servers = NameServers()
        names = VendorNames(servers)
        await names.resolve("api.example.com", 443)
        await asyncio.sleep(FRESH_S)
        servers.address, servers.delay_s = "192.0.2.2", 1.0
        old = await asyncio.gather(*(names.resolve("api.example.com", 443) for _ in range(3)))
        assert {address(found) for found in old} == {"192.0.2.1"} and len(servers.asked) == 2
        await asyncio.sleep(1.0)
        assert address(await names.resolve("api.example.com", 443)) == "192.0.2.2" and len(servers.asked) == 2
        await asyncio.sleep(FRESH_S)
        servers.error = UNKNOWN
        assert address(await names.resolve("api.example.com", 443)) == "192.0.2.2"
        await asyncio.sleep(1.0)
        with pytest.raises(socket.gaierror):
            await names.resolve("api.example.com", 443)

    run_virtual(scenario())


def test_a_name_that_is_gone_is_gone() -> None:
    async def scenario() -> None:
        servers = NameServers()
        names = VendorNames(servers)
        await names.resolve("api.example.com", 443)
        await asyncio.sleep(FRESH_S)
        servers.error = UNKNOWN
        with pytest.raises(socket.gaierror):
            await names.resolve("api.example.com", 443)

    run_virtual(scenario())


def test_so_many_hosts_are_remembered() -> None:
    async def scenario() -> None:
        servers = NameServers()
        names = VendorNames(servers)
        for number in range(MOST_HOSTS + 1):
            await names.resolve(f"{number}.example.com", 443)
        servers.asked.clear()
        await names.resolve(f"{MOST_HOSTS}.example.com", 443)
        await names.resolve("0.example.com", 443)
        assert servers.asked == ["0.example.com"]

    run_virtual(scenario())


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_connects_to_the_first_address_that_answers(listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = NameServers()
    with socket.socket() as closed:
        closed.bind(("127.0.0.2", listening))

        async def both(name: str, port: int, owner: str = "") -> list[AddressInfo]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 1)) for one in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(names, "resolve", both)
        with await VendorNames(names).connect("api.example.com", listening) as made:
            assert made.getpeername() == ("127.0.0.1", listening)


async def test_aiohttp_gets_the_same_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._of_loops, asyncio.get_running_loop(), VendorNames(NameServers()))
    (found,) = await VendorResolver().resolve("api.example.com", 443, socket.AF_UNSPEC)
    assert (found["host"], found["port"], found["hostname"]) == ("192.0.2.1", 443, "api.example.com")
    assert await VendorResolver().resolve("api.example.com", 443, socket.AF_INET6) == []
    assert vendor_names() is vendor_names()
