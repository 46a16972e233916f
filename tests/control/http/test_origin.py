"""Origin of a request: forwarded addresses are read only from trusted proxies."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from control.http.origin import OriginReader
from tests.platform.api import Api, running_api

TRUSTED = ("10.0.0.0/8", "127.0.0.0/8", "fd00::/8")


class _Transport:
    """The part of a transport that a request uses."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


def address(peer: str, *forwarded: str, trusted: Sequence[str] = TRUSTED) -> str:
    headers = CIMultiDict([("X-Forwarded-For", text) for text in forwarded])
    request = make_mocked_request("GET", "/", headers=headers, transport=_Transport(peer))
    return OriginReader(trusted).read(request, "id").address


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
def test_address_is_the_first_untrusted_one_from_the_right(peer: str, forwarded: list[str], found: str) -> None:
    assert address(peer, *forwarded) == found


def test_no_proxy_is_trusted_by_default() -> None:
    assert address("127.0.0.1", "198.51.100.1", trusted=()) == "127.0.0.1"


@given(st.text(max_size=60), st.ip_addresses())
def test_forged_header_never_hides_the_address_that_the_proxy_saw(forged: str, real: object) -> None:
    if any(ip_address(str(real)) in ip_network(text) for text in TRUSTED):
        return
    found = address("10.0.0.1", f"{forged.replace(chr(13), '').replace(chr(10), '')}, {real}")
    mapped = getattr(real, "ipv4_mapped", None)
    assert found == str(mapped or real)


def test_invalid_network_is_refused() -> None:
    with pytest.raises(ValueError):
        OriginReader(["10.0.0.1/8"])


async def test_user_agent_is_bounded_and_decoded(api: Api) -> None:
    reply = await api.anonymous.post("/try/echo", {"text": ""}, headers={"User-Agent": "é" * 400})
    assert reply.body["values"]["agent"] == "é" * 300


async def test_undecodable_user_agent_is_accepted(api: Api) -> None:
    agent = b"\xff\xfe".decode("utf-8", "surrogateescape")
    body = {"email": "agent@example.com", "password": "plum tractor 48 violin", "name": "A"}
    assert (await api.anonymous.post("/auth/signup", body, headers={"User-Agent": agent})).status == 201


async def test_address_behind_a_trusted_proxy_is_stored(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, trusted_proxies=["127.0.0.1/32"]) as api:
        body = {"email": "proxy@example.com", "password": "plum tractor 48 violin", "name": "A"}
        reply = await api.anonymous.post("/auth/signup", body, headers={"X-Forwarded-For": "203.0.113.77"})
        assert reply.status == 201
        found = await api.owner.fetchval("SELECT host(address) FROM sessions ORDER BY created_at DESC LIMIT 1")
        assert found == "203.0.113.77"
