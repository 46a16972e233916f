"""Checks the settings that select a real carrier."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shared.doctor import DoctorFinding

# Addresses that a real carrier connects to, with their URL schemes.
ADDRESSES: Final[Mapping[str, str]] = {"VOCALIZED_WEBHOOK_URL": "https", "VOCALIZED_MEDIA_PUBLIC_URL": "wss"}


@dataclass(frozen=True, slots=True)
class RealCarrier:
    """The settings that select a real carrier, and where to find their values."""

    name: str
    variables: Sequence[str]
    where: str


CARRIERS: Final = (
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


def find_carriers(addresses: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Check the settings of both carriers. A carrier without any setting is simulated or not used.

    Args:
        addresses: Values of the settings in `ADDRESSES`, by name, as far as this program has them.
    """
    address_faults = _address_faults(addresses)
    for carrier in CARRIERS:
        present = [name for name in carrier.variables if os.environ.get(name)]
        if not present:
            yield DoctorFinding(carrier.name, True, "simulated: no setting of the real carrier")
            continue
        absent = [name for name in carrier.variables if name not in present]
        faults = [f"not set: {', '.join(absent)}"] if absent else []
        faults += address_faults
        remedy = carrier.where if absent else "a tunnel or proxy with a certificate gives this machine such addresses"
        yield DoctorFinding(
            carrier.name, not faults, "; ".join(faults) or "the real carrier; settings are complete", remedy
        )


def _address_faults(addresses: Mapping[str, str]) -> list[str]:
    faults = []
    for name, value in addresses.items():
        parts, scheme = urlsplit(value), ADDRESSES[name]
        if parts.scheme != scheme or not parts.hostname:
            faults.append(f"{name} is not a {scheme} address, which the carrier requires")
    return faults
