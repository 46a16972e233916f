"""What the program of simulated vendors is started with: a file that `up` writes."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from simulator.vendors.faults import Role

GOOGLE_SPEECH: Final = "google-speech"
# The vendors, and what each is asked for.
ROLES: Final[Mapping[str, tuple[Role, ...]]] = {
    "deepgram": ("stt", "tts"),
    "openai": ("llm",),
    "anthropic": ("llm",),
    "google": ("llm",),
    "cartesia": ("stt", "tts"),
    "elevenlabs": ("stt", "tts"),
    "assemblyai": ("stt",),
    "azure-speech": ("stt", "tts"),
    "soniox": ("stt", "tts"),
    "xai": ("stt",),
    GOOGLE_SPEECH: ("stt", "tts"),
}


class VendorsConfig(Struct, frozen=True):
    """key: the only one that the vendors accept; Google's speech has a service account's key file in its place. folder:
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
        """Host and port of a vendor. gRPC's TLS refuses an address in numbers."""
        name = "localhost" if vendor == GOOGLE_SPEECH else "127.0.0.1"
        return f"{name}:{self.ports[vendor]}"

    def key_of(self, vendor: str) -> str:
        """The only key that a vendor accepts, as it knows it."""
        return self.key_file if vendor == GOOGLE_SPEECH else self.key

    def entered_key(self, vendor: str) -> str:
        """The same as it is given to the API: one word, of a file its base64."""
        return b64encode(self.key_file.encode()).decode() if vendor == GOOGLE_SPEECH else self.key


def read_config(path: Path) -> VendorsConfig:
    """Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=VendorsConfig)
