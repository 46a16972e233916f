"""The simulated vendors of a platform on this machine: their certificate, addresses and key, made anew by each `up`."""

import os
import secrets
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import msgspec

from simulator.vendors.certificate import AUTHORITY_FILE, make_certificate
from simulator.vendors.google_account import make_key_file
from vocalized.free_port import free_port
from vocalized.stack.secret_file import write_secret
from vocalized.vendors.configuration import ENTRIES, VendorsConfig

# What OpenSSL and the programs' HTTP clients read their authorities from.
TRUST_VARIABLE: Final = "SSL_CERT_FILE"
_FOLDER, _FILE, _AUTHORITIES = "vendors", "vendors.json", "authorities.pem"
# As long as a platform may run without a restart.
_VALID: Final = timedelta(days=400)


def prepare_vendors(state: Path) -> VendorsConfig:
    """Makes certificate, key and addresses, and writes the file that the vendors' program is started with."""
    folder = state / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_certificate(folder, valid=_VALID)
    ports = {vendor: free_port() for vendor in ENTRIES}
    config = VendorsConfig(
        key=f"simulated-{secrets.token_hex(16)}",
        key_file=make_key_file("simulated"),
        folder=str(folder),
        operation=free_port(),
        ports=ports,
    )
    write_secret(config_path(state), msgspec.json.encode(config))
    return config


def config_path(state: Path) -> Path:
    """The file of the vendors that run; it holds their key."""
    return state / _FILE


def has_vendors_folder(state: Path) -> bool:
    """Whether the platform on this state ever ran with simulated vendors."""
    return (state / _FOLDER).is_dir()


def write_authorities(config: VendorsConfig) -> Path:
    """A file with the authorities that this process trusts, and the simulated vendors' own, which can vouch for this
    machine only."""
    folder = Path(config.folder)
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not os.environ.get(TRUST_VARIABLE):  # else httpx trusts those alone, too
        trusted += httpx.create_ssl_context(trust_env=False).get_ca_certs(binary_form=True)
    usual = "".join(ssl.DER_cert_to_PEM_cert(fromkey) for fromkey in dict.fromkeys(trusted))
    path = folder / _AUTHORITIES
    path.write_text(usual + (folder / AUTHORITY_FILE).read_text())
    return path


def remove_vendors(state: Path) -> None:
    """Called when the platform stops."""
    config_path(state).unlink(missing_ok=True)
