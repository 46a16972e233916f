"""What the program of simulated vendors is started with: a file that `up` writes."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct


class VendorsConfig(Struct, frozen=True):
    """key: the only one that the vendors accept. folder: of their certificate. operation: port of the HTTP interface
    for faults. ports: of each vendor, over TLS."""

    key: str
    folder: str
    operation: int
    ports: Mapping[str, int]

    @property
    def operation_url(self) -> str:
        """Base URL of the interface for faults."""
        return f"http://127.0.0.1:{self.operation}"

    def host(self, vendor: str) -> str:
        """Host and port of a vendor."""
        return f"127.0.0.1:{self.ports[vendor]}"


def read_config(path: Path) -> VendorsConfig:
    """Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=VendorsConfig)
