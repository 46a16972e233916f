"""Proof by DNS that a workspace owns a domain: a TXT record with a text that we generate."""

from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from control.sso.rules import SsoPolicy

LABEL: Final = "_vocalized-challenge"
PREFIX: Final = "vocalized-domain-verification="
# Limits on the records and characters that are read: a zone's owner can put anything there.
_MOST_RECORDS: Final = 50


class LookupFailed(Exception):
    """The name servers did not answer. The message is shown to the workspace's owners."""


def record_name(domain: str) -> str:
    """Return the name of the domain's TXT record."""
    return f"{LABEL}.{domain}"


class DomainProofs:
    """Looks up the TXT records of domains."""

    def __init__(self, policy: SsoPolicy) -> None:
        self._policy = policy

    async def has_record(self, domain: str, text: str) -> bool:
        """Return whether the domain's record contains `text`. Raises LookupFailed."""
        resolver = self._resolver()
        try:
            answer = await resolver.resolve(record_name(domain), dns.rdatatype.TXT, lifetime=self._policy.lookup_s)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return False
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"the domain's name servers do not answer ({type(error).__name__})") from None
        wanted = text.encode()
        return any(b"".join(record.strings) == wanted for record in list(answer)[:_MOST_RECORDS])

    def _resolver(self) -> dns.asyncresolver.Resolver:
        servers = self._policy.name_servers
        if not servers:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        hosts = [server.rpartition(":") for server in servers]
        resolver.nameservers = [host for host, _, _ in hosts]
        resolver.nameserver_ports = {host: int(port) for host, _, port in hosts}
        return resolver
