"""The egress guard: which addresses it allows, and that what was checked is what is connected to."""

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address

import aiohttp
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from shared.egress import EgressGuard, EgressRefused
from shared.egress_addresses import HostInvalid, is_public, parse_host
from shared.name_resolver import AddressInfo, NameResolver

LOCAL = EgressGuard(["127.0.0.0/8"])
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111"]
FORBIDDEN = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8"),
    *("127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200"),
    *("168.63.129.16", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::"),
    # Other spellings of IPv4 addresses: mapped, compatible, translated, NAT64 (well-known and local use), ISATAP.
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::169.254.169.254"),
    *("64:ff9b::10.0.0.1", "64:ff9b:1::1.1.1.1", "fe80::5efe:127.0.0.1"),
]
# Texts that some resolver reads as 127.0.0.1, as another private address, or as another host than the check does.
DISGUISED = [
    *("0177.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "127.0.1", "017700000001", "127.0.0.0x1"),
    *("127.0.0.1.", "00000177.1", "1.1.1.1.0x7f", "0x", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛocalhost", "locaLhost\u200b"),
    *("127.0.0.1%00", "%31%32%37.0.0.1", "fe80::1%eth0", "::1%1", "[::1]]", "1.1.1.1/", "a..b", "-a.example", "", "."),
    *("host name", "host\tname", "1.1.1.1@127.0.0.1", "1.1.1.1#.example.com", "1.1.1.1\\.example.com"),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert EgressGuard().permits(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", FORBIDDEN)
def test_other_addresses_are_refused(text: str) -> None:
    assert not EgressGuard().permits(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["64:ff9b::1.1.1.1", "::ffff:8.8.8.8"])
def test_other_spellings_of_public_addresses_are_allowed(text: str) -> None:
    assert is_public(IPv6Address(text))


@given(st.integers(0, 2**32 - 1))
@example(int(IPv4Address("10.255.255.255")))
def test_no_address_is_allowed_that_python_knows_as_private(number: int) -> None:
    address = IPv4Address(number)
    if is_public(address):
        assert not (address.is_private or address.is_multicast or address.is_reserved or address.is_loopback)
    assert is_public(IPv6Address(f"::ffff:{address}")) == is_public(IPv6Address(f"64:ff9b::{address}"))
    assert is_public(address) == is_public(IPv6Address(f"::ffff:{address}"))


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(2**125, 2**126).map(IPv6Address))
def test_ipv6_addresses_that_python_lists_as_private_are_refused(address: IPv6Address) -> None:
    if is_public(address) and address.ipv4_mapped is None and address not in ipaddress.ip_network("64:ff9b::/96"):
        assert not (address.is_private or address.is_multicast or address.is_link_local or address.is_site_local)


@pytest.mark.parametrize("text", DISGUISED)
async def test_disguised_hosts_are_refused(text: str) -> None:
    with pytest.raises(OSError):
        await EgressGuard().connect(text, 443)
    if not set(text) & {"/", "#"}:  # these end the host of a URL
        with pytest.raises(EgressRefused):
            EgressGuard().check_url(f"https://{text}/v1")


@given(st.text(alphabet="0123456789abcdefx.:[]%-_/@\\#?§①。", max_size=40))
def test_whatever_is_parsed_is_one_plain_host(text: str) -> None:
    """No text passes that a resolver reads as an address which was not checked as one."""
    try:
        host = parse_host(text)
    except HostInvalid:
        return
    if isinstance(host, str):
        with pytest.raises(OSError):
            socket.inet_aton(host)


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example.com/v1", "ws://api.example.com", "ftp://api.example.com", "//api.example.com", "api"),
        *("https://key@api.example.com", "https://a:b@api.example.com", "https://api.example.com:0", "https://"),
        *("https://api.example.com:99999", "https://127.0.0.1/v1", "https://[::1]/v1", "https://[::ffff:10.0.0.1]"),
        *("https:\\\\api.example.com", "http://127.0.0.1:8000", "file:///etc/passwd"),
        *(
            "https://api.example.com:22",
            "wss://api.example.com:1023",
            "https://1.1.1.1:25",
            "https://[2606:4700::1]:465",
        ),
    ],
)
def test_addresses_that_must_not_be_saved(url: str) -> None:
    with pytest.raises(EgressRefused):
        EgressGuard().check_url(url)


def test_addresses_that_may_be_saved() -> None:
    for url in (
        "https://api.example.com/v1",
        "wss://eu.example.com:8443/x?y=1",
        "https://1.1.1.1",
        "https://1.1.1.1:1024",
        "https://api.example.com:80",
        "https://xn--bcher-kva.example",
    ):
        EgressGuard().check_url(url)
    LOCAL.check_url("http://127.0.0.1:8000/v1")
    with pytest.raises(EgressRefused, match="without TLS, it must be an IP address"):
        LOCAL.check_url("http://localhost:8000/v1")


async def test_ports_of_other_services_are_open_only_in_listed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["1.1.1.1"])
    for guard in (EgressGuard(), LOCAL):
        with pytest.raises(EgressRefused):
            await guard.resolve("api.example.com", 25)
        with pytest.raises(EgressRefused):
            guard.make_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 25)))
        assert await guard.resolve("api.example.com", 8443) == [IPv4Address("1.1.1.1")]
    for url in ("https://127.0.0.1:25", "https://local.example.com:25"):  # what a name leads to shows later
        LOCAL.check_url(url)
    with pytest.raises(EgressRefused):
        LOCAL.check_url("https://1.1.1.1:25")
    assert await LOCAL.resolve("127.0.0.1", 25) == [IPv4Address("127.0.0.1")]


