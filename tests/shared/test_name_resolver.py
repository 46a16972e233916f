"""Resolving names of customers: who waits for whom, and that slow name servers stop only their own."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from shared.name_resolver import AddressInfo, NameResolver, ResolverBusy, ResolverLimits, find_domain

ANSWER: list[AddressInfo] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443))]
LIMITS = ResolverLimits(threads=4, per_domain=2, waiting=5, waiting_per_domain=2, timeout_s=10.0)


class NameServers:
    """Names under slow.test are answered when `answer_slow` is set; others at once, missing.test never."""

    def __init__(self) -> None:
        self.answer_slow = threading.Event()
        self.asked: list[str] = []

    def look_up(self, name: str, port: int) -> list[AddressInfo]:
        self.asked.append(name)
        if ".slow" in name:
            assert self.answer_slow.wait(30)
        if name.startswith("missing"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if name.startswith("odd"):
            raise UnicodeError("label too long")
        return ANSWER


@pytest.fixture
def servers() -> Iterator[NameServers]:
    made = NameServers()
    yield made
    made.answer_slow.set()


async def settle() -> None:
    """Lets other tasks run."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_answers_and_errors(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, LIMITS)
    assert await names.resolve("api.example.com", 443) == ANSWER
    for name in ("missing.test", "odd.test"):
        with pytest.raises(OSError):
            await names.resolve(name, 443)
    assert names.running == 0


async def test_names_that_are_never_answered_stop_only_those_of_their_domain(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, LIMITS)
    stuck = [asyncio.create_task(names.resolve(f"{n}.slow.test", 443)) for n in range(4)]
    await settle()
    assert names.running == LIMITS.per_domain
    with pytest.raises(ResolverBusy):
        await names.resolve("5.slow.test", 443)
    assert await names.resolve("api.example.com", 443) == ANSWER
    servers.answer_slow.set()
    assert await asyncio.gather(*stuck) == [ANSWER] * 4
    assert names.running == 0


async def test_a_customer_with_many_domains_stops_only_itself(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, ResolverLimits(4, 2, per_owner=3, waiting_per_owner=1, timeout_s=10.0))
    stuck = [asyncio.create_task(names.resolve(f"api.slow{n}.test", 443, "w1")) for n in range(4)]
    await settle()
    assert names.running == 3
    with pytest.raises(ResolverBusy):
        await names.resolve("api.example.com", 443, "w1")
    assert await names.resolve("api.example.com", 443, "w2") == ANSWER
    theirs = asyncio.create_task(names.resolve("api.slow3.test", 443, "w2"))  # not the one that waits
    await settle()
    assert "api.slow3.test" in servers.asked
    servers.answer_slow.set()
    assert await asyncio.gather(*stuck, theirs) == [ANSWER] * 5
    assert names.running == 0


async def test_the_queue_is_bounded_and_a_thread_goes_to_who_waits_longest(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, LIMITS)
    stuck = [asyncio.create_task(names.resolve(f"x.slow{n}.test", 443)) for n in range(LIMITS.threads)]
    waiting = [asyncio.create_task(names.resolve(f"w{n}.test{n}", 443)) for n in range(LIMITS.waiting)]
    await settle()
    with pytest.raises(ResolverBusy):
        await names.resolve("one.more", 443)
    waiting[0].cancel()
    await settle()
    servers.answer_slow.set()
    assert await asyncio.gather(*stuck, *waiting[1:]) == [ANSWER] * (LIMITS.threads + LIMITS.waiting - 1)
    assert [name for name in servers.asked if name.startswith("w")] == [f"w{n}.test{n}" for n in range(1, 5)]
    assert names.running == 0


async def test_callers_that_want_the_same_name_share_a_look_up(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, LIMITS)
    callers = [asyncio.create_task(names.resolve("api.slow.test", 443)) for _ in range(100)]
    await settle()
    callers[0].cancel()
    await settle()
    servers.answer_slow.set()
    assert await asyncio.gather(*callers[1:]) == [ANSWER] * 99
    assert servers.asked == ["api.slow.test"]
    assert await names.resolve("api.slow.test", 443) == ANSWER
    assert len(servers.asked) == 2


async def test_a_caller_is_given_up_before_its_thread_is(servers: NameServers) -> None:
    names = NameResolver(servers.look_up, ResolverLimits(threads=1, timeout_s=0.05))
    for _ in range(2):  # one in the thread, one in the queue
        with pytest.raises(TimeoutError):
            await names.resolve("a.slow.test", 443)
    assert names.running == 1
    servers.answer_slow.set()
    assert await NameResolver(servers.look_up).resolve("a.slow.test", 443) == ANSWER
    async with asyncio.timeout(30):
        while names.running:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("a.b.example.com", "example.com"),
        ("api.example.co.uk", "example.co.uk"),
        ("example.de", "example.de"),
        ("api.firma.de", "firma.de"),
        ("localhost", "localhost"),
    ],
)
def test_domain_of_an_owner(name: str, domain: str) -> None:
    assert find_domain(name) == domain
