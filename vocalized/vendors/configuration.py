"""What the program of simulated vendors is started with: a file that `up` writes."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from simulator.vendors.entry import load_entries

ENTRIES: Final = load_entries()


class VendorsConfig(Struct, frozen=True):
    """key: the only one that the vendors accept; key_file: in its place where they take a service account's. folder:
    of their certificate. operation: port of the HTTP interface for faults. ports: of each vendor, over TLS."""

    key: str
    key_file: str
    folder: str
    operation: int
    ports: Mapping[str, int]

    @property
    def operation_url(self) -> str:
        """Base URL of the interface for faults."""
        return f"http://127.0.0.1:{self.operation}"

    def host(self, vendor: str) -> str:
        """Host and port of a vendor."""
        return f"{ENTRIES[vendor].host}:{self.ports[vendor]}"

    def base_url(self, vendor: str) -> str:
        """The address that a provider's options name."""
        entry = ENTRIES[vendor]
        return f"{entry.scheme}://{self.host(vendor)}{entry.account.path}"

    def key_of(self, vendor: str) -> str:
        """The only key that a vendor accepts, as it knows it."""
        return self.key_file if ENTRIES[vendor].has_key_file else self.key

    def entered_key(self, vendor: str) -> str:
        """The same as it is given to the API: one word, of a file its base64."""
        return b64encode(self.key_file.encode()).decode() if ENTRIES[vendor].has_key_file else self.key


def read_config(path: Path) -> VendorsConfig:
    """Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=VendorsConfig)
