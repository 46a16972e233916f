"""The network that a request comes from, as far as one person or household has it."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

# An IPv4 host shares its /24 with neighbours at most; the least that providers give a customer of IPv6 is a /56
# (RIPE-690), within which one host may have any address.
IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 56


def network_of(address: str) -> str:
    """The network of an IP address, "192.0.2.0/24". An IPv4 address in IPv6 form counts as IPv4. What is no address is
    returned as it is."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ip_network((parsed, prefix), strict=False))
