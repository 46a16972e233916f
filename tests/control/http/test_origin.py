"""Whom a request comes from: only what trusted proxies say counts."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from control.http.origin import Origins
from tests.control.running import Api, running_api

TRUSTED = ("10.0.0.0/8", "127.0.0.0/8", "fd00::/8")


class _Transport:
    """As much of a socket's transport as a request asks."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


def address(peer: str, *forwarded: str, trusted: Sequence[str] = TRUSTED) -> str:
    headers = CIMultiDict([("X-Forwarded-For", text) for text in forwarded])
    request = make_mocked_request("GET", "/", headers=headers, transport=_Transport(peer))
    return Origins(trusted).of(request, "id").address


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["1.2.3.4, 198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["198.51.100.1:5555"], "198.51.100.1"),
        ("10.1.1.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.1.1.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["nonsense"], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", [""], "10.1.1.1"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy(peer: str, forwarded: list[str], found: str) -> None:
    assert address(peer, *forwarded) == found


def test_nobody_is_trusted_by_default() -> None:
    assert address("127.0.0.1", "198.51.100.1", trusted=()) == "127.0.0.1"


@given(st.text(max_size=60), st.ip_addresses())
def test_what_a_caller_makes_up_never_hides_what_the_proxy_saw(made_up: str, real: object) -> None:
    if any(ip_address(str(real)) in ip_network(text) for text in TRUSTED):
        return
    found = address("10.0.0.1", f"{made_up.replace(chr(13), '').replace(chr(10), '')}, {real}")
    mapped = getattr(real, "ipv4_mapped", None)
    assert found == str(mapped or real)


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError):
        Origins(["10.0.0.1/8"])


async def test_a_user_agent_is_cut_short_and_made_text(api: Api) -> None:
    reply = await api.nobody.post("/try/echo", {"text": ""}, headers={"User-Agent": "é" * 400})
    assert reply.body["told"]["agent"] == "é" * 300


async def test_a_user_agent_that_is_no_text_is_stored_all_the_same(api: Api) -> None:
    agent = b"\xff\xfe".decode("utf-8", "surrogateescape")
    body = {"email": "agent@example.com", "password": "plum tractor 48 violin", "name": "A"}
    assert (await api.nobody.post("/auth/signup", body, headers={"User-Agent": agent})).status == 201


async def test_behind_a_trusted_proxy_the_callers_address_is_known(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, trusted_proxies=["127.0.0.1/32"]) as api:
        body = {"email": "proxy@example.com", "password": "plum tractor 48 violin", "name": "A"}
        reply = await api.nobody.post("/auth/signup", body, headers={"X-Forwarded-For": "203.0.113.77"})
        assert reply.status == 201
        found = await api.owner.fetchval("SELECT host(address) FROM sessions ORDER BY created_at DESC LIMIT 1")
        assert found == "203.0.113.77"