async def test_a_customers_share_of_look_ups_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(name: str, port: int, owner: str = "") -> list[AddressInfo]:
        asked.append(owner)
        return []

    names = NameResolver()
    monkeypatch.setattr(names, "resolve", resolve)
    guard = EgressGuard(names=names)
    for one in (guard.of("w1"), guard):
        await one.resolve("api.example.com", 443)
    assert asked == ["w1", ""]


class Names:
    """Answers of a name server, in the order of the questions; the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked, self._answers = 0, list(answers)
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in answer]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for family, address in zip(families, answer, strict=True)
        ]


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(EgressRefused, match="public") as raised:
        await EgressGuard().resolve("api.example.com", 443)
    assert "10.0.0.1" not in str(raised.value)


@asynccontextmanager
async def web_server() -> AsyncIterator[int]:
    """`/redirect` leads to the address in its query."""

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="fine")

    app = web.Application()
    app.add_routes([web.get("/redirect", redirect), web.get("/", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_the_checked_address_is_connected_to_whatever_the_name_says_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with web_server() as port:
        names = Names(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        made = await LOCAL.connect("rebind.example.com", port)
        assert made.getpeername() == ("127.0.0.1", port)
        made.close()
        assert names.asked == 1
        with pytest.raises(EgressRefused):
            await LOCAL.connect("rebind.example.com", port)


async def test_the_next_address_is_tried_and_all_that_fail_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_server() as port:
        Names(monkeypatch, ["127.9.9.9", "127.0.0.1"])
        (await LOCAL.connect("two.example.com", port)).close()
    with pytest.raises(ConnectionRefusedError):
        await LOCAL.connect("127.0.0.1", port)


async def test_an_http_session_with_the_guard_reaches_no_private_address() -> None:
    """Not as a name, not as an address, not by a redirect."""
    guard = EgressGuard(["127.0.0.1/32"])
    connector = aiohttp.TCPConnector(socket_factory=guard.make_socket)
    async with web_server() as port, aiohttp.ClientSession(connector=connector) as http:
        async with http.get(f"http://127.0.0.1:{port}/") as response:
            assert await response.text() == "fine"
        for url in (
            f"http://127.0.0.1:{port}/redirect?to=http://127.0.0.2:{port}/",
            f"http://127.0.0.2:{port}/",
            f"http://[::ffff:7f00:2]:{port}/",
        ):
            with pytest.raises(aiohttp.ClientConnectorError, match="public internet"):
                await http.get(url)
    strict = aiohttp.TCPConnector(socket_factory=EgressGuard().make_socket)
    async with aiohttp.ClientSession(connector=strict) as http:
        with pytest.raises(aiohttp.ClientConnectorError, match="public internet"):
            await http.get(f"http://localhost:{port}/")


def test_allowed_networks_are_networks() -> None:
    with pytest.raises(ValueError):
        EgressGuard(["10.0.0.1/8"])
    assert EgressGuard(["10.0.0.0/8"]).permits(IPv6Address("::ffff:10.1.1.1"))
