"""A certificate authority for a simulated vendor, and a server certificate for this machine."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=2)
AUTHORITY_FILE, SERVER_FILE = "authority.pem", "server.pem"
# A server certificate with names only. gRPC's TLS (BoringSSL) refuses an IP address under name constraints for
# addresses.
NAMED_SERVER_FILE = "named-server.pem"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The certificates of a simulated vendor.

    Attributes:
        authority: PEM file that clients must trust.
        server: TLS settings of the server.
    """

    authority: Path
    server: ssl.SSLContext

    def client(self) -> ssl.SSLContext:
        """Return TLS settings of a client that trusts the authority."""
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificate(
    folder: Path, hosts: tuple[str, ...] = ("localhost", "127.0.0.1"), *, valid: timedelta = _VALID
) -> ServerCertificate:
    """Write an authority and a server certificate for these hosts into the folder. Raises OSError.

    The authority cannot certify other hosts (RFC 5280, 4.2.1.10), so a leaked key affects nothing else.
    """
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, server_name = _name("Simulated vendors"), _name("simulated vendor")
    authority = (
        _builder(authority_name, authority_name, authority_key, valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([_permitted(host) for host in hosts], None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / AUTHORITY_FILE).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for file, names in ((SERVER_FILE, hosts), (NAMED_SERVER_FILE, tuple(filter(_is_name, hosts)))):
        server = (
            _builder(server_name, authority_name, server_key, valid)
            .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in names]), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        (folder / file).write_bytes(_private(server_key) + server.public_bytes(serialization.Encoding.PEM))
    return load_certificate(folder)


def load_certificate(folder: Path) -> ServerCertificate:
    """Return what `make_certificate` wrote into the folder. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / SERVER_FILE)
    return ServerCertificate(folder / AUTHORITY_FILE, context)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + valid)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_name(host: str) -> bool:
    return isinstance(_alternative(host), x509.DNSName)


def _permitted(host: str) -> x509.GeneralName:
    """Return the host as a name constraint, in which an IP address is a network."""
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
