"""Decides which IP addresses belong to the public internet and which texts name a host. No I/O.

The lists are IANA's special-purpose address registries (RFC 6890). They are written out, because `ipaddress.is_global`
differs between Python releases.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HOST_CHARACTERS: Final = 253
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Texts that the WHATWG URL standard ("ends in a number checker") and inet_aton interpret as an IPv4 address.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

_SPECIAL_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; also the metadata address of Alibaba Cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host agent of Azure: a public address that is served on each machine
        "169.254.0.0/16",  # link-local, with the metadata address of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast address
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: the address contains an IPv4 address, and a relay decides where it leads
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
# IPv6 addresses that stand for an IPv4 address: mapped addresses, and NAT64's well-known prefix (RFC 6052).
_EMBEDDING: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class HostInvalid(ValueError):
    """A text is not a host, or has a spelling that programs interpret differently. The message names the reason."""


def is_public(address: Address) -> bool:
    """Return whether the address belongs to the public internet. An IPv6 spelling of an IPv4 address counts as the
    latter."""
    plain = unwrap(address)
    if isinstance(plain, IPv4Address):
        return not any(plain in network for network in _SPECIAL_V4)
    return plain in _PUBLIC_V6 and not any(plain in network for network in _SPECIAL_V6)


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Parse networks. Raises ValueError for a text that is not a network."""
    return tuple(ip_network(text) for text in texts)


def parse_host(text: str) -> Address | str:
    """Return an IP address, or a host name in lower case.

    A resolver may interpret some texts differently than a check does. The function therefore rejects numbers in octal,
    hexadecimal or decimal, shortened addresses, characters beyond ASCII, percent signs and zones.

    Raises:
        HostInvalid: The text is not a host, or has an ambiguous spelling.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare or len(bare) > MAX_HOST_CHARACTERS or not bare.isascii():
        raise HostInvalid("a host is a name in ASCII (xn--… for others), or an IP address")
    if "%" not in bare and (":" in bare or bare.replace(".", "").isdigit()):
        return _parse_address(bare)
    name = bare.lower().removesuffix(".")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise HostInvalid("a host is a name of letters, digits, hyphens and dots, or an IP address")
    if _NUMBER.fullmatch(labels[-1]):
        raise HostInvalid("an IPv4 address is written as four decimal numbers")
    return name


def _parse_address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise HostInvalid("an IP address is written as four decimal numbers, or as in RFC 5952") from None
